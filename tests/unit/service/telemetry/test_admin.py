"""The admin port serves metrics, liveness and readiness."""

from collections.abc import AsyncIterator
from types import SimpleNamespace

import httpx
import pytest

from service.telemetry.admin import create_admin
from service.telemetry.metrics import Metrics


@pytest.fixture
def state() -> SimpleNamespace:
    return SimpleNamespace(alive=True, ready=True)


@pytest.fixture
async def client(state: SimpleNamespace) -> AsyncIterator[httpx.AsyncClient]:
    app = create_admin(Metrics(), alive=lambda: state.alive, ready=lambda: state.ready)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://admin") as client:
        yield client


@pytest.mark.parametrize(("path", "word"), [("/livez", "live"), ("/readyz", "ready")])
async def test_probe(path: str, word: str, client: httpx.AsyncClient):
    """A probe that passes says so in a word."""
    answer = await client.get(path)
    assert (answer.status_code, answer.text) == (200, word)


async def test_not_alive(client: httpx.AsyncClient, state: SimpleNamespace):
    """A process that makes no progress fails its liveness probe, at once and not for good."""
    state.alive = False
    answer = await client.get("/livez")
    assert (answer.status_code, answer.text) == (503, "not live")
    state.alive = True
    assert (await client.get("/livez")).status_code == 200


async def test_not_ready(client: httpx.AsyncClient, state: SimpleNamespace):
    """A process that takes no requests fails its readiness probe, and that alone."""
    state.ready = False
    answer = await client.get("/readyz")
    assert (answer.status_code, answer.text) == (503, "not ready")
    assert (await client.get("/livez")).status_code == 200


async def test_metrics(client: httpx.AsyncClient):
    """The metrics come in the text format that Prometheus asks for."""
    answer = await client.get("/metrics")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain; version=")
    assert "rerank_build_info" in answer.text


@pytest.mark.parametrize(("method", "path", "status"), [("GET", "/", 404), ("POST", "/metrics", 405)])
async def test_nothing_else(method: str, path: str, status: int, client: httpx.AsyncClient):
    """There is nothing else to see, and nothing to change."""
    assert (await client.request(method, path)).status_code == status

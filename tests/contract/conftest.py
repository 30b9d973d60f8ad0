"""Clients of a running service, and what holds whatever they send."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from tei.v1.tei_pb2_grpc import RerankStub

from tests.contract.clients import SECRET, TIMEOUT_S, GrpcClient, changed
from tests.contract.forms import FORMS, Form, ranks
from tests.process import RunningService


@pytest.fixture(scope="module")
def service(running: RunningService) -> RunningService:
    """Return the service that is asked; a module that asks one of its own overrides this."""
    return running


@pytest.fixture(scope="module")
def rest(service: RunningService) -> Iterator[httpx.Client]:
    """Return a client of its REST API."""
    with httpx.Client(base_url=service.http, timeout=TIMEOUT_S) as client:
        yield client


@pytest.fixture(scope="module")
def rpc(service: RunningService) -> Iterator[GrpcClient]:
    """Return a client of its gRPC API."""
    client = GrpcClient(service.grpc)
    with client.channel:
        yield client


@pytest.fixture(scope="module")
def document(rest: httpx.Client) -> dict[str, Any]:
    """Return the served description of the REST API."""
    answer = rest.get("/openapi.json")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    found: dict[str, Any] = answer.json()
    return found


@pytest.fixture
def tei(rpc: GrpcClient) -> Any:
    """Return the generated client of tei.v1."""
    return RerankStub(rpc.channel)


@pytest.fixture(params=FORMS)
def form(request: pytest.FixtureRequest) -> Form:
    """Return one form of the REST API after the other."""
    return FORMS[request.param]


@pytest.fixture
def unharmed(service: RunningService, rest: httpx.Client, rpc: GrpcClient) -> Iterator[None]:
    """Expect good requests to be answered after a test, and the log to tell of no text and of nothing unforeseen."""
    before = len(service.log())
    yield
    short = changed(query="a", documents=["b", "c"])
    assert len(ranks(FORMS["v2"].post(rest, short))) == len(rpc.rerank(short).results) == 2
    log = service.log()[before:]
    assert not [word for word in (SECRET, "capital", "Traceback", '"outcome": "INTERNAL"') if word in log]

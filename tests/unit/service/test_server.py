"""The service starts, serves, and drains within its time, or names the reason why it cannot start."""

import asyncio
import gc
import re
import signal
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import httpx
import pytest
from rerank.v2 import rerank_pb2 as pb
from rerank.v2 import rerank_pb2_grpc

from service.engine.errors import ModelError
from service.net.address import Address
from service.net.http_server import AddressError, listening
from service.net.reloading_file import FileError
from service.server import Service, serve
from service.settings import Settings
from service.telemetry.streams import settle
from tests.unit.service.full_precision import a_dynamic_graph
from tests.unit.service.models import a_directory
from tests.unit.service.rerankers import until

FREE = Address("127.0.0.1", 0)
REQUEST: dict[str, Any] = {"model": "tiny", "query": "q", "documents": ["bad", "good"]}


@pytest.fixture(autouse=True)
def nothing_left_open() -> Iterator[None]:
    """Let a socket that a test left open be that test's failure, not the next one's."""
    gc.freeze()  # The garbage collector then skips the objects of other tests: most of the time of these.
    yield
    gc.collect()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return a_directory(tmp_path / "tiny")


@pytest.fixture
def taken() -> Iterator[Address]:
    with socket.socket() as listener:  # Somebody else's.
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield Address("127.0.0.1", listener.getsockname()[1])


def settings(folder: Path, **changed: Any) -> Settings:
    """Return settings that keep out of everybody's way."""
    given: dict[str, Any] = {"model": folder, "workers": 1, "drain_seconds": 5}
    given |= {f"{api}_address": FREE for api in ("grpc", "http", "admin")}
    return Settings(**given | changed)


def printed(capfd: pytest.CaptureFixture[str]) -> str:
    """Return what was printed since the last time."""
    settle()
    return capfd.readouterr().out


def addresses(written: str) -> dict[str, str]:
    """Return the addresses that were printed."""
    return dict(re.findall(r"^rerankd: (\w+) on (\S+)$", written, re.MULTILINE))


def test_answers_are_not_kept_back():
    """Connections to the service are TCP by their own word, or asyncio would not send at once what is written."""
    listener = listening(FREE)
    listener.listen()
    with listener, socket.create_connection(listener.getsockname()), listener.accept()[0] as accepted:
        assert accepted.proto == socket.IPPROTO_TCP


async def test_start_and_stop(folder: Path, capfd: pytest.CaptureFixture[str]):
    """A started service prints where it listens and answers there; a stopped one does not."""
    service = Service(settings(folder))
    await service.start()
    found = addresses(printed(capfd))
    assert set(found) == {"gRPC", "HTTP", "admin"}
    async with httpx.AsyncClient() as client:
        answer = await client.post(f"http://{found['HTTP']}/v2/rerank", json=REQUEST)
        ready = await client.get(f"http://{found['admin']}/readyz")
        live = await client.get(f"http://{found['admin']}/livez")
        metrics = await client.get(f"http://{found['admin']}/metrics")
    async with grpc.aio.insecure_channel(found["gRPC"]) as channel:
        same = await rerank_pb2_grpc.RerankServiceStub(channel).Rerank(pb.RerankRequest(**REQUEST))
    await service.stop()
    assert [result["index"] for result in answer.json()["results"]] == [1, 0]
    assert [r.relevance_score for r in same.results] == [r["relevance_score"] for r in answer.json()["results"]]
    assert (ready.status_code, live.status_code) == (200, 200)
    assert 'rerank_model_info{model="tiny"} 1.0' in metrics.text
    for address in found.values():
        host, _, port = address.rpartition(":")
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection(host, int(port))


async def test_threads_end(folder: Path, capfd: pytest.CaptureFixture[str]):
    """The threads that parse and tokenise are named so, and end with the service."""
    before = set(threading.enumerate())
    service = Service(settings(folder))
    await service.start()
    http = addresses(printed(capfd))["HTTP"]
    async with httpx.AsyncClient() as client:
        await client.post(f"http://{http}/v2/rerank", json=REQUEST | {"unknown": "x" * 2**17})
    names = {thread.name.partition("_")[0] for thread in set(threading.enumerate()) - before}
    await service.stop()
    assert {"parse", "tokenise", "worker"} <= names
    await until(lambda: not {t for t in threading.enumerate() if t not in before and t.name.startswith("parse")})
    await until(lambda: not {t for t in threading.enumerate() if t not in before and t.name.startswith("tokenise")})


@pytest.mark.skipif(not socket.has_ipv6, reason="needs IPv6")
async def test_ipv6(folder: Path, capfd: pytest.CaptureFixture[str]):
    """Every address may be an IPv6 one, printed with brackets."""
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        pytest.skip("there is no IPv6 here")
    six = Address("::1", 0)
    service = Service(settings(folder, grpc_address=six, http_address=six, admin_address=six))
    await service.start()
    found = addresses(printed(capfd))
    async with httpx.AsyncClient() as client:
        ready = await client.get(f"http://{found['admin']}/readyz")
    await service.stop()
    assert ready.status_code == 200
    assert all(address.startswith("[::1]:") for address in found.values())


@pytest.mark.parametrize("name", ["grpc_address", "http_address", "admin_address"])
async def test_address_in_use(name: str, folder: Path, taken: Address):
    """An address that somebody else listens on is named, and what was begun can be stopped."""
    service = Service(settings(folder, **{name: taken}))
    with pytest.raises(AddressError, match=re.escape(str(taken))):
        await service.start()
    await service.stop()


@pytest.mark.parametrize("name", ["http_address", "admin_address"])
async def test_address_of_nobody(name: str, folder: Path):
    """An address that is not this machine's is named."""
    service = Service(settings(folder, **{name: Address("192.0.2.1", 0)}))
    with pytest.raises(AddressError, match=r"192\.0\.2\.1:0"):
        await service.start()
    await service.stop()


async def test_no_model(tmp_path: Path):
    """A service without a model to serve does not start, and says why."""
    service = Service(settings(tmp_path / "none"))
    with pytest.raises(ModelError, match=f"{tmp_path / 'none'}"):
        await service.start()
    await service.stop()


async def test_no_keys(tmp_path: Path, folder: Path):
    """A service whose keys cannot be read does not come into being."""
    with pytest.raises(FileError):
        Service(settings(folder, api_keys_file=tmp_path / "none"))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT])
async def test_signal(number: signal.Signals, folder: Path, capfd: pytest.CaptureFixture[str]):
    """A signal ends the service cleanly."""
    serving = asyncio.create_task(serve(settings(folder)))
    written = ""

    def listens() -> bool:
        nonlocal written
        written += printed(capfd)
        return len(addresses(written)) == 3 or serving.done()

    await until(listens)
    signal.raise_signal(number)
    async with asyncio.timeout(60):
        await serving


async def test_a_graph_whose_scores_depend_on_the_batch(tmp_path: Path, capfd: pytest.CaptureFixture[str]):
    """If neighbours move scores, the log says so, and no score is remembered."""
    folder = a_directory(tmp_path / "tiny", graph=a_dynamic_graph().SerializeToString())
    service = Service(settings(folder))
    await service.start()
    http = addresses(printed(capfd))["HTTP"]
    async with httpx.AsyncClient() as client:
        answers = [await client.post(f"http://{http}/v2/rerank", json=REQUEST) for _ in range(2)]
    await service.stop()
    assert all("cached_tokens" not in answer.json()["meta"] for answer in answers)


async def test_signal_while_starting(folder: Path):
    """A signal that comes while the model is being loaded ends the service cleanly, too."""
    serving = asyncio.create_task(serve(settings(folder)))
    await asyncio.sleep(0)
    signal.raise_signal(signal.SIGTERM)
    async with asyncio.timeout(60):
        await serving


async def test_serve_reports_what_failed(tmp_path: Path):
    """A service that cannot start ends with the reason."""
    with pytest.raises(ModelError):
        await serve(settings(tmp_path / "none"))


async def test_what_runs_is_finished(folder: Path, capfd: pytest.CaptureFixture[str]):
    """A request that was admitted before the stop is answered."""
    service = Service(settings(folder, batch_seconds=0.001, drain_seconds=100))
    await service.start()
    http = addresses(printed(capfd))["HTTP"]
    async with httpx.AsyncClient(timeout=None) as client:  # noqa: S113  # As long as it takes.
        words = ["bad", "good"]
        body = REQUEST | {"documents": [" ".join(words[int(bit)] for bit in f"{i:028b}") for i in range(2000)]}
        asking = asyncio.create_task(client.post(f"http://{http}/v2/rerank", json=body))
        await until(lambda: service._dispatcher is not None and service._dispatcher.load().jobs == 1)
        await service.stop()
        answer = await asking
    assert answer.status_code == 200
    assert len(answer.json()["results"]) == 2000

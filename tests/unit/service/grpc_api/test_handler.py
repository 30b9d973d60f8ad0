"""Every gRPC method authenticates, limits, times and records its calls, and keeps no text of them."""

import asyncio
from pathlib import Path

import pytest
from google.rpc.error_details_pb2 import ErrorInfo
from grpc import StatusCode
from rerank.v2 import rerank_pb2 as pb
from tei.v1 import tei_pb2 as tei

from scheduler import Shed
from service.access.access import Access
from service.access.api_keys import ApiKeys
from service.access.rate_limit import RateLimit
from service.grpc_api.rerank import SERVICE
from service.grpc_api.tei import INFO, RERANK
from tests.unit.service.grpc_api.grpc_client import REQUEST, TEXTS, Api, details, failed, pushback, stream
from tests.unit.service.rerankers import open_access, until

METHODS = [
    *(f"/{SERVICE}/{method}" for method in ("Rerank", "RerankStream", "ListModels")),
    *(f"/{RERANK}/{method}" for method in ("Rerank", "RerankStream")),
    f"/{INFO}/Info",
]


async def test_client_name(api: Api):
    """A caller's project is what its metadata say, or nobody in particular."""
    await api.stub.Rerank(REQUEST, metadata=[("x-client-name", "project")])
    await api.stub.Rerank(REQUEST)
    assert [call.client for call in api.reranker.calls] == ["project", "anonymous"]


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
async def test_key(scheme: str, locked: Api):
    """A key in the metadata names the client, whatever it calls itself."""
    await locked.stub.Rerank(REQUEST, metadata=[("authorization", f"{scheme} s3cret"), ("x-client-name", "other")])
    assert locked.reranker.calls[0].client == "ann"


@pytest.mark.parametrize(
    "metadata",
    [
        [],
        [("authorization", "Bearer wrong")],
        [("x-client-name", "ann")],
        [("authorization", "Bearer s3cret"), ("authorization", "Bearer wrong")],
        [("authorization", "Bearer wrong"), ("authorization", "Bearer s3cret")],
    ],
)
@pytest.mark.parametrize("method", METHODS)
async def test_no_key(method: str, metadata: list[tuple[str, str]], locked: Api):
    """With keys required, every method is refused without a right one."""
    error = await failed(locked.channel.stream_unary(method)(stream(b""), metadata=metadata))
    assert error.code() is StatusCode.UNAUTHENTICATED
    assert details(error)[ErrorInfo].reason == "UNAUTHENTICATED"
    assert locked.reranker.requests == []


async def test_priority_of_a_key(tmp_path: Path):
    """A request that names no priority has that of its key, in either form; one that does has its own."""
    file = tmp_path / "keys"
    file.write_text("ann:s3cret priority=500\n")
    key = ("authorization", "Bearer s3cret")
    async with Api(Access(ApiKeys(file), RateLimit(None))) as api:
        await api.stub.Rerank(REQUEST, metadata=[key, ("x-priority", "1")])
        await api.stub.Rerank(pb.RerankRequest(query="q", documents=TEXTS, priority=501), metadata=[key])
        await api.tei.Rerank(tei.RerankRequest(query="q", texts=TEXTS), metadata=[key])
        await api.tei.Rerank(tei.RerankRequest(query="q", texts=TEXTS), metadata=[key, ("x-priority", "502")])
    assert [request.lane for request in api.reranker.requests] == [500, 501, 500, 502]


async def test_key_before_message(locked: Api):
    """Without a key, nobody learns what is wrong with a message."""
    error = await failed(locked.unary(f"/{SERVICE}/Rerank")(b"\xff\xff"))
    assert error.code() is StatusCode.UNAUTHENTICATED


async def test_rate():
    """A client over its rate is refused before its message is looked at, and told when to ask again."""
    async with Api(open_access(1)) as api:
        await api.stub.Rerank(REQUEST)
        error = await failed(api.unary(f"/{SERVICE}/Rerank")(b"\xff\xff"))
    assert error.code() is StatusCode.RESOURCE_EXHAUSTED
    assert pushback(error) == "1000"


async def test_default_deadline(api: Api):
    """A call that brings no deadline has the default."""
    await api.stub.Rerank(REQUEST)
    assert 50 < api.reranker.remaining_s[0] <= 60


@pytest.mark.parametrize("timeout_s", [12.01, 100.1, 3600.0])
async def test_deadline(timeout_s: float, api: Api):
    """A call's deadline is its own, and never later than its caller's, although the wire rounds it up."""
    await api.stub.Rerank(REQUEST, timeout=timeout_s)
    assert 0.9 * timeout_s < api.reranker.remaining_s[0] < timeout_s


async def test_caller_leaves(api: Api):
    """When a caller cancels a call, the work for it ends, and is counted as cancelled."""
    api.reranker.answer = None
    call = api.stub.Rerank(REQUEST)
    asking = asyncio.ensure_future(call)
    await api.reranker.asked.wait()
    call.cancel()
    await until(lambda: api.reranker.cancelled == 1)
    await until(lambda: b'outcome="CANCELLED"' in api.metrics.exposition())
    await asyncio.gather(asking, return_exceptions=True)


async def test_counted_as_grpc(api: Api):
    """A call is counted with its api and its lane."""
    request = pb.RerankRequest(priority=500)
    request.MergeFrom(REQUEST)
    await api.stub.Rerank(request)
    expected = b'rerank_requests_total{api="grpc",lanes="500-999",outcome="OK"} 1.0'
    assert expected in api.metrics.exposition()


async def test_log_holds_no_text(api: Api, capfd: pytest.CaptureFixture[str]):
    """Neither the query nor a document is logged, however the call ends."""
    await api.stub.Rerank(REQUEST)
    await api.fail(Shed(1))
    await failed(api.stub.Rerank(pb.RerankRequest(model="tiny", query="the query", documents=TEXTS, top_n=0)))
    written = "".join(capfd.readouterr())
    assert "OUT_OF_RANGE" in written
    assert not any(text in written for text in ("the query", *TEXTS))


async def test_address(api: Api):
    """A caller's address is that of its connection, without the port."""
    await api.stub.Rerank(REQUEST, metadata=[("x-forwarded-for", "203.0.113.1")])
    assert api.reranker.calls[0].account == "127.0.0.1"

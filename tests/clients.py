"""Thin clients of a running service."""

import itertools
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import grpc
import httpx
from grpc_health.v1 import health_pb2_grpc
from rerank.v2 import rerank_pb2 as pb
from rerank.v2 import rerank_pb2_grpc

from tests.examples import DOCUMENTS, QUERY

_SERIAL = itertools.count()
LARGE = (("grpc.max_send_message_length", -1), ("grpc.max_receive_message_length", -1))


@contextmanager
def stub(address: str) -> Iterator[Any]:
    """Yield a gRPC stub for the service at `address`, as host:port."""
    with grpc.insecure_channel(address, options=LARGE) as channel:
        yield rerank_pb2_grpc.RerankServiceStub(channel)


def health(channel: grpc.Channel | grpc.aio.Channel) -> Any:
    """Return a stub of the health service, whose types name none of its calls."""
    return health_pb2_grpc.HealthStub(channel)


def body(**changes: Any) -> dict[str, Any]:
    """Return a valid request body with changed fields; the value `...` removes a field."""
    good: dict[str, Any] = {"model": "rerank-v3.5", "query": QUERY, "documents": DOCUMENTS}
    return {name: value for name, value in (good | changes).items() if value is not ...}


def post(base: str, **changes: object) -> httpx.Response:
    """Post a rerank request and return the response."""
    return httpx.post(f"{base}/v2/rerank", json=body(**changes), timeout=600)


def message(**changes: object) -> pb.RerankRequest:
    """Return the same request as a protobuf message."""
    return pb.RerankRequest(**body(**changes))


def unseen(text: str, count: int) -> list[str]:
    """Return documents like `text` that no cache holds, because each is unique."""
    return [f"{text} {next(_SERIAL)}" for _ in range(count)]


def metric(admin: str, name: str) -> float:
    """Return the sum of a metric over its labels, 0 if it does not exist yet."""
    lines = httpx.get(f"{admin}/metrics", timeout=600).text.splitlines()
    return sum(float(line.rpartition(" ")[2]) for line in lines if line.partition("{")[0].partition(" ")[0] == name)


def until(condition: Callable[[], object], what: str) -> None:
    """Poll until a condition holds. Fails after a timeout, with `what` in the message."""
    for _ in range(6000):
        if condition():
            return
        time.sleep(0.05)
    raise AssertionError(f"never happened: {what}")

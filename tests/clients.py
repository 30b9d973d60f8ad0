"""Thin clients for a running service, as a caller would write them."""

import itertools
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import grpc
import httpx
from rerank.v2 import rerank_pb2 as pb
from rerank.v2 import rerank_pb2_grpc

from tests.examples import DOCUMENTS, QUERY

_SERIAL = itertools.count()
LARGE = (("grpc.max_send_message_length", -1), ("grpc.max_receive_message_length", -1))


@contextmanager
def stub(address: str) -> Iterator[Any]:
    """Give a gRPC stub for the service at `address`."""
    with grpc.insecure_channel(address, options=LARGE) as channel:
        yield rerank_pb2_grpc.RerankServiceStub(channel)


def body(**changes: object) -> dict[str, object]:
    """Return a good request body with some fields changed; those changed to `...` are left out."""
    good: dict[str, object] = {"model": "rerank-v3.5", "query": QUERY, "documents": DOCUMENTS}
    return {name: value for name, value in (good | changes).items() if value is not ...}


def post(base: str, **changes: object) -> httpx.Response:
    """Post a rerank request and return the answer."""
    return httpx.post(f"{base}/v2/rerank", json=body(**changes), timeout=600)


def message(**changes: object) -> pb.RerankRequest:
    """Return the same request as a message."""
    return pb.RerankRequest(**body(**changes))


def unseen(text: str, count: int) -> list[str]:
    """Return documents like `text` that no service has seen before, so that no cache knows them."""
    return [f"{text} {next(_SERIAL)}" for _ in range(count)]


def metric(admin: str, name: str) -> float:
    """Return the sum of a metric over its labels, 0 if there is none yet."""
    lines = httpx.get(f"{admin}/metrics", timeout=600).text.splitlines()
    return sum(float(line.rpartition(" ")[2]) for line in lines if line.partition("{")[0].partition(" ")[0] == name)


def until(condition: Callable[[], bool], what: str) -> None:
    """Wait for something that happens soon."""
    for _ in range(6000):
        if condition():
            return
        time.sleep(0.05)
    raise AssertionError(f"never happened: {what}")

"""The client retries the calls that may succeed later, and no others."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import grpc
import pytest
from grpc import StatusCode
from rerank.v2 import rerank_pb2 as pb
from rerank.v2 import rerank_pb2_grpc

from rerankd_client import RerankClient, RerankError

AGAIN = "grpc-previous-rpc-attempts"
"""Comes with every attempt but the first."""


class Servicer(rerank_pb2_grpc.RerankServiceServicer):
    """Fails the first attempt of every call."""

    def __init__(self, code: StatusCode) -> None:
        self._code = code

    def Rerank(self, _: pb.RerankRequest, context: Any) -> pb.RerankResponse:  # noqa: N802
        """Answer from the second attempt on."""
        attempts = dict(context.invocation_metadata()).get(AGAIN, "0")
        if attempts == "0":
            context.abort(self._code, "not this time")
        return pb.RerankResponse(id=f"attempt {int(attempts) + 1}")


@contextmanager
def client(code: StatusCode) -> Iterator[Callable[[], str]]:
    """Give what asks a server that fails every first attempt with `code`, and returns the id of the answer."""
    with ThreadPoolExecutor(50) as threads:
        server = grpc.server(threads)
        rerank_pb2_grpc.add_RerankServiceServicer_to_server(Servicer(code), server)
        port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        with RerankClient(f"127.0.0.1:{port}", timeout_s=60) as client:
            yield lambda: client.rerank("q", ["one"]).id
        server.stop(None).wait()


@pytest.mark.parametrize("code", [StatusCode.UNAVAILABLE, StatusCode.CANCELLED])
def test_what_no_server_took_is_asked_again(code: StatusCode):
    """A call that a server has no room for, or drops because it stops, is made again."""
    with client(code) as ask:
        assert ask() == "attempt 2"


@pytest.mark.parametrize("code", [StatusCode.INVALID_ARGUMENT, StatusCode.RESOURCE_EXHAUSTED, StatusCode.INTERNAL])
def test_what_was_refused_is_not_asked_again(code: StatusCode):
    """A call that was refused for what it is fails at once."""
    with client(code) as ask, pytest.raises(RerankError) as caught:
        ask()
    assert caught.value.code is code


def test_hundreds_of_calls_at_once_are_asked_again():
    """All calls that a server had under way when it died are made again, even if they were many."""
    with client(StatusCode.UNAVAILABLE) as ask, ThreadPoolExecutor(50) as callers:
        answers = [callers.submit(ask) for _ in range(300)]
        assert {answer.result() for answer in answers} == {"attempt 2"}

"""Connections end at the age that was set, without failing a call."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest
from rerank.v2 import rerank_pb2_grpc

from tests.clients import message, metric, unseen, until
from tests.process import PATIENT, RunningService

TABLES = [Path("/proc/net/tcp"), Path("/proc/net/tcp6")]  # A socket for IPv6 takes connections over IPv4, too.
ESTABLISHED = "01"

pytestmark = pytest.mark.skipif(not TABLES[0].exists(), reason="needs Linux to see who is connected")


@pytest.fixture(scope="module")
def short() -> Iterator[RunningService]:
    """Run a service whose connections last for a second."""
    with RunningService.start(max_connection_age_seconds=1, workers=1, **PATIENT) as service:
        yield service


@contextmanager
def _stub(running: RunningService) -> Iterator[Any]:
    """Give a client that never asks twice."""
    with grpc.insecure_channel(running.grpc, options=[("grpc.enable_retries", 0)]) as channel:
        yield rerank_pb2_grpc.RerankServiceStub(channel)


def _peers(running: RunningService) -> set[int]:
    """Return the ports from which clients are connected to gRPC."""
    port = int(running.grpc.rpartition(":")[2])
    lines = [line for table in TABLES if table.exists() for line in table.read_text(encoding="ascii").splitlines()[1:]]
    rows = [line.split() for line in lines]
    ends = [[int(end.rpartition(":")[2], 16) for end in row[1:3]] for row in rows if row[3] == ESTABLISHED]
    return {theirs for ours, theirs in ends if ours == port}


def test_a_client_that_keeps_calling_gets_new_connections_and_no_failure(short: RunningService) -> None:
    """Connections end when they are old, and none of the calls of a client that lives longer fails."""
    with _stub(short) as rpc:
        seen: set[int] = set()
        while len(seen) < 4:
            assert rpc.Rerank(message(), timeout=600).results
            seen |= _peers(short)


def test_a_call_that_takes_longer_than_its_connection_may_last_is_finished(short: RunningService) -> None:
    """An old connection takes no more calls, and lasts until those that it has are answered."""
    with _stub(short) as rpc:
        until(lambda: not _peers(short), "clients of other tests are gone")
        call = rpc.Rerank.future(message(documents=unseen("some words to read " * 50, 150), priority=900), timeout=600)
        until(lambda: metric(short.admin, "rerank_jobs") == 1, "the call is under way")
        (old,) = _peers(short)
        while not _peers(short) - {old}:
            assert rpc.Rerank(message(documents=unseen("short", 1)), timeout=600).results
        assert old in _peers(short)
        assert not call.done()
        assert len(call.result().results) == 150


def test_connections_last_for_ever_if_so_set() -> None:
    """With an age of 0, all calls of a client come over the connection it opened first."""
    settings: dict[str, object] = {"max_connection_age_seconds": 0, "workers": 1, **PATIENT}
    with RunningService.start(**settings) as forever, _stub(forever) as rpc:
        seen: set[int] = set()
        for _ in range(50):
            assert rpc.Rerank(message(), timeout=600).results
            seen |= _peers(forever)
        assert len(seen) == 1

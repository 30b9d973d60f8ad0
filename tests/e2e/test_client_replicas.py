"""The client for other services, against two real processes at once."""

import signal
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from rerankd_client import RerankClient
from tests.clients import metric, until
from tests.examples import DOCUMENTS, QUERY, SMALL
from tests.process import RunningService

CALLERS = 100
"""At once: half of them are with the server that leaves."""


@pytest.fixture
def servers() -> Iterator[tuple[RunningService, RunningService]]:
    """Run two servers; a test may end the first."""
    leaving, staying = (RunningService.start(workers=1, model=SMALL) for _ in range(2))
    yield leaving, staying
    leaving.stop()
    assert staying.stop() == 0


def client_of(*servers: RunningService) -> RerankClient:
    """Return a client of all these servers."""
    return RerankClient(f"ipv4:{','.join(server.grpc for server in servers)}", timeout_s=60)


def served(server: RunningService) -> float:
    """Return how many calls a server has answered."""
    return metric(server.admin, "rerank_requests_total")


def test_both_get_work(servers: tuple[RunningService, RunningService]) -> None:
    """Calls that come one after another go to both servers alike."""
    with client_of(*servers) as client:

        def both_known() -> bool:
            client.rerank(QUERY, DOCUMENTS)
            return all(served(server) for server in servers)

        until(both_known, "a call to each server")
        before = [served(server) for server in servers]
        for _ in range(20):
            client.rerank(QUERY, DOCUMENTS)
        counts = [served(server) - was for server, was in zip(servers, before, strict=True)]
    assert sum(counts) == 20
    assert min(counts) >= 5


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL], ids=["drains", "dies"])
def test_nobody_notices_that_a_server_leaves(
    number: signal.Signals, servers: tuple[RunningService, RunningService]
) -> None:
    """Of many calls under way while one of two servers drains or dies, not one fails."""
    leaving, staying = servers
    gone = threading.Event()
    with client_of(*servers) as client, ThreadPoolExecutor(CALLERS) as callers:

        def ask() -> None:
            while not gone.is_set():
                client.rerank(QUERY, DOCUMENTS)

        try:
            asking = [callers.submit(ask) for _ in range(CALLERS)]
            until(lambda: served(leaving) > CALLERS, "calls to the server that leaves")
            leaving.process.send_signal(number)
            leaving.process.wait(600)
            before = served(staying)
            until(lambda: served(staying) > before + CALLERS, "calls to the server that stays")
        finally:
            gone.set()
        for caller in asking:
            caller.result()

"""A balancer that goes by the reported load sends a busy replica less."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from rerankd_client import RerankClient
from tests.clients import unseen, until
from tests.examples import QUERY
from tests.system.callers import Ask, Callers
from tests.system.envoy import WEIGHTED, Envoy
from tests.system.replicas import Replica, target

WINDOW = 50
"""Calls in which a preference shows: taking turns never gives one of two replicas more than half of them, and one."""


@contextmanager
def kept_busy(replica: Replica) -> Iterator[None]:
    """Give a replica all the work it takes, past any balancer, but none that urgent calls wait for."""
    client = RerankClient(replica.address, timeout_s=60)
    texts = "some words to read " * 20
    load: dict[str, Ask] = {"load": lambda: client.rerank(QUERY, unseen(texts, 200), priority=900)}
    with Callers(load, 8), closing(client):  # Which is closed first, so that nobody waits for the rest of it.
        until(lambda: replica.pressure > 0.2, "much to do")
        yield


def idle_one_is_preferred(address: str, idle: Replica) -> None:
    """Wait until an idle replica gets twice as many calls as one that is busy, out of those that callers make."""
    with RerankClient(address) as client:
        with Callers({"calls": lambda: client.rerank(QUERY, unseen("some words to read", 3), priority=0)}) as callers:

            def preferred() -> bool:
                asked = callers.answered  # Noted around what the replica says, so that it is never too good.
                before = idle.answered
                until(lambda: callers.answered >= asked + WINDOW, "some calls")
                return idle.answered - before > 2 * (callers.answered - asked) / 3

            until(preferred, "a preference")
        assert callers.failures == []


def test_our_client(replicas: list[Replica]) -> None:
    """The client that comes along prefers an idle replica to a busy one."""
    busy, idle, _ = replicas
    with kept_busy(busy):
        idle_one_is_preferred(target([busy, idle]), idle)


@pytest.mark.usefixtures("needs_envoy")
def test_envoy(replicas: list[Replica], tmp_path: Path) -> None:
    """Envoy prefers an idle replica to a busy one, if it is told to go by their reports."""
    busy, idle, _ = replicas
    with kept_busy(busy), Envoy([busy.address, idle.address], tmp_path, WEIGHTED) as envoy:
        idle_one_is_preferred(envoy.address, idle)

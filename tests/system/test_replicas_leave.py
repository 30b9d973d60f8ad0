"""Replicas go and come back, and no caller notices."""

from tests.clients import until
from tests.system.callers import Ask, Callers
from tests.system.replicas import Replica


def all_at_work(replicas: list[Replica]) -> None:
    """Wait until every replica gets calls."""
    before = [replica.answered for replica in replicas]
    until(
        lambda: all(replica.answered > was for replica, was in zip(replicas, before, strict=True)),
        "a call to every replica",
    )


def test_rolling_restart(ways: dict[str, Ask], replicas: list[Replica]) -> None:
    """One replica after the other drains, ends with 0 and is started again, and not one call under load fails."""
    with Callers(ways) as callers:
        for replica in replicas:
            all_at_work(replicas)
            assert replica.restart() == 0
        all_at_work(replicas)
    assert callers.failures == []


def test_a_replica_dies(ways: dict[str, Ask], replicas: list[Replica]) -> None:
    """The calls of a replica that is killed are answered by others in time."""
    with Callers(ways) as callers:
        all_at_work(replicas)
        replicas[0].die()
        try:
            callers.everyone_is_answered()
        finally:
            replicas[0].start()
        all_at_work(replicas)
    assert callers.failures == []


def test_a_replica_is_cut_off(ways: dict[str, Ask], replicas: list[Replica]) -> None:
    """The calls of a replica that falls silent are answered by others in time."""
    with Callers(ways) as callers:
        all_at_work(replicas)
        replicas[0].freeze()
        try:
            callers.everyone_is_answered()
        finally:
            replicas[0].thaw()
        all_at_work(replicas)
    assert callers.failures == []


def test_a_replica_was_cut_off_between_calls(ways: dict[str, Ask], replicas: list[Replica]) -> None:
    """A caller with no call under way when a replica became unreachable is answered in time, too."""
    with Callers(ways):
        all_at_work(replicas)
    replicas[0].freeze()
    try:
        with Callers(ways) as callers:
            callers.everyone_is_answered()
    finally:
        replicas[0].thaw()
    assert callers.failures == []

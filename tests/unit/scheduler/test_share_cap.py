"""A client that had more than its share while others waited is over it, until others have had theirs."""

import random

import pytest

from scheduler.share_cap import ShareCap


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_share(share: float):
    """A client that is served whenever it may be gets exactly its share, whatever the sizes of batches."""
    cap, rng, served = ShareCap(share, 0.05), random.Random(1), {"greedy": 0.0, "other": 0.0}
    for _ in range(5_000):
        client = "other" if cap.is_over("greedy") else "greedy"
        work = rng.uniform(0.001, 0.05)
        served[client] += work
        cap.charge(client, work, contended=True)
    assert served["greedy"] / sum(served.values()) == pytest.approx(share, abs=0.01)


def test_alone():
    """Work of a client does not count towards its share while no other client waits."""
    cap = ShareCap(0.5, 0.05)
    for _ in range(100):
        cap.charge("a", 0.05, contended=False)
    assert not cap.is_over("a")


def test_no_cap():
    """Without a cap nobody is over it, and nothing is kept."""
    cap = ShareCap(1, 0.05)
    cap.charge("a", 0.05, contended=True)
    assert not cap.is_over("a")
    assert not cap._marks


def test_memory():
    """Clients that have not been served lately are forgotten."""
    cap = ShareCap(0.5, 0.05)
    for number in range(1_000):
        cap.charge(f"{number}", 0.01, contended=True)
    assert len(cap._marks) == len(cap._order) < 20

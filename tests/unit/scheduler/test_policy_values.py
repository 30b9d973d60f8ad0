"""A policy and a job out of range are refused by the name of the field."""

from dataclasses import FrozenInstanceError, replace
from typing import Any

import pytest

from scheduler import LANES, Amount, Batch, Job, Policy, Slice


@pytest.mark.parametrize("name", ["workers", "batch_s", "backlog_s", "jobs_max", "pairs_max"])
def test_limits_are_positive(name: str):
    """A limit of nothing is refused by the name of the field at fault."""
    with pytest.raises(ValueError, match=name):
        Policy(**{"workers": 1, name: 0})


@pytest.mark.parametrize("name", ["batch_s", "backlog_s"])
def test_limits_are_numbers(name: str):
    """A limit that is not a number is refused by the name of the field at fault."""
    not_a_number: dict[str, Any] = {name: float("nan")}
    with pytest.raises(ValueError, match=name):
        replace(Policy(workers=1), **not_a_number)


@pytest.mark.parametrize("share", [-0.01, 0.051, float("nan")])
def test_guaranteed_share_is_small(share: float):
    """A guaranteed share below 0, or so large that lanes would mean little, is refused by its name."""
    assert Policy(workers=1, guaranteed_share=0.05).guaranteed_share == 0.05
    with pytest.raises(ValueError, match="guaranteed_share"):
        Policy(workers=1, guaranteed_share=share)


@pytest.mark.parametrize("name", ["express_lanes", "look_ahead"])
def test_counts_may_be_nothing(name: str):
    """Express lanes and look-ahead may be switched off, but not be negative."""
    assert getattr(Policy(**{"workers": 1, name: 0}), name) == 0
    with pytest.raises(ValueError, match=name):
        Policy(**{"workers": 1, name: -1})


def test_policy_is_frozen():
    """A policy that was checked stays as it is."""
    with pytest.raises(FrozenInstanceError):
        Policy(workers=1).workers = 2  # type: ignore[misc]


def test_backlog_work():
    """The bound is in seconds of the whole pool; as work, it is that on every worker."""
    assert Policy(workers=4, backlog_s=2.5).backlog_work == 10


@pytest.mark.parametrize("lane", [-1, LANES])
def test_lane_must_exist(lane: int):
    """A job cannot be in a lane that there is not."""
    with pytest.raises(ValueError, match="lane"):
        Job(1, lane, "", (5,), 1.0)


@pytest.mark.parametrize("lane", [0, LANES - 1])
def test_outermost_lanes(lane: int):
    """The best and the worst lane are lanes."""
    assert Job(1, lane, "", (5,), 1.0).lane == lane


@pytest.mark.parametrize("pair_tokens", [(), (0,), (5, 0), (5, -1)])
def test_job_has_work(pair_tokens: tuple[int, ...]):
    """A job has at least one pair, and each pair at least one token."""
    with pytest.raises(ValueError, match="pair"):
        Job(1, 0, "", pair_tokens, 1.0)


def test_amount_of_a_job():
    """An amount counts one job, its pairs, their tokens, and the squares of their lengths."""
    assert Amount.of([3, 4]) == Amount((1, 2, 7, 25))
    assert Amount.of([3, 4], model=1) == Amount((0, 0, 0, 0, 1, 2, 7, 25))


def test_amounts_add_and_subtract():
    """Subtraction undoes addition, in every number, and models that one of them lacks count as nothing."""
    a, b = Amount((1, 2, 3, 4)), Amount((10, 20, 30, 40))
    assert a + b == Amount((11, 22, 33, 44))
    assert a + b - b == a
    assert (a + Amount.of([5], model=1)).numbers == (1, 2, 3, 4, 1, 1, 5, 25)
    assert (Amount.of([5]) + Amount.of([5], model=1)).pairs == 2
    assert (Amount.of([5]) + Amount.of([5], model=1)).tokens == 10


def test_pairs_of_a_batch():
    """A batch counts the pairs of all its slices."""
    assert Batch(1, (Slice(1, (0, 2)), Slice(2, (5,))), 10, 0.1).pairs == 3


@pytest.mark.parametrize("share", [0.0, 0.49, 1.1])
def test_client_share_is_at_least_half(share: float):
    """A share that two clients could exceed at once, or none could, is refused by its name."""
    assert Policy(workers=1, client_share=0.5).client_share == 0.5
    with pytest.raises(ValueError, match="client_share"):
        Policy(workers=1, client_share=share)

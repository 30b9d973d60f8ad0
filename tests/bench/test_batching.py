"""Tests of the batching policies."""

from functools import partial
from itertools import pairwise
from random import Random

import pytest

from scheduler import CostModel, Policy
from tests.bench import batching

COST = CostModel(0.001, 0.0001, 0.0)
POLICY = Policy(workers=2, batch_s=0.05)
LENGTHS = [Random(1).randint(16, 512) for _ in range(100)]


@pytest.mark.parametrize(
    "policy",
    [
        partial(batching.arrival, size=1),
        partial(batching.arrival, size=32),
        partial(batching.budget, tokens=256),
        partial(batching.budget, tokens=4096),
        batching.scheduled_by(POLICY, COST),
    ],
)
@pytest.mark.parametrize("count", [1, 7, 100])
def test_every_pair_is_in_one_batch(policy: batching.BatchingPolicy, count: int):
    """Whatever the policy, each pair is run once, and no batch is empty."""
    batches = policy(LENGTHS[:count])
    assert sorted(pair for batch in batches for pair in batch) == list(range(count))
    assert all(batches)


def test_in_order_of_arrival_nothing_is_sorted():
    """The usual batches take pairs as they come."""
    assert batching.arrival([9, 1, 5, 7, 3], 2) == [[0, 1], [2, 3], [4]]


def test_a_budget_is_kept_with_its_padding():
    """Batches hold like lengths, the longest first, and no more tokens than allowed unless a pair alone has more."""
    cut = [[LENGTHS[pair] for pair in batch] for batch in batching.budget(LENGTHS, 400)]
    assert all(max(batch) * len(batch) <= 400 or len(batch) == 1 for batch in cut)
    assert all(min(before) >= max(after) for before, after in pairwise(cut))


def test_the_scheduler_batches_as_under_load():
    """To the last batch they are as long as allowed, not shorter as where nothing else waits."""
    cut = batching.scheduled([64] * 100, POLICY, COST)
    assert [len(batch) for batch in cut] == [7] * 14 + [2]


def test_more_than_the_scheduler_takes_is_said():
    """What would be refused is not measured as if it had been served."""
    with pytest.raises(ValueError, match="more than the scheduler takes"):
        batching.scheduled([512] * 2000, POLICY, COST)

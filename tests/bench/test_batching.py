"""Each batching policy runs every pair once, within its own bound."""

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
    """Each policy puts each pair into one batch, and makes no empty batch."""
    batches = policy(LENGTHS[:count])
    assert sorted(pair for batch in batches for pair in batch) == list(range(count))
    assert all(batches)


def test_in_order_of_arrival_nothing_is_sorted():
    """Batches by arrival keep the order of the pairs."""
    assert batching.arrival([9, 1, 5, 7, 3], 2) == [[0, 1], [2, 3], [4]]


def test_a_budget_is_kept_with_its_padding():
    """Batches are sorted by length, and exceed the token budget only with a single pair."""
    batches = [[LENGTHS[pair] for pair in batch] for batch in batching.budget(LENGTHS, 400)]
    assert all(max(batch) * len(batch) <= 400 or len(batch) == 1 for batch in batches)
    assert all(min(before) >= max(after) for before, after in pairwise(batches))


def test_the_scheduler_batches_as_under_load():
    """All batches but the last have the full length allowed, as other work waits."""
    batches = batching.scheduled([64] * 100, POLICY, COST)
    assert [len(batch) for batch in batches] == [7] * 14 + [2]


def test_more_than_the_scheduler_takes_is_said():
    """More work than the scheduler admits raises an error, so that a refusal is not measured as a success."""
    with pytest.raises(ValueError, match="more than the scheduler takes"):
        batching.scheduled([512] * 2000, POLICY, COST)

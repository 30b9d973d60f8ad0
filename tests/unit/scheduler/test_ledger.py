"""The ledger is the exact sum of the waiting amounts over a lane and all better ones."""

import random

import pytest

from scheduler import LANES, Amount
from scheduler.ledger import Ledger

NOTHING = Amount((0, 0, 0, 0))


def test_empty():
    """Nothing waits at first, in any lane."""
    assert Ledger().total == Ledger().through(LANES - 1) == NOTHING


def test_through():
    """The sum over a lane and all better ones leaves out the worse ones."""
    ledger = Ledger()
    ledger.add(3, Amount.of([10]))
    ledger.add(4, Amount.of([20, 30]))
    assert ledger.through(2) == NOTHING
    assert ledger.through(3) == Amount((1, 1, 10, 100))
    assert ledger.through(4) == Amount((2, 3, 60, 1400))


def test_before_the_best_lane():
    """Nothing is better than lane 0."""
    ledger = Ledger()
    ledger.add(0, Amount.of([10]))
    assert ledger.through(-1) == NOTHING


@pytest.mark.parametrize("lane", [0, 1, 511, 512, LANES - 1])
def test_every_lane_counts(lane: int):
    """The first lane, the last one and those between are counted from themselves on."""
    ledger = Ledger()
    ledger.add(lane, Amount.of([7]))
    assert [ledger.through(i).pairs for i in (lane - 1, lane, LANES - 1)] == [0, 1, 1]


def test_subtract():
    """An amount that is added and subtracted again leaves exactly nothing."""
    ledger = Ledger()
    amount = Amount.of([3, 5, 512])
    ledger.add(700, amount)
    ledger.subtract(700, amount)
    assert ledger.total == ledger.through(LANES - 1) == NOTHING


def test_against_summing():
    """Any sequence of additions and subtractions leaves what plain sums by lane would."""
    rng = random.Random(2)
    ledger = Ledger()
    held: list[tuple[int, Amount]] = []
    for _ in range(1_000):
        if held and rng.random() < 0.45:
            ledger.subtract(*held.pop(rng.randrange(len(held))))
        else:
            lengths = [rng.randint(1, 512) for _ in range(rng.randint(1, 5))]
            held.append((rng.randrange(LANES), Amount.of(lengths)))
            ledger.add(*held[-1])
        asked = rng.randrange(LANES)
        assert ledger.through(asked) == sum((a for lane, a in held if lane <= asked), NOTHING)
        assert ledger.total == sum((a for _, a in held), NOTHING)


def test_models():
    """Waiting work is summed apart for each model."""
    ledger = Ledger(models=2)
    ledger.add(3, Amount.of([10]))
    ledger.add(4, Amount.of([20, 30], model=1))
    assert ledger.through(3) == Amount((1, 1, 10, 100, 0, 0, 0, 0))
    assert ledger.total == Amount((1, 1, 10, 100, 1, 2, 50, 1300))
    ledger.subtract(4, Amount.of([20, 30], model=1))
    assert ledger.total == ledger.through(3)

"""Tests of the chance to be done in time, against chance itself."""

from itertools import pairwise
from math import sqrt
from random import Random

import pytest

from scheduler.first_passage import chance_in_time


def walked(work_s: float, left_s: float, spare: float, spread: float, *, walks: int = 1500, steps: int = 1500) -> float:
    """Return in which share of random walks the work is done in time."""
    chance = Random(1)
    step_s = left_s / steps
    drift, deviation = spare * step_s, sqrt(spread * step_s)
    done = 0
    for _ in range(walks):
        left = work_s
        for _ in range(steps):
            left -= drift + chance.gauss(0.0, deviation)
            if left <= 0:
                done += 1
                break
    return done / walks


@pytest.mark.parametrize(
    "case", [(0.2, 3.0, 0.02, 0.1), (0.5, 3.0, 0.3, 0.1), (1.0, 1.0, 0.9, 0.01), (2.0, 3.0, 0.5, 0.2)]
)
def test_agrees_with_random_walks(case):
    """The formula is the share of walks that arrive."""
    assert chance_in_time(*case) == pytest.approx(walked(*case), abs=0.05)


def test_is_certain_without_spread():
    """Where better lanes bring nothing, or always the same, the mean decides."""
    assert chance_in_time(0.99, 2.0, 0.5, 0.0) == 1
    assert chance_in_time(1.01, 2.0, 0.5, 0.0) == 0


@pytest.mark.parametrize("spread", [1e-12, 1e-6, 1e-3, 1.0, 1e3])
@pytest.mark.parametrize("spare", [0.02, 0.5, 1.0])
def test_is_a_chance_for_any_spread(spare, spread):
    """It stays between 0 and 1, grows with the time left and falls with the work, without overflow."""
    by_work = [chance_in_time(work, 3.0, spare, spread) for work in (0.001, 0.1, 1.0, 10.0, 1e4)]
    by_time = [chance_in_time(0.5, left, spare, spread) for left in (1e-3, 0.1, 1.0, 10.0, 1e5)]
    for chances in (by_work[::-1], by_time):
        assert all(less <= more + 1e-9 for less, more in pairwise(chances))
        assert all(0 <= chance <= 1 + 1e-9 for chance in chances)


def test_a_lull_is_used():
    """Little work is likely done in time, even where better lanes take nearly all on average."""
    assert chance_in_time(0.1, 3.0, 0.02, 0.1) > 0.8
    assert chance_in_time(1.0, 3.0, 0.02, 0.1) < 0.2

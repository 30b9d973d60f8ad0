"""The probability of being in time is that of a random walk: the inverse Gaussian law of its first passage."""

from itertools import pairwise
from math import sqrt
from random import Random

import pytest

from scheduler.forecast import probability_in_time


def walked(
    work_s: float, window_s: float, spare: float, variance: float, *, walks: int = 1500, steps: int = 1500
) -> float:
    """Return in which share of random walks the work is done in time."""
    random = Random(1)
    step_s = window_s / steps
    drift, deviation = spare * step_s, sqrt(variance * step_s)
    done = 0
    for _ in range(walks):
        remaining = work_s
        for _ in range(steps):
            remaining -= drift + random.gauss(0.0, deviation)
            if remaining <= 0:
                done += 1
                break
    return done / walks


@pytest.mark.slow
@pytest.mark.parametrize(
    "case", [(0.2, 3.0, 0.02, 0.1), (0.5, 3.0, 0.3, 0.1), (1.0, 1.0, 0.9, 0.01), (2.0, 3.0, 0.5, 0.2)]
)
def test_agrees_with_random_walks(case):
    """The formula is the share of walks that arrive."""
    assert probability_in_time(*case) == pytest.approx(walked(*case), abs=0.05)


def test_is_certain_without_variance():
    """The mean decides if better lanes bring nothing, or always the same."""
    assert probability_in_time(0.99, 2.0, 0.5, 0.0) == 1
    assert probability_in_time(1.01, 2.0, 0.5, 0.0) == 0


@pytest.mark.parametrize("variance", [1e-12, 1e-6, 1e-3, 1.0, 1e3])
@pytest.mark.parametrize("spare", [0.02, 0.5, 1.0])
def test_is_a_probability_for_any_variance(spare, variance):
    """It stays between 0 and 1, grows with the time left and falls with the work, without overflow."""
    by_work = [probability_in_time(work, 3.0, spare, variance) for work in (0.001, 0.1, 1.0, 10.0, 1e4)]
    by_time = [probability_in_time(0.5, left, spare, variance) for left in (1e-3, 0.1, 1.0, 10.0, 1e5)]
    for probabilities in (by_work[::-1], by_time):
        assert all(less <= more + 1e-9 for less, more in pairwise(probabilities))
        assert all(0 <= probability <= 1 + 1e-9 for probability in probabilities)


def test_a_lull_is_used():
    """Little work is likely done in time, even where better lanes take nearly all on average."""
    assert probability_in_time(0.1, 3.0, 0.02, 0.1) > 0.8
    assert probability_in_time(1.0, 3.0, 0.02, 0.1) < 0.2

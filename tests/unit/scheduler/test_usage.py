"""Tests of the average of what lanes were served lately."""

from itertools import pairwise
from math import e

import pytest

from scheduler import LANES
from scheduler.usage import Usage


def test_nothing():
    """Before the first job, no lane takes anything."""
    assert Usage().better_than(LANES - 1, 5.0) == 0


def test_better_lanes_only():
    """A lane's own work and that of worse lanes do not count against it."""
    usage = Usage()
    usage.add(5, 1.0, 0.0)
    assert usage.better_than(5, 0.0) == 0
    assert usage.better_than(6, 0.0) > 0


def test_steady_rate():
    """Under a steady stream the average is its rate."""
    usage = Usage()
    for i in range(6_000):
        usage.add(0, 0.005, i * 0.01)
    assert usage.better_than(1, 60.0) == pytest.approx(0.5, rel=0.01)


def test_forgets():
    """Ten seconds later, a third of it is left: one part in e."""
    usage = Usage()
    usage.add(0, 1.0, 10.0)
    before = usage.better_than(1, 10.0)
    assert usage.better_than(1, 20.0) == pytest.approx(before / e)


def test_adds_up_over_lanes():
    """What better lanes were served adds up."""
    usage = Usage()
    usage.add(0, 1.0, 0.0)
    one = usage.better_than(9, 0.0)
    usage.add(8, 2.0, 0.0)
    assert usage.better_than(9, 0.0) == pytest.approx(3 * one)


def test_long_uptime():
    """After a year of work the average still is the rate: nothing overflows or drifts."""
    usage = Usage()
    year = 3600 * 24 * 365
    for start in (0, 1_000, year):
        for i in range(6_000):
            usage.add(0, 0.005, start + i * 0.01)
    assert usage.better_than(1, year + 60) == pytest.approx(0.5, rel=0.01)


def test_rescaling_is_not_visible():
    """The average is continuous where the weights are brought back to 1."""
    usage = Usage()
    rates = []
    for i in range(15_000):  # Over twelve minutes: the weights are rescaled on the way.
        usage.add(0, 0.025, i * 0.05)
        rates.append(usage.better_than(1, i * 0.05))
    assert max(abs(b - a) for a, b in pairwise(rates[1500:])) < 0.01

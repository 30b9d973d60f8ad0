"""The overhead is the mean factor from the price of waiting pairs to the time of their batches, at least 1."""

import pytest

from scheduler.forecast import Forecast


def test_nothing_known():
    """Before the first batch, a price is taken as it is."""
    assert Forecast().overhead(express=True) == Forecast().overhead(express=False) == 1


def test_learns_each_kind_apart():
    """Batches that took half as long again stretch prices by half, for their kind only."""
    forecast = Forecast()
    for _ in range(500):
        forecast.add_batch(0.015, 0.010, express=True)
    assert forecast.overhead(express=True) == pytest.approx(1.5, rel=0.01)
    assert forecast.overhead(express=False) == 1


def test_never_shrinks():
    """A price is never lowered: a batch that took less time than predicted says nothing about the next."""
    forecast = Forecast()
    for _ in range(500):
        forecast.add_batch(0.005, 0.010, express=False)
    assert forecast.overhead(express=False) == 1

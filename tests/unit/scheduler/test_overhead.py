"""Tests of how much longer batches take than their pairs were priced at."""

import pytest

from scheduler.overhead import Overhead


def test_nothing_known():
    """Before the first batch, a price is taken as it is."""
    assert Overhead().stretch(express=True) == Overhead().stretch(express=False) == 1


def test_learns_each_kind_apart():
    """Batches that took half as long again stretch prices by half, for their kind only."""
    packing = Overhead()
    for _ in range(500):
        packing.note(0.015, 0.010, express=True)
    assert packing.stretch(express=True) == pytest.approx(1.5, rel=0.01)
    assert packing.stretch(express=False) == 1


def test_never_shrinks():
    """A price is never cut: what saved time in one batch need not in the next."""
    packing = Overhead()
    for _ in range(500):
        packing.note(0.005, 0.010, express=False)
    assert packing.stretch(express=False) == 1

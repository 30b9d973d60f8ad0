"""A logit is the inverse of the sigmoid, finite for every score."""

from math import exp, inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.engine.logit import logit


@given(st.floats(-30, 30))
def test_back_and_forth(before: float):
    """The logit of a sigmoid is what went into it, as far as a score near 1 can tell."""
    score = 1 / (1 + exp(-before))
    assert logit(score) == pytest.approx(before, rel=1e-9, abs=4 * 2**-53 / (1 - score))


@given(st.floats(0, 1), st.floats(0, 1))
def test_order_is_kept(one: float, other: float):
    """A larger score never has a smaller logit."""
    assert (one <= other) is (logit(one) <= logit(other)) or logit(one) == logit(other)


@pytest.mark.parametrize("score", [0.0, 5e-324, 1 - 2**-53, 1.0])
def test_extremes(score: float):
    """Every score has a logit that is a number, those that were rounded to 0 or 1 too."""
    assert -inf < logit(score) < inf
    assert (logit(score) > 0) is (score > 0.5)


def test_middle():
    """Even odds are 0."""
    assert logit(0.5) == 0

"""The logit, the inverse of the sigmoid."""

from math import log, log1p
from sys import float_info


def logit(score: float) -> float:
    """Return log(score / (1 - score)) for a score in [0, 1], finite also for 0 and 1."""
    inside = min(max(score, float_info.min), 1 - float_info.epsilon / 2)
    return log(inside) - log1p(-inside)

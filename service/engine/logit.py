"""What a score was before it was one."""

from math import log, log1p
from sys import float_info


def logit(score: float) -> float:
    """Return the logit whose sigmoid is `score`; of a score that was rounded to 0 or 1, the largest there is."""
    inside = min(max(score, float_info.min), 1 - float_info.epsilon / 2)
    return log(inside) - log1p(-inside)

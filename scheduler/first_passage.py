"""How likely work is to be done in time while better work keeps coming."""

from math import erfc, exp, pi, sqrt

_FAR = 26.0  # Standard deviations from which the normal tail is taken from its expansion: it underflows soon.


def chance_in_time(work_s: float, left_s: float, spare: float, spread: float) -> float:
    """Return the chance, 0 to 1, that `work_s` seconds of the pool are done within `left_s` seconds.

    On average `spare` of each second, above 0, is free for it; better lanes take the rest in lumps that vary by
    `spread`, the variance of what they take in a second. What is left to do is then a Brownian motion with drift,
    and the chance that it has reached zero is the distribution function of the inverse Gaussian (Chhikara and Folks,
    1989). It is much above zero in a lull, when nothing waits, even for a lane that better ones leave nothing on
    average: only so is such a lull used.
    """
    if spread <= 0:
        return 1.0 if work_s <= spare * left_s else 0.0
    deviation = sqrt(spread * left_s)
    reached = _tail((work_s - spare * left_s) / deviation)
    # Paths that had reached zero and are above it again, by reflection.
    exponent, again = 2 * spare * work_s / spread, (work_s + spare * left_s) / deviation
    if again < _FAR:
        return reached + exp(exponent) * _tail(again)
    return reached + exp(exponent - again * again / 2) / (again * sqrt(2 * pi))


def _tail(deviations: float) -> float:
    """Return the chance that a standard normal value is larger."""
    return erfc(deviations / sqrt(2)) / 2

"""What a scenario found."""

from dataclasses import dataclass
from typing import Literal

from tests.simulation.measures import Factors


@dataclass(frozen=True)
class Check:
    """One number and its limit."""

    what: str
    measured: float
    way: Literal["<=", ">="]
    limit: float
    missing: bool = False
    """The scheduler has no such mechanism; the number is what happens without."""

    @property
    def passed(self) -> bool:
        """Whether the number is on the right side of its limit."""
        return self.measured <= self.limit if self.way == "<=" else self.measured >= self.limit

    def relaxed(self, by: float) -> "Check":
        """Return the same check with a limit that is further off by a share of itself."""
        factor = 1 + by if self.way == "<=" else 1 - by
        return Check(self.what, self.measured, self.way, self.limit * factor, self.missing)


@dataclass(frozen=True)
class Result:
    """One scenario: what was played, and what was checked."""

    name: str
    what: str
    checks: tuple[Check, ...]
    factors: Factors | None = None
    packing_best: float | None = None
    """Packing with an endless backlog of the same mix, which `factors.packing` is compared with."""
    goodput: float | None = None
    """Useful seconds finished in time over what a clairvoyant would have got."""

    @property
    def passed(self) -> bool:
        """Whether all checks passed."""
        return all(check.passed for check in self.checks)


def at_most(what: str, measured: float, limit: float, *, missing: bool = False) -> Check:
    """Return a check that passes up to and including the limit."""
    return Check(what, measured, "<=", limit, missing)


def at_least(what: str, measured: float, limit: float, *, missing: bool = False) -> Check:
    """Return a check that passes from the limit on."""
    return Check(what, measured, ">=", limit, missing)

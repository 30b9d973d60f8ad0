"""What a scenario found."""

from dataclasses import dataclass

from service.bench.goal import Goal
from tests.simulation.measures import Factors

MISSING = ("no such mechanism",)
"""Note of a check that the scheduler has no mechanism for; the figure is what happens without."""


@dataclass(frozen=True)
class Result:
    """One scenario: what was played, and what was checked."""

    name: str
    what: str
    checks: tuple[Goal, ...]
    factors: Factors | None = None
    packing_best: float | None = None
    """Packing with an endless backlog of the same mix, which `factors.packing` is compared with."""
    goodput: float | None = None
    """Useful seconds finished in time over what a clairvoyant would have got."""

    @property
    def passed(self) -> bool:
        """Whether all checks passed."""
        return all(check.kept for check in self.checks)


def relaxed(check: Goal, by: float) -> Goal:
    """Return the same check with a limit that is further off by a share of itself."""
    return check._replace(limit=check.limit * (1 - by if check.at_least else 1 + by))

"""The result of a scenario."""

from dataclasses import dataclass

from service.bench.goal import Goal
from tests.simulation.measures import Factors

MISSING = ("no such mechanism",)
"""Note of a check for which the scheduler has no mechanism."""


@dataclass(frozen=True)
class Result:
    """A scenario with its description and checks."""

    name: str
    what: str
    checks: tuple[Goal, ...]
    factors: Factors | None = None
    packing_best: float | None = None
    """Packing of an endless backlog of the same mix, for comparison with `factors.packing`."""
    goodput: float | None = None
    """Useful seconds finished in time over the clairvoyant bound."""

    @property
    def passed(self) -> bool:
        """Tell whether all checks passed."""
        return all(check.kept for check in self.checks)


def relaxed(check: Goal, by: float) -> Goal:
    """Return the check with its limit relaxed by a share of itself."""
    return check._replace(limit=check.limit * (1 - by if check.at_least else 1 + by))

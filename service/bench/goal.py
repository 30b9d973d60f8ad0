"""Numbers that matter, what they must be, and what they should be."""

from collections.abc import Sequence
from statistics import median
from typing import NamedTuple


class Goal(NamedTuple):
    """What was measured, a few times or once, with a limit and perhaps an aim beyond it."""

    what: str
    values: Sequence[float]
    limit: float
    aim: float | None = None
    at_least: bool = False

    @property
    def measured(self) -> float:
        """The median."""
        return median(self.values)

    @property
    def kept(self) -> bool:
        """Whether it is on the right side of its limit; what is not a number is not."""
        return self._within(self.limit)

    @property
    def word(self) -> str:
        """How it went, in a word or two."""
        if not self.kept:
            return "NOT KEPT"
        return "kept" if self.aim is None or not self._within(self.aim) else "aim reached"

    def row(self) -> list[str]:
        """Return it as cells of a table: what, measured, from which lowest to which highest, limit, aim, word."""
        way = "at least" if self.at_least else "at most"
        several = len(self.values) > 1
        spread = f"{min(self.values):.4g} to {max(self.values):.4g}" if several else ""
        aim = "" if self.aim is None else f"{self.aim:g}"
        return [self.what, f"{self.measured:.4g}", spread, f"{way} {self.limit:g}", aim, self.word]

    def _within(self, limit: float) -> bool:
        return self.measured >= limit if self.at_least else self.measured <= limit

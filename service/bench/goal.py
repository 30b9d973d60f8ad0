"""Measured figures and their limits."""

from collections.abc import Iterable, Sequence
from math import ceil, nan
from statistics import median
from typing import NamedTuple

from service.bench.table import markdown


class Goal(NamedTuple):
    """A figure with a limit, and optionally an aim stricter than the limit."""

    what: str
    """Name of the figure, with its unit."""
    values: Sequence[float]
    """One or more measurements."""
    limit: float
    aim: float | None = None
    at_least: bool = False
    """True: limit and aim are lower bounds. False: upper bounds."""
    notes: Sequence[str] = ()
    """Details, such as examples of counted failures."""

    @property
    def measured(self) -> float:
        """The median."""
        return median(self.values)

    @property
    def kept(self) -> bool:
        """True if the median is within the limit; False for NaN."""
        return self._within(self.limit)

    @property
    def word(self) -> str:
        """The verdict: `NOT KEPT`, `kept` or `aim reached`."""
        if not self.kept:
            return "NOT KEPT"
        return "kept" if self.aim is None or not self._within(self.aim) else "aim reached"

    def row(self) -> list[str]:
        """Return the cells of a table row: name, median, lowest to highest, limit, aim, verdict."""
        way = "at least" if self.at_least else "at most"
        several = len(self.values) > 1
        spread = f"{number(min(self.values))} to {number(max(self.values))}" if several else ""
        aim = "" if self.aim is None else number(self.aim)
        return [self.what, number(self.measured), spread, f"{way} {number(self.limit)}", aim, self.word]

    def _within(self, limit: float) -> bool:
        return self.measured >= limit if self.at_least else self.measured <= limit


def at_most(what: str, measured: float, limit: float, notes: Sequence[str] = ()) -> Goal:
    """Return a goal with an inclusive upper bound."""
    return Goal(what, [measured], limit, notes=notes)


def at_least(what: str, measured: float, limit: float, notes: Sequence[str] = ()) -> Goal:
    """Return a goal with an inclusive lower bound."""
    return Goal(what, [measured], limit, at_least=True, notes=notes)


def goals_table(goals: Iterable[Goal]) -> str:
    """Return a Markdown table with a row per goal; empty columns are left out."""
    table = [("what", "measured", "lowest to highest", "limit", "aim", ""), *(goal.row() for goal in goals)]
    head, *rows = zip(*(column for column in zip(*table, strict=True) if any(column[1:])), strict=True)
    return markdown(head, rows)


def number(value: float) -> str:
    """Return an integer in full, and any other number with four significant digits."""
    return f"{value:.0f}" if float(value).is_integer() else f"{value:.4g}"


def quantile(values: Iterable[float], q: float) -> float:
    """Return the smallest value that a share `q`, in [0, 1], does not exceed; NaN without values."""
    ordered = sorted(values)
    return ordered[max(ceil(q * len(ordered)), 1) - 1] if ordered else nan

"""Figures, and the limits that they are held to."""

from collections.abc import Iterable, Sequence
from math import ceil, nan
from statistics import median
from typing import NamedTuple

from service.bench.table import markdown


class Goal(NamedTuple):
    """A figure, measured a few times or once, with its limit and perhaps an aim beyond it."""

    what: str
    values: Sequence[float]
    limit: float
    aim: float | None = None
    at_least: bool = False
    notes: Sequence[str] = ()
    """What else there is to say of it, such as examples of what was counted."""

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
        spread = f"{number(min(self.values))} to {number(max(self.values))}" if several else ""
        aim = "" if self.aim is None else number(self.aim)
        return [self.what, number(self.measured), spread, f"{way} {number(self.limit)}", aim, self.word]

    def _within(self, limit: float) -> bool:
        return self.measured >= limit if self.at_least else self.measured <= limit


def at_most(what: str, measured: float, limit: float, notes: Sequence[str] = ()) -> Goal:
    """Return a goal that is kept up to and including the limit."""
    return Goal(what, [measured], limit, notes=notes)


def at_least(what: str, measured: float, limit: float, notes: Sequence[str] = ()) -> Goal:
    """Return a goal that is kept from the limit on."""
    return Goal(what, [measured], limit, at_least=True, notes=notes)


def goals_table(goals: Iterable[Goal]) -> str:
    """Return a row for each goal as a Markdown table, without spread and aim if none has any."""
    table = [("what", "measured", "lowest to highest", "limit", "aim", ""), *(goal.row() for goal in goals)]
    head, *rows = zip(*(column for column in zip(*table, strict=True) if any(column[1:])), strict=True)
    return markdown(head, rows)


def number(value: float) -> str:
    """Return a whole number in full, and any other with four digits."""
    return f"{value:.0f}" if float(value).is_integer() else f"{value:.4g}"


def quantile(values: Iterable[float], q: float) -> float:
    """Return the smallest value that a share `q` of all does not exceed; NaN of none, which keeps no limit."""
    ordered = sorted(values)
    return ordered[max(ceil(q * len(ordered)), 1) - 1] if ordered else nan

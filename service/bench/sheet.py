"""What a comparison of raw and served found, as words and tables."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isnan, nan
from os import cpu_count
from statistics import median

from service.bench.goal import Goal


@dataclass(frozen=True)
class Sheet:
    """All that was measured, on one machine and in one go."""

    goals: Sequence[Goal]
    cuts: Mapping[str, Sequence[float]]
    """Tokens a second for each way to cut pairs into batches, round by round."""
    model: str
    workers: int
    others: float = nan
    """CPUs that other programs kept busy meanwhile; NaN if not measured."""

    @property
    def kept(self) -> bool:
        """Whether all limits were kept."""
        return all(goal.kept for goal in self.goals)

    def text(self) -> str:
        """Return it as Markdown."""
        goals = _table(
            ["what", "measured", "lowest to highest", "limit", "aim", ""], [goal.row() for goal in self.goals]
        )
        ways = sorted(self.cuts.items(), key=lambda way: -median(way[1]))
        best = median(ways[0][1])
        rows = [[name, f"{median(rates):,.0f}", f"{median(rates) / best:.2f}"] for name, rates in ways]
        cuts = _table(["batches", "tokens a second, raw", "of the best"], rows)
        head = f"{self.model}, {self.workers} workers; medians of rounds in which they take turns"
        if not isnan(self.others):
            head += f"; other programs kept {max(self.others, 0):.2f} of this machine's {cpu_count()} CPUs busy"
        return "\n\n".join([head, goals, cuts, "kept" if self.kept else "NOT KEPT"])


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a Markdown table, the first column to the left and the others to the right."""
    widths = [max(len(row[i]) for row in (head, *rows)) for i in range(len(head))]
    line = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]

    def cells(row: Sequence[str]) -> str:
        first, *others = zip(row, widths, strict=True)
        return "| " + " | ".join([first[0].ljust(first[1]), *(cell.rjust(width) for cell, width in others)]) + " |"

    return "\n".join(map(cells, (head, line, *rows)))

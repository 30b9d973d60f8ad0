"""The table of trials."""

from collections.abc import Iterator, Sequence
from math import isinf

from service.bench.goal import Goal
from service.bench.table import markdown
from tests.hostile.result import Result


def text(results: Sequence[Result]) -> str:
    """Return the figures of each trial, with `!` behind those beyond their limit, and examples of what failed."""
    head = ["attack", "base MB", *(goal.what for goal in results[0].goals if goal.what != "breach"), "honest calls"]
    examples = "\n".join(f"- {line}" for result in results for line in _examples(result))
    word = "kept" if all(result.kept for result in results) else "NOT KEPT"
    return "\n\n".join(part for part in (markdown(head, list(map(_row, results))), examples, word) if part)


def _row(result: Result) -> list[str]:
    cells = [_cell(goal) for goal in result.goals if goal.what != "breach"]
    return [result.name, f"{result.base_mb:.0f}", *cells, str(result.beside.number("grpc", "rest"))]


def _cell(goal: Goal) -> str:
    value = float(goal.measured)
    shown = "never" if isinf(value) else f"{value:.0f}" if value >= 100 or value.is_integer() else f"{value:.1f}"
    return shown if goal.kept else f"{shown}!"


def _examples(result: Result) -> Iterator[str]:
    for goal in result.goals:
        if not goal.kept:
            yield from (f"{result.name}: {goal.what}: {note}" for note in goal.notes)

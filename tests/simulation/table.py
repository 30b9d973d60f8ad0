"""Tables of results."""

from collections.abc import Iterable

from service.bench.table import markdown as aligned
from tests.simulation.result import Result


def markdown(results: Iterable[Result]) -> str:
    """Return all checks as a Markdown table, with the factors in the first row of each result.

    `G` is the goodput; `raw` is a machine without launches and padding, which no composer can move.
    """
    head = ("", "scenario", "check", "measured", "limit", "", "U", "E/E*", "S", "late", "G/bound", "G/raw")
    rows = list[tuple[str, ...]]()
    for result in results:
        factors = _factors(result)
        for number, check in enumerate(result.checks):
            first = (result.name, result.what) if number == 0 else ("", "")
            what, measured, _, limit, _, word = check.row()
            word = word if check.kept else ": ".join((word, *check.notes))
            rows.append((*first, what, measured, limit, word, *(factors if number == 0 else [""] * len(factors))))
    return aligned(head, rows, left=3)


def _factors(result: Result) -> list[str]:
    found = result.factors
    if not found:
        return [""] * 6
    packing = f"{found.packing / result.packing_best:.3f}" if result.packing_best else f"({found.packing:.3f})"
    goodput = f"{result.goodput:.3f}" if result.goodput else ""
    raw = f"{result.goodput * result.packing_best:.3f}" if result.goodput and result.packing_best else ""
    return [f"{found.busy:.3f}", packing, f"{found.sunk:.3f}", f"{found.late:.4f}", goodput, raw]

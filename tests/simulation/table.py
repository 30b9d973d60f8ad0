"""Results as one table."""

from collections.abc import Iterable, Sequence

from tests.simulation.result import Check, Result


def markdown(results: Iterable[Result]) -> str:
    """Return all checks of all results as a Markdown table, factors in the first row of each result.

    `G` is the goodput; `raw` is a machine without launches and padding, which no composer can move.
    """
    head = ("", "scenario", "check", "measured", "limit", "passed", "U", "E/E*", "S", "late", "G/bound", "G/raw")
    rows = list[tuple[str, ...]]()
    for result in results:
        factors = _factors(result)
        for number, check in enumerate(result.checks):
            first = (result.name, result.what) if number == 0 else ("", "")
            rows.append((*first, *_check(check), *(factors if number == 0 else [""] * len(factors))))
    return aligned(head, rows)


def aligned(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table with columns as wide as their widest cell."""
    table = [head, *rows]
    widths = [max(len(row[i]) for row in table) for i in range(len(head))]
    table.insert(1, ["-" * width for width in widths])
    return "\n".join(
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |" for row in table
    )


def _check(check: Check) -> tuple[str, ...]:
    passed = "yes" if check.passed else "no: no such mechanism" if check.missing else "NO"
    return check.what, _number(check.measured), f"{check.way} {_number(check.limit)}", passed


def _factors(result: Result) -> list[str]:
    found = result.factors
    if not found:
        return [""] * 6
    packing = f"{found.packing / result.packing_best:.3f}" if result.packing_best else f"({found.packing:.3f})"
    goodput = f"{result.goodput:.3f}" if result.goodput else ""
    raw = f"{result.goodput * result.packing_best:.3f}" if result.goodput and result.packing_best else ""
    return [f"{found.busy:.3f}", packing, f"{found.sunk:.3f}", f"{found.late:.4f}", goodput, raw]


def _number(value: float) -> str:
    return f"{value:.0f}" if float(value).is_integer() else f"{value:.4g}"

"""The report of a soak."""

from collections import Counter
from collections.abc import Iterator

from service.bench.goal import goals_table, quantile
from service.bench.table import markdown
from tests.soak.kinds import KINDS
from tests.soak.outcome import CUT_OFF, LATE, LEFT, OK, SHED, Ended
from tests.soak.result import SoakResult

_COLUMNS = (OK, SHED, LATE, LEFT, CUT_OFF)


def text(result: SoakResult) -> str:
    """Return the calls by kind, and the promises, as Markdown."""
    head = ("", "calls", "OK", "shed", "late", "left", "cut off", "other", "p50 ms", "p99 ms")
    rows = [_row(kind, [call for call in result.ended if call.kind == kind]) for kind in KINDS]
    calls = markdown(head, [*rows, _row("all", result.ended)])
    usage, examples = ("\n".join(f"- {line}" for line in lines) for lines in (_usage(result), _examples(result)))
    word = "kept" if result.kept else "NOT KEPT"
    return "\n\n".join(part for part in (calls, usage, goals_table(result.promises), examples, word) if part)


def _row(name: str, calls: list[Ended]) -> list[str]:
    counts = Counter(call.reason for call in calls)
    columns = [counts.pop(reason, 0) for reason in _COLUMNS]
    took_s = [call.took_s for call in calls if call.reason == OK]
    times = [f"{1000 * quantile(took_s, q):.0f}" if took_s else "" for q in (0.5, 0.99)]
    return [name, *map(str, (len(calls), *columns, counts.total())), *times]


def _usage(result: SoakResult) -> Iterator[str]:
    yield f"asked for {result.load:.2f} of {result.tokens_s:,.0f} tokens a second, for {result.seconds:g} s"
    second, last = result.memory_mb
    yield f"stopped {len(result.watch.pauses)} times"
    yield f"median of the memory in the second third {second:.0f} MB, and in the last {last:.0f} MB"
    for what in ("memory_mb", "files", "threads"):
        values = [getattr(look.usage, what) for look in result.watch.looks]
        before, after = (getattr(usage, what) for usage in (result.before, result.after))
        yield f"{what} {before:.0f} before, {min(values):.0f} to {max(values):.0f} under load; after it {after:.0f}"


def _examples(result: SoakResult) -> Iterator[str]:
    for promise in result.promises:
        yield from (f"{promise.what}: {note}" for note in promise.notes)

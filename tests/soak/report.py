"""A soak in words."""

from collections import Counter
from collections.abc import Iterator

from service.bench.run import quantile
from tests.soak.kinds import KINDS
from tests.soak.outcome import CUT_OFF, LATE, LEFT, OK, SHED, Ended
from tests.soak.result import Result

_COLUMNS = (OK, SHED, LATE, LEFT, CUT_OFF)


def text(result: Result) -> str:
    """Return the calls by kind, and the promises."""
    return "\n".join((*_calls(result), "", *_usage(result), "", *_promises(result)))


def _calls(result: Result) -> Iterator[str]:
    yield f"{'':22}{'calls':>7}" + "".join(
        f"{name:>10}" for name in ("OK", "shed", "late", "left", "cut off", "other", "p50 ms", "p99 ms")
    )
    for kind in KINDS:
        yield _row(kind, [call for call in result.ended if call.kind == kind])
    yield _row("all", result.ended)


def _row(name: str, calls: list[Ended]) -> str:
    counts = Counter(call.reason for call in calls)
    columns = [counts.pop(reason, 0) for reason in _COLUMNS]
    took_s = [call.took_s for call in calls if call.reason == OK]
    times = [f"{1000 * quantile(took_s, q):.0f}" if took_s else "" for q in (0.5, 0.99)]
    return f"{name:22}{len(calls):>7}" + "".join(f"{value:>10}" for value in (*columns, counts.total(), *times))


def _usage(result: Result) -> Iterator[str]:
    yield f"asked for {result.load:.2f} of {result.tokens_s:,.0f} tokens a second, for {result.seconds:g} s"
    yield f"stopped {len(result.watch.pauses)} times; memory {result.before.memory_mb:.0f} MB before the load"
    for what in ("memory_mb", "files", "threads"):
        values = [getattr(look.usage, what) for look in result.watch.looks]
        yield f"{what} under load: {min(values):.0f} to {max(values):.0f}; after it {getattr(result.after, what):.0f}"


def _promises(result: Result) -> Iterator[str]:
    for name, found, limit, kept, examples in result.promises:
        yield f"{name:71}{found:>24}  {limit:20}{'kept' if kept else 'NOT KEPT'}"
        yield from (f"    {example}" for example in examples)
    yield "kept" if result.kept else "NOT KEPT"

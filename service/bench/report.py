"""What a load test found, as words and tables."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import isnan, nan
from typing import NamedTuple

from service.bench.bound import Asked, in_time
from service.bench.client import Ending
from service.bench.run import Run, quantile
from service.bench.speed import IN_FLIGHT, PATIENCE, Speed
from service.bench.workload import MIX, URGENT

_REFUSED = (Ending.ADVISED, Ending.UNADVISED)
_LAG_MAX_S = 0.01


class Verdict(NamedTuple):
    """A number and its limit."""

    what: str
    measured: float
    limit: float
    at_least: bool = False

    @property
    def kept(self) -> bool:
        """Whether the number is on the right side of its limit; one that is not a number is not."""
        return self.measured >= self.limit if self.at_least else self.measured <= self.limit

    def __str__(self) -> str:
        way = "at least" if self.at_least else "at most"
        word = "kept" if self.kept else "NOT KEPT"
        return f"{self.what:62}{self.measured:9.4g}  {way:>8} {self.limit:<6g} {word}"


@dataclass(frozen=True)
class Report:
    """All that was measured, on one machine and in one go."""

    speed: Speed
    speed_afterwards: Speed
    alone: Run
    """The urgent requests without any others."""
    runs: Sequence[Run]
    """By load, ascending."""
    batch_s: float
    """The longest that a batch may take."""
    refusal_cost: float
    """CPU time of a refusal over that of serving the same request; NaN if not measured."""
    others: float = nan
    """CPUs that other programs kept busy meanwhile; NaN if not measured."""

    @property
    def loaded(self) -> list[Run]:
        """The runs that offer all that the service can do, or more."""
        return [run for run in self.runs if run.load >= 1]

    def verdicts(self) -> Iterator[Verdict]:
        """Set what was measured against the limits, as far as these loads tell."""
        sent = [s for run in self.runs for s in run.sent]
        if self.loaded:
            most, base = self.loaded[-1], min(self.loaded, key=lambda run: max(run.load / 1.5, 1.5 / run.load))
            if most is not base:
                kept = most.goodput / base.goodput
                yield Verdict(f"goodput at {most.load:g}x over that at {base.load:g}x", kept, 0.95, at_least=True)
            urgent = [run.of(URGENT.name) for run in self.loaded]
            share = min(run.share(Ending.IN_TIME) for run in urgent)
            yield Verdict("urgent requests answered in time, at the worst load from 1x", share, 0.995, at_least=True)
            slowest = max(run.took_s(0.99, Ending.IN_TIME) for run in urgent)
            alone = self.alone.took_s(0.99, Ending.IN_TIME)
            ratio = slowest / (alone + self.batch_s)
            yield Verdict(f"urgent p99, there, over that alone, {alone * 1000:.0f} ms, and one batch", ratio, 1.3)
        late = sum(s.ending is Ending.LATE for s in sent) / len(sent)
        yield Verdict("share of requests with no answer by their deadline", late, 0.001)
        yield Verdict("refusals without advice", sum(s.ending is Ending.UNADVISED for s in sent), 0)
        yield Verdict("failures", sum(s.ending is Ending.FAILED for s in sent), 0)
        if not isnan(self.refusal_cost):
            yield Verdict("CPU time of a refusal over that of serving the same request", self.refusal_cost, 0.003)

    def of_best(self, run: Run) -> float:
        """Return what was answered in time over the most that could have been, by who knows all requests beforehand.

        That is less than all at the capacity, too, since at times nobody asks.
        """
        asked = (Asked(s.request.at, s.request.at + s.request.deadline_s, s.request.tokens) for s in run.sent)
        return run.good_tokens / in_time(asked, self.speed.tokens_s)

    @property
    def kept(self) -> bool:
        """Whether all limits were kept."""
        return all(verdict.kept for verdict in self.verdicts())

    def text(self, fence: str = "") -> str:
        """Return the whole report; for Markdown, with a fence around all but the table."""
        found = [*map(str, self.verdicts()), *self._remarks(), "kept" if self.kept else "NOT KEPT"]
        head, tail = ("\n".join([fence, *lines, fence]).strip("\n") for lines in (self._head(), found))
        return f"{head}\n\n{_table(self)}\n\n{tail}"

    def _head(self) -> Iterator[str]:
        speed, after = self.speed, self.speed_afterwards
        yield (
            f"capacity {speed.documents_s:.0f} documents, {speed.tokens_s:.0f} tokens a second: "
            f"the mix, {IN_FLIGHT} requests always in flight"
        )
        yield (
            f"measured again afterwards, {after.tokens_s / speed.tokens_s:.2f} of that; "
            f"CPUs the service had: {_number(speed.cpus) or '?'}, and {_number(after.cpus) or '?'} afterwards"
        )
        for group in MIX:
            took_s, deadline_s = speed.alone_s[group.name], speed.deadlines[group.name]
            lanes = f"{group.lanes[0]}-{group.lanes[-1]}" if len(group.lanes) > 1 else f"{group.lanes[0]}"
            yield (
                f"{group.name:6} lanes {lanes:7}  {group.typical:3} documents alone take {took_s * 1000:5.0f} ms, "
                f"deadline {PATIENCE} times that: {deadline_s:.2f} s"
            )
        alone = self.alone
        yield (
            f"urgent requests without any others: p50 {alone.took_s(0.5, Ending.IN_TIME) * 1000:.0f} ms, "
            f"p99 {alone.took_s(0.99, Ending.IN_TIME) * 1000:.0f} ms"
        )

    def _remarks(self) -> Iterator[str]:
        lag_s = quantile([s.lag_s for run in self.runs for s in run.sent], 0.99)
        word = "kept its times" if lag_s <= _LAG_MAX_S else "FELL BEHIND, which the latencies include"
        if not isnan(self.others):
            yield f"other programs kept {max(self.others, 0):.2f} of this machine's {os.cpu_count()} CPUs busy"
        yield f"the generator {word}: 99 of 100 requests left within {lag_s * 1000:.1f} ms"


def _table(report: Report) -> str:
    """Return a Markdown table, a row for each load; shares are of what was offered, goodput is over the capacity."""
    names = [group.name for group in MIX]
    head = ["load", "in time: " + names[0], *names[1:], "of best", "goodput", *names, "urgent p50 ms", "p99"]
    head += ["refused p50 ms", "p99", "no advice", "late", "CPUs"]
    rows = [head, ["-" * (len(name) - 1) + ":" for name in head]]
    rows += [_row(run, report) for run in report.runs]
    widths = [max(len(row[i]) for row in rows) for i in range(len(head))]
    rows[1] = ["-" * (width - 1) + ":" for width in widths]
    return "\n".join(
        "| " + " | ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)) + " |" for row in rows
    )


def _row(run: Run, report: Report) -> list[str]:
    groups = [run.of(group.name) for group in MIX]
    urgent = groups[0]
    return [
        f"{run.load:g}x",
        *(f"{group.share(Ending.IN_TIME):.3f}" for group in groups),
        f"{report.of_best(run):.2f}",
        *(f"{part / report.speed.tokens_s:.2f}" for part in (run.goodput, *run.goodputs.values())),
        _ms(urgent.took_s(0.5, Ending.IN_TIME)),
        _ms(urgent.took_s(0.99, Ending.IN_TIME)),
        _ms(run.took_s(0.5, *_REFUSED)),
        _ms(run.took_s(0.99, *_REFUSED)),
        f"{run.count(Ending.UNADVISED)}",
        f"{run.count(Ending.LATE)}",
        _number(run.cpu_s / run.seconds),
    ]


def _number(number: float) -> str:
    return "" if isnan(number) else f"{number:.2f}"


def _ms(seconds: float) -> str:
    return "" if isnan(seconds) else f"{seconds * 1000:.0f}"

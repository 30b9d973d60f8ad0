"""The report of a load test, as text and as a plot."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import isnan, nan
from pathlib import Path

from service.bench.bound import Demand, work_in_time
from service.bench.client import Ending
from service.bench.goal import Goal, at_least, at_most, goals_table, quantile
from service.bench.measure import IN_FLIGHT, PATIENCE, Capacity
from service.bench.plot import by_load, plot
from service.bench.run import LoadRun
from service.bench.table import markdown
from service.bench.workload import MIX, URGENT

_REFUSED = (Ending.ADVISED, Ending.UNADVISED)
_LAG_MAX_S = 0.01
_OVER_BOUND_MAX = 1.3


@dataclass(frozen=True)
class LoadTestReport:
    """Measurements of one load test, in one session on one machine."""

    capacity: Capacity
    """Before the loads."""
    capacity_afterwards: Capacity
    alone: LoadRun
    """The urgent requests alone."""
    runs: Sequence[LoadRun]
    """In ascending order of load."""
    batch_s: float
    """Longest time that a batch may take, in seconds."""
    refusal_cost: float
    """CPU time of a refusal over that of serving the same request; NaN if not measured."""
    others: float = nan
    """Mean number of CPUs that other programs used; NaN if not measured."""

    @property
    def loaded(self) -> list[LoadRun]:
        """The runs with a load of at least the capacity."""
        return [run for run in self.runs if run.load >= 1]

    def goals(self) -> Iterator[Goal]:
        """Compare the measurements with their limits; a goal whose loads were not run is left out."""
        sent = [s for run in self.runs for s in run.sent]
        if self.loaded:
            most, base = self.loaded[-1], min(self.loaded, key=lambda run: max(run.load / 1.5, 1.5 / run.load))
            if most is not base:
                ratio = most.goodput / base.goodput
                yield at_least(f"goodput at {most.load:g}x over goodput at {base.load:g}x", ratio, 0.95)
            urgent = [run.of(URGENT.name) for run in self.loaded]
            share = min(run.share(Ending.IN_TIME) for run in urgent)
            yield at_least("urgent requests answered in time, at the worst load of 1x or more", share, 0.995)
            for q in (0.5, 0.99):
                alone_s = self.alone.took_s(q, Ending.IN_TIME)
                ratio = max(run.took_s(q, Ending.IN_TIME) for run in urgent) / (alone_s + self.batch_s)
                p = f"p{100 * q:.0f}"
                what = f"urgent {p} at the worst load, over {p} alone ({alone_s * 1000:.0f} ms) and one batch"
                yield at_most(what, ratio, _OVER_BOUND_MAX)
        late = sum(s.ending is Ending.LATE for s in sent) / len(sent)
        yield at_most("share of requests with no answer by their deadline", late, 0.001)
        yield at_most("refusals without advice", sum(s.ending is Ending.UNADVISED for s in sent), 0)
        yield at_most("failures", sum(s.ending is Ending.FAILED for s in sent), 0)
        if not isnan(self.refusal_cost):
            yield at_most("CPU time of a refusal, over that of serving the same request", self.refusal_cost, 0.003)

    def of_best(self, run: LoadRun) -> float:
        """Return the tokens answered in time over the most that any scheduler could have answered (`bound`)."""
        demands = (Demand(s.request.at, s.request.at + s.request.deadline_s, s.request.tokens) for s in run.sent)
        return run.good_tokens / work_in_time(demands, self.capacity.tokens_s)

    @property
    def kept(self) -> bool:
        """True if all limits were kept."""
        return all(goal.kept for goal in self.goals())

    def text(self) -> str:
        """Return the report as Markdown."""
        head, remarks = ("\n".join(f"- {line}" for line in lines) for lines in (self._head(), self._remarks()))
        word = "kept" if self.kept else "NOT KEPT"
        return "\n\n".join([head, self._table(), goals_table(self.goals()), remarks, word])

    def draw(self, path: Path) -> None:
        """Write goodput by group, and urgent latency, both against load, as a PNG file. Raises ModuleNotFoundError."""
        loads, tokens_s = [run.load for run in self.runs], self.capacity.tokens_s
        with plot(path, 1, 2, figsize=(12, 4.5)) as (good, slow):
            parts = [[run.goodputs[group.name] / tokens_s for run in self.runs] for group in MIX]
            good.stackplot(loads, parts, labels=[group.name for group in MIX], alpha=0.8)
            corner = sorted({*loads, 1.0})
            good.plot(corner, [min(1.0, load) for load in corner], "k--", label="ideal")
            good.set(ylabel="answered in time / capacity", ylim=(0, 1.2))
            urgent = [run.of(URGENT.name) for run in self.runs]
            for q, name in ((0.5, "p50"), (0.99, "p99")):
                slow.plot(loads, [run.took_s(q, Ending.IN_TIME) * 1000 for run in urgent], "o-", label=name)
            bound_s = self.alone.took_s(0.99, Ending.IN_TIME) + self.batch_s
            slow.axhline(bound_s * 1000, color="k", ls="--", label="p99 alone + one batch")
            slow.set(ylabel="urgent requests, ms")
            slow.set_ylim(0, 1.2 * slow.get_ylim()[1])
            for axes in (good, slow):
                by_load(axes, loads)
                axes.legend(loc="upper left", ncols=4)

    def _head(self) -> Iterator[str]:
        before, after = self.capacity, self.capacity_afterwards
        yield (
            f"capacity {before.documents_s:.0f} documents, {before.tokens_s:.0f} tokens a second: "
            f"the mix, with {IN_FLIGHT} requests in flight"
        )
        yield (
            f"capacity afterwards: {after.tokens_s / before.tokens_s:.2f} of that; "
            f"CPUs used by the service: {_number(before.cpus) or '?'}, afterwards {_number(after.cpus) or '?'}"
        )
        for group in MIX:
            took_s, deadline_s = before.alone_s[group.name], before.deadlines[group.name]
            lanes = f"{group.lanes[0]}-{group.lanes[-1]}" if len(group.lanes) > 1 else f"{group.lanes[0]}"
            yield (
                f"{group.name:6} lanes {lanes:7}  {group.typical:3} documents alone take {took_s * 1000:5.0f} ms; "
                f"the deadline is {PATIENCE} times that: {deadline_s:.2f} s"
            )
        alone = self.alone
        yield (
            f"urgent requests alone: p50 {alone.took_s(0.5, Ending.IN_TIME) * 1000:.0f} ms, "
            f"p99 {alone.took_s(0.99, Ending.IN_TIME) * 1000:.0f} ms; one batch {self.batch_s * 1000:.0f} ms at most"
        )

    def _remarks(self) -> Iterator[str]:
        lag_s = quantile([s.lag_s for run in self.runs for s in run.sent], 0.99)
        word = "kept its schedule" if lag_s <= _LAG_MAX_S else "FELL BEHIND, and latencies include the delay"
        if not isnan(self.others):
            yield f"other programs used {max(self.others, 0):.2f} of {os.cpu_count()} CPUs"
        yield f"the load generator {word}: it sent 99 of 100 requests at most {lag_s * 1000:.1f} ms late"

    def _table(self) -> str:
        """Return a row per load: shares of the offered requests, and goodput as a multiple of the capacity."""
        names = [group.name for group in MIX]
        head = ["load", "in time: " + names[0], *names[1:], "of best", "goodput", *names, "urgent p50 ms", "p99"]
        head += ["refused p50 ms", "p99", "no advice", "late", "CPUs"]
        return markdown(head, [self._row(run) for run in self.runs], left=0)

    def _row(self, run: LoadRun) -> list[str]:
        groups = [run.of(group.name) for group in MIX]
        urgent = groups[0]
        return [
            f"{run.load:g}x",
            *(f"{group.share(Ending.IN_TIME):.3f}" for group in groups),
            f"{self.of_best(run):.2f}",
            *(f"{part / self.capacity.tokens_s:.2f}" for part in (run.goodput, *run.goodputs.values())),
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

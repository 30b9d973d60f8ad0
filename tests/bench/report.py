"""The report of the comparison with bare ONNX Runtime, as text and as a plot."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isnan, nan
from os import cpu_count
from pathlib import Path
from statistics import median

from service.bench.goal import Goal, goals_table
from service.bench.plot import plot
from service.bench.table import markdown
from tests.bench.trials import OURS

_TICKS = (0.25, 0.5, 1, 2, 4, 8)


@dataclass(frozen=True)
class EngineReport:
    """Results of one session on one machine."""

    goals: Sequence[Goal]
    rates: Mapping[str, Sequence[float]]
    """Raw tokens per second of each batching policy, by round."""
    model: str
    workers: int
    others: float = nan
    """Mean number of CPUs that other programs used; NaN if not measured."""

    @property
    def kept(self) -> bool:
        """Tell whether all limits were kept."""
        return all(goal.kept for goal in self.goals)

    def text(self) -> str:
        """Return the report as Markdown."""
        policies = sorted(self.rates.items(), key=lambda policy: -median(policy[1]))
        best = median(policies[0][1])
        rows = [[name, f"{median(rates):,.0f}", f"{median(rates) / best:.2f}"] for name, rates in policies]
        table = markdown(["batches", "tokens a second, raw", "of the best"], rows)
        head = f"{self.model}, {self.workers} workers; medians of interleaved rounds"
        if not isnan(self.others):
            head += f"; other programs used {max(self.others, 0):.2f} of {cpu_count()} CPUs"
        return "\n\n".join([head, goals_table(self.goals), table, "kept" if self.kept else "NOT KEPT"])

    def draw(self, path: Path) -> None:
        """Write the batching policies, and the goals over their limits, as a PNG file. Raises ModuleNotFoundError."""
        with plot(path, 1, 2, figsize=(13, 4.5)) as (policies, goals):
            for name, values in sorted(self.rates.items(), key=lambda policy: median(policy[1])):
                policies.barh(name, median(values), color="tab:blue" if name == OURS else "tab:gray", alpha=0.8)
                policies.plot(values, [name] * len(values), "k.", markersize=3)
            policies.set(xlabel="tokens a second, raw, on all workers", title="batching policies")
            # As ratios to their limits, inverted for upper bounds, so that more is better; a limit of 0 has no ratio.
            for goal in (goal for goal in reversed(self.goals) if goal.limit):
                shares = [v / goal.limit if goal.at_least else goal.limit / max(v, 1e-9) for v in goal.values]
                goals.barh(goal.what, median(shares), color="tab:blue" if goal.kept else "tab:red", alpha=0.8)
                goals.plot(shares, [goal.what] * len(shares), "k.", markersize=3)
                if goal.aim:
                    aim = goal.aim / goal.limit if goal.at_least else goal.limit / goal.aim
                    goals.plot([aim], [goal.what], "g|", markersize=14)
            goals.axvline(1, color="k", ls="--")
            goals.set(xscale="log", xlabel="ratio to the limit (green: aim)", title="goals")
            goals.set_xticks(_TICKS, [f"{tick:g}" for tick in _TICKS])
            goals.minorticks_off()

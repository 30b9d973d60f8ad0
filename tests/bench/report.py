"""What a comparison of raw and served found, as a text and as a plot."""

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
class Report:
    """All that was measured, on one machine and in one go."""

    goals: Sequence[Goal]
    rates: Mapping[str, Sequence[float]]
    """Tokens a second for each batching policy, round by round."""
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
        policies = sorted(self.rates.items(), key=lambda policy: -median(policy[1]))
        best = median(policies[0][1])
        rows = [[name, f"{median(rates):,.0f}", f"{median(rates) / best:.2f}"] for name, rates in policies]
        table = markdown(["batches", "tokens a second, raw", "of the best"], rows)
        head = f"{self.model}, {self.workers} workers; medians of rounds in which they take turns"
        if not isnan(self.others):
            head += f"; other programs kept {max(self.others, 0):.2f} of this machine's {cpu_count()} CPUs busy"
        return "\n\n".join([head, goals_table(self.goals), table, "kept" if self.kept else "NOT KEPT"])

    def draw(self, path: Path) -> None:
        """Write the batching policies, and the goals over their limits, as a PNG file. Raises ModuleNotFoundError."""
        with plot(path, 1, 2, figsize=(13, 4.5)) as (policies, goals):
            for name, values in sorted(self.rates.items(), key=lambda policy: median(policy[1])):
                policies.barh(name, median(values), color="tab:blue" if name == OURS else "tab:gray", alpha=0.8)
                policies.plot(values, [name] * len(values), "k.", markersize=3)
            policies.set(xlabel="tokens a second, raw, on all workers", title="batching policies")
            # Of those with a limit that can be divided by; more is better for all when told like that.
            told = [goal for goal in reversed(self.goals) if goal.limit]
            for goal in told:
                shares = [v / goal.limit if goal.at_least else goal.limit / max(v, 1e-9) for v in goal.values]
                goals.barh(goal.what, median(shares), color="tab:blue" if goal.kept else "tab:red", alpha=0.8)
                goals.plot(shares, [goal.what] * len(shares), "k.", markersize=3)
                if goal.aim:
                    aim = goal.aim / goal.limit if goal.at_least else goal.limit / goal.aim
                    goals.plot([aim], [goal.what], "g|", markersize=14)
            goals.axvline(1, color="k", ls="--")
            goals.set(xscale="log", xlabel="how far beyond its limit, which is 1 (green: the aim)", title="goals")
            goals.set_xticks(_TICKS, [f"{tick:g}" for tick in _TICKS])
            goals.minorticks_off()

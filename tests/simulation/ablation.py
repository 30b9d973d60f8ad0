"""An ablation study of the scheduler: python -m tests.simulation.ablation, some minutes.

It disables each mechanism or constant in turn and measures a few figures without it. scheduler/README.md holds the
table. `python -m tests.simulation --without NAME` runs all scenarios without one of them.
"""

import sys
from argparse import ArgumentParser
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from math import inf
from statistics import mean
from typing import Any, NamedTuple

from scheduler import admission, batching, core, cost, forecast
from scheduler.fair_queue import FairQueue
from service.bench.table import markdown
from tests.simulation.bench import Bench
from tests.simulation.scenarios import SCENARIOS

_LOADS = (1.0, 4.0, 10.0)
_SEEDS = (1, 2, 3)
_NOISE = 0.005
"""Standard error of the goodput over the seeds: smaller differences are noise."""
_FIGURES = (
    ("urgent_overload", "urgent goodput / C*0"),
    ("urgent_overload", "late"),
    ("bulk_and_urgent", "S"),
    ("unequal_clients", "light in time"),
    ("unequal_clients", "difference in service, over one batch"),
    ("wrong_costs", "prediction error 200 batches after a step to 3x"),
)
"""Scenarios, each with one of its checks."""


class Ablation(NamedTuple):
    """A mechanism or constant, and the values that replace it."""

    what: str
    names: Mapping[tuple[Any, str], Any] = {}
    """Replacements of attributes, by owner (module or class) and name."""
    policy: Mapping[str, Any] = {}
    """Replacements of fields of the policy."""

    def apply(self) -> None:
        """Replace the attributes, in this process only."""
        for (owner, name), value in self.names.items():
            assert hasattr(owner, name), name
            setattr(owner, name, value)

    def bench(self, bench: Bench) -> Bench:
        """Return a bench with the replaced policy."""
        return replace(bench, setup=bench.setup._replace(policy=replace(bench.policy, **self.policy)))


def _mean_only(work_s: float, window_s: float, spare: float, variance: float) -> float:
    return forecast.probability_in_time(work_s, window_s, spare, 0.0)


def _first_come(mine: float, others: int, *, waiting: float, flow: float) -> float:
    return waiting


def _one_client(push: Callable[..., None]) -> Callable[..., None]:
    """Return `push` with the client of each job removed."""

    def pushed(self: FairQueue, entry: Any) -> None:
        entry.job = replace(entry.job, client="")
        push(self, entry)

    return pushed


ABLATIONS = {
    "safety": Ablation("the factor on the time ahead", {(admission, "_SAFETY"): 1.0}),
    "probability-idle": Ablation("the lower threshold on a pool that idles", {(admission, "_PROBABILITY_IDLE"): 0.8}),
    "probability-full": Ablation("the higher threshold on a full pool", {(admission, "_PROBABILITY_FULL"): 0.3}),
    "rise": Ablation("the power between the two, linear instead", {(admission, "_RISE"): 1}),
    "variance": Ablation("the variance of better lanes", {(admission, "probability_in_time"): _mean_only}),
    "turns": Ablation("clients' turns in the estimate", {(admission, "_before_turns"): _first_come}),
    "overhead": Ablation("the overhead in prices", {(forecast, "_OVERHEAD_WEIGHT"): 0.0}),
    "memory": Ablation("a memory of 10 s: 1 s instead", {(forecast, "MEMORY_S"): 1.0}),
    "pieces": Ablation("shorter batches while little waits", {(batching, "_PIECES"): 1e-9}),
    "launches-min": Ablation("the least length of such a batch", {(batching, "_LAUNCHES_MIN"): 0}),
    "launch-heavy": Ablation("express batches of their own", {(batching, "_LAUNCH_HEAVY"): 0.0}),
    "express": Ablation("express lanes", policy={"express_lanes": 0}),
    "filling": Ablation("jobs behind the head in its batch", policy={"look_ahead": 0}),
    "looking-far": Ablation("a look ahead of 8 jobs: 64 instead", policy={"look_ahead": 64}),
    "fairness": Ablation("turns between clients", {(FairQueue, "push"): _one_client(FairQueue.push)}),
    "doom": Ablation("dropping jobs that will be late", {(core.Scheduler, "_latest"): lambda _, job: job.job.deadline}),
    "forgetting": Ablation("forgetting in the cost model", {(cost, "_FORGET"): 1.0}),
    "damping": Ablation("damping in the cost model", {(cost, "_DAMPING"): 1e-9}),
    "outliers": Ablation("ignoring single slow batches", {(cost, "_OUTLIER"): inf}),
}  # fmt: skip


def main() -> None:
    """Print the figures with all mechanisms, and without each."""
    parser = ArgumentParser(prog="python -m tests.simulation.ablation", description=__doc__)
    parser.add_argument("--only", type=lambda text: text.split(","), default=list(ABLATIONS), help=", ".join(ABLATIONS))
    names = ["", *parser.parse_args().only]
    with ProcessPoolExecutor(max_tasks_per_child=1) as processes:
        rows = list(processes.map(_row, names))
    head = ("without", *(f"mix {load:g}x" for load in _LOADS), *(f"{name}: {what}" for name, what in _FIGURES))
    print(markdown(head, rows))  # noqa: T201


def _row(name: str) -> tuple[str, ...]:
    ablation = ABLATIONS.get(name, Ablation("nothing"))
    ablation.apply()
    bench = ablation.bench(Bench())
    goodputs = [mean(_goodput(replace(bench, length_s=60.0, seed=seed), load) for seed in _SEEDS) for load in _LOADS]
    results = {scenario: SCENARIOS[scenario](bench) for scenario in dict.fromkeys(s for s, _ in _FIGURES)}
    figures = [
        next(check.measured for check in results[scenario].checks if check.what == what) for scenario, what in _FIGURES
    ]
    print(name or "with everything", file=sys.stderr)  # noqa: T201
    return ablation.what, *(f"{value:.3f}" for value in goodputs), *(f"{float(value):.4f}" for value in figures)


def _goodput(bench: Bench, load: float) -> float:
    """Return the goodput of the mix at `load` times the capacity, over the clairvoyant bound."""
    parts = bench.parts(load)
    return bench.ratios(bench.play(bench.trace(parts)), bench.mix, bench.capacity(parts))[1]


if __name__ == "__main__":
    main()

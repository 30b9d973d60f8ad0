"""Plots of a setup under load; they need matplotlib."""

from pathlib import Path

from service.bench.plot import by_load, plot
from tests.simulation import measures
from tests.simulation.bench import Bench
from tests.simulation.figures import Figures
from tests.simulation.overload import LOADS
from tests.simulation.run import Run

_SIZE = (8, 5)


def draw(bench: Bench, out: Path) -> None:
    """Write goodput by load, urgent latencies, and sheds by lane, as PNG files into `out`."""
    runs = {load: bench.play(bench.trace(bench.parts(load))) for load in LOADS}
    _goodput(bench, runs, out / "goodput.png")
    _latency(bench, runs, out / "urgent-latency.png")
    _shed(runs[4.0], out / "shed.png")


def replicas(found: dict[int, dict[str, Figures]], path: Path) -> None:
    """Write a PNG file: bulk finished in time, and work that a retry would save, by number of pods and variant."""
    heights = [len(rows) + 2 for rows in found.values()]
    size = {"figsize": (12, 0.3 * sum(heights)), "height_ratios": heights}
    with plot(path, len(found), 2, squeeze=False, sharey="row", **size) as grid:
        for (left, right), (pods, rows) in zip(grid, found.items(), strict=True):
            names = list(rows)
            left.barh(names, [figures.on_time[-1] for figures in rows.values()])
            left.set(title=f"{pods} pods: bulk finished in time")
            left.invert_yaxis()
            right.barh(names, [figures.next_try for figures in rows.values()], color="tab:red")
            right.set(title="shed work that the next try would have got in")


def _goodput(bench: Bench, runs: dict[float, Run], path: Path) -> None:
    capacity = bench.capacity(bench.parts(4.0))
    got = [
        [measures.goodput(measures.of(run, g.lanes), bench.cost) / run.ended_at / capacity for run in runs.values()]
        for g in bench.mix
    ]
    with plot(path, figsize=_SIZE) as axes:
        axes.stackplot(list(runs), got, labels=[g.name for g in bench.mix], alpha=0.8)
        axes.plot(list(runs), [min(1.0, load) for load in runs], "k--", label="ideal")
        axes.set(ylabel="finished in time / capacity", title=bench.setup.name)
        by_load(axes, list(runs))
        axes.legend(loc="lower right")


def _latency(bench: Bench, runs: dict[float, Run], path: Path) -> None:
    with plot(path, figsize=_SIZE) as axes:
        for load, run in runs.items():
            times = measures.latencies(measures.of(run, bench.urgent.lanes))
            axes.plot([1e3 * t for t in times], [1 - i / len(times) for i in range(len(times))], label=f"{load:g}x")
        axes.set(xlabel="latency in ms", ylabel="share slower", yscale="log", title=f"{bench.setup.name}: urgent lane")
        axes.legend()


def _shed(run: Run, path: Path) -> None:
    lost: list[list[int]] = [[], []]
    for outcome in run.outcomes:
        lost[outcome.good].append(outcome.request.lane)
    with plot(path, figsize=_SIZE) as axes:
        axes.hist([lost[1], lost[0]], bins=range(0, 1001, 50), stacked=True, label=["in time", "not"])
        axes.set(xlabel="lane", ylabel="requests", title="4x: by lane")
        axes.legend()

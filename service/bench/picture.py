"""A load test at a glance; needs matplotlib."""

from pathlib import Path

from service.bench.client import Ending
from service.bench.report import Report
from service.bench.workload import MIX, URGENT


def draw(report: Report, path: Path) -> None:
    """Write goodput by group, and urgent latency, both against load, as a PNG file. Raises ModuleNotFoundError."""
    import matplotlib as mpl  # noqa: PLC0415  # The service does without it.

    mpl.use("Agg")
    from matplotlib import pyplot as plt  # noqa: PLC0415

    loads = [run.load for run in report.runs]
    figure, (good, slow) = plt.subplots(1, 2, figsize=(12, 4.5), layout="constrained")
    parts = [[run.goodputs[group.name] / report.speed.tokens_s for run in report.runs] for group in MIX]
    good.stackplot(loads, parts, labels=[group.name for group in MIX], alpha=0.8)
    corner = sorted({*loads, 1.0})
    good.plot(corner, [min(1.0, load) for load in corner], "k--", label="ideal")
    good.set(ylabel="answered in time / capacity", ylim=(0, 1.2))
    urgent = [run.of(URGENT.name) for run in report.runs]
    for q, name in ((0.5, "p50"), (0.99, "p99")):
        slow.plot(loads, [run.took_s(q, Ending.IN_TIME) * 1000 for run in urgent], "o-", label=name)
    alone_s = report.alone.took_s(0.99, Ending.IN_TIME)
    slow.axhline((alone_s + report.batch_s) * 1000, color="k", ls="--", label="p99 alone + one batch")
    slow.set(ylabel="urgent requests, ms")
    slow.set_ylim(0, 1.2 * slow.get_ylim()[1])
    for axes in (good, slow):
        axes.set(xlabel="offered / capacity", xscale="log")
        axes.set_xticks(loads, [f"{load:g}" for load in loads], minor=False)
        axes.minorticks_off()
        axes.legend(loc="upper left", ncols=4)
    figure.savefig(path, dpi=120)
    plt.close(figure)

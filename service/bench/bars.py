"""Raw against served at a glance; needs matplotlib."""

from pathlib import Path
from statistics import median

from service.bench.sheet import Sheet
from service.bench.trials import OURS

_TICKS = (0.25, 0.5, 1, 2, 4, 8)


def draw(sheet: Sheet, path: Path) -> None:
    """Write the ways to cut, and the goals over their limits, as a PNG file. Raises ModuleNotFoundError."""
    import matplotlib as mpl  # noqa: PLC0415  # The service does without it.

    mpl.use("Agg")
    from matplotlib import pyplot as plt  # noqa: PLC0415

    figure, (ways, goals) = plt.subplots(1, 2, figsize=(13, 4.5), layout="constrained")
    rates = sorted(sheet.cuts.items(), key=lambda way: median(way[1]))
    for name, values in rates:
        ways.barh(name, median(values), color="tab:blue" if name == OURS else "tab:gray", alpha=0.8)
        ways.plot(values, [name] * len(values), "k.", markersize=3)
    ways.set(xlabel="tokens a second, raw, on all workers", title="ways to cut")
    # Of those with a limit that can be divided by; more is better for all when told like that.
    told = [goal for goal in reversed(sheet.goals) if goal.limit]
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
    figure.savefig(path, dpi=120)
    plt.close(figure)

"""A plot of a soak; it needs matplotlib."""

from collections import Counter
from pathlib import Path

from service.bench.goal import quantile
from service.bench.plot import plot
from tests.soak.outcome import OK
from tests.soak.result import SoakResult

_BINS = 60


def draw(result: SoakResult, path: Path) -> None:
    """Write memory, files, latency and outcomes over time as a PNG file. Raises ModuleNotFoundError."""
    with plot(path, 2, 2, figsize=(13, 8), sharex=True) as ((memory, held), (slow, how)):
        looks = result.watch.looks
        at = [look.at for look in looks]
        memory.plot(at, [look.usage.memory_mb for look in looks])
        memory.set(ylabel="memory, MB")
        held.plot(at, [look.usage.files for look in looks], label="file descriptors")
        held.plot(at, [look.usage.threads for look in looks], label="threads")
        step = max(call.at for call in result.ended) / _BINS
        bins = [[call for call in result.ended if i * step <= call.at < (i + 1) * step] for i in range(_BINS)]
        middles = [(i + 0.5) * step for i in range(_BINS)]
        for lanes, name in ((range(1), "lane 0"), (range(1, 500), "1-499"), (range(500, 1000), "500-999")):
            times = [[call.took_s for call in part if call.lane in lanes and call.reason == OK] for part in bins]
            slow.plot(middles, [quantile(part, 0.9) for part in times], "o-", ms=3, label=name)
        slow.set(ylabel="p90 of answers, s", yscale="log", xlabel="s")
        counts = [Counter(call.reason for call in part) for part in bins]
        names = [name for name, _ in sum(counts, Counter()).most_common()]
        how.stackplot(middles, [[count[name] / step for count in counts] for name in names], labels=names, alpha=0.8)
        how.set(ylabel="calls ended a second", xlabel="s")
        for axes in (memory, held, slow, how):
            for pause in result.watch.pauses:
                axes.axvline(pause, color="k", lw=0.5, ls=":")
            if axes is not memory:
                axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=3, fontsize="small")
            if axes is not slow:
                axes.set_ylim(bottom=0)

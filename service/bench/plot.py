"""Plots beside the results of a benchmark, where matplotlib is installed."""

import contextlib
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any


@contextlib.contextmanager
def plot(path: Path, rows: int = 1, columns: int = 1, **options: Any) -> Iterator[Any]:
    """Give axes, an array of them if there are several, and write them as a PNG file in the end.

    Raises ModuleNotFoundError without matplotlib.
    """
    import matplotlib as mpl  # noqa: PLC0415  # All else does without it.

    mpl.use("Agg")
    from matplotlib import pyplot as plt  # noqa: PLC0415

    figure, axes = plt.subplots(rows, columns, layout="constrained", **options)
    try:
        yield axes
        figure.savefig(path, dpi=120)
    finally:
        plt.close(figure)


def by_load(axes: Any, loads: Sequence[float]) -> None:
    """Let the x-axis show these loads."""
    axes.set(xlabel="offered / capacity", xscale="log")
    axes.set_xticks(loads, [f"{load:g}" for load in loads], minor=False)
    axes.minorticks_off()


def write(folder: Path, name: str, text: str, draw: Callable[[Path], None]) -> None:
    """Write `text` as NAME.md and the plot as NAME.png, or say what it takes to get the plot."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.md").write_text(text + "\n", encoding="utf-8")
    try:
        draw(folder / f"{name}.png")
    except ModuleNotFoundError:
        print("no plot: pip install 'rerankd[bench]'", file=sys.stderr)

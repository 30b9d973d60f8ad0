"""Plots of benchmark results; they need matplotlib."""

import contextlib
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any


@contextlib.contextmanager
def plot(path: Path, rows: int = 1, columns: int = 1, **options: Any) -> Iterator[Any]:
    """Yield the axes, an array if there are several, and write the figure as a PNG file on exit.

    Raises ModuleNotFoundError without matplotlib.
    """
    import matplotlib as mpl  # noqa: PLC0415  # An optional dependency.

    mpl.use("Agg")
    from matplotlib import pyplot as plt  # noqa: PLC0415

    figure, axes = plt.subplots(rows, columns, layout="constrained", **options)
    try:
        yield axes
        figure.savefig(path, dpi=120)
    finally:
        plt.close(figure)


def by_load(axes: Any, loads: Sequence[float]) -> None:
    """Label the x-axis with these loads, on a logarithmic scale."""
    axes.set(xlabel="offered / capacity", xscale="log")
    axes.set_xticks(loads, [f"{load:g}" for load in loads], minor=False)
    axes.minorticks_off()


def write(folder: Path, name: str, text: str, draw: Callable[[Path], None]) -> None:
    """Write `text` as NAME.md and the plot as NAME.png; without matplotlib, print how to install it instead."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.md").write_text(text + "\n", encoding="utf-8")
    try:
        draw(folder / f"{name}.png")
    except ModuleNotFoundError:
        print("no plot without matplotlib: pip install 'rerankd[bench]'", file=sys.stderr)

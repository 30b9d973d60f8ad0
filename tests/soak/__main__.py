"""Soak and chaos test of the real process: python -m tests.soak."""

import asyncio
import sys
from argparse import ArgumentParser
from functools import partial
from pathlib import Path

from service.bench.plot import write
from tests.soak import plot, report
from tests.soak.soak import soak


def main() -> int:
    """Print the report, write it with a plot, and return 0 if all promises were kept, else 1."""
    parser = ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("--seconds", type=float, default=600.0, help="duration of the load (default: 600)")
    parser.add_argument("--load", type=float, default=1.5, help="load as a multiple of the capacity (default: 1.5)")
    parser.add_argument("--seed", type=int, default=1, help="seed of calls and their times (default: 1)")
    parser.add_argument(
        "--out", type=Path, default=Path("soak-results"), help="directory of report and plot (default: soak-results)"
    )
    arguments = parser.parse_args()
    result = asyncio.run(soak(seconds=arguments.seconds, load=arguments.load, seed=arguments.seed))
    text = report.text(result)
    print(text)  # noqa: T201
    write(arguments.out, "soak", text, partial(plot.draw, result))
    return 0 if result.kept else 1


if __name__ == "__main__":
    sys.exit(main())

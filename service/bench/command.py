"""The command line of a load test."""

import argparse
from math import inf
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `rerankd bench load`."""
    parser.add_argument(
        "--loads", type=_loads, default=[0.5, 1, 1.5, 4, 10], help="offered over capacity; 0.5,1,1.5,4,10"
    )
    parser.add_argument("--seconds", type=_positive, default=25.0, help="length of each load; 25")
    parser.add_argument("--seed", type=int, default=1, help="draws the requests and their times; 1")
    parser.add_argument(
        "--out", type=Path, default=Path("bench-results"), help="folder for report and plot; bench-results"
    )
    parser.add_argument("--address", metavar="HOST:PORT", help="the gRPC of a running service, instead of a new one")


def load(arguments: argparse.Namespace) -> int:
    """Print the report and write it with a plot; return 0 if all limits were kept."""
    # Not at the top, for the help does without gRPC.
    from service.bench.load import tested  # noqa: PLC0415
    from service.bench.plot import write  # noqa: PLC0415

    report = tested(arguments.address, arguments.loads, seconds=arguments.seconds, seed=arguments.seed)
    print(report.text())
    write(arguments.out, "load", report.text(), report.draw)
    return 0 if report.kept else 1


def _loads(text: str) -> list[float]:
    return [_positive(part) for part in text.split(",")]


def _positive(text: str) -> float:
    number = float(text)
    if not 0 < number < inf:
        raise ValueError(text)
    return number

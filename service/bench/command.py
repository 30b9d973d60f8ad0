"""The command line of `rerankd bench load`."""

import argparse
from math import inf
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `rerankd bench load`."""
    parser.add_argument(
        "--loads",
        type=_loads,
        default=[0.5, 1, 1.5, 4, 10],
        help="loads as multiples of the capacity (default: 0.5,1,1.5,4,10)",
    )
    parser.add_argument("--seconds", type=_positive, default=25.0, help="duration of each load (default: 25)")
    parser.add_argument("--seed", type=int, default=1, help="seed of requests and arrivals (default: 1)")
    parser.add_argument(
        "--out", type=Path, default=Path("bench-results"), help="directory of report and plot (default: bench-results)"
    )
    parser.add_argument("--address", metavar="HOST:PORT", help="gRPC address of a running service (default: start one)")


def load(arguments: argparse.Namespace) -> int:
    """Print the report, write it with a plot, and return 0 if all limits were kept, else 1."""
    # Imported here, because --help must not wait for gRPC.
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

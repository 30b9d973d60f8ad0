"""Run all scenarios, print a table, and write it with plots: python -m tests.simulation."""

import sys
from argparse import ArgumentParser
from pathlib import Path
from time import perf_counter

from tests.simulation import plots
from tests.simulation.ablation import ABLATIONS
from tests.simulation.bench import Bench
from tests.simulation.result import Result
from tests.simulation.scenarios import SCENARIOS
from tests.simulation.table import markdown
from tests.simulation.worker import BRISK, EMBEDDED


def main() -> int:
    """Return the number of failed scenarios."""
    parser = ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument(
        "--out",
        type=Path,
        default=Path("simulation-results"),
        help="directory of table and plots (default: simulation-results)",
    )
    parser.add_argument(
        "--only", type=lambda text: text.split(","), default=list(SCENARIOS), help="names of scenarios, comma separated"
    )
    parser.add_argument("--setup", choices=[BRISK.name, EMBEDDED.name], default=BRISK.name)
    parser.add_argument("--seconds", type=float, default=30.0, help="duration of a trace (default: 30)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--without", choices=list(ABLATIONS), help="mechanism or constant to disable in the scheduler")
    parser.add_argument("--no-plots", action="store_true")
    arguments = parser.parse_args()
    setup = BRISK if arguments.setup == BRISK.name else EMBEDDED
    bench = Bench(setup, arguments.seconds, arguments.seed)
    if arguments.without:
        ABLATIONS[arguments.without].apply()
        bench = ABLATIONS[arguments.without].bench(bench)
    results = [_timed(name, bench) for name in arguments.only]
    table = markdown(results)
    print(table)  # noqa: T201
    arguments.out.mkdir(parents=True, exist_ok=True)
    (arguments.out / f"{setup.name}.md").write_text(table + "\n")
    if not arguments.no_plots:
        _plot(bench, arguments.out)
    return sum(not result.passed for result in results)


def _timed(name: str, bench: Bench) -> Result:
    start = perf_counter()
    result = SCENARIOS[name](bench)
    print(f"{name}: {'ok' if result.passed else 'NOT MET'}, {perf_counter() - start:.1f} s", file=sys.stderr)  # noqa: T201
    return result


def _plot(bench: Bench, out: Path) -> None:
    try:
        plots.draw(bench, out)
    except ModuleNotFoundError as missing:
        print(f"no plots: {missing}", file=sys.stderr)  # noqa: T201


if __name__ == "__main__":
    sys.exit(main())

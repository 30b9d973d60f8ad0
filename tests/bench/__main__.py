"""Compare the throughput and latency of the service with bare ONNX Runtime: python -m tests.bench."""

import asyncio
import os
import sys
from argparse import ArgumentParser, Namespace
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic, process_time

from service.bench.plot import write
from service.bench.process import Process
from service.engine.errors import ModelError
from service.hub.location import locate
from service.progress import Progress
from service.settings import Settings
from tests.bench import lag, memory
from tests.bench.corpus import questions
from tests.bench.findings import Findings
from tests.bench.report import EngineReport
from tests.bench.served import ask, served
from tests.bench.trials import Trials

_LAG_ROUND_S = 1.5
_LAG_SETTLING_S = 1.0
_LAG_IN_FLIGHT = 6
_ROOM_S = 120  # Backlog limit, in seconds: even a slow machine refuses nothing.
_MEMORY_CACHE_MB = 1  # Full before the first memory measurement, so that a filling cache is not taken for a leak.


def main() -> int:
    """Print the report, write it with a plot, and return 0 if all limits were kept, else 1."""
    parser = ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--rounds", type=_count, default=6, help="rounds of each comparison (default: 6)")
    parser.add_argument("--documents", type=_count, default=100, help="documents of a large request (default: 100)")
    parser.add_argument("--requests", type=_count, default=20_000, help="requests of the memory test (default: 20000)")
    parser.add_argument("--seed", type=int, default=1, help="seed of texts and batch order (default: 1)")
    parser.add_argument("--fp32", type=Path, metavar="MODEL_DIR", help="the same model in fp32, for a comparison")
    parser.add_argument(
        "--out", type=Path, default=Path("bench-results"), help="directory of report and plot (default: bench-results)"
    )
    arguments = parser.parse_args()
    try:
        report = asyncio.run(_report(arguments))
    except ModelError as error:
        print(f"python -m tests.bench: {error}", file=sys.stderr)  # noqa: T201
        return 1
    print(report.text())  # noqa: T201
    write(arguments.out, "engine", report.text(), report.draw)
    return 0 if report.kept else 1


async def _report(arguments: Namespace) -> EngineReport:
    """Run all measurements in sequence. Raises ModelError."""
    settings, progress = Settings.load(), Progress()
    documents, rounds, seed = arguments.documents, arguments.rounds, arguments.seed
    start, others_before_s = monotonic(), _others_cpu_s()
    slower = locate(arguments.fp32) if arguments.fp32 else None
    trials = Trials(settings, documents=documents, rounds=rounds, seed=seed, progress=progress)
    progress.step("predicted and measured times of batches")
    error = trials.prediction()
    progress.step(f"raw: {documents} documents at a time, batched by different policies")
    rates = trials.batching()
    over_fp32: list[float] = []
    if slower:
        progress.step("raw in int8 and in fp32")
        over_fp32 = trials.over(slower)
    async with served(backlog_seconds=_ROOM_S) as client:
        progress.step(f"raw and served, requests of {documents} documents")
        throughput = await trials.throughput(client)
        progress.step("raw and served, one request at a time")
        large, small = await trials.large(client), await trials.small(client)
    progress.step("the event loop under full load")
    late_s = await _late_s(trials.model, arguments, progress)
    progress.step(f"memory over {arguments.requests} mixed requests")
    async with served(cache_mb=_MEMORY_CACHE_MB) as client:
        growth = await memory.growth(client, trials.model, requests=arguments.requests, seed=seed, progress=progress)
    findings = Findings(
        documents=documents,
        requests=arguments.requests,
        rates=rates,
        served=throughput,
        large=large,
        small=small,
        differing=trials.differing,
        compared=trials.compared,
        error=error,
        late_s=late_s,
        growth=growth,
        over_fp32=over_fp32,
    )
    others = (_others_cpu_s() - others_before_s) / (monotonic() - start)
    return EngineReport(list(findings.goals()), rates, trials.model, settings.workers, others)


async def _late_s(model: str, arguments: Namespace, progress: Progress) -> float:
    """Return the p99 delay of a timer on the event loop of the service, in seconds, during large requests."""
    stream = questions(model, arguments.documents, arguments.seed - 1)
    with TemporaryDirectory() as folder:
        path = Path(folder) / "ticks"
        async with served("-m", lag.__name__, str(path), backlog_seconds=_ROOM_S) as client:
            since = monotonic() + _LAG_SETTLING_S
            until = since + _LAG_ROUND_S * arguments.rounds

            async def caller() -> None:
                while monotonic() < until:
                    progress.update(f"{max(until - monotonic(), 0):3.0f} s left")
                    await ask(client, list(islice(stream, 1)))

            await asyncio.gather(*(caller() for _ in range(_LAG_IN_FLIGHT)))
            progress.clear()
        return lag.late_s(path, since, until, 0.99)


def _others_cpu_s() -> float:
    """Return the CPU seconds used by all programs but this one and its children that ended; NaN without /proc."""
    times = os.times()
    others_s = Process("", pid=os.getpid()).others_cpu_s() + process_time()  # `others_cpu_s` subtracts both.
    return others_s - times.children_user - times.children_system


def _count(text: str) -> int:
    number = int(text)
    if number < 1:
        raise ValueError(text)
    return number


if __name__ == "__main__":
    sys.exit(main())

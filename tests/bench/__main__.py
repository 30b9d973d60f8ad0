"""How near the service gets to what ONNX Runtime alone does on the same machine: python -m tests.bench."""

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
from tests.bench.report import Report
from tests.bench.served import ask, served
from tests.bench.trials import Trials

_LAG_ROUND_S = 1.5
_LAG_SETTLING_S = 1.0
_LAG_IN_FLIGHT = 6
_ROOM_S = 120  # Of backlog: on a slow machine, too, nothing is refused here.
_MEMORY_CACHE_MB = 1  # Full long before a tenth of the requests: that a cache fills is no leak.


def main() -> int:
    """Print the report and write it with a plot; return 0 if all limits were kept."""
    parser = ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--rounds", type=_count, default=6, help="turns that raw and served take; 6")
    parser.add_argument("--documents", type=_count, default=100, help="documents of a large request; 100")
    parser.add_argument("--requests", type=_count, default=20_000, help="mixed requests, for the memory; 20000")
    parser.add_argument("--seed", type=int, default=1, help="draws texts and order; 1")
    parser.add_argument("--fp32", type=Path, metavar="MODEL_DIR", help="the same model in fp32, to compare with")
    parser.add_argument("--out", type=Path, default=Path("bench-results"), help="folder; bench-results")
    arguments = parser.parse_args()
    try:
        report = asyncio.run(_report(arguments))
    except ModelError as error:
        print(f"python -m tests.bench: {error}", file=sys.stderr)  # noqa: T201
        return 1
    print(report.text())  # noqa: T201
    write(arguments.out, "engine", report.text(), report.draw)
    return 0 if report.kept else 1


async def _report(arguments: Namespace) -> Report:
    """Measure everything, one after the other. Raises ModelError."""
    settings, progress = Settings.load(), Progress()
    documents, rounds, seed = arguments.documents, arguments.rounds, arguments.seed
    start, others_before_s = monotonic(), _others_cpu_s()
    slower = locate(arguments.fp32) if arguments.fp32 else None
    trials = Trials(settings, documents=documents, rounds=rounds, seed=seed, progress=progress)
    progress.step("what the cost model says of batches, and what they take")
    error = trials.prediction()
    progress.step(f"raw, {documents} documents at a time in the batches of different policies")
    rates = trials.batching()
    over_fp32: list[float] = []
    if slower:
        progress.step("raw, and raw in fp32")
        over_fp32 = trials.over(slower)
    async with served(backlog_seconds=_ROOM_S) as client:
        progress.step(f"raw and served, requests of {documents} documents")
        throughput = await trials.throughput(client)
        progress.step("raw and served, one request at a time")
        large, small = await trials.large(client), await trials.small(client)
    progress.step("the event loop under full load")
    late_s = await _late_s(trials.model, arguments, progress)
    progress.step(f"memory, over {arguments.requests} requests of all kinds")
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
    return Report(list(findings.goals()), rates, trials.model, settings.workers, others)


async def _late_s(model: str, arguments: Namespace, progress: Progress) -> float:
    """Return by how much a timer on the service's event loop is late while large requests are always under way."""
    asked = questions(model, arguments.documents, arguments.seed - 1)
    with TemporaryDirectory() as folder:
        path = Path(folder) / "ticks"
        async with served("-m", lag.__name__, str(path), backlog_seconds=_ROOM_S) as client:
            since = monotonic() + _LAG_SETTLING_S
            until = since + _LAG_ROUND_S * arguments.rounds

            async def caller() -> None:
                while monotonic() < until:
                    progress.update(f"{max(until - monotonic(), 0):3.0f} s left")
                    await ask(client, list(islice(asked, 1)))

            await asyncio.gather(*(caller() for _ in range(_LAG_IN_FLIGHT)))
            progress.clear()
        return lag.late_s(path, since, until, 0.99)


def _others_cpu_s() -> float:
    """Return the CPU seconds used so far by all but this program and those that it started; NaN where nobody tells."""
    ended = os.times()
    others_s = Process("", pid=os.getpid()).others_cpu_s() + process_time()  # For itself it counts twice.
    return others_s - ended.children_user - ended.children_system


def _count(text: str) -> int:
    number = int(text)
    if number < 1:
        raise ValueError(text)
    return number


if __name__ == "__main__":
    sys.exit(main())

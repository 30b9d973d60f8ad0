"""What becomes of requests that come whether or not the service keeps up: an open loop, at several loads."""

import argparse
import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from functools import partial
from math import inf
from pathlib import Path
from time import perf_counter

from service.bench import picture, refusal, speed
from service.bench.client import Client
from service.bench.output import write
from service.bench.process import Process, started
from service.bench.report import Report
from service.bench.run import play
from service.bench.workload import URGENT, trace
from service.progress import Progress
from service.settings import Settings

_CAPACITY_SHARE = 0.4  # Of the seconds for a load, for measuring the capacity.
_AFTERWARDS_SHARE = 0.2


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `rerankd bench load`."""
    parser.add_argument(
        "--loads", type=_loads, default=[0.5, 1, 1.5, 4, 10], help="offered over capacity; 0.5,1,1.5,4,10"
    )
    parser.add_argument("--seconds", type=_positive, default=25.0, help="length of each load; 25")
    parser.add_argument("--seed", type=int, default=1, help="draws the requests and their times; 1")
    parser.add_argument(
        "--out", type=Path, default=Path("bench-results"), help="folder for report and picture; bench-results"
    )
    parser.add_argument("--address", metavar="HOST:PORT", help="the gRPC of a running service, instead of a new one")


def load(arguments: argparse.Namespace) -> int:
    """Print the report and write it with a picture; return 0 if all limits were kept."""
    report = asyncio.run(_report(arguments))
    print(report.text())
    write(arguments.out, "load", report.text("```"), partial(picture.draw, report))
    return 0 if report.kept else 1


async def _report(arguments: argparse.Namespace) -> Report:
    async with _service(arguments.address) as process, Client.connected(process) as client:
        return await _measure(client, arguments.loads, seconds=arguments.seconds, seed=arguments.seed)


async def _measure(client: Client, loads: Sequence[float], *, seconds: float, seed: int) -> Report:
    progress, batch_s = Progress(), Settings.load().batch_seconds
    model = await client.model()
    start, others_before_s = perf_counter(), client.process.others_cpu_s()
    progress.step("capacity: the mix, in a closed loop")
    before = await speed.measure(client, model, seconds=_CAPACITY_SHARE * seconds, seed=seed)
    draw = partial(trace, model, tokens_s=before.tokens_s, deadlines=before.deadlines, seconds=seconds, seed=seed)
    progress.step(f"alone: only the urgent requests, for {seconds:g} s")
    urgent = [request for request in draw(load=1) if request.group == URGENT.name]
    alone = await play(client, urgent, load=0, seconds=seconds, progress=progress)
    runs = []
    for offered in sorted(loads):
        requests = draw(load=offered)
        progress.step(f"{offered:g}x: {len(requests)} requests in {seconds:g} s")
        runs.append(await play(client, requests, load=offered, seconds=seconds, progress=progress))
    progress.step("capacity once more, and what a refusal costs")
    after = await speed.measure(client, model, seconds=_AFTERWARDS_SHARE * seconds, seed=seed)
    cost = await refusal.cost(client, model, before)
    others = (client.process.others_cpu_s() - others_before_s) / (perf_counter() - start)
    return Report(before, after, alone, runs, batch_s, cost, others)


@contextlib.asynccontextmanager
async def _service(address: str | None) -> AsyncIterator[Process]:
    if address:
        yield Process(address)
    else:
        async with started() as process:
            yield process


def _loads(text: str) -> list[float]:
    return [_positive(part) for part in text.split(",")]


def _positive(text: str) -> float:
    number = float(text)
    if not 0 < number < inf:
        raise ValueError(text)
    return number

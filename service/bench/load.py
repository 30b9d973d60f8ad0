"""An open-loop load test at several loads."""

import asyncio
from collections.abc import Sequence
from contextlib import nullcontext
from functools import partial
from time import perf_counter

from service.bench import measure
from service.bench.client import Client
from service.bench.process import Process, started
from service.bench.report import LoadTestReport
from service.bench.run import play
from service.bench.workload import BULK, URGENT, trace
from service.progress import Progress
from service.settings import Settings

_CAPACITY_SHARE = 0.4  # Duration of the first capacity measurement, as a share of that of a load.
_AFTERWARDS_SHARE = 0.2  # Duration of the second one.


def tested(address: str | None, loads: Sequence[float], *, seconds: float, seed: int) -> LoadTestReport:
    """Test the service at `address`, or a new one without `address`, at each load for `seconds`.

    Raises SystemExit if the service does not start or answer.
    """
    # No cache: requests repeat, and the test measures scoring.
    with nullcontext(Process(address)) if address else started(cache_mb=0) as process:
        return asyncio.run(_tested(process, loads, seconds, seed))


async def _tested(process: Process, loads: Sequence[float], seconds: float, seed: int) -> LoadTestReport:
    progress, batch_s = Progress(), Settings.load().batch_seconds
    async with Client.connected(process) as client:
        model = await client.model()
        start, others_before_s = perf_counter(), process.others_cpu_s()
        progress.step("capacity: the mix in a closed loop")
        before = await measure.capacity(client, model, seconds=_CAPACITY_SHARE * seconds, seed=seed)
        draw = partial(trace, model, tokens_s=before.tokens_s, deadlines=before.deadlines, seconds=seconds, seed=seed)
        progress.step(f"urgent requests alone, for {seconds:g} s")
        urgent = [request for request in draw(load=1) if request.group == URGENT.name]
        alone = await play(client, urgent, load=0, seconds=seconds, progress=progress)
        runs = []
        for offered in sorted(loads):
            requests = draw(load=offered)
            progress.step(f"{offered:g}x: {len(requests)} requests in {seconds:g} s")
            runs.append(await play(client, requests, load=offered, seconds=seconds, progress=progress))
        progress.step("capacity again, and the cost of a refusal")
        after = await measure.capacity(client, model, seconds=_AFTERWARDS_SHARE * seconds, seed=seed)
        cost = await measure.refusal_cost(client, model, before.alone_s[BULK.name])
        others = (process.others_cpu_s() - others_before_s) / (perf_counter() - start)
        return LoadTestReport(before, after, alone, runs, batch_s, cost, others)

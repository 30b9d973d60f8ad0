"""A soak from start to drain."""

import asyncio
import signal
import sys
from random import Random
from time import perf_counter

import httpx

from service.bench import measure
from service.bench.client import Client
from service.bench.process import Process
from service.progress import Progress
from tests.process import RunningService
from tests.soak import grpc_calls, wire_calls
from tests.soak.ledger import Log, differences, faults
from tests.soak.load import Callers
from tests.soak.metrics import Metrics
from tests.soak.outcome import SERVED
from tests.soak.question import Questions, SoakRequest
from tests.soak.result import JUDGED_S, Drain, SoakResult
from tests.soak.samples import Samples
from tests.soak.target import Target
from tests.soak.usage import Usage
from tests.soak.watch import Watch

_COMMAND = (sys.executable, "-m", "tests.soak.faulty", "serve")
_CACHE_MB = 8  # Full within a minute, so that later growth of memory has another cause.
_MEASURED_S = (2.0, 10.0)  # Shortest and longest measurement of the capacity.
_SETTLING_S = 20.0
_LAST_WORDS = 5000
_OVERSIZE, _PATIENCE_S = 10, 60.0
_DRAINED = 8  # Calls in flight at SIGTERM.


async def soak(*, seconds: float, load: float, seed: int, tokens_s: float | None = None) -> SoakResult:
    """Start a service and load it for `seconds` at `load` times its capacity, which is measured unless given."""
    progress = Progress()
    progress.step("start, and capacity")
    service = await asyncio.to_thread(RunningService.start, *_COMMAND, cache_mb=_CACHE_MB)
    try:
        if tokens_s is None:
            tokens_s = await _capacity(service, min(max(seconds / 10, _MEASURED_S[0]), _MEASURED_S[1]), seed)
        return await _soaked(service, progress, tokens_s, seconds=seconds, load=load, seed=seed)
    except BaseException:
        print(service.log()[-_LAST_WORDS:], file=sys.stderr)  # noqa: T201  # The log may contain the reason.
        raise
    finally:
        service.process.kill()
        service.process.wait()


async def _soaked(
    service: RunningService, progress: Progress, tokens_s: float, *, seconds: float, load: float, seed: int
) -> SoakResult:
    pid, samples = service.process.pid, Samples(seed)
    _, before = await _settled(service, None)
    progress.step(f"{load:g} of {tokens_s:,.0f} tokens a second, for {seconds:g} s")
    async with Target.connected(service, seed) as target:
        callers, watch = Callers(target, samples, seed), Watch(target, pid)
        until = perf_counter() + seconds
        async with asyncio.TaskGroup() as group:
            group.create_task(callers.work(load * tokens_s, until))
            group.create_task(callers.noise(until))
            group.create_task(watch.look(until))
            group.create_task(watch.probe(until))
            group.create_task(watch.pause(until, Random(seed)))
            group.create_task(_tell(progress, callers, watch, until))
        progress.step(f"{callers.open} calls are still open")
        await callers.end()
        held_mb = await _held_mb(target, pid) if seconds >= JUDGED_S else None
    progress.step("rest, and drain")
    metrics, after = await _settled(service, before)
    counted = Log(service.log())
    drain = await _drained(service, Questions(seed + 1))
    log = Log(service.log())
    progress.step(f"{len(samples)} scores, alone")
    return SoakResult(
        seconds=seconds,
        load=callers.tokens / seconds / tokens_s,
        tokens_s=tokens_s,
        ended=callers.ended,
        watch=watch,
        before=before,
        after=after,
        metrics=metrics,
        held_mb=held_mb,
        faults=faults(callers.ended),
        differences=list(differences(callers.ended, counted, metrics)),
        strange=log.strange,
        unsent=log.unsent,
        told=log.told,
        scores=len(samples),
        other_scores=await samples.wrong(),
        drain=drain,
    )


async def _capacity(service: RunningService, seconds: float, seed: int) -> float:
    """Measure the capacity in tokens per second."""
    async with Client.connected(Process(service.grpc, pid=service.process.pid)) as client:
        return (await measure.capacity(client, await client.model(), seconds=seconds, seed=seed)).tokens_s


async def _held_mb(target: Target, pid: int) -> float:
    """Return the most memory, in MB, still held after one of several too large messages."""
    before, question = Usage.of(pid).memory_mb, Questions(1).draw()._replace(deadline_s=_PATIENCE_S)
    held = []
    for _ in range(_OVERSIZE):
        for send in (grpc_calls.oversize, wire_calls.oversize_sent):
            await send(target, "oversize", question)
            held.append(Usage.of(pid).memory_mb - before)
    return max(held)


async def _settled(service: RunningService, before: Usage | None) -> tuple[Metrics, Usage]:
    """Return metrics and usage once no work is in progress, or after a timeout."""
    admin, end = service.admin.removeprefix("http://"), perf_counter() + _SETTLING_S
    while True:
        await asyncio.sleep(1)
        async with httpx.AsyncClient() as client:
            metrics = await Metrics.scrape(client, admin)
        await asyncio.sleep(0.1)  # Lets the connection of the scrape close, too.
        usage = Usage.of(service.process.pid)
        if (metrics.at_rest and (before is None or usage.files <= before.files)) or perf_counter() > end:
            return metrics, usage


async def _drained(service: RunningService, questions: Questions) -> Drain:
    """Stop the service while calls are in flight, and return its end."""
    async with Target.connected(service, 1) as target:

        async def ask(question: SoakRequest) -> str:
            try:
                return (await grpc_calls.unary(target, "drained", question)).reason
            except AssertionError as error:
                return str(error)

        asked = [asyncio.create_task(ask(questions.draw())) for _ in range(_DRAINED)]
        await asyncio.sleep(0.2)
        service.process.send_signal(signal.SIGTERM)
        reasons = await asyncio.gather(*asked)
    status = await asyncio.to_thread(service.stop)
    return Drain(status, [reason for reason in reasons if reason not in SERVED | {"DRAINING"}])


async def _tell(progress: Progress, callers: Callers, watch: Watch, until: float) -> None:
    """Show the progress."""
    while (left_s := until - perf_counter()) > 0:
        held = watch.looks[-1].usage if watch.looks else None
        memory = f"{held.memory_mb:.0f} MB, {held.files} files, {held.threads} threads" if held else ""
        progress.update(f"{left_s:.0f} s left; {len(callers.ended)} calls ended, {callers.open} open; {memory}")
        await asyncio.sleep(min(1, left_s))
    progress.clear()

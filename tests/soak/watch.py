"""Watches the usage and the probes of the service during the load, and pauses the process at times."""

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable
from random import Random
from time import perf_counter
from typing import NamedTuple

import grpc
import httpx
from grpc_health.v1 import health_pb2

from tests.clients import health
from tests.contract.clients import SERVICE
from tests.soak.load import MARGIN_S
from tests.soak.metrics import Metrics
from tests.soak.target import LIMITS, Target
from tests.soak.usage import Usage

_LOOK_S = 0.5
_PROBE_S = 1.0
_PAUSE_EVERY_S, _PAUSE_S = 20.0, (0.5, 2.0)


class Look(NamedTuple):
    """The usage of the process at one time of the load."""

    at: float
    usage: Usage


class Watch:
    """Observations of a process under load."""

    def __init__(self, target: Target, pid: int) -> None:
        self._target, self._pid = target, pid
        self._start = perf_counter()
        self.looks: list[Look] = []
        self.probes = 0
        self.unanswered: list[str] = []
        """Failures of probes."""
        self.pauses: list[float] = []
        """Times at which the process was paused."""

    async def look(self, until: float) -> None:
        """Record the usage of the process."""
        while perf_counter() < until:
            self.looks.append(Look(perf_counter() - self._start, Usage.of(self._pid)))
            await asyncio.sleep(_LOOK_S)

    async def probe(self, until: float) -> None:
        """Probe and scrape the service over its own connections."""
        async with (
            httpx.AsyncClient(timeout=MARGIN_S, limits=LIMITS) as client,
            grpc.aio.insecure_channel(self._target.grpc) as channel,
        ):
            stub = health(channel)

            async def served(name: str) -> bool:
                answer = await stub.Check(health_pb2.HealthCheckRequest(service=name), timeout=MARGIN_S)
                return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)

            async def page(name: str) -> bool:
                return (await client.get(f"http://{self._target.admin}/{name}")).status_code == 200

            async def metrics(_: str) -> bool:
                return bool((await Metrics.scrape(client, self._target.admin)).under_way)

            while perf_counter() < until:
                await self._probe("gRPC readiness", served, SERVICE)
                await self._probe("gRPC liveness", served, "liveness")
                await self._probe("readyz", page, "readyz")
                await self._probe("livez", page, "livez")
                await self._probe("metrics", metrics, "")
                await asyncio.sleep(_PROBE_S)

    async def pause(self, until: float, rng: Random) -> None:
        """Pause the process with SIGSTOP for a short time, periodically."""
        every_s = min(_PAUSE_EVERY_S, (until - perf_counter()) / 3)
        while perf_counter() + every_s + _PAUSE_S[1] < until:
            await asyncio.sleep(every_s)
            self.pauses.append(perf_counter() - self._start)
            os.kill(self._pid, signal.SIGSTOP)
            try:
                await asyncio.sleep(rng.uniform(*_PAUSE_S))
            finally:
                os.kill(self._pid, signal.SIGCONT)

    async def _probe(self, called: str, ask: Callable[[str], Awaitable[bool]], name: str) -> None:
        self.probes += 1
        try:
            if not await ask(name):
                self.unanswered.append(f"{called}: no")
        except (httpx.HTTPError, grpc.RpcError) as error:
            self.unanswered.append(f"{called}: {type(error).__name__}")

"""The service under soak, and the connections of its clients."""

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from itertools import count
from random import Random

import httpx
from grpc import aio

from service.bench.client import channel
from tests.process import RunningService

_CHANNELS = 4
LIMITS = httpx.Limits(max_connections=None, keepalive_expiry=2.0)
"""Idle connections expire before the service closes them, after 5 s."""
_NAMES = 4


@dataclass
class Target:
    """The addresses of the service, and a few connections that well-behaved clients share."""

    grpc: str
    http: str
    """Address as host:port, like the others."""
    admin: str
    channels: list[aio.Channel]
    client: httpx.AsyncClient
    rng: Random
    _serial: count = field(default_factory=count)

    @classmethod
    @contextlib.asynccontextmanager
    async def connected(cls, service: RunningService, seed: int) -> AsyncIterator["Target"]:
        """Connect to a service; close all connections on exit."""
        async with contextlib.AsyncExitStack() as stack:
            client = await stack.enter_async_context(httpx.AsyncClient(limits=LIMITS, timeout=None))  # noqa: S113
            channels = [await stack.enter_async_context(channel(service.grpc)) for _ in range(_CHANNELS)]
            http, admin = (base.removeprefix("http://") for base in (service.http, service.admin))
            yield cls(service.grpc, http, admin, channels, client, Random(seed))

    def name(self, kind: str) -> str:
        """Return the name of a random client of a kind of call."""
        return f"soak.{kind}.{next(self._serial) % _NAMES}"

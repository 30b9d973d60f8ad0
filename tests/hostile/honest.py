"""Honest callers of both APIs, and probes, beside an attack."""

import asyncio
import ssl
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from itertools import count
from pathlib import Path
from time import perf_counter
from typing import NamedTuple

import grpc
import httpx
from grpc_health.v1 import health_pb2
from rerank.v2 import rerank_pb2 as pb

from service.bench.goal import quantile

PATIENCE_S = 10.0
"""After this time an honest caller gives up: its call has failed."""
_EVERY_S = 0.1  # Between two calls of a kind: one call of lane 0 about every 50 ms, over the one API or the other.
_AT_ONCE = 20  # Open calls of a kind. With this many unanswered, callers wait with more.
_ADDRESS = "127.0.0.2"  # Of the callers of REST and of the probes of the admin port; gRPC calls from 127.0.0.1.
MODEL = "rerank-v3.5"
CALLS, PROBES = ("grpc", "rest"), ("livez", "readyz", "health")
_OPTIONS = (("grpc.use_local_subchannel_pool", 1),)  # A connection for each channel.


class Seen(NamedTuple):
    """A call or a probe, as its caller saw it."""

    took_s: float
    fault: str = ""


class Watched:
    """All calls and probes of a while."""

    def __init__(self) -> None:
        self.seen: dict[str, list[Seen]] = defaultdict(list)

    def p99_s(self) -> float:
        """Return the time that 99 of 100 honest calls did not exceed, failed ones included; NaN without calls."""
        return quantile((one.took_s for kind in CALLS for one in self.seen[kind]), 0.99)

    def slowest_s(self, kind: str) -> float:
        """Return the longest time of a kind of probe; 0 without any."""
        return max((one.took_s for one in self.seen[kind]), default=0.0)

    def faults(self, *kinds: str) -> list[str]:
        """Return the faults of calls and probes of these kinds."""
        return [f"{kind}: {one.fault}" for kind in kinds for one in self.seen[kind] if one.fault]

    def number(self, *kinds: str) -> int:
        """Return how many calls and probes of these kinds there were."""
        return sum(len(self.seen[kind]) for kind in kinds)


class Honest:
    """Callers and probes of a service."""

    def __init__(
        self,
        addresses: tuple[str, str, str],
        client: httpx.AsyncClient,
        channel: Callable[[str], grpc.aio.Channel],
        front: str,
        key: str,
    ) -> None:
        self._grpc, self._http, self._admin = addresses
        self._client, self._key = client, key
        self._new_channel, self._channel = channel, channel(front)
        self._texts = count()

    @classmethod
    @asynccontextmanager
    async def of(
        cls, addresses: tuple[str, str, str], key: str = "", ca: Path | None = None, *, front: str = ""
    ) -> AsyncIterator["Honest"]:
        """Call host:port of gRPC and base URLs of REST and the admin port, over TLS with a `ca`; close on exit.

        Calls of gRPC go to `front`, if there is one; probes do not, as those of a kubelet.
        """

        def channel(address: str) -> grpc.aio.Channel:
            if ca is None:
                return grpc.aio.insecure_channel(address, options=_OPTIONS)
            credentials = grpc.ssl_channel_credentials(ca.read_bytes())
            return grpc.aio.secure_channel(address, credentials, options=_OPTIONS)

        async with AsyncExitStack() as stack:
            # As clients that come and go, and as a kubelet: a connection for each call. It keeps none.
            limits = httpx.Limits(max_keepalive_connections=0)
            verify = ssl.create_default_context(cafile=ca)
            transport = httpx.AsyncHTTPTransport(local_address=_ADDRESS, limits=limits, verify=verify)
            client = await stack.enter_async_context(httpx.AsyncClient(transport=transport, timeout=PATIENCE_S))
            honest = cls(addresses, client, channel, front or addresses[0], key)
            stack.push_async_callback(honest._channel.close)
            yield honest

    async def watch(self, until: Callable[[], bool]) -> Watched:
        """Call and probe as long as `until` is false, and wait for the last answers."""
        watched = Watched()
        asks = {
            "grpc": self._call,
            "rest": self._post,
            "livez": self._page,
            "readyz": self._page,
            "health": self._check,
        }
        await asyncio.gather(*(self._ask(kind, ask, until, watched) for kind, ask in asks.items()))
        return watched

    async def _ask(
        self, kind: str, ask: Callable[[str], Awaitable[str]], until: Callable[[], bool], watched: Watched
    ) -> None:
        turns = asyncio.Semaphore(_AT_ONCE)

        async def one() -> None:
            start, fault = perf_counter(), ""
            try:
                async with asyncio.timeout(PATIENCE_S):
                    fault = await ask(kind)
            except grpc.RpcError as error:
                fault = f"{error.code().name} {error.details()}"
            except (httpx.HTTPError, TimeoutError, OSError) as error:
                fault = f"{type(error).__name__} {_reason(error)} after {perf_counter() - start:.2f} s"
            finally:
                turns.release()
            watched.seen[kind].append(Seen(perf_counter() - start, fault))

        async with asyncio.TaskGroup() as group:
            while not until():
                await turns.acquire()
                group.create_task(one())
                await asyncio.sleep(_EVERY_S)

    async def _call(self, kind: str) -> str:
        request = pb.RerankRequest(model=MODEL, query="honest", documents=[self._text()], priority=0)
        call = self._channel.unary_unary(
            "/rerank.v2.RerankService/Rerank",
            request_serializer=pb.RerankRequest.SerializeToString,
            response_deserializer=pb.RerankResponse.FromString,
        )
        metadata = (("authorization", f"Bearer {self._key}"),) if self._key else (("x-client-name", "honest"),)
        answer = await call(request, timeout=PATIENCE_S, metadata=metadata)
        return "" if len(answer.results) == 1 else "no result"

    async def _post(self, kind: str) -> str:
        body = {"model": MODEL, "query": "honest", "documents": [self._text()]}
        headers = {"X-Priority": "0", "X-Client-Name": "honest"}
        headers |= {"Authorization": f"Bearer {self._key}"} if self._key else {}
        answer = await self._client.post(f"{self._http}/v2/rerank", json=body, headers=headers)
        return "" if answer.status_code == 200 else str(answer.status_code)

    async def _page(self, kind: str) -> str:
        status = (await self._client.get(f"{self._admin}/{kind}")).status_code
        return "" if status == 200 else str(status)

    async def _check(self, kind: str) -> str:
        async with self._new_channel(self._grpc) as channel:
            check = channel.unary_unary(
                "/grpc.health.v1.Health/Check",
                request_serializer=health_pb2.HealthCheckRequest.SerializeToString,
                response_deserializer=health_pb2.HealthCheckResponse.FromString,
            )
            answer = await check(health_pb2.HealthCheckRequest(), timeout=PATIENCE_S, wait_for_ready=True)
        return "" if answer.status == health_pb2.HealthCheckResponse.SERVING else "not SERVING"

    def _text(self) -> str:
        """Return a short text that nobody asked about before."""
        return f"the river of document {next(self._texts)}"


def _reason(error: BaseException) -> str:
    """Return the text of the first error that led to this one."""
    while reason := error.__cause__ or error.__context__:
        error = reason
    return repr(error)

"""The service: construction, start, serving and shutdown."""

import asyncio
import logging
import signal
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TYPE_CHECKING

from scheduler import Dispatcher, LoopClock, Scheduler
from service.access.access import Access
from service.access.api_keys import ApiKeys
from service.access.byte_budget import ByteBudget
from service.access.denylist import DenyList
from service.access.rate_limit import RateLimit
from service.calls import Calls
from service.engine.cache_scope import CacheScope
from service.engine.score_cache import ScoreCache
from service.grpc_api.server import GrpcApi
from service.loading import load_models, on_daemon_thread
from service.memory import return_memory
from service.net.address import Address
from service.net.descriptors import Places, places, raise_limit
from service.net.http_server import CLOSING_S, AddressError, HttpServer
from service.net.rotation import Rotation
from service.net.tls import Certificates, CurrentContext
from service.rerank.backend import Backend
from service.rerank.limits import Limits
from service.rerank.priority_executor import PriorityExecutor
from service.rerank.reranker import Reranker
from service.rest.app import create_app
from service.settings import Settings, spans_wanted
from service.signals import ending
from service.telemetry.admin import create_admin
from service.telemetry.call_telemetry import CallTelemetry
from service.telemetry.metrics import Metrics
from service.telemetry.model_telemetry import ModelTelemetry
from service.telemetry.streams import OUTPUT

if TYPE_CHECKING:
    from service.engine.pair_layout import EncodedPair

_log = logging.getLogger("rerankd")
_THREADS = 1  # Per executor: one tokenises, one tokenises the few texts that take long, one parses large messages.
_MB = 2**20
_WAITING_MAX = 1000  # Calls in the queue of each executor.
_DEPARTURE_S = 1.0
"""Longest wait, after the drain, for callers to notice the shutdown.

New calls are refused with DRAINING in this time. After it, grpc cancels calls that the service has not seen yet, and
few clients retry a cancelled call on another server.
"""
_QUIET_S = 0.25  # Seconds without a new call after which all callers are taken to have noticed.
_STALL_MIN_S = 10.0
_STALL_BATCHES = 20


class Service:
    """All components between the sockets and the workers."""

    def __init__(self, settings: Settings) -> None:
        """Build the components that need no model, on the running event loop. Raises FileError."""
        self._settings = settings
        self._metrics = Metrics()
        self._telemetry = CallTelemetry(self._metrics, export_spans=spans_wanted())
        self._tokenising = PriorityExecutor(_THREADS, _WAITING_MAX, "tokenise")
        self._long_texts = PriorityExecutor(_THREADS, _WAITING_MAX, "long-text")
        self._parsing = PriorityExecutor(_THREADS, _WAITING_MAX, "parse")
        self._limits = limits = Limits(
            settings.max_documents, settings.policy.pairs_max, settings.max_message_mb * _MB, settings.stream_mb * _MB
        )
        self._denylist = DenyList(settings.denylist_file)
        self._backend = Backend()
        access = Access(ApiKeys(settings.api_keys_file), RateLimit(settings.rate_limit))
        self._calls = Calls(
            access,
            ByteBudget(settings.max_held_mb * _MB, settings.account_held_mb * _MB),
            self._telemetry,
            default_timeout_s=settings.default_timeout_seconds,
            timeout_max_s=settings.max_timeout_seconds,
        )
        self._dispatcher: Dispatcher[EncodedPair] | None = None
        self._memory: asyncio.Task[None] | None = None
        self._workers = ThreadPoolExecutor(settings.workers, thread_name_prefix="worker")
        self._serving = False
        self._hurrying: asyncio.Future[None] | None = None
        certificates = _certificates(settings)
        open_places = _places(settings)
        self._grpc = GrpcApi(
            self._backend,
            self._calls,
            limits,
            self._parsing,
            alive=self._alive,
            connections_max=open_places.grpc,
            connection_age_max_s=settings.max_connection_age_seconds,
            certificates=certificates,
        )
        app = create_app(self._backend, self._calls, limits, self._parsing)
        admin = create_admin(self._metrics, alive=self._alive, ready=lambda: self._serving)
        idle_s, context = settings.http_idle_seconds, CurrentContext(certificates) if certificates else None
        rotation = Rotation()
        self._http = HttpServer(app, idle_s=idle_s, connections_max=open_places.rest, rotation=rotation, tls=context)
        self._admin = HttpServer(admin, idle_s=idle_s, connections_max=open_places.admin, rotation=rotation)

    async def start(self) -> None:
        """Listen, load and warm up the models, then serve; print a line for each address.

        Raises AddressError or ModelError.
        """
        settings = self._settings
        self._memory = asyncio.create_task(return_memory())
        http = await self._http.listen(settings.http_address)
        admin = await self._admin.listen(settings.admin_address)
        try:
            grpc = await self._grpc.start(str(settings.grpc_address))
        except RuntimeError as error:
            reason = "the address is in use or does not belong to this machine"
            if settings.tls_cert_file:  # gRPC supports fewer key types than the standard library.
                reason += f", or gRPC does not support the key type of the certificate {settings.tls_cert_file}"
            raise AddressError(f"cannot listen on {settings.grpc_address}: {reason}") from error
        loaded = await load_models(settings)
        models = [model for model, _ in loaded]
        telemetry = ModelTelemetry(self._metrics, [model.name for model in models])
        for model in models:
            if not model.engine.batch_invariant:
                telemetry.warn_batch_dependent(model.name)
        self._dispatcher = Dispatcher(
            Scheduler(settings.policy, *(cost for _, cost in loaded)),
            [ScoreCache(model.engine.score, model.cache) for model in models],
            LoopClock(),
            self._workers,
            telemetry.batch,
        )
        self._metrics.register_load(self._dispatcher.load)
        reranker = Reranker(
            models,
            self._dispatcher,
            self._tokenising,
            self._denylist,
            self._limits,
            long_texts=self._long_texts,
            bill_windows=settings.bill_windows,
            share_cache=settings.cache_scope is CacheScope.SHARED,
        )
        self._backend.start(reranker)
        self._serving = True
        await self._grpc.ready()
        for api, address, port in (
            ("gRPC", settings.grpc_address, grpc),
            ("HTTP", settings.http_address, http),
            ("admin", settings.admin_address, admin),
        ):
            print(f"rerankd: {api} on {Address(address.host, port)}", file=OUTPUT)

    async def stop(self) -> None:
        """Refuse new work, finish admitted work within `drain_seconds`, fail the rest, and close."""
        self._serving = False
        await self._grpc.unready()
        if self._dispatcher:
            await self._dispatcher.drain(max(self._settings.drain_seconds - _DEPARTURE_S - CLOSING_S, 0))
        await self._await_quiet()
        await asyncio.gather(self._grpc.stop(CLOSING_S), self._http.stop(), self._admin.stop())
        if self._memory:
            self._memory.cancel()
        self._tokenising.close()
        self._long_texts.close()
        self._parsing.close()
        self._workers.shutdown(wait=False, cancel_futures=True)
        with suppress(TimeoutError):
            await asyncio.wait_for(on_daemon_thread(self._telemetry.close), CLOSING_S)

    def hurry(self) -> None:
        """End a drain at once: fail the admitted work."""
        if self._dispatcher:
            self._hurrying = asyncio.ensure_future(self._dispatcher.drain(0))

    async def _await_quiet(self) -> None:
        """Wait until no call has ended for `_QUIET_S`, up to `_DEPARTURE_S`."""
        loop = asyncio.get_running_loop()
        limit = loop.time() + _DEPARTURE_S
        while self._calls.quiet_s() < _QUIET_S and loop.time() < limit:  # noqa: ASYNC110  # The absence of calls has no event to wait for.
            await asyncio.sleep(_QUIET_S / 10)

    def _alive(self) -> bool:
        """Return True while workers complete batches, whatever the length of the queue."""
        limit_s = max(_STALL_MIN_S, _STALL_BATCHES * self._settings.batch_seconds)
        return self._dispatcher is None or self._dispatcher.stalled_s() < limit_s


async def serve(settings: Settings) -> None:
    """Run the service until a signal ends it. Raises AddressError, FileError or ModelError if it cannot start."""
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in ending():  # Again and again without effect: service managers and shells send them twice.
        loop.add_signal_handler(number, stopping.set)
    service = Service(settings)

    def interrupt() -> None:
        if stopping.is_set():  # The second Ctrl-C is of a person who does not want to wait.
            service.hurry()
        stopping.set()

    loop.add_signal_handler(signal.SIGINT, interrupt)
    starting, stopped = asyncio.ensure_future(service.start()), asyncio.ensure_future(stopping.wait())
    try:
        await asyncio.wait((starting, stopped), return_when=asyncio.FIRST_COMPLETED)
        if starting.done():
            starting.result()
            await stopped
    finally:
        starting.cancel()
        stopped.cancel()
        await service.stop()


def _places(settings: Settings) -> Places:
    """Return the most connections of each listener; warn if the descriptors do not suffice."""
    descriptors = raise_limit()
    found = places(descriptors, settings.max_connections)
    if found.rest < settings.max_connections:
        _log.warning(
            "%s file descriptors leave room for %s connections of gRPC and of REST each, and not for %s;"
            " raise the limit (ulimit -Hn) or lower RERANKD_MAX_CONNECTIONS",
            *(descriptors, found.rest, settings.max_connections),
        )
    return found


def _certificates(settings: Settings) -> Certificates | None:
    """Return the TLS certificates; None without TLS. Raises FileError."""
    if not settings.tls_cert_file or not settings.tls_key_file:
        return None
    return Certificates(settings.tls_cert_file, settings.tls_key_file, settings.tls_client_ca_file)

"""The composition root: a service is wired, started and stopped here."""

import asyncio
import signal
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

from scheduler import Dispatcher, LoopClock, Scheduler
from service.access.access import Access
from service.access.api_keys import ApiKeys
from service.access.denylist import DenyList
from service.access.rate_limit import RateLimit
from service.calls import Calls
from service.engine.pair_layout import EncodedPair
from service.engine.score_cache import ScoreCache
from service.grpc_api.server import GrpcApi
from service.loading import load_models, on_daemon_thread
from service.net.address import Address
from service.net.http_server import CLOSING_S, AddressError, HttpServer
from service.net.tls import Certificates, CurrentContext
from service.rerank.backend import Backend
from service.rerank.limits import Limits
from service.rerank.priority_executor import PriorityExecutor
from service.rerank.reranker import Reranker
from service.rest.app import create_app
from service.settings import Settings, spans_wanted
from service.telemetry.admin import create_admin
from service.telemetry.call_telemetry import CallTelemetry
from service.telemetry.metrics import Metrics
from service.telemetry.model_telemetry import ModelTelemetry
from service.telemetry.streams import OUTPUT

_THREADS = 1  # Of each of the two executors: tokenising, and parsing large bodies.
_WAITING_MAX = 1000  # Calls that wait for such a thread.
_QUIET_S = 0.25
"""Time without a call after which a stopping service takes it that its callers know.

Until then it refuses calls as DRAINING. Once it closes, grpc cancels calls that it has received, and few clients take
CANCELLED for a reason to ask another server.
"""
_QUIET_WAIT_S = 1.0  # The longest that it waits for that.
_STALL_MIN_S = 10.0  # The least time without a returning batch after which the process is not alive.
_STALL_BATCHES = 20  # The same in batches; the longer of the two counts.


class Service:
    """All parts between the sockets and the workers, wired once."""

    def __init__(self, settings: Settings) -> None:
        """Build the components that need no model, on the running event loop. Raises FileError."""
        self._settings = settings
        self._metrics = Metrics()
        self._telemetry = CallTelemetry(self._metrics, export_spans=spans_wanted())
        self._tokenising = PriorityExecutor(_THREADS, _WAITING_MAX, "tokenise")
        self._parsing = PriorityExecutor(_THREADS, _WAITING_MAX, "parse")
        self._limits = limits = Limits(settings.max_documents, settings.policy.pairs_max)
        self._denylist = DenyList(settings.denylist_file)
        self._backend = Backend()
        access = Access(ApiKeys(settings.api_keys_file), RateLimit(settings.rate_limit))
        self._calls = Calls(access, self._telemetry, settings.default_timeout_seconds)
        self._dispatcher: Dispatcher[EncodedPair] | None = None
        self._workers = ThreadPoolExecutor(settings.workers, thread_name_prefix="worker")
        self._serving = False
        certificates = _certificates(settings)
        self._grpc = GrpcApi(
            self._backend,
            self._calls,
            limits,
            alive=self._alive,
            connection_age_max_s=settings.max_connection_age_seconds,
            certificates=certificates,
        )
        app = create_app(self._backend, self._calls, limits, self._parsing)
        admin = create_admin(self._metrics, alive=self._alive, ready=lambda: self._serving)
        idle_s, context = settings.http_idle_seconds, CurrentContext(certificates) if certificates else None
        self._http, self._admin = HttpServer(app, idle_s=idle_s, tls=context), HttpServer(admin, idle_s=idle_s)

    async def start(self) -> None:
        """Listen, load and warm up the models, then serve; print a line for each address.

        Raises AddressError or ModelError.
        """
        settings = self._settings
        http = await self._http.listen(settings.http_address)
        admin = await self._admin.listen(settings.admin_address)
        try:
            grpc = await self._grpc.start(str(settings.grpc_address))
        except RuntimeError as error:
            reason = "in use, or not an address of this machine"
            if settings.tls_cert_file:  # gRPC knows fewer types of keys than the standard library.
                reason += f", or a certificate of a kind that gRPC does not take, {settings.tls_cert_file}"
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
            bill_windows=settings.bill_windows,
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
        """Admit no more requests, finish those admitted within the drain time, refuse all others, and close."""
        self._serving = False
        await self._grpc.unready()
        if self._dispatcher:
            await self._dispatcher.drain(max(self._settings.drain_seconds - _QUIET_WAIT_S - CLOSING_S, 0))
        await self._quiet()
        await asyncio.gather(self._grpc.stop(CLOSING_S), self._http.stop(), self._admin.stop())
        self._tokenising.close()
        self._parsing.close()
        self._workers.shutdown(wait=False, cancel_futures=True)
        with suppress(TimeoutError):
            await asyncio.wait_for(on_daemon_thread(self._telemetry.close), CLOSING_S)

    async def _quiet(self) -> None:
        """Wait until callers have noticed that the service stops."""
        loop = asyncio.get_running_loop()
        limit = loop.time() + _QUIET_WAIT_S
        while self._calls.quiet_s() < _QUIET_S and loop.time() < limit:  # noqa: ASYNC110  # There is no event for a call that does not come.
            await asyncio.sleep(_QUIET_S / 10)

    def _alive(self) -> bool:
        """Return True while batches return, however many wait."""
        limit_s = max(_STALL_MIN_S, _STALL_BATCHES * self._settings.batch_seconds)
        return self._dispatcher is None or self._dispatcher.stalled_s() < limit_s


async def serve(settings: Settings) -> None:
    """Run the service until SIGTERM or SIGINT. Raises AddressError, FileError or ModelError if it cannot start."""
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    service = Service(settings)
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


def _certificates(settings: Settings) -> Certificates | None:
    """Return the certificates, None without TLS. Raises FileError."""
    if not settings.tls_cert_file or not settings.tls_key_file:
        return None
    return Certificates(settings.tls_cert_file, settings.tls_key_file, settings.tls_client_ca_file)

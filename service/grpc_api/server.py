"""The gRPC server."""

import asyncio
from collections.abc import Callable, Sequence

import grpc
from grpc_health.v1 import health, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from service.calls import Calls
from service.grpc_api.codec import Codec
from service.grpc_api.handler import Handler
from service.grpc_api.health import Health
from service.grpc_api.rerank import RerankV2
from service.grpc_api.tei import TeiV1
from service.net.connection_limit import ConnectionLimit
from service.net.tls import Certificates, Texts
from service.rerank.backend import Backend
from service.rerank.limits import Limits
from service.rerank.priority_executor import PriorityExecutor

_MARGIN = 2**20  # Accept slightly oversized messages, so that the service can refuse them with a reason.
_KEPT = 0.5
"""Share of the connections that may stay open: the rest is for those that come before the next look at them."""
_CLOSING_S = 0.5  # For grpc to close connections by itself.
_METADATA_BYTES_MAX = 16 * 2**10
_OPTIONS = (
    # No compression: 65 KB of gzip are 64 MiB of a message, which grpc unpacks before the key is checked.
    ("grpc.compression_enabled_algorithms_bitset", 1),
    ("grpc.max_send_message_length", -1),  # The size of an answer is bounded by that of its request.
    ("grpc.max_metadata_size", _METADATA_BYTES_MAX),
    ("grpc.absolute_max_metadata_size", _METADATA_BYTES_MAX),
    ("grpc.so_reuseport", 0),  # Fail on a port in use; do not share its calls with another process.
    # A client holds back calls beyond these, in no order of priority. But grpc holds up to 1,000 calls that the event
    # loop has not taken up, with all their headers, and those of others behind them. One connection that resets 31,000
    # calls a second (CVE-2023-44487) made grpc cancel 43 of 48 calls of others with 10,000, none with 1,000 or fewer.
    # One whose headers refer 4,000 times to an entry of 4 KB: 1,120 MB with 10,000, 700 with 1,000, 220 with 256.
    ("grpc.max_concurrent_streams", 256),
    ("grpc.server_handshake_timeout_ms", 10_000),
    # A client may ping every 10 s, with or without calls; two pings at shorter intervals disconnect it.
    ("grpc.http2.min_ping_interval_without_data_ms", 10_000),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.max_ping_strikes", 2),
    # The server pings every minute; the library's default is two hours. A crashed machine does not close its
    # connections, and gateways drop silent connections (Azure after 240 s, AWS after 350 s).
    ("grpc.keepalive_time_ms", 60_000),
    ("grpc.keepalive_timeout_ms", 20_000),
    ("grpc.max_connection_idle_ms", 2**31 - 1),  # Never: max_connection_age limits connections instead.
)


class GrpcApi:
    """Serves `rerank.v2`, `tei.v1`, health and reflection."""

    def __init__(
        self,
        backend: Backend,
        calls: Calls,
        limits: Limits,
        parsing: PriorityExecutor,
        *,
        alive: Callable[[], bool],
        connections_max: int,
        connection_age_max_s: int = 0,
        certificates: Certificates | None = None,
    ) -> None:
        """Answer through `backend`, and parse large messages on `parsing`.

        `alive` returns whether the process makes progress.

        Beyond `connections_max` connections, those of the address with most are closed for others. A connection accepts
        no new calls after `connection_age_max_s` seconds, 0 for no limit. Its client then opens another, possibly to a
        server that started meanwhile.
        """
        handler = Handler(calls, Codec(parsing, limits), backend.load)
        services = RerankV2(backend, handler).services() | TeiV1(backend, handler).services()
        self._health = Health(services, alive)
        self._starting: asyncio.Task[None] | None = None
        self._connections_kept = max(int(connections_max * _KEPT), 1)
        self._connections: ConnectionLimit | None = None
        self._limiting: asyncio.Task[None] | None = None
        self._server = grpc.aio.server(
            options=(
                *_OPTIONS,
                ("grpc.max_receive_message_length", limits.message_bytes + _MARGIN),
                ("grpc.max_allowed_incoming_connections", connections_max),
                *_age(connection_age_max_s),
            ),
            maximum_concurrent_rpcs=None,  # The scheduler refuses calls, with a reason.
            compression=grpc.Compression.NoCompression,  # Answers are small.
        )
        self._credentials = _credentials(certificates) if certificates else None
        for name, methods in services.items():
            self._server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(name, methods),))
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
        reflection.enable_server_reflection((*services, health.SERVICE_NAME, reflection.SERVICE_NAME), self._server)

    async def start(self, address: str) -> int:
        """Listen on `address` and answer NOT_SERVING; return the port. Raises RuntimeError if it cannot listen."""
        if self._credentials:
            port = self._server.add_secure_port(address, self._credentials)
        else:
            port = self._server.add_insecure_port(address)
        await self._health.start()
        # Cancelling grpc's start breaks the server. Shield it; `stop` awaits it.
        self._starting = asyncio.create_task(self._server.start())
        await asyncio.shield(self._starting)
        self._connections = ConnectionLimit(port, self._connections_kept)
        self._limiting = asyncio.create_task(self._connections.keep())
        return port

    async def ready(self) -> None:
        """Answer SERVING from now on."""
        await self._health.ready()

    async def unready(self) -> None:
        """Answer NOT_SERVING permanently."""
        await self._health.enter_graceful_shutdown()

    async def stop(self, grace_s: float) -> None:
        """Accept no new calls, wait up to `grace_s` seconds for running ones, and close."""
        if self._starting:  # Stopping a server that never started raises.
            await self._starting
            stopping = asyncio.ensure_future(self._server.stop(grace_s))
            await asyncio.wait((stopping,), timeout=grace_s + _CLOSING_S)
            # grpc waits for its connections, even for one that sends without end.
            if self._connections and not stopping.done():
                await asyncio.to_thread(self._connections.close_all)
                await asyncio.wait((stopping,), timeout=_CLOSING_S)
        if self._limiting:
            self._limiting.cancel()


def _age(seconds: int) -> Sequence[tuple[str, int]]:
    # max_connection_age_grace stays infinite, so that running calls finish.
    return (("grpc.max_connection_age_ms", seconds * 1000),) if seconds else ()


def _credentials(certificates: Certificates) -> grpc.ServerCredentials:
    """Return credentials that check for new certificates before each handshake."""
    current = certificates.texts

    def changed() -> grpc.ServerCertificateConfiguration | None:
        nonlocal current
        texts = certificates.texts
        if texts is current:
            return None
        current = texts
        return _configuration(texts)

    return grpc.dynamic_ssl_server_credentials(
        _configuration(current),
        changed,  # type: ignore[arg-type]  # The stubs omit None, which means no change.
        require_client_authentication=current.client_ca is not None,
    )


def _configuration(texts: Texts) -> grpc.ServerCertificateConfiguration:
    return grpc.ssl_server_certificate_configuration(
        [(texts.key.encode(), texts.chain.encode())], texts.client_ca.encode() if texts.client_ca else None
    )

"""The gRPC server: who answers on its port, and when."""

import asyncio
from collections.abc import Callable, Sequence

import grpc
from grpc_health.v1 import health, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from service.calls import Calls
from service.grpc_api.handler import Handler
from service.grpc_api.health import Health
from service.grpc_api.rerank import RerankV2
from service.grpc_api.tei import TeiV1
from service.net.tls import Certificates, Texts
from service.rerank.backend import Backend
from service.rerank.limits import MESSAGE_BYTES_MAX, Limits

_MARGIN = 2**20  # A message a little too large is still taken in, so that the answer can say what is wrong with it.
_METADATA_BYTES_MAX = 16 * 2**10
_OPTIONS = (
    ("grpc.max_receive_message_length", MESSAGE_BYTES_MAX + _MARGIN),
    ("grpc.max_send_message_length", -1),  # What goes out is bounded by what was taken in.
    ("grpc.max_metadata_size", _METADATA_BYTES_MAX),
    ("grpc.absolute_max_metadata_size", _METADATA_BYTES_MAX),
    ("grpc.so_reuseport", 0),  # A port in use is an error, not a second server that gets half of the calls.
    # More calls than ever wait: the scheduler does not know those that a client holds back for lack of streams, so that
    # an urgent one among them waits behind the rest.
    ("grpc.max_concurrent_streams", 10_000),
    # A client may ping every 10 s, with or without calls; after two pings more often than that it is disconnected.
    ("grpc.http2.min_ping_interval_without_data_ms", 10_000),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.max_ping_strikes", 2),
    # The server pings, too, every minute; the library's default is two hours. A client whose machine has gone does not
    # close its connection, and gateways drop connections that are silent (Azure after 240 s, AWS after 350 s).
    ("grpc.keepalive_time_ms", 60_000),
    ("grpc.keepalive_timeout_ms", 20_000),
    ("grpc.max_connection_idle_ms", 2**31 - 1),  # Never: the age ends a connection, if anything does.
)


class GrpcApi:
    """Serves `rerank.v2`, `tei.v1`, health and reflection."""

    def __init__(
        self,
        backend: Backend,
        calls: Calls,
        limits: Limits,
        *,
        alive: Callable[[], bool],
        connection_age_max_s: int = 0,
        certificates: Certificates | None = None,
    ) -> None:
        """Answer through `backend`; `alive` says whether the process makes progress.

        A connection takes no more calls after `connection_age_max_s`, 0 for never: its client opens another, and may
        find servers that it did not know.
        """
        handler = Handler(calls, backend.load)
        services = RerankV2(backend, limits, handler).services() | TeiV1(backend, limits, handler).services()
        self._health = Health(services, alive)
        self._starting: asyncio.Task[None] | None = None
        self._server = grpc.aio.server(
            options=(*_OPTIONS, *_age(connection_age_max_s)),
            maximum_concurrent_rpcs=None,  # The scheduler decides which calls are refused, and the answer says why.
            compression=grpc.Compression.NoCompression,  # An answer is a few numbers a document.
        )
        self._credentials = _credentials(certificates) if certificates else None
        for name, methods in services.items():
            self._server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(name, methods),))
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
        reflection.enable_server_reflection((*services, health.SERVICE_NAME, reflection.SERVICE_NAME), self._server)

    async def start(self, address: str) -> int:
        """Listen on `address`, answering NOT_SERVING; return the port. Raises RuntimeError if it is in use."""
        if self._credentials:
            port = self._server.add_secure_port(address, self._credentials)
        else:
            port = self._server.add_insecure_port(address)
        await self._health.start()
        # grpc breaks when its start is cancelled: it goes on, and whoever stops waits for it.
        self._starting = asyncio.create_task(self._server.start())
        await asyncio.shield(self._starting)
        return port

    async def ready(self) -> None:
        """Answer SERVING from now on."""
        await self._health.ready()

    async def unready(self) -> None:
        """Answer NOT_SERVING for good."""
        await self._health.enter_graceful_shutdown()

    async def stop(self, grace_s: float) -> None:
        """Take no more calls, wait for those that run for up to `grace_s`, and close."""
        if self._starting:  # grpc raises for a server that never was.
            await self._starting
            await self._server.stop(grace_s)


def _age(seconds: int) -> Sequence[tuple[str, int]]:
    # Without a grace that ends, calls that run then are finished.
    return (("grpc.max_connection_age_ms", seconds * 1000),) if seconds else ()


def _credentials(certificates: Certificates) -> grpc.ServerCredentials:
    """Return credentials that grpc asks for what has changed before each handshake."""
    given = certificates.texts

    def changed() -> grpc.ServerCertificateConfiguration | None:
        nonlocal given
        texts = certificates.texts
        if texts is given:
            return None
        given = texts
        return _configuration(texts)

    return grpc.dynamic_ssl_server_credentials(
        _configuration(given),
        changed,  # type: ignore[arg-type]  # Its types do not know that None stands for no change.
        require_client_authentication=given.client_ca is not None,
    )


def _configuration(texts: Texts) -> grpc.ServerCertificateConfiguration:
    return grpc.ssl_server_certificate_configuration(
        [(texts.key.encode(), texts.chain.encode())], texts.client_ca.encode() if texts.client_ca else None
    )

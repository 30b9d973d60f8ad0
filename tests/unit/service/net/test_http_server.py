"""Every option of the HTTP library is chosen on purpose, and an idle connection lasts as long as configured."""

import inspect
from collections.abc import AsyncIterator

import httpx
import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from service.net.address import Address
from service.net.http_connection import HttpConnection
from service.net.http_server import HttpServer
from service.net.rotation import Rotation
from tests.unit.service.rerankers import until

UNNOTICED = {
    # Where to listen, and how to run: we hand over a socket, and run the loop ourselves.
    *("host", "port", "uds", "fd", "backlog", "loop", "env_file", "factory", "workers", "timeout_worker_healthcheck"),
    *("callback_notify", "timeout_notify", "reload", "reload_dirs", "reload_delay", "reload_includes"),
    *("reload_excludes", "limit_max_requests_jitter", "reset_contextvars"),
    # Of WebSockets, which are off.
    *("ws_max_size", "ws_max_queue", "ws_ping_interval", "ws_ping_timeout", "ws_per_message_deflate"),
    # Logs go the way of all others.
    *("log_level", "use_colors"),
    # Of who forwards, which is not asked, and of a prefix, which there is not.
    *("forwarded_allow_ips", "root_path", "headers"),
    # The context for TLS is made elsewhere, with all that this says.
    *("ssl_keyfile", "ssl_certfile", "ssl_keyfile_password", "ssl_version", "ssl_cert_reqs", "ssl_ca_certs"),
    "ssl_ciphers",
    # HTTP/2 is off unless asked for.
    "http2",
}
"""Options of the library whose default no caller can notice."""


async def hello(_: object) -> PlainTextResponse:
    return PlainTextResponse("hello")


APP = Starlette(routes=[Route("/", hello)])


@pytest.fixture
async def server() -> AsyncIterator[HttpServer]:
    server = HttpServer(APP, idle_s=75, connections_max=100, rotation=Rotation())
    yield server
    await server.stop()


def test_nothing_a_caller_notices_is_left_to_a_default(monkeypatch: pytest.MonkeyPatch):
    """All options of the library are set, but for those that make no difference; a new one wants a decision."""
    given: dict[str, object] = {}
    options = set(inspect.signature(uvicorn.Config).parameters) - {"app"}
    config = uvicorn.Config

    def noted(app: object, **options: object) -> uvicorn.Config:
        given.update(options)
        return config(app, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(uvicorn, "Config", noted)
    HttpServer(APP, idle_s=75, connections_max=100, rotation=Rotation())
    assert options - set(given) == UNNOTICED
    assert given["http"] is HttpConnection


async def test_an_idle_connection_is_held(server: HttpServer):
    """A connection that has had its answer is held for as long as was said, and not for the library's five seconds."""
    port = await server.listen(Address("127.0.0.1", 0))
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
        assert (await client.get("/")).text == "hello"
        (connection,) = server.server_state.connections
        assert isinstance(connection, HttpConnection)
        closing = connection.timeout_keep_alive_task
        assert closing
        assert closing.when() - connection.loop.time() > 60


async def test_an_idle_connection_ends():
    """A connection on which nothing comes for so long is closed."""
    server = HttpServer(APP, idle_s=1, connections_max=100, rotation=Rotation())
    port = await server.listen(Address("127.0.0.1", 0))
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
        assert (await client.get("/")).text == "hello"
        assert server.server_state.connections
        await until(lambda: not server.server_state.connections)
    await server.stop()

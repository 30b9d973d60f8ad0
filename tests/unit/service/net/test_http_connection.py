"""A connection waits for its client at each step for a limited time, and no client keeps another out."""

import asyncio
import gc
import socket
import ssl
from asyncio.sslproto import SSLProtocol
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from http.client import HTTPResponse

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from trustme import CA

from service.net.address import Address
from service.net.http_connection import Times
from service.net.http_server import HttpServer
from service.net.rotation import Rotation
from tests.certificates import issued
from tests.unit.service.rerankers import until

SHORT = Times(head_s=0.3, write_s=0.3, check_s=0.05)
PATIENT_S = 60
HEAD = b"GET / HTTP/1.1\r\nHost: a\r\n"
GET = HEAD + b"\r\n"
LARGE = 16 * 2**20
"""Bytes of an answer that no socket buffer holds."""


class App:
    """An application whose slow answers wait until they may end."""

    def __init__(self) -> None:
        self.may_end = asyncio.Event()
        self.begun = 0
        routes = [Route("/", self._hello), Route("/large", self._large), Route("/slow", self._slow, methods=["POST"])]
        self.asgi = Starlette(routes=routes)

    async def _hello(self, _: Request) -> Response:
        return PlainTextResponse("hello")

    async def _large(self, _: Request) -> Response:
        return Response(b"x" * LARGE)

    async def _slow(self, request: Request) -> Response:
        self.begun += 1
        await request.body()
        await self.may_end.wait()
        return PlainTextResponse("slow")


class Client:
    """A client that sends and reads bytes."""

    def __init__(self, port: int) -> None:
        self.socket = socket.socket()
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 64 * 2**10)
        self.socket.settimeout(PATIENT_S)
        self.socket.connect(("127.0.0.1", port))

    async def send(self, data: bytes) -> None:
        await asyncio.to_thread(self.socket.sendall, data)

    async def read(self, most: int = 2**16) -> bytes:
        """Return what comes next; nothing once the server has closed."""
        try:
            return await asyncio.to_thread(self.socket.recv, most)
        except ConnectionResetError:
            return b""

    async def rest(self) -> bytes:
        """Return everything until the server closes."""
        found = bytearray()
        while data := await self.read():
            found += data
        return bytes(found)

    async def status(self, data: bytes = GET) -> int:
        """Send a request, read the answer and return its status."""
        await self.send(data)
        return await asyncio.to_thread(self._status)

    def _status(self) -> int:
        with HTTPResponse(self.socket) as answer:
            answer.begin()
            answer.read()
            return answer.status


Connect = Callable[[], Client]


@asynccontextmanager
async def serving(
    app: App, times: Times = SHORT, connections_max: int = 100, tls: ssl.SSLContext | None = None
) -> AsyncIterator[Connect]:
    """Serve `app`; give a function that connects."""
    server = HttpServer(
        app.asgi, idle_s=PATIENT_S, connections_max=connections_max, rotation=Rotation(), times=times, tls=tls
    )
    port = await server.listen(Address("127.0.0.1", 0))
    clients: list[Client] = []

    def connect() -> Client:
        clients.append(Client(port))
        return clients[-1]

    try:
        yield connect
    finally:
        app.may_end.set()
        for client in clients:
            client.socket.close()
        await server.stop()


@pytest.mark.parametrize("data", [b"", b"GET / HT", HEAD], ids=["silent", "half-a-line", "half-a-head"])
async def test_no_head(data: bytes):
    """A connection without a complete head is closed, with advice if a part of it came."""
    async with serving(App()) as connect:
        client = connect()
        await client.send(data)
        answer = await client.rest()
        assert answer.startswith(b"HTTP/1.1 408 ") if data else not answer


@pytest.mark.parametrize("before", [b"", GET], ids=["first", "later"])
async def test_a_head_that_trickles(before: bytes):
    """A head that comes byte by byte is not waited for, be it the first one or a later one."""
    async with serving(App()) as connect:
        client = connect()
        if before:
            assert await client.status(before) == 200
        answer = asyncio.create_task(client.rest())
        with suppress(OSError):  # Closed.
            while not answer.done():
                client.socket.send(b"G")
                await asyncio.sleep(SHORT.check_s)
        assert (await answer)[:12] in (b"", b"HTTP/1.1 408")  # Bytes that cross the answer may reset the connection.


async def test_between_requests():
    """A connection that rests after an answer is held for longer than a head may take."""
    async with serving(App()) as connect:
        client = connect()
        assert await client.status() == 200
        await asyncio.sleep(4 * SHORT.head_s)
        assert await client.status() == 200


async def test_work():
    """A call that the server takes long over is answered: its client is not late."""
    app = App()
    async with serving(app) as connect:
        client = connect()
        await client.send(b"POST /slow HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{}")
        await asyncio.sleep(4 * SHORT.write_s)
        app.may_end.set()
        assert (await client.read()).startswith(b"HTTP/1.1 200 ")


async def test_an_answer_that_is_not_read():
    """An answer is not kept for a client that stops reading it."""
    async with serving(App()) as connect:
        client = connect()
        await client.send(b"GET /large HTTP/1.1\r\nHost: a\r\n\r\n")
        await asyncio.sleep(4 * SHORT.write_s)
        assert len(await client.rest()) < LARGE


async def test_the_end_of_an_answer_that_is_not_read():
    """A connection that is to close after its answer does so, if the client reads it or not."""
    async with serving(App()) as connect:
        client = connect()
        await client.send(b"GET /large HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        await asyncio.sleep(4 * SHORT.write_s)
        assert len(await client.rest()) < LARGE


@pytest.mark.slow
async def test_an_answer_that_is_read_slowly():
    """An answer is complete for a client that takes longer than the limit, and reads on all the time."""
    async with serving(App(), SHORT._replace(write_s=2.0)) as connect:
        client, found, begun = connect(), 0, asyncio.get_running_loop().time()
        await client.send(b"GET /large HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        while data := await client.read(2**16):
            found += len(data)
            await asyncio.sleep(0.01)
        assert asyncio.get_running_loop().time() - begun > 2
        assert found > LARGE


async def test_the_body_of_a_refused_request():
    """The body of a request that has its answer is not waited for."""
    async with serving(App()) as connect:
        client = connect()
        await client.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n{")
        assert (await client.rest()).startswith(b"HTTP/1.1 405 ")


async def test_tls_handshake():
    """A TLS handshake that does not end is not waited for, and one that does leads to an answer."""
    ca, context, trusting = CA(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    issued(ca).configure_cert(context)
    ca.configure_trust(trusting)
    async with serving(App(), tls=context) as connect:
        silent, half, whole = connect(), connect(), connect()
        await half.send(b"\x16\x03\x01\x02\x00\x01")
        whole.socket = await asyncio.to_thread(trusting.wrap_socket, whole.socket, server_hostname="127.0.0.1")
        assert await whole.status() == 200
        assert not await silent.rest()
        assert not await half.rest()


async def test_nothing_is_left_of_a_failed_handshake():
    """The memory of a TLS handshake that fails is free when it has, without a search for garbage."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    issued(CA()).configure_cert(context)
    gc.disable()
    try:
        before = sum(isinstance(one, SSLProtocol) for one in gc.get_objects())
        async with serving(App(), tls=context) as connect:
            for start in (b"\x16\x03\x01\x02\x00\x01", b"GET / HTTP/1.1\r\n\r\n"):
                client = connect()
                await client.send(start)
                await client.rest()
        assert sum(isinstance(one, SSLProtocol) for one in gc.get_objects()) == before
    finally:
        gc.enable()


@pytest.mark.parametrize("data", [b"", HEAD, b"POST /slow HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n"])
@pytest.mark.parametrize("connections_max", [8, 20])
async def test_a_crowd_keeps_nobody_out(data: bytes, connections_max: int):
    """Beside many times as many connections as there are places, each without a whole request, a caller is served."""
    async with serving(App(), Times(), connections_max) as connect:
        crowd = [connect() for _ in range(100)]
        for client in crowd:
            if data:
                with suppress(OSError):  # It has made room already.
                    await client.send(data)
        # While the bytes of the whole crowd are still unread, the caller is told to come back.
        while (status := await connect().status()) == 503:
            pass
        assert status == 200
        assert not await crowd[0].read()


async def test_a_client_that_has_left():
    """A request whose client has left before its turn takes no work; the next client's does."""
    app = App()
    async with serving(app) as connect:
        left, stays = [connect() for _ in range(20)], connect()
        for client in left:  # The loop sees all of them at once, in the next turn; the first may have its turn then.
            client.socket.sendall(b"POST /slow HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{}")
            client.socket.close()
        assert await stays.status() == 200
        assert app.begun <= 1


async def test_no_place():
    """A caller is refused with advice while all places are taken by calls at work, and served once they end."""
    app = App()
    async with serving(app, Times(), 5) as connect:
        at_work = [connect() for _ in range(2)]
        for client in at_work:
            await client.send(b"POST /slow HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{}")
        await until(lambda: app.begun == 2)
        for pieces in ((GET,), (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\n", b"{ ", b"}\n")):
            late = connect()
            for piece in pieces:  # A close before the last one would reset the connection, and with it the answer.
                await late.send(piece)
                await asyncio.sleep(0.02)
            answer = await late.rest()
            assert answer.startswith(b"HTTP/1.1 503 ")
            assert b"retry-after: 1\r\n" in answer
        app.may_end.set()
        assert (await at_work[0].read()).startswith(b"HTTP/1.1 200 ")
        assert await connect().status() == 200

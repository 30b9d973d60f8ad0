"""REST calls over raw sockets: slow senders, slow readers, and broken connections."""

import asyncio
import contextlib
import json
import socket
from collections.abc import AsyncIterator

import httpx

from tests.soak.outcome import CUT_OFF, LEFT, Outcome
from tests.soak.question import SoakRequest
from tests.soak.rest_calls import body, understood
from tests.soak.target import Target

_SMALL = 4096  # Of what is kept by the system for us to read.
_SLOW = 20  # Pieces.
_CHUNK, _CHUNKS = 2**20, 66


async def left(target: Target, name: str, question: SoakRequest) -> Outcome:
    """Close the connection after a short time, with or without a response."""
    async with connection(target.http) as (_, writer):
        writer.write(_head(name, question) + _body(question))
        await writer.drain()
        await asyncio.sleep(target.rng.uniform(0, 1.5))
    return Outcome(LEFT)


async def upload_left(target: Target, name: str, question: SoakRequest) -> Outcome:
    """Close the connection in the middle of the headers or the body."""
    sent = _head(name, question) + _body(question)
    async with connection(target.http) as (_, writer):
        writer.write(sent[: target.rng.randrange(len(sent))])
        await writer.drain()
        await asyncio.sleep(target.rng.uniform(0, 0.5))
        if target.rng.random() < 0.5:
            writer.transport.abort()
    return Outcome(LEFT)


async def slow_sender(target: Target, name: str, question: SoakRequest) -> Outcome:
    """Send the body in many pieces, with pauses."""
    sent, pause_s = _body(question), target.rng.uniform(0, 0.1)
    step = len(sent) // _SLOW + 1
    async with connection(target.http) as (reader, writer):
        writer.write(_head(name, question))
        for start in range(0, len(sent), step):
            writer.write(sent[start : start + step])
            with contextlib.suppress(ConnectionError):  # It may answer before all is sent, and close.
                await writer.drain()
            await asyncio.sleep(pause_s)
        return understood(await _answer(reader, _SMALL, 0), question)


async def slow_reader(target: Target, name: str, question: SoakRequest) -> Outcome:
    """Read a long response in many pieces, with pauses."""
    async with connection(target.http, _SMALL) as (reader, writer):
        writer.write(_long(name, question))
        pause_s = target.rng.uniform(0, 0.05)
        return understood(await _answer(reader, _SMALL, pause_s), question)


async def answer_left(target: Target, name: str, question: SoakRequest) -> Outcome:
    """Close the connection in the middle of a long response."""
    async with connection(target.http, _SMALL) as (reader, writer):
        writer.write(_long(name, question))
        with contextlib.suppress(ConnectionError):
            await reader.read(100)
        writer.transport.abort()
    return Outcome(LEFT)


async def slow_head(target: Target, name: str, question: SoakRequest) -> Outcome:
    """Send a part of the headers, then nothing."""
    head = _head(name, question)
    async with connection(target.http) as (_, writer):
        writer.write(head[: len(head) // 2])
        await asyncio.sleep(target.rng.uniform(1, 5))
    return Outcome(LEFT)


async def noise(target: Target, name: str, question: SoakRequest) -> Outcome:
    """Send bytes that are not HTTP to one of the ports."""
    address = target.rng.choice((target.http, target.admin))
    async with connection(address) as (reader, writer):
        writer.write(target.rng.choice((b"\x16\x03\x01\x02\x00", b"GET", b"POST / HTTP/9.9", b"")))
        writer.write(target.rng.randbytes(target.rng.randrange(20_000)) + b"\r\n\r\n")
        with contextlib.suppress(ConnectionError, TimeoutError):
            async with asyncio.timeout(1):
                await reader.read(1000)
    return Outcome(LEFT)


async def oversize(target: Target, name: str, question: SoakRequest) -> Outcome:
    """Announce a body that is too large."""
    async with connection(target.http) as (reader, writer):
        writer.write(_head(name, question, length=10**12) + b"{")
        return understood(await _answer(reader, _SMALL, 0), question)


async def oversize_sent(target: Target, name: str, question: SoakRequest) -> Outcome:
    """Send too large a body in chunks, without a length."""
    head = _head(name, question, length=0).replace(b"Content-Length: 0", b"Transfer-Encoding: chunked")
    chunk = b"%x\r\n" % _CHUNK + bytes(_CHUNK) + b"\r\n"
    async with connection(target.http) as (reader, writer):
        answer = asyncio.create_task(_answer(reader, _SMALL, 0))
        writer.write(head)
        with contextlib.suppress(ConnectionError):
            for _ in range(_CHUNKS):
                writer.write(chunk)
                await writer.drain()
        try:
            return understood(await answer, question)
        except ConnectionError:  # It closes on what it does not want to read, and the answer may be lost in that.
            return Outcome(CUT_OFF)


@contextlib.asynccontextmanager
async def connection(
    address: str, receive: int | None = None
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """Connect, optionally with a small receive buffer; close on exit."""
    host, _, port = address.rpartition(":")
    end = socket.socket()
    end.setblocking(False)  # noqa: FBT003
    if receive:
        end.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive)
    try:
        await asyncio.get_running_loop().sock_connect(end, (host, int(port)))
        reader, writer = await asyncio.open_connection(sock=end, limit=receive or 2**16)
    except BaseException:
        end.close()
        raise
    try:
        yield reader, writer
    finally:
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()


def _head(name: str, question: SoakRequest, *, length: int | None = None, path: str = "/v2/rerank") -> bytes:
    length = len(_body(question)) if length is None else length
    return (
        f"POST {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/json\r\n"
        f"X-Client-Name: {name}\r\nX-Priority: {question.lane}\r\n"
        f"X-Request-Timeout-Ms: {round(1000 * question.deadline_s)}\r\nContent-Length: {length}\r\n\r\n"
    ).encode()


def _body(question: SoakRequest) -> bytes:
    return json.dumps(body(question)).encode()


def _long(name: str, question: SoakRequest) -> bytes:
    """Return a request whose response repeats the texts."""
    fields = {"query": question.query, "texts": question.documents, "top_n": question.top_n, "return_text": True}
    content = json.dumps(fields).encode()
    return _head(name, question, length=len(content), path="/rerank") + content


async def _answer(reader: asyncio.StreamReader, piece: int, pause_s: float) -> httpx.Response:
    """Read a response until the connection closes."""
    raw = b""
    while more := await reader.read(piece):
        raw += more
        await asyncio.sleep(pause_s)
    head, _, content = raw.partition(b"\r\n\r\n")
    status, *lines = head.decode().split("\r\n")
    headers = [(name, value) for name, _, value in (line.partition(": ") for line in lines)]
    return httpx.Response(int(status.split()[1]), headers=headers, content=content)

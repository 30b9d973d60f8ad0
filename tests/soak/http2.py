"""Raw HTTP/2 frames: a slow reader, and protocol violations."""

import asyncio
import contextlib
import struct
from collections.abc import AsyncIterator

from rerank.v2 import rerank_pb2 as pb

from tests.contract.clients import SERVICE
from tests.soak.grpc_calls import message_of
from tests.soak.outcome import CUT_OFF, LEFT, Outcome, answered
from tests.soak.question import SoakRequest
from tests.soak.target import Target
from tests.soak.wire_calls import connection

_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_DATA, _HEADERS, _RESET, _SETTINGS, _PING, _WINDOW = 0, 1, 3, 4, 6, 8
_LAST, _ACK, _WHOLE = 1, 1, 4  # Flags END_STREAM, ACK and END_HEADERS.
_FRAME_MAX = 16_384
_CANCEL = 8


def frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    """Return a frame."""
    return struct.pack(">I", len(payload))[1:] + bytes((kind, flags)) + struct.pack(">I", stream) + payload


def headers(name: str, stream: int, timeout_s: float = 20) -> bytes:
    """Return the HEADERS frame of a call, without compression."""
    fields = (
        *((":method", "POST"), (":scheme", "http"), (":path", f"/{SERVICE}/Rerank"), (":authority", "localhost")),
        *(
            ("te", "trailers"),
            ("content-type", "application/grpc"),
            ("x-client-name", name),
            ("grpc-timeout", f"{timeout_s:.0f}S"),
        ),
    )
    literal = b"".join(b"\0" + bytes((len(key),)) + key.encode() + bytes((len(v),)) + v.encode() for key, v in fields)
    return frame(_HEADERS, _WHOLE, stream, literal)


async def slow_reader(target: Target, name: str, question: SoakRequest) -> Outcome:
    """Open the flow-control window a few bytes at a time; at times disconnect in the middle."""
    question = question.of(50)  # The request fits the initial window of the server.
    window, leaving = target.rng.randrange(256), target.rng.random() < 0.3
    answer = b""
    async with connection(target.grpc) as (reader, writer):
        writer.write(_PREFACE + frame(_SETTINGS, 0, 0, struct.pack(">HI", 4, window)) + _request(name, question))
        async for kind, flags, payload in _answer(reader, writer):
            if kind == _DATA:
                answer += payload
                if leaving:
                    return Outcome(LEFT)
                await asyncio.sleep(target.rng.uniform(0, 0.02))
            if not flags & _LAST:
                writer.write(frame(_WINDOW, 0, 1, struct.pack(">I", max(len(payload), 64))))
    if not answer:
        return Outcome(CUT_OFF)  # An error in compressed headers, which this client does not decode.
    found = pb.RerankResponse.FromString(answer[5:])
    return answered(question, found.id, [(result.index, result.relevance_score) for result in found.results])


async def noise(target: Target, name: str, question: SoakRequest) -> Outcome:
    """Send bytes that are not HTTP/2, or only at first."""
    rng = target.rng
    settings = frame(_SETTINGS, 0, 0)
    sent = rng.choice(
        (
            rng.randbytes(5000),
            b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
            _PREFACE + rng.randbytes(5000),
            _PREFACE + settings + frame(_DATA, 0, 1, b"before any headers"),
            _PREFACE + settings + frame(_HEADERS, _WHOLE, 1, b"\xff" * 500),
            _PREFACE + settings + frame(_WINDOW, 0, 0, bytes(4)),
            _PREFACE + settings + headers(name, 2),
            _PREFACE + settings + struct.pack(">I", 2**24 - 1)[1:] + b"\0\0\0\0\0\1",
            _PREFACE + settings + b"".join(frame(_PING, 0, 0, bytes(8)) for _ in range(500)),
        )
    )
    return await _sent(target, sent)


async def rapid_resets(target: Target, name: str, question: SoakRequest) -> Outcome:
    """Open many calls and reset each at once (rapid reset)."""
    resets = (headers(name, n) + frame(_RESET, 0, n, struct.pack(">I", _CANCEL)) for n in range(1, 201, 2))
    return await _sent(target, _PREFACE + frame(_SETTINGS, 0, 0) + b"".join(resets))


async def _sent(target: Target, sent: bytes) -> Outcome:
    async with connection(target.grpc) as (reader, writer):
        writer.write(sent)
        with contextlib.suppress(ConnectionError, TimeoutError):
            async with asyncio.timeout(target.rng.uniform(0.1, 1)):
                while await reader.read(1000):
                    pass
    return Outcome(LEFT)


def _request(name: str, question: SoakRequest) -> bytes:
    """Return the frames of a call."""
    message = message_of(question)
    message = b"\0" + struct.pack(">I", len(message)) + message
    frames = headers(name, 1, question.deadline_s)
    for start in range(0, len(message), _FRAME_MAX):
        last = _LAST if start + _FRAME_MAX >= len(message) else 0
        frames += frame(_DATA, last, 1, message[start : start + _FRAME_MAX])
    return frames


async def _answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> AsyncIterator[tuple[int, int, bytes]]:
    """Yield the frames of the response up to its last, and answer settings and pings meanwhile."""
    kind = flags = 0
    while not (kind == _RESET or (kind in (_DATA, _HEADERS) and flags & _LAST)):
        head = await reader.readexactly(9)
        size, kind, flags, stream = int.from_bytes(head[:3], "big"), head[3], head[4], int.from_bytes(head[5:], "big")
        payload = await reader.readexactly(size)
        if kind in (_SETTINGS, _PING) and not flags & _ACK:
            writer.write(frame(kind, _ACK, 0, payload if kind == _PING else b""))
        if stream == 1:
            yield kind, flags, payload
        else:
            kind = flags = 0

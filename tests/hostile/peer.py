"""Connections of an attacker: plain, and of HTTP/2 by hand, which keep to flow control and to no other rule."""

import socket
import struct
from collections import Counter
from collections.abc import Callable, Iterable
from select import select
from time import sleep
from typing import Self

from tests.hostile.attack import Target
from tests.soak.http2 import frame

SOURCE = "127.0.0.66"
"""The attacker's address. Honest callers have others, so that a limit for each address can tell them apart."""
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, PRIORITY, RESET, SETTINGS, PUSH, PING, GOAWAY, WINDOW, CONTINUATION = range(10)
LAST, ACK, WHOLE = 1, 1, 4
"""The flags END_STREAM, ACK and END_HEADERS."""
WINDOW_FIRST = 65_535
_INITIAL_WINDOW = 4  # The setting SETTINGS_INITIAL_WINDOW_SIZE.
FRAME_BYTES = 16_384
_AGAIN_S = 0.01  # Between two connections, when one after the other is closed.
_HEAD = 9


def connect(address: str, receive: int | None = None, *, source: str = SOURCE) -> socket.socket:
    """Connect from an address of the attacker, optionally with a small receive buffer. Raises OSError."""
    host, _, port = address.rpartition(":")
    end = socket.socket()
    try:
        if receive:
            end.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive)
        end.settimeout(5)
        end.setsockopt(socket.SOL_IP, 24, 1)  # IP_BIND_ADDRESS_NO_PORT: one port serves many connections.
        end.bind((source, 0))
        end.connect((host, int(port)))
    except BaseException:
        end.close()
        raise
    return end


def literal(name: str, value: str | bytes, *, index: bool = False) -> bytes:
    """Return a header field in HPACK, without Huffman codes; `index` adds it to the table of the connection."""
    raw = value.encode() if isinstance(value, str) else value
    return (b"\x40" if index else b"\0") + _integer(len(name), 7) + name.encode() + _integer(len(raw), 7) + raw


def _integer(number: int, bits: int) -> bytes:
    """Return a number with a prefix of `bits` bits, RFC 7541, section 5.1."""
    most = (1 << bits) - 1
    if number < most:
        return bytes((number,))
    found, number = bytearray((most,)), number - most
    while number >= 128:
        found.append(number % 128 + 128)
        number //= 128
    return bytes((*found, number))


def fields(path: str = "/rerank.v2.RerankService/Rerank", **more: str) -> bytes:
    """Return the header fields of a call; in further names `_` stands for `-`."""
    found = {":method": "POST", ":scheme": "http", ":path": path, ":authority": "localhost", "te": "trailers"}
    found |= {"content-type": "application/grpc"} | {name.replace("_", "-"): value for name, value in more.items()}
    return b"".join(literal(name, value) for name, value in found.items())


def prefixed(message: bytes, *, flag: int = 0, length: int | None = None) -> bytes:
    """Return a message with the prefix of gRPC, which may tell a wrong length."""
    return struct.pack(">BI", flag, len(message) if length is None else length) + message


def reset(stream: int, code: int = 8) -> bytes:
    """Return the frame that ends a stream, by default CANCEL."""
    return frame(RESET, 0, stream, struct.pack(">I", code))


class Peer:
    """A client connection of HTTP/2. All methods raise OSError when it is closed, or the attack is over."""

    def __init__(self, target: Target, *, window: int = WINDOW_FIRST, receive: int | None = None) -> None:
        """Connect; the server may send up to `window` bytes of each answer."""
        self.target = target
        self.streams = -1
        """The number of the last stream."""
        self.seen: Counter[int] = Counter()
        """The frames from the server, by kind."""
        self.ended: Counter[int] = Counter()
        """The streams that the server ended."""
        self.credit: dict[int, int] = {0: WINDOW_FIRST}
        """The bytes that the server takes, by stream; 0 is the connection."""
        self._initial = WINDOW_FIRST
        self._in, self._out = bytearray(), bytearray()
        self._socket = connect(target.grpc, receive)
        self._socket.setblocking(False)  # noqa: FBT003
        self.send(PREFACE + frame(SETTINGS, 0, 0, struct.pack(">HI", _INITIAL_WINDOW, window)))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def open(self, head: bytes, *, last: bool = False) -> int:
        """Begin a call; return its stream."""
        self.streams += 2
        self.credit[self.streams] = self._initial
        self.send(frame(HEADERS, WHOLE | (LAST if last else 0), self.streams, head))
        return self.streams

    def call(self, head: bytes, message: bytes) -> int:
        """Send a whole call of a message that fits a frame; return its stream."""
        self.streams += 2
        content = frame(HEADERS, WHOLE, self.streams, head) + frame(DATA, LAST, self.streams, message)
        self.credit[0] -= len(message)
        self.send(content)
        return self.streams

    def send(self, content: bytes) -> None:
        """Send, and read meanwhile."""
        self._out += content
        while self._out:
            self._exchange(0.1)

    def read(self, wait_s: float) -> None:
        """Read what has come, or comes within this time."""
        self._exchange(wait_s)

    def pour(self, unsent: dict[int, memoryview], *, last: bool = True) -> None:
        """Send the rest of messages by stream, as much of each as the server takes, until nothing is left."""
        while unsent:
            before = sum(map(len, unsent.values()))
            for stream, rest in list(unsent.items()):
                size = min(len(rest), FRAME_BYTES, self.credit.get(stream, 0), self.credit[0])
                if stream in self.ended:
                    del unsent[stream]
                elif size > 0:
                    self.credit[stream] -= size
                    self.credit[0] -= size
                    unsent[stream] = rest[size:]
                    self.send(frame(DATA, LAST if last and size == len(rest) else 0, stream, bytes(rest[:size])))
                    if size == len(rest):
                        del unsent[stream]
            if sum(map(len, unsent.values())) == before:
                self.read(0.1)

    def _exchange(self, wait_s: float) -> None:
        """Read or write once, as the connection lets."""
        if not self.target.on():
            raise TimeoutError
        readable, writable, _ = select([self._socket], [self._socket] if self._out else [], [], wait_s)
        if readable:
            more = self._socket.recv(2**18)
            if not more:
                raise ConnectionResetError
            self._in += more
            self._understand()
        if writable:
            del self._out[: self._socket.send(self._out)]

    def _understand(self) -> None:
        start = 0
        while len(self._in) - start >= _HEAD:
            size = int.from_bytes(self._in[start : start + 3], "big")
            if len(self._in) - start < _HEAD + size:
                break
            kind, flags = self._in[start + 3], self._in[start + 4]
            stream = int.from_bytes(self._in[start + 5 : start + 9], "big") & 0x7FFFFFFF
            self._answer(kind, flags, stream, bytes(self._in[start + _HEAD : start + _HEAD + size]))
            start += _HEAD + size
        del self._in[:start]

    def _answer(self, kind: int, flags: int, stream: int, payload: bytes) -> None:
        self.seen[kind] += 1
        if kind == WINDOW:
            self.credit[stream] = self.credit.get(stream, self._initial) + int.from_bytes(payload, "big")
        elif kind == SETTINGS and not flags & ACK:
            told = dict(struct.iter_unpack(">HI", payload))
            changed = told.get(_INITIAL_WINDOW, self._initial) - self._initial
            self._initial += changed
            self.credit |= {n: credit + changed for n, credit in self.credit.items() if n}
            self._out += frame(SETTINGS, ACK, 0)
        elif kind == PING and not flags & ACK:
            self._out += frame(PING, ACK, 0, payload)
        elif kind == RESET or (kind in {DATA, HEADERS} and flags & LAST):
            self.ended[stream] += 1
            self.credit.pop(stream, None)


def again(target: Target, attack: Callable[[Peer], Iterable[object]], *, window: int = WINDOW_FIRST) -> int:
    """Attack over one connection after the other; return how often `attack` yielded."""
    done = 0
    while target.on():
        try:
            with Peer(target, window=window) as peer:
                for _ in attack(peer):
                    done += 1
        except OSError:
            sleep(_AGAIN_S)
    return done

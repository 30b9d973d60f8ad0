"""Bodies and heads of HTTP/1 that are half sent, trickled, not read, or flooded."""

from contextlib import suppress
from itertools import count

from tests.hostile.attack import Target, attack
from tests.hostile.crowd import silent, spread, threads, trickled
from tests.hostile.honest import MODEL
from tests.hostile.peer import connect
from tests.process import COMMAND

_MIB = 2**20
_LARGE = 60 * _MIB
_LONGEST_MS = 999_999_999_999
"""Thirty years, which the service took when this was measured."""
FEW = ("bash", "-c", 'ulimit -n 256; exec "$0" serve', str(COMMAND))
"""Starts the service with few descriptors."""
_TWICE = 512
_BODY = b'{"model": "%b", "query": "q", "documents": ["d"]}' % MODEL.encode()


def head(length: int, *more: str, path: str = "/v2/rerank", method: str = "POST") -> bytes:
    """Return a head with further header lines."""
    lines = (f"{method} {path} HTTP/1.1", "Host: localhost", "Content-Type: application/json", *more)
    return "\r\n".join((*lines, f"Content-Length: {length}", "", "")).encode()


def exchanged(target: Target, content: bytes, patience_s: float = 10) -> bytes:
    """Send on a connection of its own; return what comes until it closes, or nothing comes. Raises OSError."""
    found = b""
    with connect(target.http) as one:
        one.sendall(content)
        one.settimeout(patience_s)
        with suppress(TimeoutError):
            while target.on() and (more := one.recv(2**16)):
                found += more
    return found


def _half_bodies(target: Target, number: int, size: int, of: int, *more: str) -> int:
    """Send `size` of `of` bytes of a body on so many connections, and stay."""
    opened = count(1)
    content = head(of, f"X-Request-Timeout-Ms: {_LONGEST_MS}", *more) + b'{"query": "' + b"a" * (size - 11)

    def one(place: int) -> int:
        with connect(target.http) as connection:
            next(opened)
            connection.settimeout(target.left_s())
            connection.sendall(content)
            while target.on() and connection.recv(4096):
                pass
        return 0

    threads(target, number, one)
    return next(opened) - 1


@attack()
def half_bodies(target: Target) -> int:
    """Send 60 of 64 MiB of a body on 50 connections, with a timeout of thirty years, and stay."""
    return _half_bodies(target, 50, _LARGE, 64 * _MIB)


@attack()
def half_bodies_of_8_mib(target: Target) -> int:
    """Send 7 of 8 MiB, below any limit of a body, on 200 connections, and stay."""
    return _half_bodies(target, 200, 7 * _MIB, 8 * _MIB)


@attack(keyed=True)
def half_bodies_without_a_key(target: Target) -> int:
    """Send 60 of 64 MiB of a body on 50 connections, without a key."""
    return _half_bodies(target, 50, _LARGE, 64 * _MIB)


@attack()
def half_chunks(target: Target) -> int:
    """Send chunks without end, a byte each, on 100 connections."""
    start = head(0).replace(b"Content-Length: 0", b"Transfer-Encoding: chunked")
    return trickled(target, target.http, start + b"1\r\na\r\n" * 1000, b"1\r\na\r\n" * 100, 100)


@attack()
def trickled_heads(target: Target) -> int:
    """Send heads a byte a second on 500 connections."""
    return trickled(target, target.http, b"POST /v2/rerank HTTP/1.1\r\nHost: localhost\r\nX: ", b"a", 500)


@attack()
def trickled_heads_on_the_admin_port(target: Target) -> int:
    """Send heads a byte a second on 500 connections to the admin port."""
    return trickled(target, target.admin, b"GET /livez HTTP/1.1\r\nHost: localhost\r\nX: ", b"a", 500)


@attack()
def trickled_bodies(target: Target) -> int:
    """Send bodies a byte a second on 500 connections."""
    return trickled(target, target.http, head(1000, f"X-Request-Timeout-Ms: {_LONGEST_MS}") + b"{", b" ", 500)


@attack(command=FEW)
def silent_connections(target: Target) -> int:
    """Open twice as many connections to REST as there are descriptors, and say nothing."""
    return silent(target, target.http, b"", _TWICE)


@attack(command=FEW)
def silent_connections_of_many_addresses(target: Target) -> int:
    """Do the same from 32 addresses."""
    return silent(target, target.http, b"", _TWICE, addresses=True)


@attack(command=FEW)
def silent_connections_to_grpc(target: Target) -> int:
    """Open twice as many connections to gRPC as there are descriptors, and say nothing."""
    return silent(target, target.grpc, b"", _TWICE)


@attack(command=FEW)
def silent_connections_to_grpc_of_many_addresses(target: Target) -> int:
    """Do the same from 32 addresses."""
    return silent(target, target.grpc, b"", _TWICE, addresses=True)


@attack(command=FEW)
def silent_connections_to_the_admin_port(target: Target) -> int:
    """Open twice as many connections to the admin port as there are descriptors, and say nothing."""
    return silent(target, target.admin, b"", _TWICE)


@attack()
def unread_answers_of_rest(target: Target) -> int:
    """Ask for a document of 20 MiB back on 20 connections, and read nothing."""
    fields = b'{"query": "q", "return_text": true, "texts": ["'
    body = fields + b"a" * (20 * _MIB) + b'"]}'
    content = head(len(body), f"X-Request-Timeout-Ms: {_LONGEST_MS}", path="/rerank") + body

    def one(place: int) -> int:
        with connect(target.http, 4096) as connection:
            connection.sendall(content)
            while target.on():
                target.wait(0.5)
        return 1

    return threads(target, 20, one)


@attack()
def unread_pages(target: Target) -> int:
    """Ask for /openapi.json without end on 20 connections, and read nothing."""
    content = head(0, path="/openapi.json", method="GET") * 100

    def one(place: int) -> int:
        with connect(target.http, 4096) as connection:
            connection.settimeout(1)
            connection.sendall(content)
        return 1

    return threads(target, 20, one)


@attack()
def pipelined_calls(target: Target) -> int:
    """Send a thousand small requests at a time on each of 8 connections, and read their answers."""
    content = (head(2) + b"{}") * 1000
    return threads(target, 8, lambda place: on_a_new(target, content))


def on_a_new(target: Target, content: bytes) -> int:
    """Exchange on a connection of its own; return one. Raises OSError."""
    exchanged(target, content)
    return 1


@attack()
def connections_that_come_and_go(target: Target) -> int:
    """Open connections and close them at once, on 8 threads."""

    def one(place: int) -> int:
        for _ in range(100):
            connect(target.http, source=spread(place)).close()
        return 100

    return threads(target, 8, one)


@attack()
def callers_of_rest_that_leave(target: Target) -> int:
    """Send requests and close at once, on 8 threads."""

    def one(place: int) -> int:
        with connect(target.http) as connection:
            connection.sendall(head(len(_BODY)) + _BODY)
        return 1

    return threads(target, 8, one)


@attack()
def pages_that_are_none(target: Target) -> int:
    """Ask for paths that do not exist, on 4 threads."""
    content = head(0, "Connection: close", path="/" + "x" * 4000, method="GET")
    return threads(target, 4, lambda place: on_a_new(target, content))


@attack()
def requests_to_continue(target: Target) -> int:
    """Ask for leave to send a body, and send none, on 200 connections."""
    return silent(target, target.http, head(1000, "Expect: 100-continue"), 200)

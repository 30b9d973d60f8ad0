"""Handshakes that are never finished, or made without end, and records of a byte."""

import ssl
from contextlib import suppress

from tests.hostile.attack import Target, attack
from tests.hostile.crowd import silent, threads, trickled
from tests.hostile.http1 import head
from tests.hostile.peer import connect


def _hello() -> bytes:
    """Return the first record of a client."""
    sent = ssl.MemoryBIO()
    client = _context().wrap_bio(ssl.MemoryBIO(), sent)
    with suppress(ssl.SSLWantReadError):
        client.do_handshake()
    return sent.read()


def _context() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


@attack(tls=True)
def tls_half_hellos(target: Target) -> int:
    """Send half of the first record to REST on 500 connections, and stay."""
    return silent(target, target.http, _hello()[:100], 500)


@attack(tls=True)
def tls_half_hellos_to_grpc(target: Target) -> int:
    """Send half of the first record to gRPC on 500 connections, and stay."""
    return silent(target, target.grpc, _hello()[:100], 500)


@attack(tls=True)
def tls_unfinished(target: Target) -> int:
    """Send the first record, which the server answers with its certificate, and no more, on 200 connections."""
    return threads(target, 2, lambda place: silent(target, (target.http, target.grpc)[place], _hello(), 200))


@attack(tls=True)
def tls_trickled(target: Target) -> int:
    """Send the first record a byte a second on 500 connections."""
    return trickled(target, target.http, _hello()[:9], b"\0", 500)


@attack(tls=True)
def tls_handshakes(target: Target) -> int:
    """Make whole handshakes without end, on 4 threads, half of them with gRPC."""
    context = _context()

    def one(place: int) -> int:
        with connect(target.grpc if place % 2 else target.http) as plain, context.wrap_socket(plain):
            return 1

    return threads(target, 4, one)


@attack(tls=True)
def tls_records_of_a_byte(target: Target) -> int:
    """Send a body in records of a byte each, on 4 threads."""
    context = _context()
    content = head(10_000) + b" " * 10_000

    def one(place: int) -> int:
        with connect(target.http) as plain, context.wrap_socket(plain) as secured:
            for byte in content:
                secured.send(bytes((byte,)))
        return 1

    return threads(target, 4, one)

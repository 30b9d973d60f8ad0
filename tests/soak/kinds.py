"""The kinds of calls: frequency and allowed outcomes."""

from collections.abc import Awaitable, Callable
from typing import NamedTuple

from tests.soak import grpc_calls, http2, rest_calls, wire_calls
from tests.soak.outcome import CUT_OFF, INTERNAL, LEFT, OK, SERVED, Outcome
from tests.soak.question import SoakRequest
from tests.soak.target import Target

Make = Callable[[Target, str, SoakRequest], Awaitable[Outcome]]
"""Makes a call as a named client, and returns its outcome."""
_MAY_LEAVE = SERVED | {LEFT}
_INVALID = frozenset(("INVALID_REQUEST", "OUT_OF_RANGE", "UNKNOWN_MODEL"))


class Kind(NamedTuple):
    """One kind of call."""

    name: str
    make: Make
    weight: float
    endings: frozenset[str] = SERVED
    """Allowed reasons of its end."""
    lines: int = 1
    """Most log lines of one call."""
    sampled: bool = False
    """True if its scores can be compared with those of the same request alone."""


WORK = (
    Kind("grpc", grpc_calls.unary, 25, sampled=True),
    Kind("grpc-stream", grpc_calls.stream, 8, sampled=True),
    Kind("rest-v2", rest_calls.v2, 20, sampled=True),
    Kind("rest-v1", rest_calls.v1, 6, sampled=True),
    Kind("rest-tei", rest_calls.tei, 6, sampled=True),
    Kind("grpc-hasty", grpc_calls.hasty, 4),
    Kind("rest-hasty", rest_calls.hasty, 4),
    Kind("grpc-left", grpc_calls.left, 4, _MAY_LEAVE),
    Kind("rest-left", wire_calls.left, 4, frozenset((LEFT,))),
    Kind("grpc-upload-left", grpc_calls.upload_left, 3, _MAY_LEAVE),
    Kind("rest-upload-left", wire_calls.upload_left, 3, frozenset((LEFT,))),
    Kind("rest-answer-left", wire_calls.answer_left, 3, frozenset((LEFT,))),
    Kind("grpc-slow-sender", grpc_calls.slow_stream, 3),
    Kind("rest-slow-sender", wire_calls.slow_sender, 3),
    Kind("grpc-slow-reader", http2.slow_reader, 3, frozenset(("OK", LEFT, CUT_OFF))),
    Kind("rest-slow-reader", wire_calls.slow_reader, 3, sampled=True),
    Kind("grpc-faulty", lambda target, name, q: grpc_calls.unary(target, name, q.with_faults(target.rng)), 3),
    Kind("rest-faulty", lambda target, name, q: rest_calls.v2(target, name, q.with_faults(target.rng)), 3),
)
"""Calls that cause scoring, even if the client leaves."""
NOISE = (
    Kind("grpc-not-protobuf", grpc_calls.not_protobuf, 3, frozenset(("INVALID_REQUEST",))),
    Kind("grpc-too-many", grpc_calls.too_many, 1, frozenset(("OUT_OF_RANGE",))),
    Kind("grpc-no-model", grpc_calls.unknown_model, 1, frozenset(("UNKNOWN_MODEL",))),
    Kind("grpc-oversize", grpc_calls.oversize, 0.1, frozenset(("OUT_OF_RANGE",))),
    # grpc refuses it by itself, and at times passes on the dead call.
    Kind("grpc-large-metadata", grpc_calls.large_metadata, 1, frozenset((CUT_OFF,))),
    Kind("grpc-no-method", grpc_calls.unknown_method, 1, frozenset((CUT_OFF,)), lines=0),
    Kind("grpc-noise", http2.noise, 3, frozenset((LEFT,))),
    Kind("grpc-resets", http2.rapid_resets, 1, frozenset((LEFT,)), lines=100),
    Kind("rest-malformed", rest_calls.malformed, 6, _INVALID),
    Kind("rest-oversize", wire_calls.oversize, 1, frozenset(("OUT_OF_RANGE",))),
    Kind("rest-oversize-sent", wire_calls.oversize_sent, 0.1, frozenset(("OUT_OF_RANGE", CUT_OFF))),
    Kind("rest-large-head", rest_calls.large_head, 1, frozenset((CUT_OFF,)), lines=0),
    Kind("rest-slow-head", wire_calls.slow_head, 1, frozenset((LEFT,)), lines=0),
    Kind("rest-noise", wire_calls.noise, 3, frozenset((LEFT,)), lines=0),
    Kind(
        "grpc-hopeless",
        lambda target, name, q: grpc_calls.unary(target, name, q.hopeless()),
        1,
        SERVED - {OK} | {INTERNAL},
    ),
    Kind(
        "rest-hopeless",
        lambda target, name, q: rest_calls.v2(target, name, q.hopeless()),
        0.5,
        SERVED - {OK} | {INTERNAL},
    ),
)
"""Calls that cause little or no scoring."""
KINDS = {kind.name: kind for kind in (*WORK, *NOISE)}

"""The service with an engine that fails: python -m tests.soak.faulty serve."""

from collections.abc import Sequence
from random import Random
from threading import Event

from scheduler import Abort
from service.cli import main
from service.engine.engine import Engine
from service.engine.pair_layout import EncodedPair

FAULT = "volcano"
"""A document of this word alone fails, whatever it shares a batch with; a token to the embedded model."""
_FAILS, _HANGS = 0.01, 0.005  # Of all batches.
_HANG_S = 1.0  # Unless it is stopped before.


class InjectedFault(Exception):
    """A fault that the soak asked for."""


def _break() -> None:
    """Make every engine of this process fail now and then."""
    score, chance = Engine.score, Random(1)

    def faulty(self: Engine, pairs: Sequence[EncodedPair], abort: Abort | None = None) -> list[float]:
        if abort is None:  # Warming up.
            return score(self, pairs, abort)
        if any(pair.tail[0] == _marker(self) for pair in pairs):
            raise InjectedFault("a document at fault")
        drawn = chance.random()
        # What fails for no reason goes well in halves; a pair alone would be given up.
        if drawn < _FAILS and len(pairs) > 1:
            raise InjectedFault("a batch at fault")
        if _FAILS <= drawn < _FAILS + _HANGS:
            stopped = Event()
            abort.arm(stopped.set)
            if stopped.wait(_HANG_S):
                raise InjectedFault("stopped")
        return score(self, pairs, abort)

    Engine.score = faulty  # type: ignore[method-assign]


_markers: dict[int, int] = {}


def _marker(engine: Engine) -> int:
    """Return the token of FAULT."""
    if id(engine) not in _markers:
        _markers[id(engine)] = int(engine.encode(engine.query("a"), [FAULT], 8).pairs[0].tail[0])
    return _markers[id(engine)]


if __name__ == "__main__":
    _break()
    main()

"""The service with a faulty engine: python -m tests.soak.faulty serve."""

from collections.abc import Sequence
from random import Random
from threading import Event

from scheduler import Abort
from service.cli import main
from service.engine.engine import Engine
from service.engine.pair_layout import EncodedPair

FAULT = "volcano"
"""A document of only this word makes its batch fail; one token for the embedded model."""
_FAILS, _HANGS = 0.01, 0.005  # Shares of all batches.
_HANG_S = 1.0  # Unless it is aborted before.


class InjectedFault(Exception):
    """An injected fault."""


def _break() -> None:
    """Inject random faults into every engine of this process."""
    score, rng = Engine.score, Random(1)

    def faulty(self: Engine, pairs: Sequence[EncodedPair], abort: Abort | None = None) -> list[float]:
        if abort is None:  # The warm-up runs without faults.
            return score(self, pairs, abort)
        if any(pair.tail[0] == _marker(self) for pair in pairs):
            raise InjectedFault("a document at fault")
        drawn = rng.random()
        # Random faults spare single pairs: halves of a failed batch then succeed, and no pair is given up.
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
    """Return the token id of FAULT."""
    if id(engine) not in _markers:
        _markers[id(engine)] = int(engine.encode(engine.query("a"), [FAULT], 8).pairs[0].tail[0])
    return _markers[id(engine)]


if __name__ == "__main__":
    _break()
    main()

"""Scores no pair twice."""

from collections.abc import Callable, Sequence
from math import isfinite
from threading import Event, Lock

from scheduler import Abort
from service.engine.lru import LruCache
from service.engine.pair_layout import EncodedPair


class ScoreCache:
    """Scores batches on worker threads, and remembers each score at once, whatever becomes of the request.

    A pair waits in its lane even if an equal one waits in another: nobody knows which of them comes first. When its
    turn comes and its score is known by then, it is not run; while it is on another worker, that one is waited for.
    """

    def __init__(
        self, score: Callable[[Sequence[EncodedPair], Abort], Sequence[float]], cache: LruCache[float]
    ) -> None:
        """Run what is not in `cache` by `score`."""
        self._score = score
        self._cache = cache
        self._running: dict[bytes, Event] = {}
        self._lock = Lock()

    def __call__(self, pairs: Sequence[EncodedPair], abort: Abort) -> list[float]:
        """Return the score of each pair. Raises what running them does."""
        known: dict[bytes, float] = {}
        wanted = {pair.key: pair for pair in pairs}
        while missing := [pair for key, pair in wanted.items() if key not in known]:
            with self._lock:
                others = {self._running[pair.key] for pair in missing if pair.key in self._running}
                free = [pair for pair in missing if pair.key not in self._running]
                found = self._cache.find(pair.key for pair in free)
                mine, done = [pair for pair, score in zip(free, found, strict=True) if score is None], Event()
                self._running |= dict.fromkeys((pair.key for pair in mine), done)
            known |= {pair.key: score for pair, score in zip(free, found, strict=True) if score is not None}
            abort.partial |= len(mine) < len(pairs)
            if mine:
                known |= self._run(mine, done, abort)
            for other in others:
                other.wait()
        return [known[pair.key] for pair in pairs]

    def _run(self, pairs: Sequence[EncodedPair], done: Event, abort: Abort) -> dict[bytes, float]:
        keys = [pair.key for pair in pairs]
        try:
            scores = self._score(pairs, abort)
            fresh = dict(zip(keys, scores, strict=True))
            self._cache.keep((key, score) for key, score in fresh.items() if isfinite(score))
            return fresh
        finally:
            with self._lock:
                for key in keys:
                    del self._running[key]
            done.set()

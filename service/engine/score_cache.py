"""A cache of scores, shared by all workers."""

from collections.abc import Callable, Sequence
from math import isfinite
from threading import Event, Lock

from scheduler import Abort, Scores
from service.engine.lru import LruCache
from service.engine.pair_layout import EncodedPair


class ScoreCache:
    """Scores batches on worker threads, and caches each score, even if its request is cancelled.

    A request looks up its pairs before it is queued. A batch looks them up again before it runs, because another lane
    may have run an equal pair meanwhile. If an equal pair runs on another worker, the batch waits for its result
    (single flight).
    """

    def __init__(
        self, score: Callable[[Sequence[EncodedPair], Abort], Sequence[float]], cache: LruCache[float]
    ) -> None:
        """Run the pairs that are not in `cache` with `score`; a cache of 0 bytes also disables single flight."""
        self._score = score
        self._cache = cache
        self._running: dict[bytes, Event] = {}
        self._lock = Lock()

    def __call__(self, pairs: Sequence[EncodedPair], abort: Abort) -> Scores:
        """Return the score of each pair. Raises the exceptions of `score`."""
        if not self._cache.bytes_max:
            return Scores(self._score(pairs, abort), len(pairs))
        scores: dict[bytes, float] = {}
        distinct = {pair.key: pair for pair in pairs}
        pairs_run = 0
        while missing := [pair for key, pair in distinct.items() if key not in scores]:
            cached, claimed, elsewhere = self._claim(missing)
            scores |= cached
            if claimed:
                scores |= self._run(claimed, abort)
                pairs_run += len(claimed)
            for running in elsewhere:
                running.wait()
        return Scores([scores[pair.key] for pair in pairs], pairs_run)

    def _claim(self, pairs: Sequence[EncodedPair]) -> tuple[dict[bytes, float], list[EncodedPair], set[Event]]:
        """Return the cached scores, the pairs that this call must run, and the runs of other workers to wait for."""
        with self._lock:
            elsewhere = {self._running[pair.key] for pair in pairs if pair.key in self._running}
            free = [pair for pair in pairs if pair.key not in self._running]
            scores = self._cache.find(pair.key for pair in free)
            claimed = [pair for pair, score in zip(free, scores, strict=True) if score is None]
            self._running |= dict.fromkeys((pair.key for pair in claimed), Event())
        cached = {pair.key: score for pair, score in zip(free, scores, strict=True) if score is not None}
        return cached, claimed, elsewhere

    def _run(self, pairs: Sequence[EncodedPair], abort: Abort) -> dict[bytes, float]:
        """Return the scores of claimed pairs, and release the claim."""
        keys = [pair.key for pair in pairs]
        try:
            scores = dict(zip(keys, self._score(pairs, abort), strict=True))
            self._cache.keep((key, score) for key, score in scores.items() if isfinite(score))
            return scores
        finally:
            with self._lock:
                done = {self._running.pop(key) for key in keys}
            for event in done:
                event.set()

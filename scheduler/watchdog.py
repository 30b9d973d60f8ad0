"""The watchdog: finds the batches that hang."""

from dataclasses import dataclass

from scheduler.values import Batch

_TIMES = 5.0  # A batch hangs after so many times its prediction.
_LEAST_S = 0.25  # The least time beyond its prediction after which a batch hangs.
_DOUBLINGS_MAX = 2  # Of the limit of a pair that is alone, from one try to the next.
_TICK_S = 0.05  # Between looks at the clock while something runs.


@dataclass(slots=True)
class _Watched:
    batch: Batch
    since: float
    least_s: float
    stops: int = 0

    @property
    def limit_s(self) -> float:
        halvings = (max(self.batch.pairs, 1) - 1).bit_length()  # Until a pair is alone.
        return self.least_s * (1 << min(max(self.stops - halvings, 0), _DOUBLINGS_MAX))

    @property
    def until(self) -> float:
        return self.since + self.limit_s


class Watchdog:
    """Watches the running batches.

    A batch hangs after max(5 * predicted, predicted + 0.25 s). It is stopped and runs on in halves, each with the limit
    of the whole, so that on a machine that has become slow, work that does not hang gets through. The limit of a single
    pair doubles from try to try.

    A process that was paused, or starved of its CPU, does not hang. Ticks tell: if one is noticed late, nothing ran,
    and the limits of all batches begin anew.
    """

    def __init__(self) -> None:
        self._watched: dict[int, _Watched] = {}
        self._tick_at: float | None = None

    def start(self, batch: Batch, now: float) -> None:
        """Watch a batch from now on."""
        self._watched[batch.id] = _Watched(batch, now, max(_TIMES * batch.work, batch.work + _LEAST_S))

    def finish(self, batch_id: int) -> None:
        """Stop watching a batch."""
        del self._watched[batch_id]

    def look(self, now: float) -> list[tuple[Batch, float]]:
        """Return the batches that hang, with the seconds they ran; each once for every limit it passes."""
        if self._tick_at is not None and now > self._tick_at + _TICK_S:
            for watched in self._watched.values():
                watched.since = now
        hanging = []
        for watched in self._watched.values():
            if watched.until <= now:
                hanging.append((watched.batch, now - watched.since))
                watched.since, watched.stops = now, watched.stops + 1
        if not self._watched:
            self._tick_at = None
        elif self._tick_at is None or self._tick_at <= now:
            self._tick_at = now + _TICK_S
        return hanging

    @property
    def wake_at(self) -> float | None:
        """The time of the next look, in monotonic seconds; None if nothing runs."""
        if self._tick_at is None:
            return None
        return min(self._tick_at, *(watched.until for watched in self._watched.values()))

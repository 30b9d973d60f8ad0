"""No pair is scored twice, whatever workers ask for it and however a run ends."""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from math import isnan, nan
from sys import getsizeof

import numpy as np
import pytest

from scheduler import Abort
from service.engine.lru import LruCache
from service.engine.pair_layout import EncodedPair
from service.engine.score_cache import ScoreCache

NOTHING = np.array([], np.int32)


def pair(name: str) -> EncodedPair:
    """Return a pair known by a name."""
    return EncodedPair(NOTHING, NOTHING, name.encode())


class Worker:
    """Scores pairs by their names' numbers, and waits or fails where the test says so."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.before: dict[str, Callable[[], None]] = {}
        self.scoring = ScoreCache(self.score, LruCache(2**20, getsizeof))

    def score(self, pairs: Sequence[EncodedPair], _: Abort) -> list[float]:
        """Return the position of each name in the alphabet."""
        names = "".join(p.key.decode() for p in pairs)
        self.calls.append(names)
        if names in self.before:
            self.before.pop(names)()
        return [float(ord(name) - ord("a")) for name in names]

    def ask(self, names: str) -> tuple[list[float], int]:
        """Return the scores of pairs, and how many of them were run."""
        scores = self.scoring([pair(name) for name in names], Abort())
        return list(scores.values), scores.pairs_run


@pytest.fixture
def worker() -> Worker:
    return Worker()


def test_known_pairs_are_not_run(worker: Worker):
    """Pairs whose scores are cached are not run again; the number of pairs run tells that the time is of fewer."""
    assert worker.ask("abc") == ([0, 1, 2], 3)
    assert worker.ask("cdb") == ([2, 3, 1], 1)
    assert worker.ask("cdb") == ([2, 3, 1], 0)
    assert worker.calls == ["abc", "d"]


def test_equal_pairs_are_run_once(worker: Worker):
    """Equal pairs of one batch are run once."""
    assert worker.ask("abab") == ([0, 1, 0, 1], 2)
    assert worker.calls == ["ab"]


def _while_running(
    worker: Worker, names: str, others: str, ending: Callable[[], None]
) -> "list[Future[tuple[list[float], int]]]":
    """Ask for `others` on a second worker while `names` are on the first, which then goes on as `ending` says."""
    running, go_on = threading.Event(), threading.Event()

    def hold() -> None:
        running.set()
        assert go_on.wait(10)
        ending()

    worker.before[names] = hold
    with ThreadPoolExecutor(2) as workers:
        first = workers.submit(worker.ask, names)
        assert running.wait(10)
        worker.before[others.translate({ord(name): None for name in names})] = go_on.set
        return [first, workers.submit(worker.ask, others)]


def test_pairs_on_another_worker_are_waited_for(worker: Worker):
    """A pair that another worker has is not run beside it."""
    first, second = _while_running(worker, "abc", "bxc", lambda: None)
    assert first.result() == ([0, 1, 2], 3)
    assert second.result() == ([1, 23, 2], 1)
    assert worker.calls == ["abc", "x"]


def test_another_worker_fails(worker: Worker):
    """A pair that failed on another worker is run here; only who ran it there is told."""

    def fail() -> None:
        raise RuntimeError("broken")

    first, second = _while_running(worker, "abc", "bxc", fail)
    with pytest.raises(RuntimeError):
        first.result()
    assert second.result() == ([1, 23, 2], 3)
    assert worker.calls == ["abc", "x", "bc"]


def test_failures_are_not_remembered(worker: Worker):
    """Pairs whose run failed are run again when they are asked for."""

    def fail() -> None:
        raise RuntimeError("broken")

    worker.before["ab"] = fail
    with pytest.raises(RuntimeError):
        worker.ask("ab")
    assert worker.ask("ab") == ([0, 1], 2)


def test_what_is_no_number_is_not_remembered():
    """A score that is not a number is let through for the caller to refuse, and not kept."""
    answers = iter([[nan, 1.0], [0.5]])
    scoring = ScoreCache(lambda _, __: next(answers), LruCache(2**20, getsizeof))
    assert isnan(scoring([pair("a"), pair("b")], Abort()).values[0])
    assert scoring([pair("a"), pair("b")], Abort()) == ([0.5, 1.0], 1)


def test_no_cache():
    """Without a cache, all pairs are run as they come, equal ones together."""
    batches: list[int] = []

    def score(pairs: Sequence[EncodedPair], _: Abort) -> list[float]:
        batches.append(len(pairs))
        return [1.0] * len(pairs)

    scoring = ScoreCache(score, LruCache(0, getsizeof))
    for _ in range(2):
        assert scoring([pair("a"), pair("b"), pair("a")], Abort()) == ([1.0] * 3, 3)
    assert batches == [3, 3]

"""The watchdog reports batches that hang, and none that is slow, or on a process that was paused."""

import pytest

from scheduler.values import Batch, Slice
from scheduler.watchdog import Watchdog


def watched(work: float = 0.05, start: float = 0.0, pairs: int = 1) -> Watchdog:
    """Return a watchdog with a batch of `work` predicted seconds that began at `start`."""
    dog = Watchdog()
    dog.start(Batch(1, (Slice(1, tuple(range(pairs))),), 10, work), start)
    assert dog.look(start) == []
    return dog


def reports(dog: Watchdog, start: float, stop: float) -> list[tuple[float, float]]:
    """Look whenever the watchdog asks for it; return when a batch was reported, and for how long it had run."""
    found = []
    now = start
    while dog.wake_at is not None and (now := max(now, dog.wake_at)) <= stop:
        found += [(now, ran_s) for _, ran_s in dog.look(now)]
    return found


@pytest.mark.parametrize(("work", "limit_s"), [(0.05, 0.3), (0.2, 1.0), (0.001, 0.251)])
def test_a_hang_is_noticed(work, limit_s):
    """A batch hangs from five times its prediction on, but not within a quarter of a second beyond it."""
    assert reports(watched(work), 0.0, limit_s * 1.5) == [pytest.approx((limit_s, limit_s))]


def test_a_pair_that_was_stopped_gets_twice_as_long():
    """After each stop a pair alone has twice as long as before, up to four times."""
    times = [at for at, _ in reports(watched(), 0.0, 4.0)]
    assert times == pytest.approx([0.3, 0.9, 2.1, 3.3])


@pytest.mark.parametrize(("pairs", "halvings"), [(2, 1), (3, 2), (4, 2), (40, 6), (64, 6)])
def test_halves_get_as_long_as_the_whole(pairs: int, halvings: int):
    """While a batch is halved each part has as long as the batch had, so that the pair at fault is soon alone."""
    times = [at for at, _ in reports(watched(pairs=pairs), 0.0, 0.3 * (halvings + 1) + 0.7)]
    assert times == pytest.approx([0.3 * (stop + 1) for stop in range(halvings + 1)] + [0.3 * (halvings + 1) + 0.6])


def test_what_came_back_is_not_watched():
    """A batch that came back in time is never reported, and then there is nothing to wake for."""
    dog = watched()
    dog.finish(1)
    dog.look(0.1)
    assert dog.wake_at is None


@pytest.mark.parametrize("pause_at", [0.01, 0.11, 0.24, 0.29])
def test_a_pause_is_not_a_hang(pause_at):
    """A process that stood still gives its batches their whole time again."""
    dog = watched()
    assert reports(dog, 0.0, pause_at) == []
    resumed = pause_at + 0.6
    assert dog.look(resumed) == []
    assert reports(dog, resumed, resumed + 0.29) == []
    assert reports(dog, resumed + 0.29, resumed + 0.32) != []


def test_short_pauses_leave_time_enough():
    """Pauses too short to be noticed do not add up to a hang of a batch that takes as long as predicted."""
    dog = watched(work=0.05)
    now = ran = 0.0
    while ran < 0.05:
        ran += 0.02  # Runs for 20 ms, then stands still for 60.
        now += 0.08
        assert dog.look(now) == []

"""The forecast averages the work dispatched in each lane, and the time of batches over the price of their pairs."""

from itertools import pairwise
from math import e

import pytest

from scheduler import LANES
from scheduler.forecast import Forecast

YEAR_S = 3600 * 24 * 365


def steady(seconds: float, start: float = 0.0) -> Forecast:
    """Return the forecast after lane 0 took half a worker, in jobs of 0.02 s, a slice of 5 ms every 10 ms."""
    forecast = Forecast()
    for i in range(int(seconds * 100)):
        forecast.add_work(0, 0.005, 0.02, start + i * 0.01)
    return forecast


def test_nothing():
    """Before the first job, no lane takes anything."""
    assert Forecast().flow_through(LANES - 1, 5.0) == (0, 0)
    assert Forecast().flow_through(-1, 5.0) == (0, 0)


def test_better_lanes_only():
    """The flow through a lane leaves out worse lanes, and holds the lane itself."""
    forecast = Forecast()
    forecast.add_work(5, 1.0, 1.0, 0.0)
    assert forecast.flow_through(4, 0.0) == (0, 0)
    assert forecast.flow_through(5, 0.0).work > 0


def test_total():
    """All lanes together take what each of them does, also after a pause, and after more than ten minutes."""
    forecast = Forecast()
    for start in (0.0, 100.0, YEAR_S):
        for i in range(70_000):
            forecast.add_work(i % LANES, 0.005, 0.02, start + i * 0.01)
        now = start + 700
        assert forecast.flow_through(LANES - 1, now).work == pytest.approx(0.5, rel=0.02)


@pytest.mark.parametrize("seconds", [1, 3, 10, 60])
def test_steady_rate(seconds):
    """Under a steady stream the average is its rate, from its first second on."""
    flow = steady(seconds).flow_through(0, seconds)
    assert flow.work == pytest.approx(0.5, rel=0.02)
    assert flow.variance == pytest.approx(0.5 * 0.02, rel=0.02)


def test_a_first_moment_is_not_a_rate():
    """A single batch is not taken for a machine that is never free."""
    forecast = Forecast()
    forecast.add_work(0, 0.05, 0.05, 100.0)
    assert forecast.flow_through(0, 100.0).work < 0.06


def test_forgets():
    """Ten seconds later, a third of it is left: one part in e."""
    forecast = steady(100)
    before = forecast.flow_through(0, 100.0).work
    assert forecast.flow_through(0, 110.0).work == pytest.approx(before / e, rel=0.01)


def test_starts_over_after_idling():
    """A client's rate after a long pause is averaged over the time since, not over the pause."""
    forecast = steady(10)
    for i in range(300):
        forecast.add_work(0, 0.005, 0.02, 100 + i * 0.01)
    assert forecast.flow_through(0, 103.0).work == pytest.approx(0.5, rel=0.02)


def test_adds_up_over_lanes():
    """The service of better lanes adds up."""
    forecast = Forecast()
    forecast.add_work(0, 1.0, 1.0, 0.0)
    one = forecast.flow_through(8, 0.0).work
    forecast.add_work(8, 2.0, 2.0, 0.0)
    assert forecast.flow_through(8, 0.0).work == pytest.approx(3 * one)


def test_large_jobs_spread_more():
    """The same work in larger jobs varies more, in proportion to their size."""
    flows = []
    for job_work in (0.1, 1.0):
        forecast = Forecast()
        forecast.add_work(0, 0.1, job_work, 0.0)
        flows.append(forecast.flow_through(0, 0.0))
    assert flows[0].work == flows[1].work
    assert flows[1].variance == pytest.approx(10 * flows[0].variance)


def test_long_uptime():
    """After a year of work the average still is the rate: nothing overflows or drifts."""
    assert steady(60, start=YEAR_S).flow_through(0, YEAR_S + 60).work == pytest.approx(0.5, rel=0.01)


def test_rescaling_is_not_visible():
    """The average is continuous where the weights are brought back to 1."""
    forecast = Forecast()
    rates = []
    for i in range(15_000):  # Over twelve minutes: the weights are rescaled on the way.
        forecast.add_work(0, 0.025, 0.025, i * 0.05)
        rates.append(forecast.flow_through(0, i * 0.05).work)
    assert max(abs(b - a) for a, b in pairwise(rates[1500:])) < 0.01

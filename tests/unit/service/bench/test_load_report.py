"""A load test reports the figures of its runs, each against its limit."""

from math import nan

import pytest

from service.bench.client import Ending
from service.bench.goal import Goal
from service.bench.measure import Capacity
from service.bench.report import LoadTestReport
from service.bench.run import LoadRun, SentRequest
from service.bench.workload import BULK, MIX, URGENT, Request

CAPACITY = Capacity(100.0, 1.0, nan, dict.fromkeys((group.name for group in MIX), 0.1))


def sent(took_s: float, ending: Ending = Ending.IN_TIME, group: str = URGENT.name) -> SentRequest:
    """Return a request of ten tokens that ended like that."""
    return SentRequest(Request(group, "somebody", b"", 1, 10, deadline_s=1.0), ending, took_s, 0.0)


def report(*runs: tuple[float, list[SentRequest]]) -> LoadTestReport:
    """Return the report of these runs, by load; alone, an urgent request takes 0.1 s, and one in ten 0.2 s."""
    alone = LoadRun(0, [sent(0.1)] * 9 + [sent(0.2)], 1.0, 1.0)
    return LoadTestReport(
        CAPACITY, CAPACITY, alone, [LoadRun(load, sents, 1.0, 1.0) for load, sents in runs], 0.05, nan
    )


def goal(found: LoadTestReport, what: str) -> Goal:
    """Return the one goal that is called like that."""
    (one,) = (goal for goal in found.goals() if goal.what.startswith(what))
    return one


def test_urgent_requests_are_set_against_those_alone_and_one_batch():
    """At the worst load from 1x, both the median and the 99th percentile."""
    found = report((0.5, [sent(9.0)]), (1, [sent(0.12)] * 10), (4, [sent(0.15)] * 9 + [sent(0.5)]))
    assert goal(found, "urgent p50").measured == pytest.approx(0.15 / (0.1 + 0.05))
    assert goal(found, "urgent p99").measured == pytest.approx(0.5 / (0.2 + 0.05))
    assert (goal(found, "urgent p50").kept, goal(found, "urgent p99").kept) == (True, False)
    assert not found.kept


@pytest.mark.parametrize(
    ("ending", "what"),
    [
        (Ending.UNADVISED, "refusals without advice"),
        (Ending.FAILED, "failures"),
        (Ending.LATE, "share of requests with no answer"),
    ],
)
def test_one_bad_ending_keeps_no_limit(ending: Ending, what: str):
    """Of whichever request, at whichever load."""
    good = [sent(0.1)] * 10
    assert goal(report((0.5, good)), what).kept
    assert not goal(report((0.5, [*good, sent(0.1, ending, BULK.name)])), what).kept
    assert report((0.5, [*good, sent(0.1, Ending.ADVISED, BULK.name)])).kept


def test_goodput_must_not_fall_with_the_load():
    """Goodput at the highest load is compared with that at 1.5x, or at the load nearest to it."""
    found = report((1.5, [sent(0.1)] * 10), (10, [sent(0.1)] * 9 + [sent(0.1, Ending.ADVISED)]))
    assert goal(found, "goodput at 10x over goodput at 1.5x").measured == pytest.approx(0.9)
    assert not goal(found, "goodput").kept


def test_a_report_in_words():
    """It has a row for each load and for each goal, and ends with a word on all of them."""
    text = report((1, [sent(0.1)] * 10), (4, [sent(0.1)] * 10)).text()
    assert "\n|   4x |           1.000 |" in text
    assert "\n| failures  " in text
    assert text.endswith("\n\nkept")

"""Tests of the report."""

from service.bench.goal import Goal
from tests.bench.report import Report

KEPT = Goal("served over raw", [0.97, 0.99, 0.98], 0.95, 0.98, at_least=True)
MISSED = Goal("cost-model error", [0.1], 0.05)
RATES = {"each alone": [900.0], "sorted": [1000.0, 1001.0, 2000.0]}


def test_a_report_is_kept_if_all_goals_are():
    """One limit that is not kept decides."""
    assert Report([KEPT], RATES, "tiny", 2).kept
    assert not Report([KEPT, MISSED], RATES, "tiny", 2).kept


def test_a_report_in_words():
    """The goals stand in their order, the batching policies by what they bring."""
    assert Report([KEPT, MISSED], RATES, "tiny", 2).text() == (
        "tiny, 2 workers; medians of rounds in which they take turns\n"
        "\n"
        "| what             | measured | lowest to highest |         limit |  aim |             |\n"
        "| ---------------- | -------: | ----------------: | ------------: | ---: | ----------: |\n"
        "| served over raw  |     0.98 |      0.97 to 0.99 | at least 0.95 | 0.98 | aim reached |\n"
        "| cost-model error |      0.1 |                   |  at most 0.05 |      |    NOT KEPT |\n"
        "\n"
        "| batches    | tokens a second, raw | of the best |\n"
        "| ---------- | -------------------: | ----------: |\n"
        "| sorted     |                1,001 |        1.00 |\n"
        "| each alone |                  900 |        0.90 |\n"
        "\n"
        "NOT KEPT"
    )

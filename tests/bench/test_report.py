"""The report shows each goal and policy, and is kept only if every goal is."""

from service.bench.goal import Goal
from tests.bench.report import EngineReport

KEPT = Goal("served over raw", [0.97, 0.99, 0.98], 0.95, 0.98, at_least=True)
MISSED = Goal("cost-model error", [0.1], 0.05)
RATES = {"each alone": [900.0], "sorted": [1000.0, 1001.0, 2000.0]}


def test_a_report_is_kept_if_all_goals_are():
    """One missed goal makes the report not kept."""
    assert EngineReport([KEPT], RATES, "tiny", 2).kept
    assert not EngineReport([KEPT, MISSED], RATES, "tiny", 2).kept


def test_a_report_in_words():
    """Goals keep their order; batching policies are sorted by throughput."""
    assert EngineReport([KEPT, MISSED], RATES, "tiny", 2).text() == (
        "tiny, 2 workers; medians of interleaved rounds\n"
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

"""The goals compare our batches with the best other policy, round by round, and leave out what was not measured."""

from math import nan

from service.engine.cpu import instructions
from tests.bench.findings import Findings
from tests.bench.trials import OURS, USUAL, Alone

RATES = {
    OURS: [90.0, 100.0, 80.0, 100.0],
    "one way": [100.0, 100.0, 100.0, 100.0],
    "another": [100.0, 90.0, 80.0, 10.0],
    USUAL: [20.0, 25.0],
}


def goals(*, growth: float = 1.0, over_fp32: tuple[float, ...] = ()) -> dict[str, list[float]]:
    """Return the values of each goal of made-up findings."""
    findings = Findings(
        documents=100,
        requests=20_000,
        rates=RATES,
        served=[0.97],
        large=Alone([1.01], [150.0]),
        small=Alone([1.2], [40.0]),
        differing=0,
        compared=1234,
        error=0.03,
        late_s=0.004,
        growth=growth,
        over_fp32=over_fp32,
    )
    return {goal.what: list(goal.values) for goal in findings.goals()}


def test_our_batches_are_set_against_the_best_policy_of_all_rounds():
    """The best other policy has the highest median, and each round is compared with the same round."""
    assert goals()["our batches over the best of others"] == [0.9, 1.0, 0.8, 1.0]


def test_the_usual_batches_are_compared_with_the_rounds_they_ran_in():
    """Usual batches run in every third round, and are compared with those rounds."""
    assert goals()["our batches over those of 32 as they come"] == [4.5, 4.0]


def test_what_was_not_measured_is_no_goal():
    """Without an fp32 model or a memory measurement, its goal is left out."""
    least = goals(growth=nan)
    more = goals(growth=1.01, over_fp32=(2.1, 2.3))
    rows = {"memory after 20,000 requests over memory after a tenth", f"int8 over fp32, {instructions()}"}
    assert set(more) - set(least) == rows


def test_times_are_told_in_the_unit_of_their_limit():
    """The delay of the event loop is given in milliseconds, as its limit is."""
    assert goals()["delay of the event loop under full load, p99, ms"] == [4.0]

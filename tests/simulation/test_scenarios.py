"""Each scenario passes on a short trace with relaxed limits, and the simulator is deterministic and exact."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from service.bench.bound import Demand, work_in_time
from tests.simulation.bench import Bench
from tests.simulation.bounds import clairvoyant, fluid
from tests.simulation.result import MISSING, relaxed
from tests.simulation.run import Ending
from tests.simulation.scenarios import SCENARIOS
from tests.simulation.worker import BRISK
from tests.simulation.workload import Request

ROOT = Path(__file__).parents[2]
SHORT = Bench(length_s=6.0)
SLACK = 0.05


def digest() -> str:
    """Return the fingerprint of a short run."""
    bench = replace(SHORT, length_s=2.0)
    return bench.play(bench.trace(bench.parts(4.0))).digest


@pytest.mark.parametrize(
    "name",
    [
        "urgent_at_80_percent",
        "urgent_at_90_percent",
        "long_queue",
        "thousand_lanes",
        "unequal_clients",
        "lone_client",
        "flood",
        "two_lengths",
        "very_long_pairs",
        "infeasible_deadlines",
        "poisonous_pairs",
        "missing_scores",
        "pause",
        "mass_cancellation",
        "cancelled_while_running",
        "stop_under_load",
    ],
)
def test_scenario(name):
    failed = [c for c in SCENARIOS[name](SHORT).checks if c.notes != MISSING and not relaxed(c, SLACK).kept]
    assert not failed


def test_the_same_seed_gives_the_same_decisions():
    assert digest() == digest()


def test_decisions_do_not_depend_on_the_hash_seed():
    script = "from tests.simulation.test_scenarios import digest; print(digest())"
    environment = {**os.environ, "PYTHONHASHSEED": "4711", "PYTHONPATH": str(ROOT)}
    found = subprocess.run(
        [sys.executable, "-c", script], check=True, cwd=ROOT, capture_output=True, text=True, env=environment
    )
    assert found.stdout.strip() == digest()


def test_every_request_ends_once_and_nothing_is_left():
    run = SHORT.play(SHORT.trace(SHORT.parts(2.0)))
    assert run.jobs_left == 0
    assert all(o.ending is not Ending.LOST for o in run.outcomes)
    executed = sum(o.executed_s for o in run.outcomes)
    assert executed == pytest.approx(sum(p.useful_s for b in run.batches for p in b.pieces))


def test_a_lone_request_takes_what_its_batches_take():
    request = Request(1.0, 0, "a", (100,), 9.0)
    run = SHORT.play([request], noise=0.0)
    assert run.outcomes[0].latency == pytest.approx(BRISK.cost.batch(1, 100))


def test_the_fluid_bound_serves_the_best_first():
    assert fluid([1.0, 2.0, 3.0], 2.5) == [1.0, 1.5, 0.0]


def test_the_clairvoyant_bound_knows_deadlines_and_ranks():
    cost = BRISK.cost
    second = (100,) * 1000
    better, worse = Request(0.0, 0, "a", second, 1.0), Request(0.0, 1, "a", second, 1.5)
    kinds = [lambda r: r.lane == 0, lambda r: r.lane == 1]
    assert clairvoyant([better, worse], 1.0, cost, kinds) == pytest.approx([1.0, 0.5])


def test_the_best_possible_is_done_by_the_earliest_deadline():
    asked = [Demand(0.0, 1.0, 1.0), Demand(0.0, 1.5, 1.0)]
    assert work_in_time(asked, 1.0) == pytest.approx(1.5)
    assert work_in_time(asked, 2.0) == pytest.approx(2.0)
    assert work_in_time([*asked, Demand(3.0, 4.0, 5.0)], 1.0) == pytest.approx(2.5)

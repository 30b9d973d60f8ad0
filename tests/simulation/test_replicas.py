"""A simulated cluster is deterministic, loses no request, and shows the main results of the table of replicas."""

from random import Random

import pytest

from tests.simulation.balancers import Anyone, RoundRobin, Shortest, TwoChoices, at_lane, total, two_choices
from tests.simulation.bench import Bench
from tests.simulation.cluster import NEVER, Cluster, Retries
from tests.simulation.figures import Figures
from tests.simulation.replicas import LOAD, SETUP, markdown
from tests.simulation.run import Ending
from tests.simulation.stage import Span, Stage, split
from tests.simulation.view import View
from tests.simulation.worker import BRISK
from tests.simulation.workload import Request, trace

pytestmark = pytest.mark.long

ELSEWHERE = Retries(at_once=1)
PODS = 4


def cluster(seconds: float = 2.0, chunk: int = 1000) -> Cluster:
    """Return busy pods behind stale signals, whose clients retry and split large requests."""
    bench = Bench()
    parts = [(group, PODS * demand) for group, demand in bench.parts(4.0)]
    requests, families = split(trace(parts, bench.cost, seconds, seed=1), chunk)
    found = Cluster(requests, BRISK, PODS, families=families)
    found.route(two_choices(at_lane), Retries(at_once=1, advised=1), publish_s=0.1)
    return found


def view(*waiting: dict[int, float]) -> View:
    """Return pods with these waiting seconds, by lane."""
    found = View(len(waiting), [])
    for pod, lanes in enumerate(waiting):
        for lane, seconds in lanes.items():
            found.add(pod, lane, seconds)
    return found


@pytest.fixture(scope="module")
def stage() -> Stage:
    return Stage(SETUP, 8, LOAD, Span(30, 10, 60), seed=4)


@pytest.fixture(scope="module")
def random(stage) -> Figures:
    return stage.play(Anyone)


def test_the_same_seed_gives_the_same_fates():
    """The same seed gives the same outcomes."""
    assert cluster().play().digest == cluster().play().digest


def test_every_variant_begins_at_the_same_moment(stage, random):
    """A variant does not affect the variants after it."""
    assert stage.play(Anyone) == random


def test_every_request_ends_once_and_no_pod_keeps_anything():
    """Each request finishes, is shed, expires or is cancelled, and no pod keeps a job."""
    played = cluster(chunk=100)
    run = played.play()
    ends = [outcome.ending for outcome in run.outcomes]
    shed = played.verdicts.keys()
    others = [o for i, o in enumerate(run.outcomes) if i not in shed]
    assert run.jobs_left == 0
    assert Ending.LOST not in ends
    assert Ending.FINISHED in ends
    assert shed
    assert all(o.ending in {Ending.FINISHED, Ending.CANCELLED} or o.reason == "expired" for o in others)
    assert not any(pod.live for pod in played.pods)
    assert played.view.under_way == [0] * PODS
    assert played.view.waiting == pytest.approx(0.0, abs=1e-6)


def test_one_retry_elsewhere_takes_much_of_the_inverted_shedding_away(stage, random):
    """With one retry on another pod, much less work is shed while another pod runs less urgent work: of two traces."""
    other = Stage(SETUP, 8, LOAD, Span(30, 10, 60), seed=5)
    without = random.next_try + other.play(Anyone).next_try
    by_chance = sum(played.play(Anyone, ELSEWHERE).next_try for played in (stage, other))
    by_lane = sum(played.play(two_choices(at_lane), ELSEWHERE, publish_s=0.5).next_try for played in (stage, other))
    assert by_chance < 0.75 * without
    assert by_lane < 0.6 * without


def test_the_backlog_at_the_lane_is_a_better_signal_than_all_of_it(stage):
    """The backlog in a lane and better ones is a better signal than the total backlog."""
    by_lane, by_total = stage.play(two_choices(at_lane)), stage.play(two_choices(total))
    assert by_lane.next_try < 0.9 * by_total.next_try
    assert by_lane.p99_s < 0.8 * by_total.p99_s


def test_a_balancer_looks_at_the_lane_and_all_better_ones():
    """The signal counts work of better lanes, not of worse ones."""
    pods = view({500: 9.0}, {100: 1.0})
    assert {TwoChoices(pods, Random(n), at_lane).choose(200, ()) for n in range(9)} == {0}
    assert {TwoChoices(pods, Random(n), at_lane).choose(600, ()) for n in range(9)} == {1}
    assert {Shortest(pods, Random(n)).choose(200, ()) for n in range(9)} == {0}


def test_a_retry_goes_to_a_pod_not_tried():
    """Each balancer retries on a pod not tried yet, even if a tried pod looks best."""
    pods, rng = view({}, {0: 1.0}, {0: 2.0}), Random(1)
    assert Shortest(pods, rng).choose(0, [0]) == 1
    assert {TwoChoices(pods, rng, at_lane).choose(0, [0, 1]) for _ in range(9)} == {2}
    assert [RoundRobin(pods, rng).choose(0, [0]) for _ in range(2)] == [1, 1]


def test_what_was_not_published_is_not_seen():
    """A balancer with stale signals sees the last published state of a pod."""
    pods = view({}, {})
    pods.look(stale=True)
    pods.add(0, 0, 1.0)
    assert at_lane(pods, 0, 0) == 0.0
    pods.publish(0)
    assert at_lane(pods, 0, 0) == 1.0


def test_retries_end_and_obey():
    """Immediate retries come first, advised ones after the delay, and none without advice."""
    retries = Retries(at_once=1, advised=1)
    assert [retries.wait_s(attempts, 0.3) for attempts in (1, 2, 3)] == [0.0, 0.3, None]
    assert retries.wait_s(1, None) is None
    assert NEVER.wait_s(1, 0.3) is None


def test_a_request_is_split_into_even_parts():
    """No part exceeds the limit, and the parts hold all pairs."""
    parts, families = split([Request(0.0, 0, "a", (7,) * 5, 1.0), Request(0.0, 0, "a", (7,), 1.0)], 2)
    assert [len(part.pair_tokens) for part in parts] == [1, 2, 2, 1]
    assert families == [range(3), range(3, 4)]


def test_the_table_has_a_row_for_every_variant(random):
    """Each variant has a row with a name of its own."""
    assert markdown({"a": random, "b": random}).count("\n") == 3

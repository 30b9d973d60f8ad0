"""A batch holds the pairs that are cheapest together, within its cap and the allowance of each client.

At the fixed cost, a launch is 1 ms and a pair of 100 tokens another one.
"""

from collections.abc import Callable
from dataclasses import replace
from math import inf
from typing import Any

import pytest

from scheduler import LANES, CostModel, Job, Policy, Slice
from scheduler.batching import compose
from scheduler.cost import Costs
from scheduler.job import AdmittedJob
from scheduler.lanes import Lanes
from tests.fakes import FixedCost
from tests.unit.scheduler.simulated_machine import a_job, a_mixed_job, admitted

COST = FixedCost()
FULL = 49
"""Pairs of 100 tokens in a batch of 50 ms."""


def _always(_: AdmittedJob) -> bool:
    return True


def _lanes(*jobs: Job, started: tuple[Job, ...] = ()) -> Lanes:
    """Return lanes with these jobs, of which some have had their shortest pair dispatched."""
    lanes = Lanes()
    for serial, job in enumerate(jobs):
        entry = admitted(job, serial)
        lanes.push(entry)
        if job in started:
            lanes.take(entry, 0, 1, 0.0)
    return lanes


def _from_head(
    lanes: Lanes, policy: Policy, cost: CostModel, patient: Callable[[AdmittedJob], bool]
) -> tuple[tuple[Slice, ...], int]:
    head = lanes.head()
    assert head
    plan = compose(head, lanes, policy, Costs(cost, cost), patient)
    return tuple(lanes.take(*part)[0] for part in plan.parts), plan.length


def _compose(
    *jobs: Job, started: tuple[Job, ...] = (), cost: FixedCost = COST, **limits: Any
) -> tuple[dict[int, int], int]:
    """Return how many pairs of each job one batch takes, and the length it is padded to."""
    slices, length = _from_head(_lanes(*jobs, started=started), replace(Policy(workers=1), **limits), cost, _always)
    return {piece.job_id: len(piece.pairs) for piece in slices}, length


def test_cap():
    """A batch of a long backlog is filled to the cap, and no further."""
    job = a_job(1_000, lane=900)
    assert _compose(job) == ({job.id: FULL}, 100)


def test_one_pair_over_the_cap():
    """A pair that takes longer than a batch may goes alone."""
    long, short = a_job(3, 10_000), a_job(3, 100, deadline=0.0)
    assert _compose(long) == ({long.id: 1}, 10_000)
    assert _compose(long, short, look_ahead=8)[0] == {short.id: 3}


def test_long_pair_takes_nothing_along():
    """A pair over the cap leaves no room for another of its length."""
    first, second = a_job(1, 10_000), a_job(1, 10_000)
    assert _compose(first, second)[0] == {first.id: 1}


def test_longest_pairs_first():
    """A job's longest pairs go first, and set the length."""
    job = a_mixed_job(*[100] * 200, *[110] * 10, lane=900)
    slices, length = _from_head(_lanes(job), Policy(workers=1), COST, _always)
    assert length == 110
    assert set(range(200, 210)) < set(slices[0].pairs)


def test_padding_ends_a_run():
    """Pairs so short that padding them costs more than a launch wait for another batch."""
    job = a_mixed_job(*[10] * 100, *[400] * 2, lane=900)
    assert _compose(job) == ({job.id: 2}, 400)


def test_padding_under_a_launch():
    """Pairs whose padding costs less than another launch go along."""
    job = a_mixed_job(99, 99, 99, 100, lane=900)
    assert _compose(job) == ({job.id: 4}, 100)


def test_urgent_job_goes_whole():
    """An express job that fits goes in one batch, whatever the padding: its latency comes first."""
    lengths = [10, 10, 10, 10, 300]
    urgent, bulk = a_mixed_job(*lengths, lane=0), a_mixed_job(*lengths, lane=900)
    assert _compose(urgent, a_job(500, lane=999))[0] == {urgent.id: 5}
    assert _compose(bulk, a_job(500, lane=999))[0][bulk.id] < 5


def test_best_lane_heads():
    """The best lane comes first, whoever arrived first."""
    bulk, urgent = a_job(500, lane=200), a_job(3, lane=150)
    assert next(iter(_compose(bulk, urgent)[0])) == urgent.id


def test_one_worker_takes_all():
    """A single worker has nobody to end together with: it takes all that fits the cap."""
    job = a_job(160, lane=900)
    assert _compose(job, workers=1, batch_s=1.0)[0][job.id] == 160


@pytest.mark.parametrize("workers", [2, 4])
def test_little_work_is_cut_fine(workers: int):
    """With little waiting, a batch takes half of a worker's share, so that all workers end together."""
    job = a_job(160, lane=900)
    taken = _compose(job, workers=workers, batch_s=1.0)[0][job.id]
    assert taken == pytest.approx(160 / (2 * workers), rel=0.05)


def test_launches_do_not_dominate():
    """However little waits, a batch lasts five launches if there is work for that long."""
    job = a_job(8, lane=900)
    assert _compose(job, workers=16) == ({job.id: 4}, 100)


def test_filling_with_near_lengths():
    """Room is filled from the next jobs with pairs of nearly the same length."""
    head, near = a_job(5, 100, lane=500), a_job(500, 99, lane=600)
    assert _compose(head, near, started=(near,))[0] == {head.id: 5, near.id: FULL - 5}


def test_not_filling_with_far_lengths():
    """Pairs that would be padded for more than their launch is worth are left for a batch of their own."""
    head, short = a_job(5, 100, lane=500), a_job(500, 50, lane=600)
    assert _compose(head, short, started=(short,))[0] == {head.id: 5}


def test_not_filling_with_longer_pairs():
    """Longer pairs would pad the urgent ones: they wait."""
    head, longer = a_job(5, 100, lane=500), a_job(500, 101, lane=600)
    assert _compose(head, longer, started=(longer,))[0] == {head.id: 5}


def test_small_jobs_go_along_whole():
    """A job that pads for less than the launch it saves goes along as a whole, short pairs included."""
    head, small = a_job(5, 100, lane=500), a_mixed_job(60, 80, lane=600)
    bulk = a_job(500, 300, lane=700)
    assert _compose(head, small, bulk)[0] == {head.id: 5, small.id: 2}


def test_started_jobs_fill_first():
    """Of the jobs behind the head, those already started fill the room first."""
    head, fresh, started = a_job(5, lane=500), a_job(500, lane=600), a_job(500, lane=600, client="b")
    lanes = _lanes(head, fresh, started)
    entry = next(e for e in lanes.first(9, below=LANES, ahead=inf) if e.job is started)
    lanes.take(entry, 0, 1, 0.0)
    slices, _ = _from_head(lanes, Policy(workers=1), COST, _always)
    assert [(s.job_id, len(s.pairs)) for s in slices] == [(head.id, 5), (started.id, FULL - 5)]


def test_late_jobs_do_not_fill():
    """A job that a whole batch would make late is not used to fill one."""
    head, late, other = a_job(5, lane=500), a_job(20, lane=600), a_job(20, lane=700)
    slices, _ = _from_head(_lanes(head, late, other), Policy(workers=1), COST, lambda entry: entry.job is not late)
    assert [piece.job_id for piece in slices] == [head.id, other.id]


def test_a_late_head_goes_alone():
    """A job that a whole batch would make late takes nobody along."""
    head, other = a_job(5, lane=500), a_job(20, lane=600)
    slices, _ = _from_head(_lanes(head, other), Policy(workers=1), COST, lambda entry: entry.job is not head)
    assert [piece.job_id for piece in slices] == [head.id]


def test_clients_ahead_do_not_fill():
    """A client that is more than a batch beyond its turn is not taken along."""
    head, ahead = a_job(5, lane=500, client="a"), a_job(500, lane=500, client="b")
    lanes = _lanes(head, ahead)
    entry = next(e for e in lanes.first(9, below=LANES, ahead=inf) if e.job is ahead)
    lanes.take(entry, 0, 1, 0.06)
    assert len(_from_head(lanes, Policy(workers=1), COST, _always)[0]) == 1


def test_a_client_does_not_pass_its_allowance():
    """Several jobs of one client together fill no more than keeps it within a batch of the turn."""
    head, *others = a_job(5, lane=500, client="a"), *(a_job(20, lane=500, client="b") for _ in range(3))
    lanes = _lanes(head, *others, started=tuple(others))
    lanes.take(next(e for e in lanes.first(9, below=LANES, ahead=inf) if e.job is others[0]), 0, 1, 0.02)
    slices, _ = _from_head(lanes, Policy(workers=1), COST, _always)
    assert sum(len(piece.pairs) for piece in slices if piece.job_id != head.id) == 30


def test_composing_changes_nothing():
    """A batch is planned without taking it: planned twice, it is the same."""
    lanes, policy = _lanes(a_job(5, lane=500, client="a"), a_job(20, lane=500, client="b")), Policy(workers=1)
    head, before = lanes.head(), lanes.ledger.total
    assert head
    plans = [compose(head, lanes, policy, Costs(COST), _always) for _ in range(2)]
    assert plans[0] == plans[1]
    assert lanes.ledger.total == before


def test_look_ahead():
    """Only so many jobs behind the head are looked at."""
    jobs = [a_job(2, lane=500 + i) for i in range(10)] + [a_job(500, 400, lane=900)]
    assert len(_compose(*jobs, look_ahead=3)[0]) == 4
    assert len(_compose(*jobs, look_ahead=0)[0]) == 1


def test_express_takes_nothing_along():
    """A batch headed by an express lane is not made longer by slower lanes."""
    urgent, bulk = a_job(5, lane=99), a_job(500, lane=100)
    assert _compose(urgent, bulk)[0] == {urgent.id: 5}


def test_express_takes_express_along():
    """Express jobs share a batch with each other."""
    urgent, next_, bulk = a_job(5, lane=0), a_job(5, lane=99), a_job(500, lane=100)
    assert _compose(urgent, next_, bulk)[0] == {urgent.id: 5, next_.id: 5}


def test_no_express_lanes():
    """With express lanes switched off, every batch is filled."""
    urgent, bulk = a_job(5, lane=0), a_job(500, lane=100)
    assert _compose(urgent, bulk, started=(bulk,), express_lanes=0)[0] == {urgent.id: 5, bulk.id: FULL - 5}


def test_express_where_launches_are_heavy():
    """Express batches take other pairs along if a launch takes a large share of a batch: it costs little."""
    urgent, bulk = a_job(5, lane=0), a_job(500, lane=100)
    assert len(_compose(urgent, bulk, cost=FixedCost(launch_s=0.02))[0]) == 2


def test_filling_keeps_to_the_cap():
    """Several fillers together stay within the cap."""
    jobs = [a_job(7, lane=500 + i) for i in range(8)]
    taken, length = _compose(*jobs)
    assert sum(taken.values()) == FULL
    assert COST.batch(FULL, length) <= 0.05


def test_taken_pairs_are_gone():
    """Successive batches never take a pair twice, and in the end have taken all."""
    job = a_mixed_job(*range(50, 250), lane=900)
    lanes, seen = _lanes(job), list[int]()
    while lanes.head():
        slices, _ = _from_head(lanes, Policy(workers=2), COST, _always)
        seen += (i for piece in slices for i in piece.pairs)
    assert sorted(seen) == list(range(200))


def test_slices_name_jobs():
    """A slice says whose pairs it holds."""
    job = a_job(2)
    assert _from_head(_lanes(job), Policy(workers=1), COST, _always)[0] == (Slice(job.id, (0, 1)),)


def test_no_job_is_started_in_part_to_fill():
    """A job that was not started is taken along whole or not at all: its rest may never be served."""
    first, second = a_job(FULL - 10, lane=900), a_job(50, lane=900)
    assert _compose(first, second)[0] == {first.id: FULL - 10}
    assert _compose(first, second, started=(second,))[0] == {first.id: FULL - 10, second.id: 10}
    small = a_job(10, lane=900)
    assert _compose(first, small)[0] == {first.id: FULL - 10, small.id: 10}


def test_heavy_launches_start_jobs_to_fill():
    """Part of a job fills the room of a batch if a launch takes much of it, unless there are classes."""
    first, second, cost = a_job(10, lane=900), a_job(50, lane=900), FixedCost(launch_s=0.02)
    assert _compose(first, second, cost=cost)[0] == {first.id: 10, second.id: 20}
    assert _compose(first, second, cost=cost, class_width=100)[0] == {first.id: 10}

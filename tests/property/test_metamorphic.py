"""Metamorphic properties: changes of the input have a known effect on the schedule, without refusals."""

import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache

import pytest

from scheduler import Job, Policy
from tests.fakes import FixedCost
from tests.unit.scheduler.simulated_machine import Machine

BATCH_S = 0.05
SEEDS = range(8)
SHARES = [(0.0, 1.0), (0.05, 1.0), (0.0, 0.5), (0.03, 0.7)]
"""The guaranteed share, and the cap on the share of a client; the first pair is neither."""
Arrivals = Sequence[tuple[float, Job]]


def _arrivals(seed: int) -> Arrivals:
    rng = random.Random(seed)
    jobs = []
    for number in range(1, 41):
        lengths = tuple(rng.randint(8, 512) for _ in range(rng.randint(1, 30)))
        lane = rng.choice((0, 3, 50, 150, 400, 900))
        job = Job(number, lane, rng.choice("abc"), lengths, 1e6 + rng.random())
        jobs.append((round(rng.uniform(0, 1.5), 3), job))
    return sorted(jobs, key=lambda arrival: arrival[0])


def _run(arrivals: Arrivals, shares: tuple[float, float] = SHARES[0], *, workers: int = 2, scale: int = 1) -> Machine:
    """Run all jobs without admission bounds; `scale` multiplies all times."""
    policy = Policy(
        workers=workers,
        batch_s=BATCH_S * scale,
        backlog_s=1e4,
        guaranteed_share=shares[0],
        client_share=shares[1],
    )
    machine = Machine(policy, FixedCost(0.001 * scale, 1e-5 * scale, 1e-9 * scale))
    for when, job in arrivals:
        machine.run(until=when * scale)
        machine.offer(job)
    machine.run()
    assert len(machine.finished) == len(arrivals)
    return machine


@cache
def _before(seed: int, shares: tuple[float, float] = SHARES[0]) -> Machine:
    """Run the jobs of a seed unchanged."""
    return _run(_arrivals(seed), shares)


def _with(arrivals: Arrivals, change: Callable[[Job], Job]) -> Arrivals:
    return [(when, change(job)) for when, job in arrivals]


def _batches(machine: Machine) -> list[list[tuple[int, int]]]:
    return [[(p.job_id, len(p.pairs)) for p in batch.slices] for _, batch in machine.started]


@pytest.mark.parametrize("seed", SEEDS)
def test_more_urgent(seed: int):
    """Making a job more urgent never makes it finish later by more than two batches."""
    arrivals = _arrivals(seed)
    before = _before(seed)
    for number in range(1, 41, 5):
        after = _run([(when, replace(job, lane=0) if job.id == number else job) for when, job in arrivals])
        assert after.finished[number] <= before.finished[number] + 2 * BATCH_S


@pytest.mark.parametrize("seed", SEEDS)
def test_without_worse_work(seed: int):
    """Work in worse lanes delays a job by at most two batches."""
    arrivals = _arrivals(seed)
    everything = _before(seed)
    for lane in (0, 50, 400):
        better = _run([(when, job) for when, job in arrivals if job.lane <= lane])
        for number, finished in better.finished.items():
            assert everything.finished[number] <= finished + 2 * BATCH_S


@pytest.mark.parametrize("shares", SHARES)
@pytest.mark.parametrize("seed", SEEDS)
def test_order_of_pairs(seed: int, shares: tuple[float, float]):
    """The order of the pairs of a job changes only their indices in the batches."""
    arrivals = _arrivals(seed)
    rng = random.Random(seed)
    shuffled = _with(
        arrivals,
        lambda job: replace(job, pair_tokens=tuple(rng.sample(job.pair_tokens, len(job.pair_tokens)))),
    )
    assert _batches(_before(seed, shares)) == _batches(_run(shuffled, shares))


@pytest.mark.parametrize("shares", SHARES)
@pytest.mark.parametrize("seed", SEEDS)
def test_names(seed: int, shares: tuple[float, float]):
    """The names of clients do not affect the schedule."""
    arrivals = _arrivals(seed)
    renamed = _with(arrivals, lambda job: replace(job, client={"a": "z", "b": "y", "c": "x"}[job.client]))
    assert _batches(_before(seed, shares)) == _batches(_run(renamed, shares))


@pytest.mark.parametrize("shares", SHARES)
@pytest.mark.parametrize("seed", SEEDS)
def test_numbers_of_lanes(seed: int, shares: tuple[float, float]):
    """Only the order of lanes and the set of express lanes matter, not their numbers."""
    arrivals = _arrivals(seed)
    moved = {0: 5, 3: 20, 50: 99, 150: 100, 400: 101, 900: 999}
    renumbered = _with(arrivals, lambda job: replace(job, lane=moved[job.lane]))
    assert _batches(_before(seed, shares)) == _batches(_run(renumbered, shares))


@pytest.mark.parametrize("shares", SHARES)
@pytest.mark.parametrize("seed", SEEDS)
def test_slow_motion(seed: int, shares: tuple[float, float]):
    """With all times multiplied by four, the schedule is the same."""
    arrivals = _arrivals(seed)
    assert _batches(_before(seed, shares)) == _batches(_run(arrivals, shares, scale=4))


@pytest.mark.parametrize("seed", SEEDS)
def test_more_workers(seed: int):
    """Twice as many workers finish at most one batch later."""
    arrivals = _arrivals(seed)
    machines = _run(arrivals, workers=1), _before(seed), _run(arrivals, workers=4)
    ends = [max(machine.finished.values()) for machine in machines]
    assert ends[1] <= ends[0] + BATCH_S
    assert ends[2] <= ends[1] + BATCH_S


@pytest.mark.parametrize("seed", SEEDS)
def test_halves(seed: int):
    """Splitting a job in two changes the time at which all is finished by at most 2 %."""
    arrivals = _arrivals(seed)
    halves = []
    for when, job in arrivals:
        half = (len(job.pair_tokens) + 1) // 2
        parts = [part for part in (job.pair_tokens[:half], job.pair_tokens[half:]) if part]
        halves += [(when, replace(job, id=2 * job.id + i, pair_tokens=part)) for i, part in enumerate(parts)]
    ends = [max(machine.finished.values()) for machine in (_before(seed), _run(halves))]
    assert ends[1] == pytest.approx(ends[0], rel=0.02, abs=BATCH_S)

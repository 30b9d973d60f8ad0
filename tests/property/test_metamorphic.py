"""Changes to the input whose effect on the outcome is known beforehand, without anybody being refused."""

import random
from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest

from scheduler import Job, Policy
from tests.fakes import FixedCost
from tests.unit.scheduler.simulated_machine import Machine

BATCH_S = 0.05
SEEDS = range(8)
Arrivals = Sequence[tuple[float, Job]]


def _arrivals(seed: int) -> Arrivals:
    chance = random.Random(seed)
    jobs = []
    for number in range(1, 41):
        lengths = tuple(chance.randint(8, 512) for _ in range(chance.randint(1, 30)))
        lane = chance.choice((0, 3, 50, 150, 400, 900))
        job = Job(number, lane, chance.choice("abc"), lengths, 1e6 + chance.random())
        jobs.append((round(chance.uniform(0, 1.5), 3), job))
    return sorted(jobs, key=lambda arrival: arrival[0])


def _run(arrivals: Arrivals, workers: int = 2, scale: int = 1) -> Machine:
    """Serve all jobs, without any bound that could keep one out; `scale` stretches time."""
    policy = Policy(workers=workers, batch_s=BATCH_S * scale, backlog_s=1e4)
    machine = Machine(policy, FixedCost(0.001 * scale, 1e-5 * scale, 1e-9 * scale))
    for when, job in arrivals:
        machine.run(until=when * scale)
        machine.offer(job)
    machine.run()
    assert len(machine.finished) == len(arrivals)
    return machine


def _with(arrivals: Arrivals, change: Callable[[Job], Job]) -> Arrivals:
    return [(when, change(job)) for when, job in arrivals]


def _batches(machine: Machine) -> list[list[tuple[int, int]]]:
    return [[(p.job_id, len(p.pairs)) for p in batch.slices] for _, batch in machine.started]


@pytest.mark.parametrize("seed", SEEDS)
def test_more_urgent(seed: int):
    """Making a job more urgent never makes it finish later by more than two batches."""
    arrivals = _arrivals(seed)
    before = _run(arrivals)
    for number in range(1, 41, 5):
        after = _run(_with(arrivals, lambda job, n=number: replace(job, lane=0) if job.id == n else job))
        assert after.finished[number] <= before.finished[number] + 2 * BATCH_S


@pytest.mark.parametrize("seed", SEEDS)
def test_without_worse_work(seed: int):
    """Jobs are finished at most two batches later than if no worse lane had any work."""
    arrivals = _arrivals(seed)
    everything = _run(arrivals)
    for lane in (0, 50, 400):
        better = _run([(when, job) for when, job in arrivals if job.lane <= lane])
        for number, finished in better.finished.items():
            assert everything.finished[number] <= finished + 2 * BATCH_S


@pytest.mark.parametrize("seed", SEEDS)
def test_order_of_pairs(seed: int):
    """The order in which a job lists its pairs changes no batch but for the names of the pairs."""
    arrivals = _arrivals(seed)
    chance = random.Random(seed)
    shuffled = _with(
        arrivals,
        lambda job: replace(job, pair_tokens=tuple(chance.sample(job.pair_tokens, len(job.pair_tokens)))),
    )
    assert _batches(_run(arrivals)) == _batches(_run(shuffled))


@pytest.mark.parametrize("seed", SEEDS)
def test_names(seed: int):
    """What clients are called changes nothing."""
    arrivals = _arrivals(seed)
    renamed = _with(arrivals, lambda job: replace(job, client={"a": "z", "b": "y", "c": "x"}[job.client]))
    assert _batches(_run(arrivals)) == _batches(_run(renamed))


@pytest.mark.parametrize("seed", SEEDS)
def test_numbers_of_lanes(seed: int):
    """Only the order of lanes matters, and which of them are express, not their numbers."""
    arrivals = _arrivals(seed)
    moved = {0: 5, 3: 20, 50: 99, 150: 100, 400: 101, 900: 999}
    assert _batches(_run(arrivals)) == _batches(_run(_with(arrivals, lambda j: replace(j, lane=moved[j.lane]))))


@pytest.mark.parametrize("seed", SEEDS)
def test_slow_motion(seed: int):
    """On a machine four times slower, with four times as much time, everything happens alike."""
    arrivals = _arrivals(seed)
    assert _batches(_run(arrivals)) == _batches(_run(arrivals, scale=4))


@pytest.mark.parametrize("seed", SEEDS)
def test_more_workers(seed: int):
    """Twice as many workers are done with everything no later, save one batch."""
    arrivals = _arrivals(seed)
    ends = [max(_run(arrivals, workers).finished.values()) for workers in (1, 2, 4)]
    assert ends[1] <= ends[0] + BATCH_S
    assert ends[2] <= ends[1] + BATCH_S


@pytest.mark.parametrize("seed", SEEDS)
def test_halves(seed: int):
    """Whoever splits a job in two is neither better nor worse off: all is done at the same time, within 2 %."""
    arrivals = _arrivals(seed)
    halves = []
    for when, job in arrivals:
        half = (len(job.pair_tokens) + 1) // 2
        parts = [part for part in (job.pair_tokens[:half], job.pair_tokens[half:]) if part]
        halves += [(when, replace(job, id=2 * job.id + i, pair_tokens=part)) for i, part in enumerate(parts)]
    ends = [max(_run(jobs).finished.values()) for jobs in (arrivals, halves)]
    assert ends[1] == pytest.approx(ends[0], rel=0.02, abs=BATCH_S)

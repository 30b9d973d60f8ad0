"""Clients of one lane get equal service, regardless of the size and number of their jobs."""

import random
from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations

import pytest

from scheduler import Job, Policy
from tests.fakes import FixedCost
from tests.unit.scheduler.simulated_machine import FAR, Machine

LANE = 300


@pytest.mark.parametrize("workers", [1, 2, 4])
@pytest.mark.parametrize("seed", range(6))
def test_no_two_clients_are_apart_by_more_than_a_batch(seed: int, workers: int):
    """While two clients are backlogged, their service differs by at most one batch."""
    rng = random.Random(seed)
    policy = Policy(workers=workers, backlog_s=1e4, look_ahead=rng.choice((0, 3, 8)))
    jobs = {job.id: job for job in _queues(rng, clients=rng.randint(2, 8))}
    assert 0 < _widest(jobs, (), policy) <= policy.batch_s + 1e-9


@pytest.mark.parametrize("workers", [1, 2, 4])
@pytest.mark.parametrize("seed", range(6))
def test_names_earn_nothing(seed: int, workers: int):
    """A client gets exactly the turns under a hundred names that it gets under one."""
    served = []
    for names in (1, 100):
        rng = random.Random(seed)
        machine = Machine(Policy(workers=workers, backlog_s=1e4, look_ahead=0))
        machine.offer(*(Job(-n, 0, "first", (500,) * 20, FAR) for n in range(1, workers + 1)))
        size, jobs = rng.choice((1, 10, 40)), dict[int, str]()
        for number in range(1, 1_001):
            client = ("many", "honest")[number % 2]
            name = f"{rng.randrange(100) % names}" if client == "many" else ""
            jobs[number] = client
            machine.offer(Job(number, LANE, client, (100,) * size, FAR, name=name))
        machine.run()
        clients = [jobs.get(piece.job_id) for _, batch in machine.started for piece in batch.slices]
        served.append(clients[: workers + 900])  # Batches become shorter when little is left.
    assert served[0] == served[1]


@pytest.mark.parametrize("workers", [1, 2, 4])
@pytest.mark.parametrize("seed", range(6))
def test_no_two_names_of_a_client_are_apart_by_more_than_a_batch(seed: int, workers: int):
    """While two names of a client are backlogged, their service differs by at most one batch, whoever else waits."""
    rng = random.Random(seed)
    jobs = {job.id: job for job in _queues(rng, clients=rng.randint(2, 8))}
    named = {id_: replace(job, client="all", name=job.client) for id_, job in jobs.items()}
    others = [Job(n, LANE, "another", (100,) * 10, FAR) for n in range(1, 500)]
    widest = _widest(named, others, Policy(workers=workers, backlog_s=1e4, look_ahead=rng.choice((0, 3, 8))))
    assert 0 < widest <= Policy(workers=1).batch_s + 1e-9


def _widest(jobs: dict[int, Job], others: Sequence[Job], policy: Policy) -> float:
    """Return the most work by which the service of two names that both waited differed; `others` are queued before."""
    cost, machine = FixedCost(), Machine(policy)
    machine.offer(*(Job(10**6 + n, 0, "first", (500,) * 20, FAR) for n in range(policy.workers)))
    machine.offer(*others, *jobs.values())
    machine.run()
    waiting = dict.fromkeys(((job.client, job.name) for job in jobs.values()), 0)
    for job in jobs.values():
        waiting[job.client, job.name] += len(job.pair_tokens)
    served = dict.fromkeys(waiting, 0.0)
    widest = 0.0
    for _, batch in machine.started:
        launch_s = cost.launch_s
        for piece in batch.slices:
            if piece.job_id in jobs:
                job = jobs[piece.job_id]
                served[job.client, job.name] += launch_s + len(piece.pairs) * cost.pair(batch.length)
                waiting[job.client, job.name] -= len(piece.pairs)
                launch_s = 0.0
        both = (pair for pair in combinations(served, 2) if all(map(waiting.get, pair)))
        widest = max(widest, *(abs(served[a] - served[b]) for a, b in both), 0.0)
    return widest


def _queues(rng: random.Random, clients: int) -> list[Job]:
    """Draw jobs of clients that differ in number of jobs, job size and pair length."""
    jobs = list[Job]()
    for client in range(clients):
        most, median = rng.choice((3, 30, 300)), rng.choice((20, 100, 300))
        for _ in range(max(5, 1_000 // most)):
            lengths = [min(512, max(8, int(median * rng.lognormvariate(0, 0.5)))) for _ in range(most)]
            jobs.append(Job(1_000 + len(jobs), LANE, f"client {client}", tuple(lengths), FAR + rng.random()))
    rng.shuffle(jobs)
    return jobs

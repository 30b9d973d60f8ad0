"""Clients of one lane get equal service, regardless of the size and number of their jobs."""

import random
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
    rng, cost = random.Random(seed), FixedCost()
    policy = Policy(workers=workers, backlog_s=1e4, look_ahead=rng.choice((0, 3, 8)))
    machine = Machine(policy, cost)
    machine.offer(
        *(Job(n, 0, "first", (500,) * 20, FAR) for n in range(1, workers + 1))
    )  # Occupy the workers while the others queue.
    jobs = {job.id: job for job in _queues(rng, clients=rng.randint(2, 8))}
    machine.offer(*jobs.values())
    machine.run()

    waiting = dict.fromkeys({job.client for job in jobs.values()}, 0)
    for job in jobs.values():
        waiting[job.client] += len(job.pair_tokens)
    served = dict.fromkeys(waiting, 0.0)
    widest = 0.0
    for _, batch in machine.started:
        launch_s = cost.launch_s
        for piece in batch.slices:
            if piece.job_id in jobs:
                client = jobs[piece.job_id].client
                served[client] += launch_s + len(piece.pairs) * cost.pair(batch.length)
                waiting[client] -= len(piece.pairs)
                launch_s = 0.0
        both = (pair for pair in combinations(served, 2) if all(map(waiting.get, pair)))
        widest = max(widest, *(abs(served[a] - served[b]) for a, b in both), 0.0)
    assert 0 < widest <= policy.batch_s + 1e-9


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

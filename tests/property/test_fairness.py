"""Turns between clients of one lane, whatever they ask for."""

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
    """As long as two clients both have work waiting, what they were served differs by at most one batch."""
    chance, cost = random.Random(seed), FixedCost()
    policy = Policy(workers=workers, backlog_s=1e4, look_ahead=chance.choice((0, 3, 8)))
    machine = Machine(policy, cost)
    machine.offer(*(Job(n, 0, "first", (500,) * 20, FAR) for n in range(1, workers + 1)))  # Meanwhile all queue up.
    jobs = {job.id: job for job in _queues(chance, clients=chance.randint(2, 8))}
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
            if job := jobs.get(piece.job_id):
                served[job.client] += launch_s + len(piece.pairs) * cost.pair(batch.length)
                waiting[job.client] -= len(piece.pairs)
                launch_s = 0.0
        both = (pair for pair in combinations(served, 2) if all(waiting[client] for client in pair))
        widest = max(widest, *(abs(served[a] - served[b]) for a, b in both), 0.0)
    assert 0 < widest <= policy.batch_s + 1e-9


def _queues(chance: random.Random, clients: int) -> list[Job]:
    """Draw jobs of clients that differ in how many they send, how large they are, and how long their pairs."""
    jobs = []
    for client in range(clients):
        most, median = chance.choice((3, 30, 300)), chance.choice((20, 100, 300))
        for _ in range(max(5, 3_000 // most)):
            lengths = [min(512, max(8, int(median * chance.lognormvariate(0, 0.5)))) for _ in range(most)]
            jobs.append(Job(1_000 + len(jobs), LANE, f"client {client}", tuple(lengths), FAR + chance.random()))
    chance.shuffle(jobs)
    return jobs

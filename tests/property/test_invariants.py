"""Every invariant of the scheduler holds after each event of random walks."""

import random
from collections import Counter
from dataclasses import dataclass, replace
from functools import cache

import pytest

from scheduler import LANES, CostModel, Job, Policy
from tests.fakes import FixedCost
from tests.property.amounts import amount_of
from tests.property.oracle import Oracle

SHORT, LONG = 4_000, 17_000
"""Events per walk."""
LENGTHS = [SHORT, pytest.param(LONG, marks=pytest.mark.long)]


@dataclass(frozen=True, kw_only=True)
class Mix:
    """The jobs of a walk, and its scheduler."""

    policy: Policy
    lanes: tuple[int, ...] = (0, 50, 150, 900)
    clients: int = 3
    pairs: int = 30
    """Most pairs of a job, in most jobs."""
    patience: tuple[float, float] = (2.0, 40.0)
    """Deadlines as multiples of the work of the job."""
    eternal: float = 0.4
    """Share of jobs without a deadline."""
    learning: bool = False
    """True if batch times differ from predictions, and the cost model learns."""
    models: int = 1
    """Number of models; each is three times as slow as the one before it."""


MIXES = {
    "one worker": Mix(policy=Policy(workers=1, backlog_s=0.5)),
    "four workers": Mix(policy=Policy(workers=4, backlog_s=0.2)),
    "one lane": Mix(policy=Policy(workers=2, backlog_s=0.3), lanes=(7,)),
    "two lanes": Mix(policy=Policy(workers=1, backlog_s=0.5, look_ahead=0), lanes=(0, 999)),
    "all lanes": Mix(policy=Policy(workers=2, backlog_s=0.3), lanes=tuple(range(LANES))),
    "tiny backlog": Mix(policy=Policy(workers=1, backlog_s=0.02), pairs=60),
    "few jobs": Mix(policy=Policy(workers=2, backlog_s=5.0, jobs_max=12)),
    "many clients": Mix(policy=Policy(workers=1, backlog_s=0.5), clients=1_000, pairs=10),
    "tight deadlines": Mix(policy=Policy(workers=4, backlog_s=0.3), patience=(0.8, 3.0), eternal=0.05),
    "long pairs": Mix(policy=Policy(workers=2, backlog_s=0.5, batch_s=0.003), pairs=5),
    "learning": Mix(policy=Policy(workers=2, backlog_s=0.3), learning=True),
    "three models": Mix(policy=Policy(workers=2, backlog_s=0.5), models=3, pairs=15),
    "learning models": Mix(policy=Policy(workers=2, backlog_s=0.5), models=2, learning=True),
    "guaranteed share": Mix(policy=Policy(workers=1, backlog_s=0.5, guaranteed_share=0.05)),
    "capped share": Mix(policy=Policy(workers=2, backlog_s=0.5, client_share=0.5), patience=(4.0, 80.0)),
    "both shares": Mix(
        policy=Policy(workers=2, backlog_s=0.5, guaranteed_share=0.03, client_share=0.6), clients=4, learning=True
    ),
    "capped long pairs": Mix(
        policy=Policy(workers=1, backlog_s=0.5, batch_s=0.003, client_share=0.5), clients=2, pairs=5, eternal=0.8
    ),
    "no express": Mix(policy=Policy(workers=4, backlog_s=0.2, express_lanes=0, pairs_max=100)),
}


def walk(mix: Mix, seed: int, events: int) -> Oracle:
    """Run `events` random events from `seed`, then drain."""
    rng = random.Random(seed)
    kind_of_cost = CostModel if mix.learning else FixedCost
    oracle = Oracle(mix.policy, *(kind_of_cost(0.001 * 3**i, 1e-5 * 3**i, 1e-9 * 3**i) for i in range(mix.models)))
    number = 0
    while oracle.events < events:
        kind = rng.random()
        if kind < 0.34:
            number += 1
            oracle.offer(_a_job(oracle, mix, rng, number))
        elif kind < 0.6 and oracle.running:
            _bring_back(oracle, mix, rng)
        elif kind < 0.66 and oracle.live:
            oracle.cancel(rng.choice([*oracle.live, number + 1]))
        elif kind < 0.8:
            oracle.pass_time(rng.expovariate(200))
        elif kind < 0.82 and oracle.wake_at is not None and oracle.wake_at < oracle.now + 1e4:
            oracle.pass_time(max(0.0, oracle.wake_at - oracle.now))
            oracle.poll()
        elif kind < 0.821:
            oracle.finish(-1, 1.0)
        elif kind < 0.8215:
            _calm_down(oracle)
        else:
            oracle.poll()
    oracle.run_dry()
    oracle.offer(_a_job(oracle, mix, rng, number + 1))
    return oracle


def _a_job(oracle: Oracle, mix: Mix, rng: random.Random, number: int) -> Job:
    pairs = rng.randint(1, mix.pairs) if rng.random() < 0.97 else 10 * mix.pairs
    base = rng.choice((20, 60, 120, 400))
    lengths = tuple(base if rng.random() < 0.5 else max(1, int(base * rng.uniform(0.1, 1.2))) for _ in range(pairs))
    client = f"client {rng.randrange(mix.clients)}"
    job = Job(
        number, rng.choice(mix.lanes), client, lengths, oracle.now + 1e6, rng.randrange(mix.models), rng.choice("xyz")
    )
    if rng.random() < mix.eternal:
        return job
    if rng.random() < 0.01:
        return replace(job, deadline=oracle.now)
    patience = oracle.seconds(amount_of(job)) * rng.uniform(*mix.patience)
    return replace(job, deadline=oracle.now + patience)


def _bring_back(oracle: Oracle, mix: Mix, rng: random.Random) -> None:
    running = oracle.running[rng.choice(list(oracle.running))]
    oracle.pass_time(max(0.0, running.due - oracle.now) * rng.choice((0.0, 0.9, 1.0, 1.0, 1.1)))
    took_s = running.batch.work
    if mix.learning:  # The machine is at times three times slower.
        took_s *= rng.lognormvariate(0, 0.3) * (3 if oracle.events // 1_000 % 2 else 1)
    oracle.finish(running.batch.id, rng.choice((took_s, took_s, took_s, None)))
    if rng.random() < 0.8:
        oracle.poll()


def _calm_down(oracle: Oracle) -> None:
    """Finish all work, so that the next job arrives on an idle machine."""
    while oracle.running:
        oracle.finish(min(oracle.running), None)
        oracle.poll()


@cache
def _walked(name: str, events: int) -> Oracle:
    return walk(MIXES[name], seed=list(MIXES).index(name), events=events)


@pytest.mark.parametrize("events", LENGTHS)
@pytest.mark.parametrize("name", MIXES)
def test_walk(name: str, events: int):
    """After each event of a random walk all invariants hold, and the walk drains."""
    oracle = _walked(name, events)
    assert oracle.events >= events
    assert oracle.endings()["finished"] > events / 60


@pytest.mark.parametrize("events", LENGTHS)
def test_walks_go_everywhere(events: int):
    """The walks end jobs in every possible way, many times each; long walks have 200,000 events."""
    endings = sum((_walked(name, events).endings() for name in MIXES), Counter())
    ways = ["finished", "cancelled", "displaced", "expired", "shed", "refused shed"]
    assert all(endings[way] > events / 170 for way in ways), endings
    ways = ["refused oversized", "refused draining", "refused expired"]
    assert all(endings[way] >= len(MIXES) for way in ways), endings


def test_replay():
    """The same seed gives bit-identical decisions, another seed gives others."""
    digests = [walk(MIXES["learning"], seed, 2_000).digest for seed in (5, 5, 6)]
    assert digests[0] == digests[1] != digests[2]

"""Scenarios: fairness between clients of one lane."""

from dataclasses import replace

from scheduler import CLIENT_SHARE_MIN, GUARANTEED_SHARE_MAX
from service.bench.goal import at_least, at_most, quantile
from tests.simulation import measures
from tests.simulation.bench import Bench
from tests.simulation.result import Result
from tests.simulation.run import Run
from tests.simulation.workload import LONGEST, Group, Request, about, backlog, exactly, few, merged, requests

_FAR = 1e6
_LANE = range(300, 301)


def unequal_clients(bench: Bench) -> Result:
    """Let one client offer a hundred times the work of another."""
    small = Group("light", _LANE, few, 1.0 * bench.setup.patience, clients=1)
    big = Group("heavy", _LANE, about(100, 1000), 3.0 * bench.setup.patience, clients=1)
    demand = 4 * bench.raw
    light = requests(small, demand / 100, bench.cost, bench.seconds, seed=bench.seed)
    trace = merged(light, requests(big, demand, bench.cost, bench.seconds, seed=bench.seed + 1))
    run = bench.play(trace)
    alone = bench.play(light)
    limit = 3 * quantile(measures.latencies(alone.outcomes), 0.99)
    own = [o for o in run.outcomes if o.request.client == "light-0"]
    both = _both_waiting(bench)
    batch_s = max(bench.cap_s, bench.cost.batch(1, LONGEST))  # A longer pair makes a batch of its own.
    return Result(
        "unequal_clients",
        "two clients, 100:1",
        (
            at_most("difference in service, over one batch", _gap(both, bench) / batch_s, 1.0 + 1e-9),
            at_most("light p99 over 3x alone", quantile(measures.latencies(own), 0.99) / limit, 1.0),
            at_least("light in time", measures.in_time(own), 0.98),
            at_least("U", bench.factors(run).busy, 0.98),
        ),
        bench.factors(run),
    )


def returning_client(bench: Bench) -> Result:
    """Let a client come back after a long absence."""
    patience = bench.setup.patience
    away, stays = 30.0 * patience, 36.0 * patience
    seconds = 2.2 * stays
    kind = Group("a", _LANE, exactly(20), _FAR, clients=1)
    count = int(seconds / kind.request_s(bench.cost))
    first = backlog(kind, 10, bench.seed)
    steady = backlog(kind, count, bench.seed + 1)
    back = backlog(kind, count // 4, bench.seed + 2, at=away)
    trace = merged(_of("leaver", first), _of("stayer", steady), _of("leaver", back))
    run = bench.play(trace, policy=replace(bench.policy, backlog_s=_FAR), noise=0.0)
    served = {"leaver": 0.0, "stayer": 0.0}
    for batch in run.batches:
        for piece in batch.pieces:
            if away + bench.cap_s <= batch.start < away + patience:
                served[run.outcomes[piece.request].request.client] += piece.useful_s
    gap = served["leaver"] - served["stayer"]
    return Result(
        "returning_client",
        "a client back after 30 s",
        (
            at_most(
                "served more than the other in the next second, over a batch a worker",
                gap / bench.cap_s / bench.raw,
                1.0,
            ),
            at_least("and not less", gap / bench.cap_s / bench.raw, -1.0),
        ),
    )


def lone_client(bench: Bench) -> Result:
    """Let a client fill the bound with eight requests while nobody else is there, and others come then."""
    kind = Group("lone", _LANE, exactly(100), _FAR, clients=1)
    eight = backlog(kind, 8, bench.seed)
    bound_s = sum(measures.useful_s(request.pair_tokens, bench.cost) for request in eight) / bench.raw
    others = backlog(replace(kind, name="others", clients=2), 2, bench.seed + 1, at=0.02 * bound_s)
    policy = replace(bench.policy, backlog_s=bound_s)
    alone = bench.play(eight, policy=policy)
    run = bench.play(merged(eight, others), policy=policy)
    left = [o.good for o in run.outcomes if o.request.client == "lone-0"]
    return Result(
        "lone_client",
        "a client alone, then others",
        (
            at_least("answered while alone", measures.in_time(alone.outcomes), 1.0),
            at_least("others answered", measures.in_time([o for o in run.outcomes if o.request in others]), 1.0),
            at_least("answered of its half", sum(left) / 4, 1.0),
        ),
    )


def flood(bench: Bench) -> Result:
    """Let one client flood lane 0 with four times the capacity, beside two that ask a little in slower lanes."""
    patience = bench.setup.patience
    many = Group("flood", range(1), about(25, 200, 0.6), 3.0 * patience, clients=1)
    little = Group("others", range(1, 1000), few, 10.0 * patience, clients=2)
    trace = merged(
        requests(many, 4 * bench.raw, bench.cost, bench.seconds, seed=bench.seed),
        requests(
            little, 0.01 * bench.raw, bench.cost, bench.seconds / 2, seed=bench.seed, start=bench.seconds / 2
        ),  # Once the flood has filled its room.
    )
    strict, guaranteed, capped = (
        bench.play(trace, policy=policy)
        for policy in (
            bench.policy,
            replace(bench.policy, guaranteed_share=GUARANTEED_SHARE_MAX),
            replace(bench.policy, client_share=CLIENT_SHARE_MIN),
        )
    )
    served = [measures.in_time(measures.of(run, little.lanes)) for run in (strict, guaranteed, capped)]
    totals = [measures.goodput(run.outcomes, bench.cost) for run in (strict, guaranteed, capped)]
    return Result(
        "flood",
        "one client floods lane 0",
        (
            at_most("others in time, lanes strict", served[0], 0.1),
            at_least("with the guaranteed share", served[1], 0.9),
            at_least("with the cap on a client", served[2], 0.98),
            at_least("goodput / strict, with the guaranteed share", totals[1] / totals[0], 0.9),
            at_least("the same, with the cap", totals[2] / totals[0], 0.9),
        ),
        bench.factors(capped),
    )


def _both_waiting(bench: Bench) -> Run:
    """Simulate a client of large and one of small requests, both queued before either runs."""
    first = backlog(replace(bench.urgent, documents=exactly(200)), 1, bench.seed)
    kinds = Group("light", _LANE, few, _FAR, clients=1), Group("heavy", _LANE, about(300, 1000), _FAR, clients=1)
    seconds = bench.seconds / 3 * bench.raw
    queues = [backlog(k, int(seconds / k.request_s(bench.cost)), bench.seed, 0.5 * bench.cap_s) for k in kinds]
    return bench.play(merged(first, *queues), policy=replace(bench.policy, backlog_s=_FAR), noise=0.0)


def _gap(run: Run, bench: Bench) -> float:
    """Return the largest difference in service of two backlogged clients, in worker-seconds."""
    clients = {"light-0": 1, "heavy-0": -1}
    until = min(
        max(o.started_at for o in run.outcomes if o.request.client == client and o.started_at is not None)
        for client in clients
    )
    ahead = most = 0.0
    for batch in sorted(run.batches, key=lambda b: b.start):
        if batch.start >= until:
            break
        launch_s = bench.cost.launch_s
        for piece in batch.pieces:
            sign = clients.get(run.outcomes[piece.request].request.client, 0)
            ahead += sign * (launch_s + piece.pairs * bench.cost.useful(batch.length))
            launch_s = 0.0
        most = max(most, abs(ahead))
    return most


def _of(client: str, found: list[Request]) -> list[Request]:
    return [r._replace(client=client) for r in found]

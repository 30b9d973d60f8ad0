"""Figures of a cluster."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from service.bench.goal import quantile
from tests.simulation.cluster import Cluster
from tests.simulation.run import Ending
from tests.simulation.workload import Group


class Figures(NamedTuple):
    """Results of the requests that ended in an interval; shares are of work, in useful worker-seconds."""

    on_time: tuple[float, ...]
    """Share finished in time, by group, most urgent first."""
    all_on_time: float
    """Share finished in time, of all groups."""
    p99_s: float
    """p99 latency of finished requests of the most urgent group, in seconds."""
    inverted: float
    """Share of shed work that an examined pod would have admitted, ahead of its own work of a worse lane."""
    next_try: float
    """The same share for a single random pod."""
    worse_elsewhere: float
    """Share of shed work that was shed while another pod held waiting work of a worse lane."""
    spread: float
    """Highest backlog of a pod over the mean backlog, averaged over time."""
    busy: float
    """Share of the worker time spent in batches."""
    attempts: float
    """Mean number of attempts per request."""


class _Fate(NamedTuple):
    work: float
    lane: int
    good: bool
    latency: float
    attempts: int
    shed: int | None
    """Index of the finally shed request of a family."""


def figures(
    cluster: Cluster, groups: Sequence[Group], start: float, stop: float, families: Sequence[range] = ()
) -> Figures:
    """Measure the requests that ended between `start` and `stop`; by default each request is its own family."""
    families = families or [range(i, i + 1) for i in range(len(cluster.trace))]
    fates = _fates(cluster, start, stop, families)
    by_group = [[f for f in fates if f.lane in group.lanes] for group in groups]
    shed = [(f.work, cluster.verdicts[f.shed]) for f in fates if f.shed is not None]
    shed_work = sum(work for work, _ in shed) or 1.0
    spent = sum(max(0.0, min(end, stop) - max(begin, start)) for pod in cluster.pods for begin, end in pod.batches)
    return Figures(
        tuple(_share_good(fs) for fs in by_group),
        _share_good(fates),
        quantile([f.latency for f in by_group[0] if f.good], 0.99),
        sum(work for work, verdict in shed if verdict.next_try > 0) / shed_work,
        sum(work * verdict.next_try for work, verdict in shed) / shed_work,
        sum(work for work, verdict in shed if verdict.worse_elsewhere) / shed_work,
        float(np.mean([spread for at, spread in cluster.spreads if start <= at < stop])),
        spent / (stop - start) / cluster.workers,
        sum(f.attempts for f in fates) / max(1, len(fates)),
    )


def _share_good(fates: Sequence[_Fate]) -> float:
    return sum(f.work for f in fates if f.good) / (sum(f.work for f in fates) or 1.0)


def _fates(cluster: Cluster, start: float, stop: float, families: Sequence[range]) -> list[_Fate]:
    found = []
    for family in families:
        outcomes = [cluster.run.outcomes[i] for i in family]
        shed = next((i for i in family if i in cluster.verdicts), None)
        finished = all(o.ending is Ending.FINISHED for o in outcomes)
        late = any(o.reason == "expired" for o in outcomes)
        if shed is None and not finished and not late:
            continue  # Under way, or about to come back.
        ended_at = cluster.run.outcomes[shed].ended_at if shed is not None else max(o.ended_at or 0 for o in outcomes)
        if ended_at is not None and start <= ended_at < stop:
            request = outcomes[0].request
            work = sum(cluster.useful_s(i) for i in family)
            good = finished and all(o.good for o in outcomes)
            attempts = sum(o.attempts for o in outcomes)
            found.append(_Fate(work, request.lane, good, ended_at - request.at, attempts, shed))
    return found

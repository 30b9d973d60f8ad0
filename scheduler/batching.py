"""Composes one batch from the waiting jobs. Decides only: `core` takes what is planned."""

from collections import Counter
from collections.abc import Callable, Iterable
from math import ceil
from typing import NamedTuple

from scheduler.cost import CostModel, Costs
from scheduler.job import AdmittedJob
from scheduler.lanes import Lanes
from scheduler.policy import LANES, Policy

_PIECES = 2  # Batches per worker to split waiting work into when there is little of it.
_LAUNCHES_MIN = 5  # Launches that a batch split for that reason lasts at least.
_LAUNCH_HEAVY = 0.2  # Share of the cap from which on a launch is heavy: room in a batch is then always filled.


class Part(NamedTuple):
    """A run of one job's waiting pairs."""

    entry: AdmittedJob
    start: int
    """The first position in `entry.lengths`."""
    stop: int
    """The position after the last one."""
    work: float
    """Seconds of a worker to charge for it."""


class Plan(NamedTuple):
    """A batch to be taken."""

    parts: tuple[Part, ...]
    """The first belongs to the job that heads the batch."""
    length: int
    """Tokens that its pairs are padded to."""


def compose(
    head: AdmittedJob, lanes: Lanes, policy: Policy, costs: Costs, is_patient: Callable[[AdmittedJob], bool]
) -> Plan:
    """Return the batch that `head` heads.

    It begins with the longest pairs of the head. Pairs of the jobs behind it, for the same model, fill the room that
    remains, where that is cheaper than to serve them later. Jobs share a batch only if they are patient: if a whole
    batch may pass before theirs and they are still in time. Started jobs fill first, since work on a job that is never
    finished is lost. The predicted seconds stay within the cap, unless one pair
    alone takes longer.
    """
    cost = costs[head.job.model]
    length, waiting = head.lengths[-1], len(head.lengths)
    pair_s = cost.pair(length)
    room = max(1, int((_cap(lanes, policy, costs, cost.launch_s) - cost.launch_s) / pair_s))
    express = policy.is_express(head.job.lane)
    whole = express and waiting <= room
    count = waiting if whole else _run(head.lengths, length, room, cost)
    parts = [Part(head, waiting - count, waiting, count * pair_s + cost.launch_s)]
    room -= count
    if room and is_patient(head):
        alone = express and not _is_launch_heavy(cost, policy)
        followers = lanes.first(
            policy.look_ahead + 1, below=policy.express_lanes if alone else LANES, ahead=policy.batch_s
        )
        fillers = (
            job
            for job in sorted(followers, key=lambda job: not job.started)
            if job is not head and job.job.model == head.job.model and is_patient(job)
        )
        parts += _fill(fillers, parts[0], room, lanes=lanes, policy=policy, cost=cost)
    return Plan(tuple(parts), length)


def _fill(
    jobs: Iterable[AdmittedJob], head: Part, room: int, *, lanes: Lanes, policy: Policy, cost: CostModel
) -> list[Part]:
    """Return up to `room` pairs of `jobs`, in their order, that share the batch of `head`.

    No client and no name of one gets more than its allowance, which falls with each of its parts.
    """
    length = head.entry.lengths[-1]
    pair_s = cost.pair(length)
    may_start_in_part = _is_launch_heavy(cost, policy) and policy.class_width == 1
    charged = Counter(dict.fromkeys(_payers(head.entry), head.work))
    parts: list[Part] = []
    for job in jobs:
        if not room:
            break
        allowances = zip(lanes.allowances(job, policy.batch_s), _payers(job), strict=True)
        allowance_s = min(allowed_s - charged[payer] for allowed_s, payer in allowances)
        start, stop = _fitting(job, length, min(room, int(allowance_s / pair_s)), policy, cost)
        # A job that starts only to fill a batch overtakes better ones, and may never be finished. Where launches are
        # heavy, the room is worth more than that, unless classes serve started work first.
        starts_in_part = not job.started and stop - start < len(job.lengths)
        if stop > start and (may_start_in_part or not starts_in_part):
            part = Part(job, start, stop, (stop - start) * pair_s)
            charged.update(dict.fromkeys(_payers(job), part.work))
            parts.append(part)
            room -= stop - start
    return parts


def _is_launch_heavy(cost: CostModel, policy: Policy) -> bool:
    return cost.launch_s >= _LAUNCH_HEAVY * policy.batch_s


def _payers(entry: AdmittedJob) -> tuple[tuple[int, str], tuple[int, str, str]]:
    """Return the two that an allowance is for, in the lane of a job: its client, and its name."""
    job = entry.job
    return (job.lane, job.client), (job.lane, job.client, job.name)


def _cap(lanes: Lanes, policy: Policy, costs: Costs, launch_s: float) -> float:
    """Return the seconds that the next batch may last.

    With much work waiting, that is the policy's cap. With little, it is a share of the work, so that a lone request
    keeps all workers busy to its end (guided self-scheduling; Polychronopoulos and Kuck, 1987), but never so little
    that launches dominate.
    """
    if policy.workers == 1:
        return policy.batch_s
    share = costs.waiting(lanes.ledger.total, policy.batch_s) / (_PIECES * policy.workers)
    return min(policy.batch_s, max(share, _LAUNCHES_MIN * launch_s))


def _run(lengths: list[int], length: int, room: int, cost: CostModel) -> int:
    """Return how many of a job's longest pairs share a batch: as many as pad for no more than the cost of a launch."""
    padding_s, pair_s = 0.0, cost.pair(length)
    count = 0
    for own in reversed(lengths[-room:]):
        padding_s += pair_s - cost.pair(own)
        if padding_s > cost.launch_s:
            break
        count += 1
    return count


def _fitting(job: AdmittedJob, length: int, room: int, policy: Policy, cost: CostModel) -> tuple[int, int]:
    """Return the positions of the pairs of `job`, at most `room`, that are cheaper in a batch padded to `length`.

    That is the whole job, if its padding costs less than the launch it saves. Otherwise it is the pairs whose padding
    costs less than their share of a launch in a full batch of their own: b*L < b*l*T/(T - a), that is l/L > 1 - a/T.
    """
    lengths = job.lengths
    if len(lengths) <= room and lengths[-1] <= length:
        padding_s = len(lengths) * cost.pair(length) - sum(map(cost.pair, lengths))
        if padding_s <= cost.launch_s:
            return 0, len(lengths)
    start, stop = job.near(ceil(length * (1 - cost.launch_s / policy.batch_s)), length)
    return max(start, stop - room), stop

"""Compose one batch from the waiting jobs."""

from collections.abc import Callable
from math import ceil

from scheduler.cost import CostModel, Costs
from scheduler.job import AdmittedJob
from scheduler.lanes import Lanes
from scheduler.policy import LANES, Policy
from scheduler.values import Slice

_PIECES = 2  # Batches per worker that waiting work is cut into when there is little of it.
_LAUNCHES_MIN = 5  # A batch cut short for that reason lasts at least this many launches.
_LAUNCH_HEAVY = 0.2  # Share of the cap taken by a launch from which on express batches take others along.


def compose(
    head: AdmittedJob, lanes: Lanes, policy: Policy, costs: Costs, patient: Callable[[AdmittedJob], bool]
) -> tuple[tuple[Slice, ...], int]:
    """Take the batch that `head` begins out of `lanes` and return its slices and the length they are padded to.

    The head comes first, with its longest pairs; what room is left goes to pairs of the jobs behind it for the same
    model, where that is cheaper than serving them later. Jobs share a batch only if they are `patient`: if a whole
    batch may pass before theirs and they are still in time. The predicted seconds stay within the cap, unless one
    pair alone takes longer.
    """
    cost = costs[head.job.model]
    cap_s = _cap(lanes, policy, costs, cost.launch_s)
    length = head.lengths[-1]
    pair_s = cost.pair(length)
    room = max(1, int((cap_s - cost.launch_s) / pair_s))
    express = policy.is_express(head.job.lane)
    whole = express and len(head.lengths) <= room
    count = len(head.lengths) if whole else _run(head.lengths, length, room, cost)
    alone = express and cost.launch_s < _LAUNCH_HEAVY * policy.batch_s
    below = policy.express_lanes if alone else LANES
    looked_at = policy.look_ahead + 1 if room > count and patient(head) else 0
    followers = lanes.first(looked_at, below=below, ahead=policy.batch_s)
    stop = len(head.lengths)
    slices = [lanes.take(head, stop - count, stop, count * pair_s + cost.launch_s)]
    room -= count
    # Work already started comes first: sunk work that is never finished is the costliest waste.
    for job in sorted(followers, key=lambda j: j.left == 1):
        if room <= 0:
            break
        if job is not head and job.job.model == head.job.model and patient(job):
            fair = int(lanes.allowance(job, policy.batch_s) / pair_s)
            start, stop = _fitting(job, length, min(room, fair), policy, cost)
            # Where started work goes first, starting a job only to fill a batch would put it before its betters.
            part = policy.class_width > 1 and job.left == 1 and stop - start < len(job.lengths)
            if stop > start and not part:
                slices.append(lanes.take(job, start, stop, (stop - start) * pair_s))
                room -= stop - start
    return tuple(slices), length


def _cap(lanes: Lanes, policy: Policy, costs: Costs, launch_s: float) -> float:
    """Return the seconds the next batch may last.

    With plenty waiting, the policy's cap. With little, a share of it, so that a lone request keeps all workers
    busy to its end (guided self-scheduling), but never so little that launches dominate.
    """
    if policy.workers == 1:
        return policy.batch_s
    share = costs.waiting(lanes.ledger.total, policy.batch_s) / (_PIECES * policy.workers)
    return min(policy.batch_s, max(share, _LAUNCHES_MIN * launch_s))


def _run(lengths: list[int], length: int, room: int, cost: CostModel) -> int:
    """Return how many of a job's longest pairs to put together: until their padding costs more than a launch."""
    padding_s, pair_s = 0.0, cost.pair(length)
    count = 0
    for own in reversed(lengths[-room:]):
        padding_s += pair_s - cost.pair(own)
        if padding_s > cost.launch_s:
            break
        count += 1
    return count


def _fitting(job: AdmittedJob, length: int, room: int, policy: Policy, cost: CostModel) -> tuple[int, int]:
    """Return the positions of the pairs of `job` to take along in a batch padded to `length`, at most `room`.

    The whole job, if its padding costs less than the launch it saves. Otherwise those pairs for which padding
    is cheaper than their share of a full batch of their own: b*L < b*l*T/(T - a), that is l/L > 1 - a/T.
    """
    lengths = job.lengths
    if len(lengths) <= room and lengths[-1] <= length:
        padding_s = len(lengths) * cost.pair(length) - sum(map(cost.pair, lengths))
        if padding_s <= cost.launch_s:
            return 0, len(lengths)
    start, stop = job.near(ceil(length * (1 - cost.launch_s / policy.batch_s)), length)
    return max(start, stop - room), stop

"""Admission: may a job in, and which job must leave for it? Load is shed here.

README.md derives the rules; jobs whose promise fails later are dropped by `core`.
"""

from typing import NamedTuple

from scheduler.company import Company, Name
from scheduler.cost import Costs
from scheduler.forecast import MEMORY_S, Flow, Forecast, probability_in_time
from scheduler.job import AdmittedJob
from scheduler.lanes import Lanes
from scheduler.policy import LANES, Policy
from scheduler.values import Amount, Reason, Refusal

_PROBABILITY_IDLE = 0.3  # Probability of being in time that admits a job on an idle pool.
_PROBABILITY_FULL = 0.8  # The same on a pool that is never idle, where a broken promise wastes the time of others.
_RISE = 8  # Exponent of the utilisation that leads from the one to the other.
_SAFETY = 1.25  # Factor on the time that goes before a job: the flow of its own lane varies, too.
_ALPHA = 2  # Room for a client over the room left: a third of it stays for others, however many names the client has.
_BUSY_MAX = 0.98  # Share of the pool that other work is believed to take at most.
_RETRY_MIN_S, _RETRY_MAX_S = 0.05, 59.0  # Clients ignore advice of a minute and more.
_GOLDEN = 0.6180339887498949  # Its multiples modulo 1 are a Weyl sequence, as even as a sequence can be.


class Who(NamedTuple):
    """The one that offers a job."""

    lane: int
    client: str
    name: str
    """Among those of the client."""


class _Outlook(NamedTuple):
    """The near future of a job that is offered; times in seconds of the whole pool."""

    ahead_s: float
    """Time until its last pair is dispatched, its own work not counted."""
    standing: float
    """Work that its name has waiting in its lane, or a share of its client's; seconds of one worker."""
    queued: float
    """Work at its lane or better, on workers included; seconds of one worker."""
    spare: float
    """Share of the pool that better lanes leave, above 0."""
    variance: float
    """Of the work that better lanes bring in a second; seconds of the pool squared a second."""


class Admission:
    """Decides on the ledger and the forecast; admits and drops no job itself.

    Strict lanes mean that only work at a job's lane or better delays it, so that both questions are about that work
    alone: is the job finished by its deadline, and is there room for it under the backlog bound?
    """

    def __init__(self, policy: Policy, costs: Costs, lanes: Lanes, forecast: Forecast) -> None:
        self._policy = policy
        self._costs = costs
        self._lanes = lanes
        self._forecast = forecast
        self._company = Company()
        self._lone: Name | None = None  # The last that was alone, and may have more waiting than beside others.
        self._advised = 0

    def refuse(
        self, who: Who, amount: Amount, deadline: float, *, now: float, running: float, jobs: int
    ) -> Refusal | None:
        """Return why a job of `amount` must stay out, or None if it may come in.

        `running` is the work left in the batches on workers, `jobs` the number of live jobs.
        """
        if amount.pairs > self._policy.pairs_max:
            return Refusal(Reason.OVERSIZED)
        if deadline <= now:
            return Refusal(Reason.EXPIRED)
        window_s, work = deadline - now, self._price(amount)
        alone_s = work / min(self._policy.workers, amount.pairs) + self._costs.launch(amount)
        if alone_s >= window_s:
            return Refusal(Reason.SHED)  # An idle machine is too slow: to ask again would not help.
        outlook = self._outlook(who, work, now=now, running=running)
        alone = self._is_alone(who, now)
        in_time = self._is_in_time(outlook, alone_s, window_s, running=running, now=now)
        if (
            (in_time or self._is_owed(who, work, window_s))
            and self._has_room(who, outlook, work, running, alone=alone)
            and self._has_slot(who.lane, jobs)
        ):
            return None
        late_s = (outlook.ahead_s + alone_s) / outlook.spare - window_s
        return Refusal(Reason.SHED, max(self._room_after(outlook.queued, outlook.spare), min(late_s, MEMORY_S)))

    def victim(self, who: Who, amount: Amount, *, running: float, jobs: int) -> AdmittedJob | None:
        """Return the next job that must leave for one of `amount`; None once there is room.

        From the worst lane; in it the least progressed first, so that the least work is thrown away for the room it
        frees, and of those the newest. Then in its own lane the newest of a name that has more than beside others.
        It must leave if it would be refused were it offered after the newcomer: if all others fill the bound without
        it. So a running job larger than the bound survives the first small newcomer.
        """
        victim = self._lanes.victim(who.lane)
        queued = self._price(self._lanes.ledger.through(who.lane)) + running
        if victim is None and self._lone and self._surplus(who, queued):
            victim = self._lanes.newest(who.lane, *self._lone)
        if victim is None:
            return None
        others = self._price(self._lanes.ledger.total + amount - victim.amount) + running
        return victim if others >= self._policy.backlog_work or jobs >= self._policy.jobs_max else None

    def retry_after(self, lane: int, *, now: float, running: float) -> float:
        """Return in how many seconds to ask again for a place in `lane`, 0.05 to 59."""
        queued = self._price(self._lanes.ledger.through(lane)) + running
        return self._room_after(queued, self._spare(self._forecast.flow_through(lane - 1, now)))

    def _outlook(self, who: Who, work: float, *, now: float, running: float) -> _Outlook:
        lane = who.lane
        workers, express = self._policy.workers, self._policy.is_express(lane)
        better = self._price(self._lanes.ledger.through(lane - 1))
        queued = self._price(self._lanes.ledger.through(lane))
        flow = self._forecast.flow_through(lane - 1, now)
        spare = self._spare(flow)
        if self._lanes.rotation.standing(who.client)[1]:
            spare = min(spare, self._policy.client_share)
        lane_flow = (self._forecast.flow_through(lane, now).work - flow.work) / spare / workers
        standing = self._lanes.standing(*who)
        name = self._price(standing.name)
        client = self._price(standing.client) if standing.other_names else name
        # The names of a client share its turns, as clients share those of the lane.
        client_flow = lane_flow / (standing.other_clients + 1)
        own = name + _before_turns(name + work, standing.other_names, waiting=client - name, flow=client_flow)
        others = _before_turns(own + work, standing.other_clients, waiting=queued - better - client, flow=lane_flow)
        ahead = self._forecast.overhead(express=express) * (better + own + others + running)
        return _Outlook(
            ahead_s=_SAFETY * ahead / workers,
            standing=max(name, client / _ALPHA),
            queued=queued + running,
            spare=spare,
            variance=flow.variance / workers**2,
        )

    def _is_in_time(self, outlook: _Outlook, alone_s: float, window_s: float, *, running: float, now: float) -> bool:
        """Return whether the deadline is likely enough to be met; `alone_s` is the time on an idle machine."""
        utilisation = min(self._forecast.flow_through(LANES - 1, now).work / self._policy.workers, 1.0)
        probability = probability_in_time(outlook.ahead_s + alone_s, window_s, outlook.spare, outlook.variance)
        needed = _PROBABILITY_IDLE + (_PROBABILITY_FULL - _PROBABILITY_IDLE) * utilisation**_RISE
        # While nothing waits, a refusal would idle a worker, whatever better lanes took lately.
        idle = not self._lanes.ledger.total.pairs and running / self._policy.workers + alone_s < window_s
        return probability >= needed or idle

    def _is_owed(self, who: Who, work: float, window_s: float) -> bool:
        """Return whether the deadline is met with no more than the batches that go by rotation, whatever the lanes.

        Those are the guaranteed share, or what one client that takes all that it may leaves to the others. In its turns
        the older jobs of a client go first, and each job may end in a batch that it does not fill.
        """
        policy = self._policy
        if policy.is_strict:
            return False
        amount, others = self._lanes.rotation.standing(who.client)
        share = max(policy.guaranteed_share / (others + 1), (1 - policy.client_share) / max(others, 1))
        kappa = self._forecast.overhead(express=policy.is_express(who.lane))
        batches = amount.jobs + 1 + kappa * (self._price(amount) + work) / policy.batch_s
        return batches * policy.batch_s / policy.workers / share < window_s

    def _is_alone(self, who: Who, now: float) -> bool:
        """Note the offer, and return whether no other name waits, or has offered a job lately."""
        name = who.client, who.name
        self._company.note(name, now)
        others = self._lanes.rotation.standing(who.client)[1] + self._lanes.standing(*who).other_names
        if others or now - self._company.other_at(name) <= MEMORY_S:
            return False
        self._lone = name
        return True

    def _surplus(self, who: Who, queued: float) -> float:
        """Return the work in a lane that another, who was alone, has beyond its room beside others.

        Its room is as much as is free: half of what all else of `queued`, the work at the lane or better with that on
        workers, leaves of the bound.
        """
        if self._lone is None or self._lone == (who.client, who.name):
            return 0
        standing = self._price(self._lanes.standing(who.lane, *self._lone).name)
        return max(standing - max(self._policy.backlog_work - queued + standing, 0) / 2, 0)

    def _has_room(self, who: Who, outlook: _Outlook, work: float, running: float, *, alone: bool) -> bool:
        """Return whether the name and its client may have more in the lane, or enough worse work waits to be displaced.

        A name that is alone may fill the bound; what it has beyond its share makes room for others of its lane.
        Where lanes are not strict, worse work is not displaced for a client that has its share of the room.
        The bound is compared *before* the job is added: an idle machine serves a job larger than the bound.
        """
        worse = self._price(self._lanes.ledger.total) + running - outlook.queued
        swaps = self._policy.is_strict and work <= worse
        free = self._policy.backlog_work - outlook.queued + self._surplus(who, outlook.queued)
        return (0 if alone else outlook.standing) < free or swaps

    def _has_slot(self, lane: int, jobs: int) -> bool:
        return jobs < self._policy.jobs_max or self._lanes.victim(lane) is not None

    def _room_after(self, queued: float, spare: float) -> float:
        """Return the seconds until the work at a lane or better is down to half the bound, 0.05 to 59.

        Spread by half up and down, so that jobs refused together do not return together.
        """
        surplus_s = (queued - self._policy.backlog_work / 2) / self._policy.workers / spare
        self._advised += 1
        return min(max(surplus_s * (0.5 + self._advised * _GOLDEN % 1), _RETRY_MIN_S), _RETRY_MAX_S)

    def _price(self, amount: Amount) -> float:
        return self._costs.waiting(amount, self._policy.batch_s)

    def _spare(self, better: Flow) -> float:
        return 1 - min(better.work / self._policy.workers, _BUSY_MAX)


def _before_turns(mine: float, others: int, *, waiting: float, flow: float) -> float:
    """Return the work of `others` that is served while one that takes turns with them works off its `mine`.

    They get x: their waiting work, h, and the work that they bring meanwhile, x = h + b * (x + m), where b is their
    share of the flow; but each of them gets at most m. `flow` is the share of the pool that all of them bring, over the
    share that better lanes leave.
    """
    brought = min(flow * others / (others + 1), _BUSY_MAX)
    return min(others * mine, (waiting + brought * mine) / (1 - brought))

"""May this job in, and who must leave for it: who is shed under load is decided here.

What this promised and could not keep is dropped by `core` when its time has come.
"""

from scheduler.cost import Costs
from scheduler.first_passage import chance_in_time
from scheduler.job import AdmittedJob
from scheduler.lanes import Lanes
from scheduler.overhead import Overhead
from scheduler.policy import Policy
from scheduler.usage import Flow, Usage
from scheduler.values import Amount, Reason, Refusal

_CHANCE_IDLE, _CHANCE_FULL = 0.3, 0.8  # Of being in time, below which a job is refused; by how busy the pool was,
_CHANCE_RISE = 8  # to which power the one becomes the other.
_BUSY_MAX = 0.98  # Share of the pool that better lanes are believed to take at most.
_SAFETY = 1.25  # On the time others take: a promise broken costs all the work that went into it, a refusal none.
_CUTS = 1.1  # A job is never cut into batches as evenly, nor padded as little, as its work alone would have it.
_RETRY_MIN_S, _RETRY_MAX_S = 0.05, 59.0  # Clients ignore advice of a minute and more.
_FORESIGHT_S = 10.0  # What better lanes took says nothing of later times.
_GOLDEN = 0.6180339887498949


class Admission:
    """Decides on the ledger and on what lanes were served lately; admits and drops nobody itself.

    Two questions, both about work at the job's lane or better, since strict lanes mean that nothing else
    delays it. Will it be finished by its deadline? And is there room under the backlog bound, if need be
    made by displacing worse lanes?
    """

    def __init__(self, policy: Policy, costs: Costs, lanes: Lanes, usage: Usage, packing: Overhead) -> None:
        self._policy = policy
        self._costs = costs
        self._lanes = lanes
        self._usage = usage
        self._packing = packing
        self._asked = 0

    def refuse(
        self,
        lane: int,
        client: str,
        amount: Amount,
        deadline: float,
        *,
        now: float,
        running: float,
        jobs: int,
    ) -> Refusal | None:
        """Return why a job of `amount` must stay out, or None if it may come in.

        `running` is the work left in the batches on workers, `jobs` the number of live jobs.
        """
        policy, lanes = self._policy, self._lanes
        if amount.pairs > policy.pairs_max:
            return Refusal(Reason.OVERSIZED)
        if deadline <= now:
            return Refusal(Reason.EXPIRED)
        work = self._seconds(amount)
        own_s = _CUTS * work / min(policy.workers, amount.pairs) + self._costs.launch(amount)
        if now + own_s >= deadline:
            return Refusal(Reason.SHED)  # Not even with the machine to itself: asking again would not help.
        waiting = self._seconds(lanes.ledger.through(lane))
        through = waiting + running
        better = self._usage.better_than(lane, now)
        spare = self._spare(better)
        standing, others = lanes.standing(lane, client)
        own, flow = self._seconds(standing), self._usage.at(lane, now) / spare
        ahead = self._ahead(lane, own, work, waiting=waiting, flow=flow, others=others) + running
        stretch = _SAFETY * self._packing.stretch(express=policy.is_express(lane))
        finish_s = stretch * ahead / policy.workers + own_s
        likely = chance_in_time(finish_s, deadline - now, spare, better.spread / policy.workers**2) >= self._needed(now)
        if not lanes.ledger.total.pairs:  # Whoever took the machine lately, now a worker would idle.
            likely = likely or running / policy.workers + own_s < deadline - now
        # Compared *before* the job is added: a job larger than the bound must be served by an idle machine.
        worse = self._seconds(lanes.ledger.total) + running - through
        room = own < policy.backlog_work - through or work <= worse
        if not likely or not room or (jobs >= policy.jobs_max and lanes.victim(lane) is None):
            late_s = now + finish_s / spare - deadline
            return Refusal(Reason.SHED, max(self._room_after(through, spare), min(late_s, _FORESIGHT_S)))
        return None

    def victim(self, lane: int, amount: Amount, *, running: float, jobs: int) -> AdmittedJob | None:
        """Return the next job that must leave for one of `amount` in `lane`; None once there is room.

        From the worst lane; in it, the least progressed first, so that the least work is thrown away for the
        room it frees, and of those the newest. It must leave if it would not be let in were it offered after the
        newcomer, that is, if all the others fill the bound without it: so a job larger than the bound, once it
        runs, is not thrown away for the first small one.
        """
        victim = self._lanes.victim(lane)
        if victim is None:
            return None
        others = self._seconds(self._lanes.ledger.total + amount - victim.amount) + running
        return victim if others >= self._policy.backlog_work or jobs >= self._policy.jobs_max else None

    def retry_after(self, lane: int, *, now: float, running: float) -> float:
        """Return in how many seconds to ask again for a place in `lane`, 0.05 to 59."""
        through = self._seconds(self._lanes.ledger.through(lane)) + running
        return self._room_after(through, self._spare(self._usage.better_than(lane, now)))

    def _room_after(self, through: float, spare: float) -> float:
        """Return the seconds until the work at a lane or better is down to half the bound.

        Spread by half up and down, lest everybody who was refused together returns together. The spread is
        a low-discrepancy sequence, which is as even as chance and can be replayed.
        """
        surplus = (through - self._policy.backlog_work / 2) / self._policy.workers / spare
        self._asked += 1
        return min(max(surplus * (0.5 + self._asked * _GOLDEN % 1), _RETRY_MIN_S), _RETRY_MAX_S)

    def _seconds(self, amount: Amount) -> float:
        return self._costs.waiting(amount, self._policy.batch_s)

    def _needed(self, now: float) -> float:
        """Return the chance to be in time that lets a job in.

        A job that is dropped in the end wastes time that others would have used, if there were others: the less the
        pool was used lately, the less a promise must be certain.
        """
        busy = min(self._usage.total(now) / self._policy.workers, 1.0)
        return _CHANCE_IDLE + (_CHANCE_FULL - _CHANCE_IDLE) * busy**_CHANCE_RISE

    def _spare(self, better: Flow) -> float:
        """Return the share of the pool that a lane can count on, given what better lanes have been taking."""
        return 1 - min(better.work / self._policy.workers, _BUSY_MAX)

    def _ahead(self, lane: int, own: float, work: float, *, waiting: float, flow: float, others: int) -> float:
        """Return the work that is served before a new job of `work` is finished.

        That is all of the better lanes, and the others' turns in its own: while its client works off what it has,
        `own`, and the new job, each of the `others` is served as much again, or everything it has and what it goes
        on bringing. `waiting` is the work waiting in the lane and better ones; `flow` the number of workers that the
        lane took lately, over the share that better lanes leave.
        """
        better = self._seconds(self._lanes.ledger.through(lane - 1))
        at, mine = waiting - better, own + work
        busy = min(flow / self._policy.workers * others / (others + 1), _BUSY_MAX)
        return better + own + min(others * mine, (at - own + busy * mine) / (1 - busy))

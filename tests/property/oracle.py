"""An oracle: drives a scheduler with its own books, and checks all invariants after every event."""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Sequence

from scheduler import Amount, Batch, CostModel, Drop, Job, Policy, Reason, Refusal, Scheduler
from tests.fakes import FixedCost
from tests.property import invariants
from tests.property.amounts import numbers, summed
from tests.property.company import Company
from tests.property.order import Order
from tests.property.tracked import Running, Tracked


class Oracle:
    """Passes every event to the scheduler and to the books, then checks all invariants."""

    def __init__(self, policy: Policy, *costs: CostModel) -> None:
        self.policy, self.costs = policy, costs
        self.steady = all(isinstance(cost, FixedCost) for cost in costs)
        """True if prices are constant: no learning."""
        self.scheduler = Scheduler(policy, *costs)
        self.now, self.closed, self.events = 0.0, False, 0
        self.live: dict[int, Tracked] = {}
        self.running: dict[int, Running] = {}
        self.waiting_in: dict[int, list[int]] = {}
        """Waiting amount per lane in use: jobs, pairs, tokens, squared tokens; per model in turn."""
        self.live_in: Counter[int] = Counter()
        self.admitted: Counter[int] = Counter()
        self.ended: defaultdict[int, Counter[str]] = defaultdict(Counter)
        """Number of jobs by ending, per lane."""
        self.refused: Counter[str] = Counter()
        self.pairs_admitted = self.pairs_dispatched = self.pairs_taken_back = 0
        self.largest, self.most_live = 0.0, 0
        self.wake_at: float | None = None
        self.last_lane = 0
        """Lane of the last job that arrived or ended."""
        self.order = Order(policy)
        self.company = Company()
        self._batches = 0
        self._log = hashlib.sha256()

    @property
    def digest(self) -> str:
        """Fingerprint of all decisions so far."""
        return self._log.hexdigest()

    def endings(self) -> Counter[str]:
        """Count jobs by ending, with refusals."""
        return sum(self.ended.values(), Counter({f"refused {k}": v for k, v in self.refused.items()}))

    # Events

    def pass_time(self, seconds: float) -> None:
        """Advance the time."""
        self.now += seconds
        self._done("time", self.now)

    def offer(self, job: Job) -> Refusal | None:
        """Offer a job, and poll, so that displacements are checked at once."""
        self.last_lane = job.lane
        self.company.alone = self._is_alone(job)
        amount = Amount.of(job.pair_tokens, job.model)
        gate = self.scheduler.gate(job.lane, job.client, amount, job.deadline, self.now, name=job.name)
        refusal = self.scheduler.offer(job, self.now)
        assert (gate and gate.reason) == (refusal and refusal.reason)
        invariants.an_idle_machine_takes_anything(self, job, refusal)
        looked_at = not refusal or (refusal.reason is Reason.SHED and refusal.retry_after_s is not None)
        if looked_at:
            self.company.note(job, self.now)
        if refusal:
            self.refused[refusal.reason] += 1
            invariants.advice_is_usable(self, refusal)
            invariants.refused_for_room_only_without_worse_work(self, job, refusal)
            self._done("refused", job.id, refusal)
        else:
            newcomer = Tracked(job, sum(self.admitted.values()), self._batches)
            self.largest = max(self.largest, self.seconds(newcomer.amount))
            self.admitted[job.lane] += 1
            self.pairs_admitted += len(job.pair_tokens)
            self.poll(newcomer)
        return refusal

    def cancel(self, job_id: int) -> None:
        """Cancel a job, live or not."""
        self.scheduler.cancel(job_id)
        if job_id in self.live:
            self._end(self.live[job_id], "cancelled")
        self._done("cancel", job_id)

    def finish(self, batch_id: int, took_s: float | None) -> None:
        """Finish a batch."""
        self.scheduler.finish(batch_id, took_s)
        running = self.running.pop(batch_id, None)
        for piece in running.batch.slices if running else ():
            tracked = self.live.get(piece.job_id)
            if tracked:
                tracked.running -= len(piece.pairs)
                if not tracked.running and not tracked.waiting:
                    self._end(tracked, "finished")
        self._done("finish", batch_id)

    def close(self) -> None:
        """Stop admission."""
        self.scheduler.close()
        self.closed = True
        self._done("close")

    def poll(self, newcomer: Tracked | None = None) -> None:
        """Poll the scheduler and check the step; `newcomer` was admitted just before."""
        step = self.scheduler.poll(self.now)
        victims = [self.live[d.job_id] for d in step.drops if d.reason is Reason.DISPLACED]
        if newcomer:
            invariants.displaced_from_the_worst(self, newcomer.job, victims)
            invariants.displaced_only_for_need(self, newcomer.job, victims)
            for victim in victims:
                self._end(victim, Reason.DISPLACED)
            self._admit(newcomer)
        else:
            assert not victims
        self._follow(step.drops, step.batches)
        self.wake_at = step.wake_at
        invariants.no_worker_idles(self)
        invariants.urgent_work_waits_for_running_batches_only(self)
        invariants.no_job_outlives_its_deadline(self)
        invariants.the_alarm_is_in_time(self, step.wake_at)
        self._done("poll", newcomer and newcomer.job.id, step)

    def run_dry(self) -> None:
        """Stop admission and run to the end: each admitted job ends, and no state is left."""
        self.close()
        self.poll()
        batches = sum(len(t.waiting) for t in self.live.values()) + len(self.running)
        for _ in range(batches):
            if self.running:
                self.finish(min(self.running), None)
                self.poll()
        assert not self.live
        assert not self.running
        assert self.scheduler.load(self.now)[:4] == (0, 0, 0, 0)

    # Books

    def seconds(self, amount: Sequence[int]) -> float:
        """Price an amount."""
        priced_s = 0.0
        for model, cost in enumerate(self.costs):
            jobs, _, tokens, squares = amount[4 * model : 4 * model + 4] or [0, 0, 0, 0]
            priced_s += cost.waiting(jobs, tokens, squares, self.policy.batch_s)
        return priced_s

    def waiting_amount(self, through: int = 999) -> list[int]:
        """Return the waiting amount in a lane and all better ones."""
        rows = [amount for lane, amount in self.waiting_in.items() if lane <= through]
        return summed([0] * 4 * len(self.costs), *rows)

    def running_work(self) -> float:
        """Return the remaining time of the running batches."""
        return sum(max(0.0, r.due - self.now) for r in self.running.values())

    def work(self) -> float:
        """Price the whole backlog."""
        return self.seconds(self.waiting_amount()) + self.running_work()

    def _is_alone(self, job: Job) -> bool:
        """Return whether no other client waits, no other name of this one in the lane, and none offered work lately."""
        others = (t.job for t in self.live.values() if t.waiting)
        waits = any(o.client != job.client or (o.lane == job.lane and o.name != job.name) for o in others)
        return not waits and not self.company.was_here(job, self.now)

    def _follow(self, drops: Sequence[Drop], batches: Sequence[Batch]) -> None:
        self.order.may_have_turned([self.live[drop.job_id].job.client for drop in drops if drop.job_id in self.live])
        for drop in drops:
            invariants.advice_is_usable(self, drop)
            if drop.reason is not Reason.DISPLACED:
                tracked = self.live[drop.job_id]
                assert (tracked.job.deadline <= self.now) == (drop.reason is Reason.EXPIRED)
                self._end(tracked, drop.reason)
        for batch in batches:
            for check in (
                invariants.no_pair_is_dispatched_twice,
                invariants.nothing_ended_is_dispatched,
                invariants.nothing_doomed_is_dispatched,
                invariants.heads_in_order,
                invariants.a_batch_is_short,
                invariants.a_batch_is_of_one_model,
                invariants.express_batches_take_nothing_along,
            ):
                check(self, batch)
            self._dispatch(batch)

    def _admit(self, tracked: Tracked) -> None:
        self.live[tracked.job.id] = tracked
        self.live_in[tracked.job.lane] += 1
        self.most_live = max(self.most_live, len(self.live))
        self._move(tracked.job.lane, tracked.amount, 1)
        self.order.look(self.live)

    def _dispatch(self, batch: Batch) -> None:
        self._batches = batch.id
        lane, aside = self.live[batch.slices[0].job_id].job.lane, self.order.is_set_aside(batch, self.live)
        self.running[batch.id] = Running(batch, lane, self.now + batch.work, aside)
        self.order.charge(batch, self.live)
        for piece in batch.slices:
            tracked = self.live[piece.job_id]
            lengths = [tracked.job.pair_tokens[i] for i in piece.pairs]
            tracked.waiting -= set(piece.pairs)
            tracked.running += len(lengths)
            taken = numbers(lengths, tracked.job.model, jobs=not tracked.waiting)
            tracked.amount = summed(tracked.amount, [-number for number in taken])
            self._move(tracked.job.lane, taken, -1)
            self.pairs_dispatched += len(lengths)
        self.order.look(self.live)

    def _end(self, tracked: Tracked, how: str) -> None:
        del self.live[tracked.job.id]
        self.last_lane = tracked.job.lane
        self.live_in[tracked.job.lane] -= 1
        self.ended[tracked.job.lane][how] += 1
        self.pairs_taken_back += len(tracked.waiting)
        self._move(tracked.job.lane, tracked.amount, -1)
        self.order.look(self.live)

    def _move(self, lane: int, amount: Sequence[int], sign: int) -> None:
        held = summed(self.waiting_in.pop(lane, []), [sign * number for number in amount])
        if any(held):
            self.waiting_in[lane] = held

    def _done(self, *what: object) -> None:
        self.events += 1
        self._log.update(repr(what).encode())
        invariants.nothing_is_lost(self)
        invariants.the_ledger_is_the_sum(self)
        invariants.the_backlog_is_bounded(self)
        invariants.memory_is_bounded(self)

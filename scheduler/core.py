"""The scheduler as a state machine: the only file that changes scheduling state.

States of a job

    offered --> refused
       |
       v
    waiting <--> running --> finished
       |            |
       +------------+--> displaced | expired | shed | cancelled

A job is admitted or refused whole. Its pairs wait in its lane; some of them may be on workers while others
still wait. It ends exactly once: when its last pair comes back, or earlier, in which case what still waits
is never dispatched and what is on a worker runs to no effect.

Events: `offer`, `cancel`, `finish`, `close`, and the passing of time. Each changes the state at once; `poll`
then says what follows: batches to start, jobs that were dropped, and when to ask again. There is no clock, no
thread and no random number in here, so that a run can be replayed.

Promises, checked after every event by the property tests, with classes off, as they are unless set. The guaranteed
share and the cap on a client, off unless set, too, trade strictness for something: with them, the order is another for
some of the batches, and worse work is not displaced for a client that has its share of the room
- A job ends exactly once, and admitted = finished + dropped + cancelled + live, in jobs and in pairs.
- The ledger is the sum over the jobs, never negative, and zero when there are none.
- A batch is headed by the best waiting lane, of one model, and lasts at most the cap, unless it is one pair.
- So a job waits for work of worse lanes at most as long as the batch running on each worker.
- No worker idles while a pair waits.
- Nothing is displaced or refused for want of room while work of a worse lane waits. In its own lane a job displaces
  only what a name that was alone has beyond its share.
- A job that can no longer meet its deadline is dropped before it reaches a worker.

Not attempted: preempting a running batch (it is short), waiting for a batch to fill (on a CPU that never pays),
ageing (strict lanes are the contract: the least urgent work is told at once that there is no room for it).
"""

from scheduler.admission import Admission, Who
from scheduler.batching import compose
from scheduler.cost import CostModel, Costs, Sample
from scheduler.forecast import Forecast
from scheduler.heap import Heap
from scheduler.job import AdmittedJob
from scheduler.lanes import Lanes
from scheduler.policy import Policy
from scheduler.share_cap import ShareCap
from scheduler.values import Amount, Batch, Drop, Job, Load, Reason, Refusal, Step
from scheduler.watchdog import Watchdog


class Scheduler:
    """Decides which pairs go to a worker next, and which jobs get no service.

    Every method is synchronous and answers whatever state the scheduler is in. `now` is in monotonic seconds and
    never goes back.
    """

    def __init__(self, policy: Policy, *costs: CostModel) -> None:
        """Know what a batch of each model costs; jobs name theirs by its place among them."""
        self._policy = policy
        self._costs = Costs(*costs)
        self._lanes = Lanes(policy.class_width, len(costs))
        self._forecast = Forecast()
        self._cap = ShareCap(policy.client_share, policy.batch_s)
        self._admission = Admission(policy, self._costs, self._lanes, self._forecast)
        self._jobs: dict[int, AdmittedJob] = {}
        self._running: dict[int, tuple[Batch, float]] = {}  # With when it is due.
        self._watchdog = Watchdog()
        self._alarms: Heap[int, float] = Heap()
        self._drops: list[Drop] = []
        self._serial = 0
        self._batches = 0
        self._closed = False

    def gate(
        self, lane: int, client: str, amount: Amount, deadline: float, now: float, *, name: str = ""
    ) -> Refusal | None:
        """Return how a job of about `amount` would be refused now, or None. Admits nobody."""
        if self._closed:
            return Refusal(Reason.DRAINING)
        who, running = Who(lane, client, name), self._running_work(now)
        return self._admission.refuse(who, amount, deadline, now=now, running=running, jobs=len(self._jobs))

    def offer(self, job: Job, now: float) -> Refusal | None:
        """Admit a job, displacing others if it must, or return why not."""
        entry = AdmittedJob(job, self._serial)
        refusal = self.gate(job.lane, job.client, entry.amount, job.deadline, now, name=job.name)
        if refusal:
            return refusal
        who, running = Who(job.lane, job.client, job.name), self._running_work(now)
        while victim := self._admission.victim(who, entry.amount, running=running, jobs=len(self._jobs)):
            advice = self._admission.retry_after(victim.job.lane, now=now, running=running)
            self._drop(victim, Drop(victim.job.id, Reason.DISPLACED, advice))
        self._serial += 1
        self._jobs[job.id] = entry
        self._lanes.push(entry)
        self._alarms.push(job.id, self._latest(entry))
        return None

    def cancel(self, job_id: int) -> None:
        """Forget a job whose caller left or whose scoring failed; an unknown or ended one is fine."""
        if entry := self._jobs.get(job_id):
            self._forget(entry)

    def finish(self, batch_id: int, took_s: float | None) -> None:
        """Note that a batch came back and its worker is free; an unknown batch is fine.

        `took_s` is what it took, which teaches the cost model; None if that says nothing, as after an error.
        """
        done = self._running.pop(batch_id, None)
        if done is None:
            return
        batch = done[0]
        self._watchdog.finish(batch_id)
        if took_s is not None:
            self._costs[batch.model].learn(Sample(batch.pairs, batch.length, took_s))
        for piece in batch.slices:
            entry = self._jobs.get(piece.job_id)
            if entry:
                entry.running -= len(piece.pairs)
                if not entry.running and not entry.lengths:
                    self._forget(entry)

    def close(self) -> None:
        """Admit no more; what was admitted runs on."""
        self._closed = True

    def poll(self, now: float) -> Step:
        """Return every consequence of what happened since the last poll."""
        self._ring(now)
        batches = []
        while len(self._running) < self._policy.workers and (head := self._head()):
            if self._latest(head) < now:
                self._drop_late(head, now)
            else:
                batches.append(self._start(head, now))
        drops, self._drops = tuple(self._drops), []
        hanging = self._watchdog.look(now)
        for batch, ran_s in hanging:  # It takes at least so long: many of them say that the machine is slower now.
            self._costs[batch.model].learn(Sample(batch.pairs, batch.length, ran_s))
        alarm, wake_at = self._alarms.least(), self._watchdog.wake_at
        if alarm:
            wake_at = alarm[1] if wake_at is None else min(alarm[1], wake_at)
        return Step(tuple(batches), drops, wake_at, tuple(batch.id for batch, _ in hanging))

    def load(self, now: float) -> Load:
        """Return a snapshot for metrics and health."""
        waiting = self._lanes.ledger.total
        work = self._costs.waiting(waiting, self._policy.batch_s) + self._running_work(now)
        return Load(
            jobs=len(self._jobs),
            pairs_waiting=waiting.pairs,
            workers_busy=len(self._running),
            backlog_s=work / self._policy.workers,
            pressure=work / self._policy.backlog_work,
        )

    def _head(self) -> AdmittedJob | None:
        """Return the job that the next batch begins with; counting batches makes the guaranteed share exact."""
        share = self._policy.guaranteed_share
        guaranteed = share > 0 and int((self._batches + 1) * share) > int(self._batches * share)
        if guaranteed:
            return self._lanes.rotation.turn(lambda _: False)
        head = self._lanes.head()
        if head and self._cap.is_over(head.job.client):
            return self._lanes.rotation.turn(self._cap.is_over) or self._least_over(head)
        return head

    def _least_over(self, head: AdmittedJob) -> AdmittedJob | None:
        """Return the job to serve where every client that waits has had its share: of the one that is least beyond it.

        To serve `head` regardless would let its client have more for good, wherever batches last longer than the cap.
        """
        rotation = self._lanes.rotation
        least = min(rotation.clients, key=self._cap.excess)
        return head if least == head.job.client else rotation.turn(lambda client: client != least)

    def _start(self, head: AdmittedJob, now: float) -> Batch:
        """Take the batch that `head` heads out of the lanes."""
        batch_s, model = self._policy.batch_s, head.job.model
        contended = self._lanes.rotation.standing(head.job.client)[1] > 0

        def is_patient(entry: AdmittedJob) -> bool:
            left_out = contended and entry is not head and self._cap.is_over(entry.job.client)
            return not left_out and self._latest(entry) >= now + batch_s

        plan = compose(head, self._lanes, self._policy, self._costs, is_patient)
        taken = [self._lanes.take(*part) for part in plan.parts]
        pairs = sum(amount.pairs for _, amount in taken)
        self._batches += 1
        slices = tuple(piece for piece, _ in taken)
        batch = Batch(self._batches, slices, plan.length, self._costs[model].batch(pairs, plan.length), model)
        self._running[batch.id] = batch, now + batch.work
        self._watchdog.start(batch, now)
        price = self._costs.waiting(sum((amount for _, amount in taken), Amount()), batch_s)
        self._forecast.add_batch(batch.work, price, express=self._policy.is_express(head.job.lane))
        for part, (_, amount) in zip(plan.parts, taken, strict=True):
            job = part.entry.job
            job_work = self._costs.waiting(part.entry.total, batch_s)
            work = batch.work * amount.pairs / pairs
            self._forecast.add_work(job.lane, work, job_work, now)
            self._cap.charge(job.client, work, contended=contended)
            self._alarms.push(job.id, self._latest(part.entry))
        return batch

    def _ring(self, now: float) -> None:
        """Drop every job whose time has come."""
        while (alarm := self._alarms.least()) and alarm[1] <= now:
            entry = self._jobs[alarm[0]]
            latest = self._latest(entry)
            if latest > now:  # The cost model has learned since that there is more time.
                self._alarms.push(alarm[0], latest)
            else:
                self._drop_late(entry, now)

    def _latest(self, entry: AdmittedJob) -> float:
        """Return the latest moment at which all workers must start on its waiting pairs to be in time."""
        if not entry.lengths:
            return entry.job.deadline
        own = self._costs.waiting(entry.amount, self._policy.batch_s)
        own *= self._forecast.overhead(express=self._policy.is_express(entry.job.lane))
        return entry.job.deadline - own / min(self._policy.workers, len(entry.lengths))

    def _drop_late(self, entry: AdmittedJob, now: float) -> None:
        if entry.job.deadline <= now:
            self._drop(entry, Drop(entry.job.id, Reason.EXPIRED))
        else:  # Better lanes took the time it was promised: it is shed, and told so before its time is over.
            advice = self._admission.retry_after(entry.job.lane, now=now, running=self._running_work(now))
            self._drop(entry, Drop(entry.job.id, Reason.SHED, advice))

    def _drop(self, entry: AdmittedJob, drop: Drop) -> None:
        self._forget(entry)
        self._drops.append(drop)

    def _forget(self, entry: AdmittedJob) -> None:
        del self._jobs[entry.job.id]
        self._alarms.discard(entry.job.id)
        self._lanes.remove(entry)

    def _running_work(self, now: float) -> float:
        """Predicted work left in the batches on workers."""
        return sum(max(0.0, due - now) for _, due in self._running.values())

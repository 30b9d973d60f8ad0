"""A pod: a real scheduler on simulated workers, in virtual time."""

from collections.abc import Callable, Sequence
from math import inf

from scheduler import Batch, CostModel, Job, Policy, Scheduler
from tests.simulation.agenda import Agenda
from tests.simulation.run import BatchRecord, Ending, Piece, Run
from tests.simulation.worker import Cost, Workers

TurnedAway = Callable[[int, str, float | None], None]
"""Callback for a refused or dropped request: index in the trace, reason, and advised delay in seconds."""


def useful_by_length(run: Run, cost: Cost) -> list[float]:
    """Return the useful seconds of a pair by its length in tokens, up to the longest pair of a run."""
    longest = max((max(o.request.pair_tokens) for o in run.outcomes), default=0)
    return [cost.useful(n) for n in range(longest + 1)]


class Live:
    """An admitted, unfinished job."""

    __slots__ = ("index", "lane", "left", "waiting", "waiting_s")

    def __init__(self, index: int, lane: int, pairs: int) -> None:
        self.index = index
        """Index of its request in the trace."""
        self.lane = lane
        self.left = pairs
        """Number of pairs without a score."""
        self.waiting = pairs
        """Number of pairs not yet dispatched."""
        self.waiting_s = 0.0
        """Useful seconds of these pairs, if a subclass maintains them."""


class Pod:
    """A machine that takes requests of a run by their index in the trace, and records their outcomes in the run.

    It polls after every event that changes the scheduler, as the dispatcher does, except that the caller of `offer`
    polls.
    """

    def __init__(
        self,
        run: Run,
        policy: Policy,
        workers: Workers,
        agenda: Agenda,
        *,
        turned_away: TurnedAway,
        useful: Sequence[float],
        believed: Cost | None = None,
        log: Callable[[bytes], None] | None = None,
        learns: bool = True,
    ) -> None:
        """Set up a scheduler with `policy` and the cost model `believed`, by default the true one.

        `useful` are the useful seconds of a pair by its length. `log` gets every decision, for a fingerprint. Without
        `learns` the cost model stays fixed.
        """
        self.workers = workers
        self.scheduler = Scheduler(policy, CostModel(*(believed or workers.cost)))
        self.live: dict[int, Live] = {}
        """Live jobs by number."""
        self.wake = inf
        """Time of the next poll if no event comes first."""
        self._run, self._agenda, self._turned_away, self._log = run, agenda, turned_away, log
        self._useful = useful
        self._free = list(range(policy.workers))
        self._hung: dict[int, tuple[Batch, BatchRecord]] = {}
        self._learns = learns

    def offer(self, number: int, index: int) -> bool:
        """Offer a request as job `number`; return whether it was admitted."""
        now, outcome = self._agenda.now, self._run.outcomes[index]
        request = outcome.request
        outcome.attempts += 1
        job = Job(number, request.lane, request.client, request.pair_tokens, request.deadline)
        refusal = self.scheduler.offer(job, now)
        if refusal:
            if self._log:
                self._log(b"%r%d%a" % (now, number, refusal[0]))
            self._turn_away(index, Ending.REFUSED, refusal.reason, refusal.retry_after_s)
            return False
        self.live[number] = live = Live(index, request.lane, len(request.pair_tokens))
        self.admitted(live)
        return True

    def poll(self) -> None:
        """Poll the scheduler, then start batches, drop jobs and stop overdue batches."""
        now, log = self._agenda.now, self._log
        step = self.scheduler.poll(now)
        for batch in step.batches:
            self._start(batch)
        dropped = [(self._take(drop.job_id).index, drop) for drop in step.drops]
        for index, drop in dropped:
            if log:
                log(b"%r%d%a" % (now, drop.job_id, drop.reason))
            self._turn_away(index, Ending.DROPPED, drop.reason, drop.retry_after_s)
        for number in step.overdue:
            self._stop(number)
        self.wake = inf if step.wake_at is None else step.wake_at
        if log and (step.batches or step.drops):
            log(repr((now, step.wake_at, [(b.slices, b.length, b.work) for b in step.batches])).encode())

    def cancel(self, number: int) -> None:
        """Cancel a live job."""
        self.scheduler.cancel(number)
        self._close_books(number, Ending.CANCELLED)
        self.poll()

    def give_up(self) -> None:
        """Give up all live jobs, because the machine stops."""
        for number in list(self.live):
            self.scheduler.cancel(number)
            self._turn_away(self._take(number).index, Ending.DROPPED, "draining", None)
        self.poll()

    def admitted(self, live: Live) -> None:
        """Record an admitted job; a hook for subclasses."""

    def started(self, live: Live, seconds: float) -> None:
        """Record dispatched pairs, in useful seconds."""

    def ended(self, live: Live) -> None:
        """Record the end of a job and its waiting pairs."""

    def ran(self, ran: BatchRecord) -> None:
        """Record a finished batch."""
        self._run.batches.append(ran)

    def _take(self, number: int) -> Live:
        live = self.live.pop(number)
        self.ended(live)
        return live

    def _turn_away(self, index: int, how: Ending, reason: str, advice: float | None) -> None:
        outcome = self._run.outcomes[index]
        outcome.ending, outcome.reason, outcome.ended_at = how, str(reason), self._agenda.now
        self._run.counters[f"{how} {reason}"] += 1
        self._turned_away(index, reason, advice)

    def _start(self, batch: Batch) -> None:
        now, useful = self._agenda.now, self._useful
        pieces, pairs = [], 0
        for number, taken in batch.slices:
            live = self.live[number]
            live.waiting -= len(taken)
            outcome = self._run.outcomes[live.index]
            lengths = outcome.request.pair_tokens
            seconds = sum([useful[lengths[i]] for i in taken])
            self.started(live, seconds)
            if outcome.started_at is None:
                outcome.started_at = now
            outcome.executed_s += seconds
            pairs += len(taken)
            pieces.append(Piece(live.index, live.lane, len(taken), seconds))
        worker = self._free.pop()
        failed: set[tuple[int, int]] = set()
        poison = self.workers.poison
        if poison and any((p.request, i) in poison for p, s in zip(pieces, batch.slices, strict=True) for i in s.pairs):
            members = [(p.request, i) for p, s in zip(pieces, batch.slices, strict=True) for i in s.pairs]
            end, failed = self.workers.end_of_poisoned(now, worker, members, batch.length)
        else:
            end = self.workers.end(now, worker, pairs, batch.length)
        ran = BatchRecord(now, end, worker, batch.length, tuple(pieces), batch.work)
        if end < inf:
            self._agenda.push(end, self._finish, (batch, ran, failed))
        else:
            self._hung[batch.id] = batch, ran
            self._run.counters["hung"] += 1

    def _stop(self, number: int) -> None:
        """Stop an overdue batch, and run its halves instead, as the dispatcher does."""
        self._run.counters["stopped"] += 1
        if number not in self._hung:
            return  # Slow, not hung.
        batch, ran = self._hung[number]
        end = self._agenda.now
        for pairs in (batch.pairs // 2, batch.pairs - batch.pairs // 2):
            end = self.workers.end(end, ran.worker, pairs, ran.length) if pairs else end
        if end < inf:
            del self._hung[number]
            self._agenda.push(end, self._finish, (batch, ran._replace(end=end), set[tuple[int, int]]()))

    def _finish(self, argument: tuple[Batch, BatchRecord, set[tuple[int, int]]]) -> None:
        now, alive = self._agenda.now, self.live
        batch, ran, failed = argument
        self._free.append(ran.worker)
        self.ran(ran)
        self.scheduler.finish(batch.id, ran.end - ran.start if self._learns and not failed else None)
        for (number, _), piece in zip(batch.slices, ran.pieces, strict=True):
            outcome = self._run.outcomes[piece.request]
            if now > outcome.request.deadline:
                outcome.late_s += piece.useful_s
            live = alive.get(number)
            if live is None:
                continue
            live.left -= piece.pairs
            if not live.left:
                self._close_books(number, Ending.FINISHED)
        for request, pair in failed:
            self._run.outcomes[request].unscored += (pair,)
        self.poll()

    def _close_books(self, number: int, how: Ending) -> None:
        outcome = self._run.outcomes[self._take(number).index]
        outcome.ending, outcome.reason, outcome.ended_at = how, None, self._agenda.now
        self._run.counters[how] += 1

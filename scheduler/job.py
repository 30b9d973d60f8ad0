"""An admitted job and how far it has come."""

from bisect import bisect_left, bisect_right

from scheduler.values import Amount, Job, Slice


class AdmittedJob:
    """A job that the scheduler is responsible for.

    Its waiting pairs are in order of length: all of them must be done before the job is, so their order is free, and
    pairs of one length pad nothing.
    """

    __slots__ = ("_order", "amount", "job", "lengths", "running", "serial", "total")

    def __init__(self, job: Job, serial: int) -> None:
        self.job = job
        self.serial = serial
        """Order of arrival."""
        self._order = sorted(range(len(job.pair_tokens)), key=job.pair_tokens.__getitem__)
        self.lengths = [job.pair_tokens[i] for i in self._order]
        """Lengths of the waiting pairs, ascending."""
        self.amount = Amount.of(self.lengths, job.model)
        """The amount that waits; zero when everything was dispatched."""
        self.total = self.amount
        """The amount of the whole job."""
        self.running = 0
        """Pairs on workers."""

    @property
    def waiting_share(self) -> float:
        """Share of the job's tokens that waits, 0 to 1."""
        return self.amount.tokens / self.total.tokens

    @property
    def started(self) -> bool:
        """True once a pair of the job was dispatched."""
        return self.amount.tokens < self.total.tokens

    def near(self, shortest: float, longest: int) -> tuple[int, int]:
        """Return the range of positions in `lengths` with `shortest` to `longest` tokens."""
        return bisect_left(self.lengths, shortest), bisect_right(self.lengths, longest)

    def take(self, start: int, stop: int) -> tuple[Slice, Amount]:
        """Dispatch positions `start` to `stop` of `lengths`; return the slice and its amount.

        The job itself counts as taken with its last pair.
        """
        lengths, pairs = self.lengths[start:stop], tuple(self._order[start:stop])
        del self.lengths[start:stop], self._order[start:stop]
        taken = Amount.of(lengths, self.job.model, jobs=0 if self.lengths else 1)
        self.amount -= taken
        self.running += len(lengths)
        return Slice(self.job.id, pairs), taken

"""Jobs and batches in the books of the oracle."""

from dataclasses import dataclass, field

from scheduler import Batch, Job
from tests.property.amounts import amount_of


@dataclass(eq=False)
class Tracked:
    """An admitted job in the books of the oracle."""

    job: Job
    serial: int
    batches_before: int
    """Id of the last batch that started before its arrival."""
    waiting: set[int] = field(init=False)
    """Indices of pairs not yet dispatched."""
    amount: list[int] = field(init=False)
    """Waiting amount: jobs, pairs, tokens, squared tokens; per model in turn."""
    running: int = 0
    """Number of pairs on workers."""

    def __post_init__(self) -> None:
        self.waiting = set(range(len(self.job.pair_tokens)))
        self.amount = amount_of(self.job)
        self.tokens = sum(self.job.pair_tokens)

    @property
    def waiting_share(self) -> float:
        """Share of its tokens that waits."""
        return sum(self.job.pair_tokens[i] for i in self.waiting) / self.tokens


@dataclass
class Running:
    """A batch on a worker."""

    batch: Batch
    lane: int
    due: float
    aside: bool
    """True if the order of lanes may be set aside for it: it is of the guaranteed share, or beside a client that had
    its own."""

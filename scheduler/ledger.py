"""What waits, summed over lanes."""

from scheduler.model import Amount
from scheduler.policy import LANES


class Ledger:
    """Amounts by lane, and the sum over any lane and all better ones in ten steps.

    A Fenwick tree: node i holds the sum of the `i & -i` lanes that end with lane i - 1.
    """

    def __init__(self) -> None:
        self._nodes = [[0, 0, 0, 0] for _ in range(LANES + 1)]
        self.total = Amount()
        """The sum over all lanes."""

    def add(self, lane: int, amount: Amount) -> None:
        """Add to a lane."""
        self.total += amount
        self._move(lane, amount, 1)

    def subtract(self, lane: int, amount: Amount) -> None:
        """Subtract from a lane."""
        self.total -= amount
        self._move(lane, amount, -1)

    def through(self, lane: int) -> Amount:
        """Return the sum over `lane` and every better one; zero for lane -1."""
        jobs = pairs = tokens = squares = 0
        i = lane + 1
        while i:
            node = self._nodes[i]
            jobs += node[0]
            pairs += node[1]
            tokens += node[2]
            squares += node[3]
            i &= i - 1
        return Amount(jobs, pairs, tokens, squares)

    def _move(self, lane: int, amount: Amount, sign: int) -> None:
        i = lane + 1
        while i <= LANES:
            node = self._nodes[i]
            node[0] += sign * amount.jobs
            node[1] += sign * amount.pairs
            node[2] += sign * amount.tokens
            node[3] += sign * amount.squares
            i += i & -i

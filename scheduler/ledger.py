"""What waits, summed over lanes."""

from scheduler.policy import LANES
from scheduler.values import AMOUNTS, Amount


class Ledger:
    """Amounts by lane, and the sum over any lane and all better ones in ten steps.

    A Fenwick tree: node i holds the sum of the `i & -i` lanes that end with lane i - 1.
    """

    def __init__(self, models: int = 1) -> None:
        """Hold nothing of so many models."""
        self._nothing = (0,) * (AMOUNTS * models)
        self._nodes = [list(self._nothing) for _ in range(LANES + 1)]
        self.total = Amount(self._nothing)
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
        nodes = [list(self._nothing)]
        i = lane + 1
        while i:
            nodes.append(self._nodes[i])
            i &= i - 1
        return Amount(tuple(map(sum, zip(*nodes, strict=True))))

    def _move(self, lane: int, amount: Amount, sign: int) -> None:
        i = lane + 1
        while i <= LANES:
            node = self._nodes[i]
            for place, number in enumerate(amount.numbers):
                node[place] += sign * number
            i += i & -i

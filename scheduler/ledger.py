"""The amounts that wait, by lane."""

from scheduler.prefix_sums import PrefixSums
from scheduler.values import AMOUNTS, Amount


class Ledger:
    """Amounts by lane, and their sum over any lane and all better ones."""

    def __init__(self, models: int = 1) -> None:
        """Hold nothing of so many models."""
        nothing = (0,) * (AMOUNTS * models)
        self._lanes = PrefixSums(nothing)
        self.total = Amount(nothing)
        """The sum over all lanes."""

    def add(self, lane: int, amount: Amount) -> None:
        """Add to a lane."""
        self.total += amount
        self._lanes.add(lane, amount.numbers)

    def subtract(self, lane: int, amount: Amount) -> None:
        """Subtract from a lane."""
        self.total -= amount
        self._lanes.add(lane, (-number for number in amount.numbers))

    def through(self, lane: int) -> Amount:
        """Return the sum over `lane` and every better one; zero for lane -1."""
        return Amount(self._lanes.through(lane))

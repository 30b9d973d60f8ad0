"""How much longer batches take than the pairs in them were priced at."""

_WEIGHT = 0.02  # Of the newest batch in the average: about fifty batches of memory.


class Overhead:
    """The padding and the launches that a price for waiting pairs cannot foresee, as a factor on it.

    Kept apart for express batches, which go out small and padded, since their latency comes first.
    """

    def __init__(self) -> None:
        self._stretch = {True: 1.0, False: 1.0}

    def note(self, work: float, priced: float, *, express: bool) -> None:
        """Note that pairs priced at `priced` seconds went out in a batch of `work` seconds."""
        self._stretch[express] += _WEIGHT * (work / priced - self._stretch[express])

    def stretch(self, *, express: bool) -> float:
        """Return by what to multiply the price of waiting pairs, at least 1."""
        return max(1.0, self._stretch[express])

"""The cost model: seconds of a batch, fitted at start and learned while running."""

from collections.abc import Iterable, Sequence
from math import inf
from typing import NamedTuple

from scheduler.values import AMOUNTS, Amount

_FORGET = 0.98  # Weight of the past at each sample: a memory of about fifty batches, a second or two of a busy worker.
_DRIFT = 5.0  # A coefficient stays within this factor of its seed, both ways.
_OUTLIER = 5.0  # A batch that takes this many times its prediction is ignored: its worker was disturbed.
_OUTLIERS_MAX = 5  # After this many outliers in a row the machine has become slower, and they are learned from.
_TRUST = 1.0  # Evidence for the seeds, in samples.
_DAMPING = 0.02  # Evidence for the present coefficients at each sample, in samples.
_FLOOR = (1e-6, 1e-8, 1e-12)  # Seconds; keeps every term alive so that it can be learned.


class Sample(NamedTuple):
    """One measured batch."""

    pairs: int
    length: int
    seconds: float


class CostModel:
    """Seconds one worker needs for a batch of n pairs padded to L tokens: t = a + b*n*L + c*n*L**2.

    The quadratic term is attention. The coefficients are found by least squares with exponential forgetting and a ridge
    towards their last values, on *relative* errors, so that a batch of 5 ms teaches as much as one of 100 ms. They are
    learned as multiples of their seeds, which puts all three on one scale, and stay within a factor of 5 of them.
    """

    def __init__(self, launch_s: float, token_s: float, square_s: float) -> None:
        """Start from seeds: a of a batch, b of a token, c of a token times the length; seconds."""
        self._seed = tuple(max(s, f) for s, f in zip((launch_s, token_s, square_s), _FLOOR, strict=True))
        self._scale = [1.0, 1.0, 1.0]
        self._squares = [[_TRUST if i == j else 0.0 for j in range(3)] for i in range(3)]
        self._products = [_TRUST, _TRUST, _TRUST]
        self._outliers = 0
        self.launch_s, self.token_s, self.square_s = self._seed

    @classmethod
    def fit(cls, samples: Sequence[Sample]) -> "CostModel":
        """Return the model with the least squared relative error on `samples`.

        A negative coefficient is noise around zero: it is left out, and the others are fitted again. Raises ValueError
        without samples.
        """
        if not samples:
            raise ValueError("a cost model needs at least one sample to start from")
        rows = [(1 / s.seconds, s.pairs * s.length / s.seconds, s.pairs * s.length**2 / s.seconds) for s in samples]
        terms = [0, 1, 2]
        while True:
            found = _solve(
                [[sum(r[i] * r[j] for r in rows) for j in terms] for i in terms],
                [sum(r[i] for r in rows) for i in terms],
            )
            if min(found) >= 0:
                fitted = dict(zip(terms, found, strict=True))
                return cls(*(fitted.get(i, 0.0) for i in range(3)))
            del terms[found.index(min(found))]

    def batch(self, pairs: int, length: int) -> float:
        """Return the predicted seconds of a batch of `pairs` pairs padded to `length` tokens."""
        return self.launch_s + pairs * self.pair(length)

    def pair(self, length: int) -> float:
        """Return what one more pair of `length` tokens adds to a batch padded to that length, in seconds."""
        return length * (self.token_s + length * self.square_s)

    def waiting(self, jobs: int, tokens: int, squares: int, batch_s: float) -> float:
        """Return the predicted seconds of one worker for pairs that are not in batches yet.

        Launches are counted as if batches of `batch_s` seconds were full, and at least one for each job.
        """
        pairs_s = tokens * self.token_s + squares * self.square_s
        launches = pairs_s / max(batch_s - self.launch_s, self.launch_s)
        return pairs_s + self.launch_s * max(jobs, launches)

    def learn(self, sample: Sample) -> None:
        """Learn from one measured batch; single outliers are ignored."""
        if not 0 < sample.seconds < inf:
            return
        far = sample.seconds > _OUTLIER * self.batch(sample.pairs, sample.length)
        self._outliers = self._outliers + 1 if far else 0
        if 0 < self._outliers <= _OUTLIERS_MAX:
            return
        tokens = sample.pairs * sample.length
        terms = [s * x for s, x in zip(self._seed, (1, tokens, tokens * sample.length), strict=True)]
        # Relative to the prediction of the seeds, not to the time measured: samples of a fast machine would outweigh,
        # by the square, those taken once it has become slower.
        unit = sum(terms)
        row = [term / unit for term in terms]
        measured = sample.seconds / unit
        self._squares = [
            [_FORGET * known + x * y for known, y in zip(line, row, strict=True)]
            for line, x in zip(self._squares, row, strict=True)
        ]
        self._products = [_FORGET * known + x * measured for known, x in zip(self._products, row, strict=True)]
        # Batches that are alike determine one direction of three. Damping keeps the other two where they are, so that
        # the next odd batch does not throw them anywhere.
        found = _solve(
            [[v + _DAMPING * (i == j) for j, v in enumerate(line)] for i, line in enumerate(self._squares)],
            [p + _DAMPING * s for p, s in zip(self._products, self._scale, strict=True)],
        )
        self._scale = [min(max(scale, 1 / _DRIFT), _DRIFT) for scale in found]
        self.launch_s, self.token_s, self.square_s = (s * k for s, k in zip(self._seed, self._scale, strict=True))


class Costs:
    """The cost models of all models, and the price of work that waits for their workers."""

    def __init__(self, *models: CostModel) -> None:
        """Price with one cost model for each model."""
        self._models = models

    def __getitem__(self, model: int) -> CostModel:
        return self._models[model]

    def launch(self, amount: Amount) -> float:
        """Return the seconds of one launch of each model that has pairs in an amount."""
        counts = amount.numbers[1::AMOUNTS]
        return sum(cost.launch_s for cost, pairs in zip(self._models, counts, strict=False) if pairs)

    def waiting(self, amount: Amount, batch_s: float) -> float:
        """Return the price of an amount that is not in batches of `batch_s` seconds yet, in seconds of one worker."""
        numbers, total_s = amount.numbers, 0.0
        for start in range(0, len(numbers), AMOUNTS):
            jobs, _, tokens, squares = numbers[start : start + AMOUNTS]
            if tokens:
                total_s += self._models[start // AMOUNTS].waiting(jobs, tokens, squares, batch_s)
        return total_s


def _solve(matrix: list[list[float]], right: Iterable[float]) -> list[float]:
    """Solve a small symmetric system by elimination with pivoting; a singular direction gets 0."""
    rows = [[*line, value] for line, value in zip(matrix, right, strict=True)]
    size = len(rows)
    for i in range(size):
        pivot = max(range(i, size), key=lambda r: abs(rows[r][i]))
        rows[i], rows[pivot] = rows[pivot], rows[i]
        if rows[i][i] == 0:
            continue
        for r in range(size):
            if r != i:
                factor = rows[r][i] / rows[i][i]
                rows[r] = [x - factor * y for x, y in zip(rows[r], rows[i], strict=True)]
    return [rows[i][size] / rows[i][i] if rows[i][i] else 0.0 for i in range(size)]

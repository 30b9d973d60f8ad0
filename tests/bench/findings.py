"""What a comparison of raw and served found, set against what it should be."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import isnan
from statistics import median

from service.bench.goal import Goal
from service.engine.cpu import instructions
from tests.bench.prediction import TOKENS_MAX
from tests.bench.trials import OURS, SMALL, USUAL, USUAL_EVERY, Alone


@dataclass(frozen=True)
class Findings:
    """All that was measured."""

    documents: int
    """Of a large request."""
    requests: int
    """Of all kinds, for the memory."""
    rates: Mapping[str, Sequence[float]]
    """Tokens a second for each batching policy, round by round."""
    served: Sequence[float]
    """The rate of large requests over the raw one, round by round."""
    large: Alone
    small: Alone
    differing: int
    """Scores that were not the same in every batch."""
    compared: int
    error: float
    """Of the cost model, relative."""
    late_s: float
    """By how much the event loop was late, at the 99th percentile."""
    growth: float
    """Of the memory; NaN where nobody tells."""
    over_fp32: Sequence[float]
    """Empty: nobody asked."""

    def goals(self) -> Iterator[Goal]:
        """Set it against the limits."""
        large, small, ours = f"1x{self.documents}", f"1x{SMALL}", self.rates[OURS]
        best = max((name for name in self.rates if name != OURS), key=lambda name: median(self.rates[name]))
        yield Goal(f"served over raw, requests of {large}", self.served, 0.95, 0.98, at_least=True)
        yield Goal("our batches over the best of others", _ratios(ours, self.rates[best]), 0.97, 0.99, at_least=True)
        usual = _ratios(ours[::USUAL_EVERY], self.rates[USUAL])
        yield Goal(f"our batches over those of {USUAL}", usual, 3.5, 4.2, at_least=True)
        yield Goal(f"{large} alone over its tokens at the raw rate", self.large.over_raw, 1.08, 1.03)
        yield Goal(f"{small} alone over its tokens at the raw rate", self.small.over_raw, 1.35, 1.15)
        yield Goal(f"{large} asked again: times as fast", self.large.again, 50, 200, at_least=True)
        yield Goal(f"of {self.compared:,} scores, differing in another batch", [self.differing], 0)
        yield Goal(f"cost-model error, batches up to {TOKENS_MAX:,} tokens", [self.error], 0.05, 0.02)
        yield Goal("event loop late under full load, p99, ms", [self.late_s * 1000], 10, 5)
        if not isnan(self.growth):
            yield Goal(f"memory after {self.requests:,} requests over that after a tenth", [self.growth], 1.05)
        if self.over_fp32:
            yield Goal(f"int8 over fp32, {instructions()}", self.over_fp32, 1.0, at_least=True)


def _ratios(above: Sequence[float], below: Sequence[float]) -> list[float]:
    return [a / b for a, b in zip(above, below, strict=True)]

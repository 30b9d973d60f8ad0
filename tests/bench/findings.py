"""The results of the comparison with bare ONNX Runtime, and their goals."""

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
    """The measurements of one comparison."""

    documents: int
    """Documents of a large request."""
    requests: int
    """Requests of the memory test."""
    rates: Mapping[str, Sequence[float]]
    """Raw tokens per second of each batching policy, by round."""
    served: Sequence[float]
    """Throughput of large requests over the raw throughput, by round."""
    large: Alone
    small: Alone
    differing: int
    """Number of scores that differed between batches."""
    compared: int
    """Number of scores that were compared."""
    error: float
    """Mean relative error of the cost model."""
    late_s: float
    """Delay of the event loop at the 99th percentile, in seconds."""
    growth: float
    """Memory at the end over memory after a tenth of the requests; NaN without /proc."""
    over_fp32: Sequence[float]
    """Speed-up of int8 over fp32, by round; empty without an fp32 model."""

    def goals(self) -> Iterator[Goal]:
        """Compare the measurements with their limits."""
        large, small, ours = f"1x{self.documents}", f"1x{SMALL}", self.rates[OURS]
        best = max((name for name in self.rates if name != OURS), key=lambda name: median(self.rates[name]))
        yield Goal(f"served over raw, requests of {large}", self.served, 0.95, 0.98, at_least=True)
        yield Goal("our batches over the best of others", _ratios(ours, self.rates[best]), 0.97, 0.99, at_least=True)
        usual = _ratios(ours[::USUAL_EVERY], self.rates[USUAL])
        yield Goal(f"our batches over those of {USUAL}", usual, 3.5, 4.2, at_least=True)
        yield Goal(f"{large} alone over its tokens at the raw rate", self.large.over_raw, 1.08, 1.03)
        yield Goal(f"{small} alone over its tokens at the raw rate", self.small.over_raw, 1.35, 1.15)
        yield Goal(f"speed-up of {large} from the cache", self.large.again, 50, 200, at_least=True)
        yield Goal(f"scores of {self.compared:,} that differ between batches", [self.differing], 0)
        yield Goal(f"cost-model error, batches up to {TOKENS_MAX:,} tokens", [self.error], 0.05, 0.02)
        yield Goal("delay of the event loop under full load, p99, ms", [self.late_s * 1000], 10, 5)
        if not isnan(self.growth):
            yield Goal(f"memory after {self.requests:,} requests over memory after a tenth", [self.growth], 1.05)
        if self.over_fp32:
            yield Goal(f"int8 over fp32, {instructions()}", self.over_fp32, 1.0, at_least=True)


def _ratios(above: Sequence[float], below: Sequence[float]) -> list[float]:
    return [a / b for a, b in zip(above, below, strict=True)]

"""Goodput and latency by load and number of pods: python -m tests.simulation.capacity, some minutes.

Pods of two workers with the embedded model's costs, behind a balancer that takes the one of two pods with fewer
requests under way, and clients that try once elsewhere. Deadlines are 5 s for lane 0, 10 s and 30 s.
"""

import sys

from service.bench.table import markdown as aligned
from tests.simulation.balancers import two_choices, under_way
from tests.simulation.cluster import Retries
from tests.simulation.stage import Span, Stage
from tests.simulation.worker import EMBEDDED

_PODS = {1: (1, 2, 3), 2: (1, 2, 3), 4: (1, 2, 3), 16: (1,)}
"""Seeds by number of pods: few pods see few large requests, and need more seeds."""
_LOADS = (0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
_SPAN = Span(10, 20, 120)


def main() -> None:
    """Print the share of work in time and the latency of lane 0, by load and number of pods."""
    rows = []
    for load in _LOADS:
        for pods, seeds in _PODS.items():
            print(f"{pods} pods at {load:g} of their capacity", file=sys.stderr)  # noqa: T201
            found = [
                Stage(EMBEDDED, pods, load, _SPAN, seed).play(two_choices(under_way), Retries(at_once=1))
                for seed in seeds
            ]
            mean = [sum(f.on_time[group] for f in found) / len(found) for group in range(3)]
            p99_s, busy = (sum(values) / len(found) for values in zip(*((f.p99_s, f.busy) for f in found), strict=True))
            cells = (f"{load:g}", str(pods), *(f"{share:.3f}" for share in mean), f"{1000 * p99_s:.0f}", f"{busy:.2f}")
            rows.append(cells)
    print(aligned(("load", "pods", "urgent", "middle", "bulk", "urgent p99, ms", "busy"), rows))  # noqa: T201


if __name__ == "__main__":
    main()

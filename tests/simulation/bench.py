"""The common base of the scenarios: a setup, its mix, its capacity, and shorthands."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from math import inf

from scheduler import Policy
from service.bench.goal import quantile
from tests.simulation import bounds, measures
from tests.simulation.measures import Factors
from tests.simulation.run import Run
from tests.simulation.simulator import Closing, Simulator
from tests.simulation.worker import BRISK, Cost, Pause, Setup, Speed, Workers
from tests.simulation.workload import MIX, Group, Request, Retry, demands, patient, trace


@cache
def _packing(group: Group, policy: Policy, cost: Cost) -> float:
    return bounds.packing(group, policy, cost)


@dataclass(frozen=True)
class Bench:
    """A setup for scenarios; traces last `seconds` and are drawn from `seed`."""

    setup: Setup = BRISK
    length_s: float = 30.0
    """Duration of a trace in seconds, for the patience of the brisk setup."""
    seed: int = 1

    @property
    def seconds(self) -> float:
        """Seconds of a trace."""
        return self.length_s * self.setup.patience

    @property
    def cost(self) -> Cost:
        """The true cost of batches."""
        return self.setup.cost

    @property
    def policy(self) -> Policy:
        """The policy of the scheduler."""
        return self.setup.policy

    @property
    def cap_s(self) -> float:
        """Longest time of a batch, in seconds."""
        return self.policy.batch_s

    @property
    def raw(self) -> float:
        """Useful seconds per second of a pool without launches and padding."""
        return float(self.policy.workers)

    @cached_property
    def mix(self) -> tuple[Group, ...]:
        """The groups of the mix."""
        return patient(MIX, self.setup.patience)

    @property
    def urgent(self) -> Group:
        """The most urgent group of the mix."""
        return self.mix[0]

    def packing(self, group: Group) -> float:
        """Return the packing, in [0, 1], of an endless backlog of a group."""
        return _packing(group, self.policy, self.cost)

    def capacity(self, parts: Sequence[tuple[Group, float]]) -> float:
        """Return the useful seconds per second of a saturated pool; the last group fills the remaining time."""
        shares = [(demand, self.packing(group)) for group, demand in parts]
        return bounds.mixed([*shares[:-1], (inf, shares[-1][1])], self.policy.workers)

    def parts(self, load: float) -> list[tuple[Group, float]]:
        """Return the mix at `load` times the capacity, as groups and their demands."""
        capacity = self.capacity(list(zip(self.mix, demands(10 * self.raw, self.raw), strict=True)))
        return list(zip(self.mix, demands(load * capacity, self.raw), strict=True))

    def trace(self, parts: Sequence[tuple[Group, float]]) -> list[Request]:
        """Draw a trace."""
        return trace(parts, self.cost, self.seconds, seed=self.seed)

    def play(
        self,
        requests: Sequence[Request],
        *,
        policy: Policy | None = None,
        noise: float = 0.05,
        believed: Cost | None = None,
        retry: Retry | None = None,
        closing: Closing | None = None,
        watch: bool = False,
        speeds: Sequence[Speed] = (),
        pauses: Sequence[Pause] = (),
        poison: frozenset[tuple[int, int]] = frozenset(),
        mute: bool = False,
    ) -> Run:
        """Simulate a trace."""
        workers = Workers(self.cost, noise, self.seed, speeds, pauses, poison, mute)
        return Simulator(
            requests, policy or self.policy, workers, believed=believed, retry=retry, closing=closing, watch=watch
        ).play()

    def factors(self, run: Run, start: float = 1.0) -> Factors:
        """Measure a run over the time of arrivals, without the first second."""
        return measures.factors(run, self.policy.workers, start, max(o.request.at for o in run.outcomes))

    def ratios(self, run: Run, groups: Sequence[Group], capacity: float) -> tuple[list[float], float]:
        """Return the goodput over the clairvoyant bound: of each group, most urgent first, and of all."""
        requests = [o.request for o in run.outcomes]
        kinds = [lambda r, lanes=g.lanes: r.lane in lanes for g in groups]
        best = bounds.clairvoyant(requests, capacity, self.cost, kinds)
        got = [measures.goodput(measures.of(run, g.lanes), self.cost) for g in groups]
        return [g / b if b else 1.0 for g, b in zip(got, best, strict=True)], sum(got) / sum(best)

    def alone(self, requests: Sequence[Request], policy: Policy | None = None) -> float:
        """Return the p99 latency, in seconds, of the urgent requests of a trace on an otherwise idle machine."""
        return bounds.alone(requests, policy or self.policy, self.cost, self.urgent.lanes, self.seed)[0]

    def p99(self, run: Run, group: Group | None = None) -> float:
        """Return the p99 latency of a group, in seconds; by default of the urgent one."""
        return quantile(measures.latencies(measures.of(run, (group or self.urgent).lanes)), 0.99)

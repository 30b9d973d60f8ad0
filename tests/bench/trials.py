"""Comparisons of the service with bare ONNX Runtime, in turns, on the same pairs."""

from collections import defaultdict
from collections.abc import Sequence
from functools import partial
from itertools import islice
from random import Random
from typing import NamedTuple

from scheduler import CostModel
from service.bench.client import Client
from service.engine.engine import Engine
from service.engine.model_dir import ModelDirectory
from service.engine.pair_layout import EncodedPair
from service.hub.location import locate
from service.progress import Progress
from service.settings import Settings
from tests.bench import batching, prediction
from tests.bench.batching import BatchingPolicy
from tests.bench.corpus import BenchRequest, questions
from tests.bench.raw import Raw
from tests.bench.served import ask

OURS = "as rerankd does"
USUAL = f"{batching.USUAL} as they come"
SMALL = 10
"""Documents of a small request."""
USUAL_EVERY = 3
"""Usual batches run in one round of this many, because they take several times as long as the others."""
_BUDGETS = (256, 512, 1024)
_AT_ONCE = 4  # Concurrent large requests that keep all workers busy.
_SMALL_EACH = 3  # Small requests per round.
_PROBES_EACH = 6  # Batches per round.
_TOKENS_MAX = 4096


class Alone(NamedTuple):
    """Ratios of requests sent one at a time."""

    over_raw: list[float]
    """Latency of each request over the raw time of its pairs, divided among all workers."""
    again: list[float]
    """Latency of each request over its latency when repeated, from the cache."""


class Trials:
    """Measurements of raw and served throughput and latency, on requests that are not cached."""

    def __init__(self, settings: Settings, *, documents: int, rounds: int, seed: int, progress: Progress) -> None:
        """Load the model. Raises ModelError."""
        directory = locate(settings.model)
        self.model = directory.name
        self.differing = 0
        """Number of scores so far that were not bit-identical in all batches."""
        self.compared = 0
        """Number of scores compared so far."""
        self._rounds = rounds
        self._rng = Random(seed)
        self._progress = progress
        self._workers = settings.workers
        self._engine = Engine(directory)
        self._raw = Raw(directory, settings.workers)
        self._cost = CostModel.fit(self._engine.warm_up())
        self._ours = batching.scheduled_by(settings.policy, self._cost)
        self._large = questions(self.model, documents, seed)
        self._small = questions(self.model, SMALL, seed + 1)

    def batching(self) -> dict[str, list[float]]:
        """Return the tokens per second of all workers for each policy, by round, without padding."""
        policies: dict[str, BatchingPolicy] = {OURS: self._ours, "each alone": partial(batching.arrival, size=1)}
        policies |= {f"sorted, {tokens:,} tokens": partial(batching.budget, tokens=tokens) for tokens in _BUDGETS}
        usual: dict[str, BatchingPolicy] = {USUAL: partial(batching.arrival, size=batching.USUAL)}
        rates: dict[str, list[float]] = defaultdict(list)
        for turn, request in enumerate(islice(self._large, self._rounds)):
            self._progress.update(f"round {turn + 1} of {self._rounds}")
            pairs = self._pairs(request)
            logits = self._batched(pairs, policies, rates)
            if turn % USUAL_EVERY == 0:
                logits = list(map(set.union, logits, self._batched(pairs, usual, rates)))
            self.compared += len(pairs)
            self.differing += sum(len(of_pair) > 1 for of_pair in logits)
        self._progress.clear()
        return rates

    async def throughput(self, client: Client) -> list[float]:
        """Return the served over the raw throughput of four concurrent large requests, by round."""
        await ask(client, list(islice(self._large, 1)))
        ratios = []
        for turn in range(self._rounds):
            self._progress.update(f"round {turn + 1} of {self._rounds}")
            requests = list(islice(self._large, _AT_ONCE))
            # The order alternates, so that passing disturbances affect both alike.
            before_s = self._raw_s(requests) if turn % 2 else None
            answered = await ask(client, requests)
            ratios.append((before_s or self._raw_s(requests)) / answered.took_s)
            if turn == 0:
                self._check(requests[0], answered.scores()[0])
        self._progress.clear()
        return ratios

    async def large(self, client: Client) -> Alone:
        """Send large requests one at a time."""
        return await self._alone(client, list(islice(self._large, self._rounds)))

    async def small(self, client: Client) -> Alone:
        """Send small requests one at a time."""
        return await self._alone(client, list(islice(self._small, _SMALL_EACH * self._rounds)))

    def over(self, slower: ModelDirectory) -> list[float]:
        """Return the raw speed-up over another form of the model, by round."""
        other, ratios = Raw(slower, self._workers), []
        for turn in range(self._rounds):
            self._progress.update(f"round {turn + 1} of {self._rounds}")
            requests = list(islice(self._large, 1))
            ratios.append(self._raw_s(requests, other) / self._raw_s(requests))
        self._progress.clear()
        return ratios

    def prediction(self) -> float:
        """Return the mean relative error of the cost model."""
        self._progress.update("batches one at a time")
        pairs = [self._pairs(request)[0] for request in islice(self._small, _PROBES_EACH * self._rounds)]
        error = prediction.error(self._engine, pairs, self._rng)
        self._progress.clear()
        return error

    def _batched(
        self, pairs: Sequence[EncodedPair], policies: dict[str, BatchingPolicy], rates: dict[str, list[float]]
    ) -> list[set[float]]:
        """Run the batches of all policies in random order, so that disturbances affect all alike.

        Append to `rates`, and return the distinct logits of each pair: one if all batches agree.
        """
        lengths = [pair.tokens for pair in pairs]
        batches = [(name, batch) for name, policy in policies.items() for batch in policy(lengths)]
        self._rng.shuffle(batches)
        took_s: dict[str, float] = defaultdict(float)
        logits = [set[float]() for _ in pairs]
        all_ran = self._raw.run([pairs[i] for i in batch] for _, batch in batches)
        for (name, batch), ran in zip(batches, all_ran, strict=True):
            took_s[name] += ran.took_s
            for i, logit in zip(batch, ran.logits, strict=True):
                logits[i].add(logit)
        for name in policies:
            rates[name].append(sum(lengths) / took_s[name] * self._workers)
        return logits

    async def _alone(self, client: Client, requests: list[BenchRequest]) -> Alone:
        over_raw, again = [], []
        for request in requests:
            raw_s = self._raw_s([request])
            first = await ask(client, [request])
            over_raw.append(first.took_s / raw_s)
            again.append(first.took_s / (await ask(client, [request])).took_s)
        return Alone(over_raw, again)

    def _check(self, request: BenchRequest, scores: list[float]) -> None:
        """Compare served scores with those of the same pairs run one at a time."""
        alone = [self._engine.score([pair])[0] for pair in self._pairs(request)]
        self.compared += len(alone)
        self.differing += sum(a != b for a, b in zip(alone, scores, strict=True))

    def _raw_s(self, requests: list[BenchRequest], raw: Raw | None = None) -> float:
        """Return the raw seconds of these requests, divided among all workers without idle time at the end."""
        batches = []
        for pairs in map(self._pairs, requests):
            batches += [[pairs[i] for i in batch] for batch in self._ours([pair.tokens for pair in pairs])]
        return sum(ran.took_s for ran in (raw or self._raw).run(batches)) / self._workers

    def _pairs(self, request: BenchRequest) -> list[EncodedPair]:
        return self._engine.encode(self._engine.query(request.query), request.documents, _TOKENS_MAX).pairs

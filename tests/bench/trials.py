"""The service's path to a score against the model with nothing around it, in turns, on the same pairs."""

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
from tests.bench.corpus import Question, questions
from tests.bench.raw import Raw
from tests.bench.served import ask

OURS = "as rerankd does"
USUAL = f"{batching.USUAL} as they come"
SMALL = 10
"""Documents of a small request."""
USUAL_EVERY = 3
"""Rounds between those with the usual batches, which take many times as long as all others."""
_BUDGETS = (256, 512, 1024)
_AT_ONCE = 4  # Large requests that keep all workers busy.
_SMALL_EACH = 3  # Small requests in a round.
_PROBES_EACH = 6  # Batches in a round.
_TOKENS_MAX = 4096


class Alone(NamedTuple):
    """Requests asked one at a time."""

    over_raw: list[float]
    """What each took over what its pairs take raw, spread over all workers."""
    again: list[float]
    """How many times sooner each was answered when asked once more."""


class Trials:
    """Raw and served, on questions that nobody has asked before."""

    def __init__(self, settings: Settings, *, documents: int, rounds: int, seed: int, progress: Progress) -> None:
        """Load the model. Raises ModelError."""
        directory = locate(settings.model)
        self.model = directory.name
        self.differing = 0
        """Scores so far that were not the same to the last bit in every batch."""
        self.compared = 0
        """Of so many."""
        self._rounds = rounds
        self._chance = Random(seed)
        self._progress = progress
        self._workers = settings.workers
        self._engine = Engine(directory)
        self._raw = Raw(directory, settings.workers)
        self._cost = CostModel.fit(self._engine.warm_up())
        self._ours = batching.scheduled_by(settings.policy, self._cost)
        self._large = questions(self.model, documents, seed)
        self._small = questions(self.model, SMALL, seed + 1)

    def batching(self) -> dict[str, list[float]]:
        """Return the tokens a second of all workers for each policy, round by round, padding not counted."""
        policies: dict[str, BatchingPolicy] = {OURS: self._ours, "each alone": partial(batching.arrival, size=1)}
        policies |= {f"sorted, {tokens:,} tokens": partial(batching.budget, tokens=tokens) for tokens in _BUDGETS}
        usual: dict[str, BatchingPolicy] = {USUAL: partial(batching.arrival, size=batching.USUAL)}
        rates: dict[str, list[float]] = defaultdict(list)
        for turn, asked in enumerate(islice(self._large, self._rounds)):
            self._progress.update(f"round {turn + 1} of {self._rounds}")
            pairs = self._pairs(asked)
            logits = self._batched(pairs, policies, rates)
            if turn % USUAL_EVERY == 0:
                logits = list(map(set.union, logits, self._batched(pairs, usual, rates)))
            self.compared += len(pairs)
            self.differing += sum(len(of_pair) > 1 for of_pair in logits)
        self._progress.clear()
        return rates

    async def throughput(self, client: Client) -> list[float]:
        """Return the served over the raw rate of large requests that come together, round by round."""
        await ask(client, list(islice(self._large, 1)))
        ratios = []
        for turn in range(self._rounds):
            self._progress.update(f"round {turn + 1} of {self._rounds}")
            asked = list(islice(self._large, _AT_ONCE))
            # Which of them comes first alternates, since what disturbs them may come and go.
            before_s = self._raw_s(asked) if turn % 2 else None
            answered = await ask(client, asked)
            ratios.append((before_s or self._raw_s(asked)) / answered.took_s)
            if turn == 0:
                self._check(asked[0], answered.scores()[0])
        self._progress.clear()
        return ratios

    async def large(self, client: Client) -> Alone:
        """Ask large requests one at a time."""
        return await self._alone(client, list(islice(self._large, self._rounds)))

    async def small(self, client: Client) -> Alone:
        """Ask small requests one at a time."""
        return await self._alone(client, list(islice(self._small, _SMALL_EACH * self._rounds)))

    def over(self, slower: ModelDirectory) -> list[float]:
        """Return how many times as fast as another form of the model this one is, raw, round by round."""
        other, ratios = Raw(slower, self._workers), []
        for turn in range(self._rounds):
            self._progress.update(f"round {turn + 1} of {self._rounds}")
            asked = list(islice(self._large, 1))
            ratios.append(self._raw_s(asked, other) / self._raw_s(asked))
        self._progress.clear()
        return ratios

    def prediction(self) -> float:
        """Return the mean relative error of what the cost model says of a batch."""
        self._progress.update("batches one at a time")
        pairs = [self._pairs(asked)[0] for asked in islice(self._small, _PROBES_EACH * self._rounds)]
        error = prediction.error(self._engine, pairs, self._chance)
        self._progress.clear()
        return error

    def _batched(
        self, pairs: Sequence[EncodedPair], policies: dict[str, BatchingPolicy], rates: dict[str, list[float]]
    ) -> list[set[float]]:
        """Run the pairs in the batches of each policy, mixed, so that what disturbs one disturbs all.

        Add to the rates and return each pair's logits, one if all agree.
        """
        lengths = [pair.tokens for pair in pairs]
        batches = [(name, batch) for name, policy in policies.items() for batch in policy(lengths)]
        self._chance.shuffle(batches)
        took_s: dict[str, float] = defaultdict(float)
        found = [set[float]() for _ in pairs]
        all_ran = self._raw.run([pairs[i] for i in batch] for _, batch in batches)
        for (name, batch), ran in zip(batches, all_ran, strict=True):
            took_s[name] += ran.took_s
            for i, logit in zip(batch, ran.logits, strict=True):
                found[i].add(logit)
        for name in policies:
            rates[name].append(sum(lengths) / took_s[name] * self._workers)
        return found

    async def _alone(self, client: Client, asked: list[Question]) -> Alone:
        over_raw, again = [], []
        for question in asked:
            raw_s = self._raw_s([question])
            first = await ask(client, [question])
            over_raw.append(first.took_s / raw_s)
            again.append(first.took_s / (await ask(client, [question])).took_s)
        return Alone(over_raw, again)

    def _check(self, question: Question, scores: list[float]) -> None:
        """Compare what was answered with the scores of the same pairs, each on its own."""
        alone = [self._engine.score([pair])[0] for pair in self._pairs(question)]
        self.compared += len(alone)
        self.differing += sum(a != b for a, b in zip(alone, scores, strict=True))

    def _raw_s(self, asked: list[Question], raw: Raw | None = None) -> float:
        """Return how long all workers take for these pairs; that some have none left in the end is not counted."""
        batches = []
        for pairs in map(self._pairs, asked):
            batches += [[pairs[i] for i in batch] for batch in self._ours([pair.tokens for pair in pairs])]
        return sum(ran.took_s for ran in (raw or self._raw).run(batches)) / self._workers

    def _pairs(self, asked: Question) -> list[EncodedPair]:
        return self._engine.encode(self._engine.query(asked.query), asked.documents, _TOKENS_MAX).pairs

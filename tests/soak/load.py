"""An open-loop load of all kinds of calls."""

import asyncio
from collections.abc import Sequence
from time import perf_counter

import grpc
import httpx

from tests.soak.kinds import NOISE, WORK, Kind
from tests.soak.outcome import LOST, Ended, Outcome
from tests.soak.question import Questions, SoakRequest
from tests.soak.samples import Samples
from tests.soak.target import Target

MARGIN_S = 5.0
"""Seconds after its deadline by which a call must end; the process is paused at times, and the machine is shared."""
NOISE_S = 5.0
"""Calls per second that cause no scoring."""


class Callers:
    """Makes calls to a target, and records their outcomes."""

    def __init__(self, target: Target, samples: Samples, seed: int) -> None:
        self._target = target
        self._samples = samples
        self._questions = Questions(seed)
        self._tasks: set[asyncio.Task[None]] = set()
        self._start = perf_counter()
        self.ended: list[Ended] = []
        self.tokens = 0

    @property
    def open(self) -> int:
        """Unfinished calls."""
        return len(self._tasks)

    async def work(self, tokens_s: float, until: float) -> None:
        """Offer a load, with random arrivals, until a time of the clock."""
        at = perf_counter()
        while at < until:
            question = self._questions.draw()
            self.tokens += question.tokens
            at += self._questions.rng.expovariate(tokens_s / question.tokens)
            await asyncio.sleep(at - perf_counter())
            self._begin(WORK, question)

    async def noise(self, until: float) -> None:
        """Make calls that cause no scoring."""
        while perf_counter() < until:
            await asyncio.sleep(self._questions.rng.expovariate(NOISE_S))
            self._begin(NOISE, self._questions.draw())

    async def end(self) -> None:
        """Wait until all calls have ended."""
        await asyncio.gather(*self._tasks)

    def _begin(self, kinds: Sequence[Kind], question: SoakRequest) -> None:
        (kind,) = self._target.rng.choices(kinds, [kind.weight for kind in kinds])
        task = asyncio.create_task(self._call(kind, question))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _call(self, kind: Kind, question: SoakRequest) -> None:
        name, start = self._target.name(kind.name), perf_counter()
        try:
            async with asyncio.timeout(question.deadline_s + MARGIN_S):
                outcome = await kind.make(self._target, name, question)
        except TimeoutError:
            outcome = Outcome(LOST)
        except (AssertionError, OSError, EOFError, ValueError, LookupError, httpx.HTTPError, grpc.RpcError) as error:
            outcome = Outcome("none", fault=f"{type(error).__name__}: {error}")
        now = perf_counter()
        if kind.sampled:
            self._samples.take(question, outcome.results)
        reason, call_id, fault, _ = outcome
        self.ended.append(Ended(kind.name, name, question.lane, now - self._start, now - start, reason, call_id, fault))

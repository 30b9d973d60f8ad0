"""Rerankers for tests: one of real parts on a tiny model, and a fake; with open and locked access."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from sys import getsizeof
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

from scheduler import BatchReport, Dispatcher, Load, LoopClock, Policy, Scheduler
from service.access.access import Access
from service.access.api_keys import ApiKeys
from service.access.byte_budget import ByteBudget
from service.access.caller import Caller
from service.access.denylist import DenyList
from service.access.rate_limit import RateLimit
from service.calls import Calls
from service.engine.engine import Engine
from service.engine.lru import LruCache
from service.engine.score_cache import ScoreCache
from service.rerank.backend import Backend
from service.rerank.call import Call
from service.rerank.limits import Limits
from service.rerank.priority_executor import PriorityExecutor
from service.rerank.request import RerankRequest
from service.rerank.reranker import Reranker
from service.rerank.result import Ranked, RerankResult
from service.rerank.served_model import ServedModel
from service.telemetry.call_telemetry import CallTelemetry
from service.telemetry.metrics import Metrics
from tests.fakes import FakeEngine, FixedCost

if TYPE_CHECKING:
    from service.engine.pair_layout import EncodedPair

RESULT = RerankResult(
    id="an id",
    model="fake",
    results=[Ranked(1, 0.75), Ranked(0, 0.25)],
    search_units=3,
    input_tokens=42,
    warnings=["document 1 (9 tokens) was cut to 5 tokens"],
    wait_s=0.002,
    tokenise_s=0.001,
)
ANN = Caller("ann")
LIMITS = Limits(documents_max=10_000, pairs_max=10_000, message_bytes=2**20, stream_bytes=2**22)


class RealReranker:
    """A use case on a tiny model; with `held`, batches stay on the worker until `worker.release`."""

    def __init__(
        self,
        engine: Engine,
        *,
        limits: Limits = LIMITS,
        held: bool = False,
        denylist: DenyList | None = None,
        bill_windows: bool = False,
        cache_bytes: int = 0,
        share_cache: bool = True,
    ) -> None:
        self.worker = FakeEngine(held=held)
        self.executor = PriorityExecutor(1, 100, "test")
        self.long_texts = PriorityExecutor(1, 100, "long")
        scheduler = Scheduler(Policy(workers=1), FixedCost())
        cache: LruCache[float] = LruCache(cache_bytes, getsizeof)
        score = ScoreCache(engine.score, cache)
        self.reports: list[BatchReport] = []
        self.dispatcher: Dispatcher[EncodedPair] = Dispatcher(
            scheduler, [score], LoopClock(), self.worker, self.reports.append
        )
        self.model = ServedModel(0, "tiny", ("small", "other"), engine, cache)
        self.reranker = Reranker(
            [self.model],
            self.dispatcher,
            self.executor,
            denylist or DenyList(None),
            limits,
            long_texts=self.long_texts,
            bill_windows=bill_windows,
            share_cache=share_cache,
        )

    @property
    def pairs_run(self) -> int:
        """Pairs that have been on the worker."""
        return sum(report.batch.pairs for report in self.reports)

    async def rerank(
        self,
        *documents: str,
        query: str = "q",
        model: str = "tiny",
        top_n: int | None = None,
        max_tokens_per_doc: int = 4096,
        lane: int = 0,
        client: str = "ann",
        seconds: float = 60,
    ) -> RerankResult:
        """Ask for an answer within so many seconds."""
        request = RerankRequest(model, query, documents, top_n, max_tokens_per_doc, lane=lane)
        return await self.ask(request, Caller(client), seconds)

    async def ask(self, request: RerankRequest, caller: Caller = ANN, seconds: float = 60) -> RerankResult:
        """Ask for an answer within so many seconds."""
        async with a_call(caller, seconds) as call:
            return await self.reranker.rerank(request, call)


class FakeReranker:
    """A use case that notes what it is asked and answers `answer`, raises it, or never comes back."""

    def __init__(self, answer: RerankResult | BaseException | None = RESULT) -> None:
        self.answer = answer
        self.requests: list[RerankRequest] = []
        self.calls: list[Call] = []
        self.remaining_s: list[float] = []
        """Time each call had left."""
        self.asked = asyncio.Event()
        self.cancelled = 0
        self.pressure = 0.0
        self.tokenisers = 1

    @property
    def models(self) -> list[SimpleNamespace]:
        """The models served."""
        return [
            SimpleNamespace(number=0, name="tiny", aliases=("small", "other"), engine=SimpleNamespace(context=32)),
            SimpleNamespace(number=1, name="second", aliases=(), engine=SimpleNamespace(context=64)),
        ]

    def load(self) -> Load:
        """Return a load of this pressure."""
        return Load(0, 0, 0, 0.0, self.pressure)

    async def rerank(self, request: RerankRequest, call: Call) -> RerankResult:
        """Answer as told; without an answer, when the caller leaves."""
        self.requests.append(request)
        self.calls.append(call)
        self.remaining_s.append(call.deadline - asyncio.get_running_loop().time())
        self.asked.set()
        if self.answer is None:
            try:
                await asyncio.Event().wait()
            finally:
                self.cancelled += 1
        if isinstance(self.answer, BaseException):
            raise self.answer
        assert self.answer
        return self.answer


def backend_on(reranker: FakeReranker | None) -> Backend:
    """Return the backend of a reranker; without one it is not ready."""
    backend = Backend()
    if reranker:
        backend.start(cast("Reranker", reranker))
    return backend


async def until(happened: Callable[[], bool]) -> None:
    """Let the event loop and the threads run until something has happened."""
    async with asyncio.timeout(60):
        while not happened():  # noqa: ASYNC110  # The other side is a thread.
            await asyncio.sleep(0)


def open_access(rate: int | None = None) -> Access:
    """Return access without keys, at so many requests a second and client."""
    return Access(ApiKeys(None), RateLimit(rate))


@asynccontextmanager
async def a_call(caller: Caller = ANN, seconds: float = 60) -> AsyncIterator[Call]:
    """Enter a call that must end within so many seconds."""
    async with ByteBudget(2**30, 2**30).hold(caller.account) as held:
        yield Call("id", caller, asyncio.get_running_loop().time() + seconds, held)


def calls_of(access: Access, metrics: Metrics, budget: ByteBudget | None = None) -> Calls:
    """Return what opens calls, by default with a timeout of a minute, at most an hour."""
    budget = budget or ByteBudget(2**30, 2**30)
    return Calls(access, budget, CallTelemetry(metrics), default_timeout_s=60, timeout_max_s=3600)


def locked_access(folder: Path) -> Access:
    """Return access with one key, `s3cret`, of a client called ann."""
    file = folder / "keys"
    file.write_text("ann:s3cret\n")
    return Access(ApiKeys(file), RateLimit(None))

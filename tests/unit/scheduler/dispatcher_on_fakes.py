"""A dispatcher on fakes: an engine that is held, and a clock that stands still."""

import asyncio
from typing import Any

from scheduler import BatchReport, Dispatcher, JobResult, Policy, Scheduler
from tests.fakes import FakeClock, FakeEngine, FixedCost, settle

FAR = 1e6
"""A deadline that plays no part."""


class Shell:
    """A dispatcher on fakes."""

    def __init__(
        self,
        policy: Policy | None = None,
        *,
        engine: FakeEngine | None = None,
        cost: FixedCost | None = None,
        clock: FakeClock | None = None,
    ) -> None:
        self.clock, self.engine = clock or FakeClock(), engine or FakeEngine()
        self.cost = cost or FixedCost()
        self.reports: list[BatchReport] = []
        self.dispatcher: Dispatcher[Any] = Dispatcher(
            Scheduler(policy or Policy(workers=1), self.cost),
            [self.engine.scores],
            self.clock,
            self.engine,
            self.reports.append,
        )

    async def submit(
        self, *pairs: Any, tokens: int = 100, lane: int = 0, client: str = "", deadline: float = FAR
    ) -> "asyncio.Task[JobResult]":
        """Submit pairs in a task of their own, which has started when this returns."""
        call = self.dispatcher.submit(pairs, [tokens] * len(pairs), lane=lane, client=client, deadline=deadline)
        task = asyncio.create_task(call)
        await settle()
        return task

    async def release(self, index: int = 0) -> None:
        """Let a batch go, and everything happen that follows."""
        self.engine.release(index)
        await settle()

    async def run(self) -> None:
        """Let batches go until none is left."""
        while self.engine.busy:
            await self.release()


def long(first: int = 0) -> range:
    """Pairs for more than one batch."""
    return range(first, first + 200)

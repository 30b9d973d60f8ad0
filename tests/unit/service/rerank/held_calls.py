"""A priority executor whose calls a test holds and releases."""

import asyncio
import threading

from service.rerank.priority_executor import PriorityExecutor
from tests.fakes import settle

PATIENCE_S = 60
"""For what never comes; nothing that works waits that long."""


class Desk:
    """One thread, held by a call until the test lets it go, and a list of who came after."""

    def __init__(self, waiting_max: int = 10) -> None:
        self.executor = PriorityExecutor(1, waiting_max, "test")
        self.order: list[object] = []
        self._gate = threading.Event()

    async def hold(self, lane: int = 0) -> "asyncio.Task[object]":
        """Occupy the thread."""
        task = asyncio.create_task(self.executor.run(lane, 0, lambda: self._gate.wait(PATIENCE_S)))
        await settle()
        return task

    async def ask(self, lane: int, name: object = None) -> "asyncio.Task[object]":
        """Ask for a turn, and see that the question has been dealt with."""
        name = lane if name is None else name

        def turn() -> object:
            self.order.append(name)
            return name

        task = asyncio.create_task(self.executor.run(lane, 0, turn))
        await settle()
        return task

    def release(self) -> None:
        """Let the holder's call return."""
        self._gate.set()

    async def works(self) -> bool:
        """Tell whether a call still gets its turn."""
        async with asyncio.timeout(PATIENCE_S):
            return await self.executor.run(0, 0, lambda: True)

    @property
    def free(self) -> int:
        """Threads that nobody uses."""
        return self.executor._free

"""Who may use a few threads next."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from scheduler import Displaced, Shed
from scheduler.heap import Heap

T = TypeVar("T")


class Turns:
    """Runs short blocking calls on a few threads, the most urgent lane first, and never keeps many waiting.

    Tokenising is work too: in arrival order, a flood of bulk requests would hold up an urgent one before the
    scheduler ever sees it. When too many wait, the least urgent is turned away.
    """

    _RETRY_S = 1.0

    def __init__(self, threads: int, waiting_max: int) -> None:
        self._executor = ThreadPoolExecutor(threads, thread_name_prefix="tokenise")
        self._free = threads
        self._waiting_max = waiting_max
        self._next: Heap[asyncio.Future[None], int] = Heap()
        self._last: Heap[asyncio.Future[None], int] = Heap()

    async def run(self, lane: int, call: Callable[[], T]) -> T:
        """Return what `call` returns, run on a thread when it is `lane`'s turn. Raises Shed or Displaced."""
        await self._wait(lane)
        try:
            return await asyncio.get_running_loop().run_in_executor(self._executor, call)
        finally:
            self._release()

    def close(self) -> None:
        """Let the threads end."""
        self._executor.shutdown(wait=False, cancel_futures=True)

    async def _wait(self, lane: int) -> None:
        if self._free:
            self._free -= 1
            return
        if len(self._next) >= self._waiting_max:
            self._make_room(lane)
        turn = asyncio.get_running_loop().create_future()
        self._next.push(turn, lane)
        self._last.push(turn, -lane)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled() and not turn.exception():
                self._release()  # The turn came and the caller left in the same moment: pass it on.
            raise
        finally:
            self._forget(turn)

    def _make_room(self, lane: int) -> None:
        while worst := self._last.least():
            turn, key = worst
            if turn.done():  # Cancelled, and about to say so.
                self._forget(turn)
                return
            if -key <= lane:
                break
            self._forget(turn)
            turn.set_exception(Displaced(self._RETRY_S))
            return
        raise Shed(self._RETRY_S)

    def _release(self) -> None:
        while turn := self._next.least():
            self._forget(turn[0])
            if not turn[0].done():
                turn[0].set_result(None)
                return
        self._free += 1

    def _forget(self, turn: "asyncio.Future[None]") -> None:
        self._next.discard(turn)
        self._last.discard(turn)

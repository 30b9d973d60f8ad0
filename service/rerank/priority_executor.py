"""Who may use a few threads next."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from scheduler import Displaced, Shed
from scheduler.heap import Heap

T = TypeVar("T")


class PriorityExecutor:
    """Runs short blocking calls on a few threads, the most urgent lane first, and never keeps many waiting.

    Tokenising is work too: in arrival order, a flood of bulk requests would hold up an urgent one before the
    scheduler ever sees it. When too many wait, the least urgent is turned away.
    """

    _RETRY_S = 1.0

    def __init__(self, threads: int, waiting_max: int) -> None:
        self._executor = ThreadPoolExecutor(threads, thread_name_prefix="tokenise")
        self.threads = threads
        """Calls that run at the same time."""
        self._free = threads
        self._waiting_max = waiting_max
        self._next: Heap[asyncio.Future[None], tuple[int, int]] = Heap()
        self._last: Heap[asyncio.Future[None], tuple[int, int]] = Heap()

    async def run(self, lane: int, serial: int, call: Callable[[], T]) -> T:
        """Return what `call` returns, run on a thread when it is its turn: by lane, then by `serial`.

        The calls of one request share a serial, so that the first request to come is the first to be done with.
        Raises Shed or Displaced.
        """
        await self._wait(lane, serial)
        loop = asyncio.get_running_loop()
        running = self._executor.submit(call)
        # The thread is free when the call has ended, which may be long after its caller has left.
        running.add_done_callback(lambda _: loop.call_soon_threadsafe(self._release))
        return await asyncio.wrap_future(running)

    def close(self) -> None:
        """Let the threads end."""
        self._executor.shutdown(wait=False, cancel_futures=True)

    async def _wait(self, lane: int, serial: int) -> None:
        if self._free:
            self._free -= 1
            return
        if len(self._next) >= self._waiting_max:
            self._make_room((lane, serial))
        turn = asyncio.get_running_loop().create_future()
        self._next.push(turn, (lane, serial))
        self._last.push(turn, (-lane, -serial))
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled() and not turn.exception():
                self._release()  # The turn came and the caller left in the same moment: pass it on.
            raise
        finally:
            self._forget(turn)

    def _make_room(self, key: tuple[int, int]) -> None:
        while worst := self._last.least():
            turn, (lane, serial) = worst
            if turn.done():  # Cancelled, and about to say so.
                self._forget(turn)
                return
            if (-lane, -serial) <= key:
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

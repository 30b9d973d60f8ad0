"""A thread pool that runs calls by priority and bounds its queue."""

import asyncio
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import count
from time import perf_counter
from typing import TypeVar

from scheduler import Displaced, Shed
from scheduler.heap import Heap

T = TypeVar("T")
_STEP_S = 0.01  # After this time on a thread, a more urgent request may go first.


class PriorityExecutor:
    """Runs short blocking calls on a few threads, the most urgent lane first, with a bounded queue.

    Parsing and tokenising take time before the scheduler sees a request. In order of arrival, many bulk requests would
    delay an urgent one there. When the queue is full, the least urgent call is refused.
    """

    _RETRY_S = 1.0

    def __init__(self, threads: int, waiting_max: int, thread_name_prefix: str) -> None:
        """Run up to `threads` calls at a time and queue up to `waiting_max` more.

        `thread_name_prefix` identifies the threads in a stack dump.
        """
        self._executor = ThreadPoolExecutor(threads, thread_name_prefix)
        self.threads = threads
        """The number of threads."""
        self._free = threads
        self._waiting_max = waiting_max
        self._serials = count()
        self._next: Heap[asyncio.Future[None], tuple[int, int]] = Heap()
        self._last: Heap[asyncio.Future[None], tuple[int, int]] = Heap()

    def serial(self) -> int:
        """Return the serial of a new request."""
        return next(self._serials)

    async def run(self, lane: int, serial: int, call: Callable[[], T]) -> T:
        """Return the result of `call`, run on a thread in the order of `lane`, then of `serial`.

        All calls of a request share its serial, so that requests of a lane finish in order of arrival.
        Raises Shed or Displaced.
        """
        await self._wait(lane, serial)
        loop = asyncio.get_running_loop()
        running = self._executor.submit(call)
        # Release the thread when the call ends, which may be long after its caller was cancelled.
        running.add_done_callback(lambda _: loop.call_soon_threadsafe(self._release))
        return await asyncio.wrap_future(running)

    async def run_steps(self, lane: int, serial: int, steps: Generator[None, None, T]) -> T:
        """Return what `steps` returns; every `_STEP_S`, other calls may go first. Raises Shed or Displaced."""
        while True:
            if ended := await self.run(lane, serial, partial(_advance, steps)):
                return ended[0]

    def close(self) -> None:
        """Cancel queued calls and let the threads end; do not wait for them."""
        self._executor.shutdown(wait=False, cancel_futures=True)

    async def _wait(self, lane: int, serial: int) -> None:
        if self._free:
            self._free -= 1
            return
        if len(self._next) >= self._waiting_max:
            self._make_room((lane, serial))
        waiter = asyncio.get_running_loop().create_future()
        self._next.push(waiter, (lane, serial))
        self._last.push(waiter, (-lane, -serial))
        try:
            await waiter
        except asyncio.CancelledError:
            if waiter.done() and not waiter.cancelled() and not waiter.exception():
                self._release()  # Cancelled just after it got a thread: pass the thread on.
            raise
        finally:
            self._forget(waiter)

    def _make_room(self, key: tuple[int, int]) -> None:
        while worst := self._last.least():
            waiter, (negative_lane, negative_serial) = worst
            if waiter.done():  # Cancelled; its task has not run yet.
                self._forget(waiter)
                return
            if (-negative_lane, -negative_serial) <= key:
                break
            self._forget(waiter)
            waiter.set_exception(Displaced(self._RETRY_S))
            return
        raise Shed(self._RETRY_S)

    def _release(self) -> None:
        while least := self._next.least():
            waiter, _ = least
            self._forget(waiter)
            if not waiter.done():
                waiter.set_result(None)
                return
        self._free += 1

    def _forget(self, waiter: "asyncio.Future[None]") -> None:
        self._next.discard(waiter)
        self._last.discard(waiter)


def exhaust(steps: Generator[None, None, T]) -> T:
    """Return what `steps` returns, without a pause."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            returned: T = end.value
            return returned


def _advance(steps: Generator[None, None, T]) -> tuple[T] | None:
    """Run for `_STEP_S`, at least one step; return what `steps` returned, None if it has not."""
    end = perf_counter() + _STEP_S
    try:
        while True:
            next(steps)
            if perf_counter() > end:
                return None
    except StopIteration as stop:
        return (stop.value,)

"""Callers that ask without pause, and remember every failure."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Self

from tests.clients import until

Ask = Callable[[], object]
"""Asks once, and raises if that fails."""


class Callers:
    """Threads of which each asks again as soon as it is back, from `with` to its end; some for each way of asking."""

    def __init__(self, ways: dict[str, Ask], each: int = 3) -> None:
        self._ways = [way for way in ways.items() for _ in range(each)]
        self._answered = [0] * len(self._ways)
        self._stop = threading.Event()
        self.failures: list[tuple[str, Exception]] = []

    @property
    def answered(self) -> int:
        """Answers so far."""
        return sum(self._answered)

    def everyone_is_answered(self) -> None:
        """Wait until every caller has got an answer to something it asked from now on."""
        goals = [answered + 2 for answered in self._answered]  # The first one may have been asked before.
        until(
            lambda: all(now >= goal for now, goal in zip(self._answered, goals, strict=True)) or bool(self.failures),
            "an answer to every caller",
        )

    def _call(self, number: int) -> None:
        name, ask = self._ways[number]
        while not self._stop.is_set():
            try:
                ask()
            except Exception as error:  # noqa: BLE001  # Whatever it is, it is a failure.
                self.failures.append((name, error))
            self._answered[number] += 1

    def __enter__(self) -> Self:
        self._threads = ThreadPoolExecutor(len(self._ways))
        for number in range(len(self._ways)):
            self._threads.submit(self._call, number)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._stop.set()
        self._threads.shutdown()

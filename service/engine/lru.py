"""A thread-safe LRU cache bounded in bytes."""

from collections import OrderedDict
from collections.abc import Callable, Iterable
from threading import Lock
from typing import Generic, TypeVar

_ENTRY_BYTES = 256
"""Overhead of an entry on 64-bit CPython: its key, and its share of the dictionary."""

V = TypeVar("V")


class LruCache(Generic[V]):
    """A mapping that evicts the least recently used values beyond a size in bytes. Thread-safe."""

    def __init__(self, bytes_max: int, bytes_of: Callable[[V], int]) -> None:
        """Hold up to about `bytes_max`; `bytes_of` returns the size of a value. With 0 the cache stays empty."""
        self.bytes_max = bytes_max
        self._bytes_of = bytes_of
        self.bytes = 0
        """Current size, with the overhead of entries."""
        self._values: OrderedDict[bytes, V] = OrderedDict()
        self._lock = Lock()

    def __len__(self) -> int:
        return len(self._values)

    def find(self, keys: Iterable[bytes]) -> list[V | None]:
        """Return the value of each key, None for a key that is not cached."""
        values = []
        with self._lock:
            for key in keys:
                value = self._values.get(key)
                if value is not None:
                    self._values.move_to_end(key)
                values.append(value)
        return values

    def keep(self, values: Iterable[tuple[bytes, V]]) -> None:
        """Store values, none of them None."""
        with self._lock:
            for key, value in values:
                self._drop(self._values.pop(key, None))
                self._values[key] = value
                self.bytes += _ENTRY_BYTES + self._bytes_of(value)
            while self.bytes > self.bytes_max:
                self._drop(self._values.popitem(last=False)[1])

    def _drop(self, value: V | None) -> None:
        if value is not None:
            self.bytes -= _ENTRY_BYTES + self._bytes_of(value)

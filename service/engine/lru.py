"""What was worked out before, as much of it as fits."""

from collections import OrderedDict
from collections.abc import Callable, Iterable
from threading import Lock
from typing import Generic, TypeVar

_ENTRY_BYTES = 256
"""What an entry takes beside its value, on a 64-bit CPython: its key, and the room that dictionaries keep."""

V = TypeVar("V")


class LruCache(Generic[V]):
    """Values by key, within a bound in bytes: the least recently used goes first. Safe from any thread."""

    def __init__(self, bytes_max: int, bytes_of: Callable[[V], int]) -> None:
        """Hold what fits in about `bytes_max`, of values that take `bytes_of` them; with 0, nothing is ever known."""
        self.bytes_max = bytes_max
        self._bytes_of = bytes_of
        self.bytes = 0
        """What they take now."""
        self._values: OrderedDict[bytes, V] = OrderedDict()
        self._lock = Lock()

    def __len__(self) -> int:
        return len(self._values)

    def find(self, keys: Iterable[bytes]) -> list[V | None]:
        """Return the value of each key that is known, and None for the others."""
        found = []
        with self._lock:
            for key in keys:
                value = self._values.get(key)
                if value is not None:
                    self._values.move_to_end(key)
                found.append(value)
        return found

    def keep(self, values: Iterable[tuple[bytes, V]]) -> None:
        """Remember values that are not None."""
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

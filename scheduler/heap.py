"""A heap whose items can be re-keyed and removed."""

from collections.abc import Hashable
from heapq import heapify, heappop, heappush
from typing import Any, Generic, TypeVar

Item = TypeVar("Item", bound=Hashable)
Key = TypeVar("Key", bound=Any)  # Anything that can be ordered.


class Heap(Generic[Item, Key]):
    """Items ordered by key, ties in the order pushed.

    Every method is O(log n) amortised. A removed or re-keyed entry stays in the array until it
    surfaces, or until such entries outnumber the live ones; both are cheaper than moving it out.
    """

    _SLACK = 16

    def __init__(self) -> None:
        self._entries: list[tuple[Key, int, Item]] = []  # key, serial, item
        self._live: dict[Item, tuple[Key, int, Item]] = {}
        self._serial = 0

    def __len__(self) -> int:
        return len(self._live)

    def push(self, item: Item, key: Key) -> None:
        """Add `item`, or give it a new key."""
        self._serial += 1
        entry = (key, self._serial, item)
        self._live[item] = entry
        heappush(self._entries, entry)
        self._compact()

    def discard(self, item: Item) -> None:
        """Remove `item` if it is there."""
        if self._live.pop(item, None):
            self._compact()

    def least(self) -> tuple[Item, Key] | None:
        """Return the item with the least key, and the key; None if there is no item."""
        entries = self._entries
        while entries:
            entry = entries[0]
            if self._live.get(entry[2]) is entry:
                return entry[2], entry[0]
            heappop(entries)
        return None

    def newest(self) -> Item:
        """Return the item that was added last; a new key does not count. Raises StopIteration if there is none."""
        return next(reversed(self._live))

    def first(self, count: int) -> list[Item]:
        """Return up to `count` items in order, in O(count log count) and what stale entries lie between."""
        entries, found = self._entries, list[Item]()
        frontier = [(entries[0], 0)] if entries else []
        while frontier and len(found) < count:
            entry, at = heappop(frontier)
            if self._live.get(entry[2]) is entry:
                found.append(entry[2])
            for child in (2 * at + 1, 2 * at + 2):
                if child < len(entries):
                    heappush(frontier, (entries[child], child))
        return found

    def _compact(self) -> None:
        """Throw stale entries away once they are the most."""
        if len(self._entries) > 2 * len(self._live) + self._SLACK:
            self._entries = list(self._live.values())
            heapify(self._entries)

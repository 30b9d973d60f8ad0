"""The heap returns its items in order, however they are re-keyed and removed, and keeps nothing else."""

import random

from scheduler.heap import Heap


def _heap(**keys: float) -> Heap[str, float]:
    heap: Heap[str, float] = Heap()
    for item, key in keys.items():
        heap.push(item, key)
    return heap


def test_least():
    """The item with the least key comes first, with its key."""
    assert _heap(a=3, b=1, c=2).least() == ("b", 1)


def test_least_of_none():
    """An empty heap has no least item."""
    assert _heap().least() is None


def test_ties():
    """Equal keys keep the order of the pushes."""
    assert _heap(b=1, a=1, c=1).first(3) == ["b", "a", "c"]


def test_rekey_earlier():
    """Pushing an item again with a smaller key moves it to the front."""
    heap = _heap(a=1, b=2)
    heap.push("b", 0)
    assert heap.first(9) == ["b", "a"]


def test_rekey_later():
    """Pushing an item again with a larger key moves it back, and its old key is forgotten."""
    heap = _heap(a=1, b=2)
    heap.push("a", 3)
    assert heap.least() == ("b", 2)
    assert heap.first(9) == ["b", "a"]


def test_discard():
    """A discarded item is gone."""
    heap = _heap(a=1, b=2)
    heap.discard("a")
    assert heap.least() == ("b", 2)
    assert len(heap) == 1


def test_discard_unknown():
    """Discarding what is not there changes nothing."""
    heap = _heap(a=1)
    heap.discard("z")
    assert heap.first(9) == ["a"]


def test_push_after_discard():
    """An item may come back, and counts once."""
    heap = _heap(a=1)
    heap.discard("a")
    heap.push("a", 5)
    assert heap.first(9) == ["a"]
    assert len(heap) == 1


def test_first_is_limited():
    """As many items as asked for come, the least ones."""
    assert _heap(a=4, b=3, c=2, d=1).first(2) == ["d", "c"]


def test_first_leaves_the_heap_alone():
    """Looking removes nothing."""
    heap = _heap(a=2, b=1)
    heap.first(2)
    assert heap.first(2) == ["b", "a"]


def test_memory():
    """However often items are re-keyed and removed, the array stays in proportion to the live ones."""
    heap = _heap(a=0)
    for i in range(10_000):
        heap.push("a", i)
        heap.push(str(i), i)
        heap.discard(str(i))
    assert len(heap._entries) < 30


def test_against_sorting():
    """Any sequence of operations leaves what sorting a dictionary by key and age would."""
    rng = random.Random(1)
    heap: Heap[int, int] = Heap()
    model: dict[int, tuple[int, int]] = {}
    for serial in range(5_000):
        item = rng.randrange(30)
        if rng.random() < 0.6:
            key = rng.randrange(20)
            heap.push(item, key)
            model[item] = key, serial
        else:
            heap.discard(item)
            model.pop(item, None)
        expected = sorted(model, key=model.__getitem__)
        assert heap.first(7) == expected[:7]
        assert len(heap) == len(model)
        least = heap.least()
        assert (least and least[0]) == (expected[0] if expected else None)

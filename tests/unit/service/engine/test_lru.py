"""The cache holds what was used last, within its size."""

import threading
import tracemalloc
from random import Random
from secrets import token_bytes
from sys import getsizeof

from service.engine.lru import LruCache


def a_cache(entries: int) -> LruCache[float]:
    """Return a cache with room for so many numbers."""
    cache: LruCache[float] = LruCache(2**20, getsizeof)
    cache.keep([(b"", 0.0)])
    return LruCache(entries * cache.bytes, getsizeof)


def test_finds_what_was_kept():
    """Kept values are found, in the order of the keys; a key that was not kept has None."""
    cache = a_cache(9)
    cache.keep([(b"a", 0.0), (b"b", 0.5)])
    assert cache.find([b"b", b"x", b"a", b"b"]) == [0.5, None, 0.0, 0.5]


def test_the_newest_value_counts():
    """A key that is kept again has its new value, and is not counted twice."""
    cache = a_cache(2)
    for i in range(10):
        cache.keep([(b"a", i / 10)])
    cache.keep([(b"b", 0.5)])
    assert cache.find([b"a", b"b"]) == [0.9, 0.5]


def test_the_least_recently_used_goes_first():
    """When there is no room, what nobody asked for longest is forgotten."""
    cache = a_cache(3)
    cache.keep([(b"a", 0.1), (b"b", 0.2), (b"c", 0.3)])
    cache.find([b"a"])
    cache.keep([(b"b", 0.2)])
    cache.keep([(b"d", 0.4)])
    assert cache.find([b"a", b"b", b"c", b"d"]) == [0.1, 0.2, None, 0.4]


def test_no_room_at_all():
    """A cache of no size knows nothing."""
    cache = a_cache(0)
    cache.keep([(b"a", 0.1)])
    assert cache.find([b"a"]) == [None]
    assert len(cache) == 0


def test_larger_than_the_cache():
    """A value larger than all the room is not kept; the cache goes on."""
    cache: LruCache[bytes] = LruCache(2000, len)
    cache.keep([(b"a", bytes(5000))])
    cache.keep([(b"b", b"small")])
    assert cache.find([b"a", b"b"]) == [None, b"small"]


def test_the_bound_holds_in_memory():
    """The memory that entries really take stays within the bound, while they come and go."""
    tracemalloc.start()
    try:
        cache: LruCache[float] = LruCache(10 * 2**20, getsizeof)
        random = Random(1)
        for _ in range(100):
            cache.keep([(token_bytes(16), random.random()) for _ in range(1000)])
        assert 0.5 * cache.bytes_max < tracemalloc.get_traced_memory()[0] <= cache.bytes_max
    finally:
        tracemalloc.stop()


def test_many_threads():
    """Threads that keep and look up at the same time lose nothing but what there is no room for."""
    cache = a_cache(500)
    keys = [b"%d" % i for i in range(600)]
    wrong: list[int] = []

    def work(seed: int) -> None:
        random = Random(seed)
        for _ in range(300):
            some = random.sample(range(600), 20)
            cache.keep([(keys[i], float(i)) for i in some])
            found = cache.find([keys[i] for i in some])
            wrong.extend(i for i, score in zip(some, found, strict=True) if score not in (None, float(i)))

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    assert len(cache) == 500
    assert cache.bytes <= cache.bytes_max

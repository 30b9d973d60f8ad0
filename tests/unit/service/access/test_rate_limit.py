"""Each client gets its own rate of requests; a request beyond it is refused at once."""

import asyncio
from types import SimpleNamespace

import pytest

from service.access.caller import Caller
from service.access.rate_limit import RateLimit
from service.errors import RateLimitedError


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """Let time stand still for throttles, however slow the machine is."""
    still = SimpleNamespace(now=0.0)
    still.monotonic = lambda: still.now
    monkeypatch.setattr("asyncio_throttle.throttler.time", still)
    return still


async def test_so_many_a_second():
    """As many requests as allowed come in, and the next is refused."""
    throttle = RateLimit(3)
    for _ in range(3):
        await throttle.admit(Caller("ann"))
    with pytest.raises(RateLimitedError):
        await throttle.admit(Caller("ann"))


async def test_refused_again():
    """A refused request does not let the next one in, and does not count against the client either."""
    throttle = RateLimit(1)
    await throttle.admit(Caller("ann"))
    for _ in range(5):
        with pytest.raises(RateLimitedError):
            await throttle.admit(Caller("ann"))


async def test_advice():
    """A refused client is told when to ask again."""
    throttle = RateLimit(1)
    await throttle.admit(Caller("ann"))
    with pytest.raises(RateLimitedError) as caught:
        await throttle.admit(Caller("ann"))
    assert caught.value.retry_after_s == 1


async def test_the_advice_is_right(clock: SimpleNamespace):
    """A client that returns when advised is admitted."""
    throttle = RateLimit(1)
    await throttle.admit(Caller("ann"))
    with pytest.raises(RateLimitedError) as caught:
        await throttle.admit(Caller("ann"))
    assert caught.value.retry_after_s is not None
    clock.now += caught.value.retry_after_s + 1e-3
    await throttle.admit(Caller("ann"))


async def test_at_once():
    """Neither answer waits: a client over its rate is not made to queue."""
    throttle = RateLimit(1)
    loop = asyncio.get_running_loop()
    admitted, refused = loop.create_task(throttle.admit(Caller("ann"))), loop.create_task(throttle.admit(Caller("ann")))
    for _ in range(10):
        await asyncio.sleep(0)
    assert admitted.done()
    assert isinstance(refused.exception(), RateLimitedError)


async def test_clients_are_independent():
    """The requests of one client do not count against another."""
    throttle = RateLimit(1)
    await throttle.admit(Caller("ann"))
    await throttle.admit(Caller("bob"))
    with pytest.raises(RateLimitedError):
        await throttle.admit(Caller("ann"))


async def test_no_limit():
    """Without a limit, everybody may ask as often as they like."""
    throttle = RateLimit(None)
    for _ in range(1000):
        await throttle.admit(Caller("ann"))


async def test_bounded_memory():
    """However many names a caller makes up, only so many are remembered."""
    throttle = RateLimit(1)
    for number in range(10_100):
        await throttle.admit(Caller(str(number)))
    assert len(throttle._clients) == 10_000


async def test_those_seen_last_are_remembered():
    """Made-up names do not push out a client that keeps asking."""
    throttle = RateLimit(10**6)
    await throttle.admit(Caller("ann"))
    count = throttle._clients["ann", 10**6]
    for number in range(10_100):
        await throttle.admit(Caller(str(number)))
        await throttle.admit(Caller("ann"))
    assert throttle._clients["ann", 10**6] is count
    assert ("0", 10**6) not in throttle._clients


async def test_a_rate_of_its_own():
    """A client with a rate of its own has that one, whether others are limited more, less, or not at all."""
    for everybodys in (None, 1, 100):
        throttle = RateLimit(everybodys)
        for _ in range(3):
            await throttle.admit(Caller("ann", rate=3))
        with pytest.raises(RateLimitedError):
            await throttle.admit(Caller("ann", rate=3))

"""Tests of who may come in."""

from pathlib import Path

import pytest

from service.door import Door
from service.errors import RateLimitedError, UnauthenticatedError
from service.identity import Identity
from service.throttle import Throttle


@pytest.fixture
def door(tmp_path: Path) -> Door:
    file = tmp_path / "keys"
    file.write_text("ann:a\nann:b\nbob:c\n")
    return Door(Identity(file), Throttle(1))


async def test_open():
    """Without keys and limits, everybody comes in under the name they give."""
    door = Door(Identity(None), Throttle(None))
    assert [(await door.enter(None, name)).client for name in ("ann", "ann", None)] == ["ann", "ann", "anonymous"]


async def test_key(door: Door):
    """With keys, a caller comes in under the key's name."""
    assert (await door.enter("Bearer a", "bob")).client == "ann"


async def test_no_key(door: Door):
    """With keys, nobody comes in without one, however often they ask."""
    for _ in range(3):
        with pytest.raises(UnauthenticatedError):
            await door.enter("Bearer wrong", "ann")


async def test_rate(door: Door):
    """A client that asks too often stays out, whichever of its keys it shows."""
    await door.enter("Bearer a", None)
    with pytest.raises(RateLimitedError):
        await door.enter("Bearer b", None)
    assert (await door.enter("Bearer c", None)).client == "bob"


async def test_wrong_keys_count_against_nobody(door: Door):
    """A stranger that calls itself ann uses up nothing of hers."""
    with pytest.raises(UnauthenticatedError):
        await door.enter("Bearer wrong", "ann")
    assert (await door.enter("Bearer a", None)).client == "ann"


async def test_anonymous_clients_are_limited_by_name():
    """Without keys, each name has a rate of its own."""
    door = Door(Identity(None), Throttle(1))
    await door.enter(None, "ann")
    await door.enter(None, "bob")
    with pytest.raises(RateLimitedError):
        await door.enter(None, " ann ")

"""Callers enter under the name of their key, or under their own without keys, within the rate of that name."""

from pathlib import Path

import pytest

from service.access.access import Access
from service.access.api_keys import ApiKeys
from service.access.rate_limit import RateLimit
from service.errors import RateLimitedError, UnauthenticatedError

HOME = "192.0.2.1"


@pytest.fixture
def access(tmp_path: Path) -> Access:
    file = tmp_path / "keys"
    file.write_text("ann:a\nann:b\nbob:c\n")
    return Access(ApiKeys(file), RateLimit(1))


async def test_open():
    """Without keys and limits, everybody comes in under the name they give."""
    access = Access(ApiKeys(None), RateLimit(None))
    assert [(await access.enter(None, name, HOME)).client for name in ("ann", "ann", None)] == [
        "ann",
        "ann",
        "anonymous",
    ]


async def test_key(access: Access):
    """With keys, a caller comes in under the key's name."""
    assert (await access.enter("Bearer a", "bob", HOME)).client == "ann"


async def test_no_key(access: Access):
    """With keys, nobody comes in without one, however often they ask."""
    for _ in range(3):
        with pytest.raises(UnauthenticatedError):
            await access.enter("Bearer wrong", "ann", HOME)


async def test_rate(access: Access):
    """A client that asks too often stays out, whichever of its keys it shows."""
    await access.enter("Bearer a", None, HOME)
    with pytest.raises(RateLimitedError):
        await access.enter("Bearer b", None, HOME)
    assert (await access.enter("Bearer c", None, HOME)).client == "bob"


async def test_wrong_keys_count_against_nobody(access: Access):
    """A stranger that calls itself ann uses up nothing of hers."""
    with pytest.raises(UnauthenticatedError):
        await access.enter("Bearer wrong", "ann", HOME)
    assert (await access.enter("Bearer a", None, HOME)).client == "ann"


async def test_anonymous_clients_are_limited_by_address():
    """Without keys, each address has a rate, under however many names."""
    access = Access(ApiKeys(None), RateLimit(1))
    await access.enter(None, "ann", HOME)
    await access.enter(None, "ann", "192.0.2.2")
    with pytest.raises(RateLimitedError):
        await access.enter(None, "bob", HOME)


async def test_account_without_a_key():
    """Without keys, the account is the address: one of IPv4 in any form, and a host's whole network of IPv6."""
    access = Access(ApiKeys(None), RateLimit(None))
    addresses = (HOME, f"::ffff:{HOME}", "2001:db8::1", "2001:db8::2", "unix")
    accounts = [(await access.enter(None, "ann", address)).account for address in addresses]
    assert accounts == [HOME, HOME, "2001:db8::/64", "2001:db8::/64", "unix"]


async def test_account_of_a_key(access: Access):
    """With keys, the account is the client of the key, wherever it calls from."""
    assert {(await access.enter(f"Bearer {key}", "eve", key)).account for key in "bc"} == {"ann", "bob"}

"""The metadata of a call have one value each, and the address of its caller is that of the connection."""

from types import SimpleNamespace
from typing import cast

import pytest

from service.grpc_api.metadata import Context, metadata, peer_address


@pytest.mark.parametrize(
    ("peer", "address"),
    [
        ("ipv4:192.0.2.1:5555", "192.0.2.1"),
        ("ipv6:%5B2001:db8::1%5D:5555", "2001:db8::1"),
        ("ipv6:[2001:db8::1]:5555", "2001:db8::1"),
        ("ipv6:%5Bfe80::1%252%5D:5555", "fe80::1%2"),
        ("unix:", "unix"),
        ("unix:/run/rerankd.sock", "unix"),
    ],
)
def test_peer_address(peer: str, address: str):
    """It is the host alone, in the usual form."""
    assert peer_address(cast("Context", SimpleNamespace(peer=lambda: peer))) == address


def test_repeated():
    """A key that is repeated, however often, has two values, which no header allows; keys for bytes are left out."""
    entries = [("once", "1"), ("twice", "1"), ("twice", "2"), *[("often", "x" * 4000)] * 4000, ("some-bin", b"\xff")]
    found = metadata(cast("Context", SimpleNamespace(invocation_metadata=lambda: entries)))
    assert found == {"once": "1", "twice": "1, 2", "often": f"{'x' * 4000}, {'x' * 4000}"}

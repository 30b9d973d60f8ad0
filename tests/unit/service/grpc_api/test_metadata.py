"""The address of a gRPC caller is read from the name that grpc gives its connection."""

from types import SimpleNamespace
from typing import cast

import pytest

from service.grpc_api.metadata import Context, peer_address


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

"""The network that a caller without a key, and a connection, is known by."""

from functools import lru_cache
from ipaddress import IPv6Address, IPv6Network, ip_address

_REMEMBERED = 4096
"""Addresses whose network is remembered: to parse one takes 5 to 14 us, three times for a request."""
_SITE_BITS = 64
"""Prefix that one host chooses freely within, so that its addresses are one caller: RFC 4291, section 2.5.4."""


@lru_cache(_REMEMBERED)
def network_of(address: str) -> str:
    """Return the network of an address: an IPv4 address itself, the /64 of an IPv6 address, other text as it is.

    An IPv4 address in the form of an IPv6 one is the IPv4 address.
    """
    try:
        ip = ip_address(address)
    except ValueError:  # A Unix socket has no address.
        return address
    if not isinstance(ip, IPv6Address):
        return str(ip)
    return str(ip.ipv4_mapped or IPv6Network((int(ip), _SITE_BITS), strict=False))

"""An address is parsed into host and port and written back unchanged, or refused."""

import pytest

from service.net.address import Address


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("127.0.0.1:80", "127.0.0.1", 80),
        ("localhost:0", "localhost", 0),
        ("[::1]:443", "::1", 443),
        ("[2001:db8::7]:65535", "2001:db8::7", 65535),
        ("example.org:1", "example.org", 1),
    ],
)
def test_address(text: str, host: str, port: int):
    """An address is taken apart and written back as it was."""
    address = Address.parse(text)
    assert address == (host, port)
    assert str(address) == text


@pytest.mark.parametrize("text", ["", ":", "80", "[]:80", "host:", ":80", "host:65536", "host:-1", "host:8 0", "::1"])
def test_not_an_address(text: str):
    """An address that is not host:port is refused, with an example of one that is."""
    with pytest.raises(ValueError, match=r"host:port.*127\.0\.0\.1:8080"):
        Address.parse(text)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.9.10", "::1", "localhost"])
def test_loopback(host: str):
    """An address that only this machine reaches is known as one."""
    assert Address(host, 80).is_loopback


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.1", "2001:db8::7", "example.org", "localhost.example.org"])  # noqa: S104
def test_not_loopback(host: str):
    """An address that others may reach, or a name that may mean one, is not taken for loopback."""
    assert not Address(host, 80).is_loopback

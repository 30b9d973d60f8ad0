"""Listening addresses."""

import ipaddress
from typing import NamedTuple

_PORT_MAX = 65535


class Address(NamedTuple):
    """Host and port of a listening socket."""

    host: str
    port: int
    """TCP port, 0 to 65535; 0 selects a free one."""

    @classmethod
    def parse(cls, text: object) -> "Address":
        """Parse `host:port`, with an IPv6 host in brackets. Raises ValueError."""
        if isinstance(text, Address):
            return text
        host, _, port = str(text).rpartition(":")
        if host.startswith("[") and host.endswith("]"):
            host = host[1:-1]
        elif ":" in host:
            host = ""  # An IPv6 address without brackets is ambiguous.
        if not host or not port.isdecimal() or int(port) > _PORT_MAX:
            raise ValueError("expected host:port, such as 127.0.0.1:8080")
        return cls(host, int(port))

    @property
    def is_loopback(self) -> bool:
        """True if the host is a loopback address, or `localhost`."""
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

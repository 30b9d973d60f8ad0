"""A client and the limits of its API key."""

from typing import NamedTuple


class Caller(NamedTuple):
    """A client and the limits of its API key."""

    client: str
    lane: int = 0
    """The most urgent lane that it may request, and its default; 0 to 999, 0 the most urgent."""
    rate: int | None = None
    """Requests a second; None: the server's general limit."""
    models: frozenset[str] | None = None
    """Names or aliases of the models it may use; None: all."""
    address: str | None = None
    """The network that it calls from; None if its key tells who it is."""

    @property
    def account(self) -> str:
        """The identity that resources are shared by: the client of the key, or the address, whatever the names."""
        return self.client if self.address is None else self.address

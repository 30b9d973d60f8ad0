"""A client, and what it may ask for."""

from typing import NamedTuple


class Caller(NamedTuple):
    """A client, and what it may ask for."""

    client: str
    lane: int = 0
    """The most urgent lane it may ask for, which it gets if it does not say."""
    rate: int | None = None
    """Requests a second; None: what everybody may."""
    models: frozenset[str] | None = None
    """Names or aliases of the models it may use; None: all."""

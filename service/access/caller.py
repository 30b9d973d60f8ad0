"""A caller: its client and its permissions."""

from typing import NamedTuple


class Caller(NamedTuple):
    """A client and its permissions."""

    client: str
    lane: int = 0
    """The most urgent lane that it may ask for; also its lane if a request names none."""
    rate: int | None = None
    """Requests a second; None: the rate of the settings."""
    models: frozenset[str] | None = None
    """Names or aliases of the models that it may use; None: all."""

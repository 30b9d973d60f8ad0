"""The setting of who finds what is cached."""

from enum import StrEnum, auto


class CacheScope(StrEnum):
    """The callers that find what is cached."""

    SHARED = auto()
    """All."""
    CLIENT = auto()
    """The client that asked before."""
    OFF = auto()
    """None."""

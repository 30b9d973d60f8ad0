"""File descriptors: as many as permitted, and shared out among the listeners."""

import resource
from contextlib import suppress
from typing import NamedTuple

_RESERVE = 28
"""Descriptors for everything but connections. A process without connections has 15 open; a reload of keys, certificates
and the deny-list takes some more for a moment."""
_RESERVE_SHARE = 16
"""Part of the limit that is kept besides: GPUs, exporters of spans and parallel downloads open dozens."""
_UNLIMITED = 2**20
_ADMIN_SHARE, _ADMIN_MAX = 6, 64
"""The admin port serves the probes of one machine and some scrapers."""
_LEAST = 2


class Places(NamedTuple):
    """The most connections of each listener."""

    grpc: int
    rest: int
    admin: int


def raise_limit() -> int:
    """Raise this process's limit of open descriptors to what is permitted; return it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(OSError, ValueError):  # macOS permits less than it says.
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        soft = hard
    return _UNLIMITED if soft == resource.RLIM_INFINITY else soft


def places(descriptors: int, connections_max: int) -> Places:
    """Share out `descriptors`: gRPC and REST get equal numbers, at most `connections_max` each."""
    left = descriptors - _RESERVE - descriptors // _RESERVE_SHARE
    admin = max(min(left // _ADMIN_SHARE, _ADMIN_MAX), _LEAST)
    each = max(min((left - admin) // 2, connections_max), _LEAST)
    return Places(each, each, admin)

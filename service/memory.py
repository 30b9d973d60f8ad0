"""Memory that the C library keeps after it was freed, returned to the system."""

import asyncio
import ctypes
import resource
from pathlib import Path

_PERIOD_S = 2.0
_STATM = Path("/proc/self/statm")
_WORTHWHILE_BYTES = 32 * 2**20
"""Return memory once this much more is idle: a return of 400 MiB takes 40 ms, in which other threads may wait."""


class _Info(ctypes.Structure):
    """`struct mallinfo2` of malloc.h, which glibc has since 2.33."""

    _fields_ = (
        *((name, ctypes.c_size_t) for name in ("arena", "ordblks", "smblks", "hblks", "hblkhd", "usmblks", "fsmblks")),
        *((name, ctypes.c_size_t) for name in ("uordblks", "fordblks", "keepcost")),
    )


async def return_memory() -> None:
    """Return freed memory to the system from time to time, for as long as the task runs; at once without glibc."""
    library = ctypes.CDLL(None)
    if not hasattr(library, "mallinfo2") or not _STATM.exists():  # noqa: ASYNC240  # Once, at the start.
        return
    library.mallinfo2.restype = _Info
    least = _idle_bytes(library)
    while True:
        await asyncio.sleep(_PERIOD_S)
        idle = await asyncio.to_thread(_idle_bytes, library)
        if idle > least + _WORTHWHILE_BYTES:
            least = await asyncio.to_thread(_trim, library)
        least = min(least, idle)


def _trim(library: ctypes.CDLL) -> int:
    """Return memory to the system; return what is still idle."""
    library.malloc_trim(0)
    return _idle_bytes(library)


def _idle_bytes(library: ctypes.CDLL) -> int:
    """Return the memory in RAM that the C library has not handed out: what it keeps, and what is not its own.

    Its own count of what is free holds what it has returned already, until that is used again.
    """
    info = library.mallinfo2()
    resident = int(_STATM.read_text(encoding="ascii").split()[1]) * resource.getpagesize()
    handed_out: int = info.uordblks + info.hblkhd
    return resident - handed_out

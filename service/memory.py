"""Memory that the C library keeps after it was freed, returned to the system."""

import asyncio
import ctypes

_PERIOD_S = 2.0
_WORTHWHILE_BYTES = 32 * 2**20
"""Return memory once this much more is free: a return of 400 MiB takes 40 ms, in which other threads may wait."""


class _Info(ctypes.Structure):
    """`struct mallinfo2` of malloc.h, which glibc has since 2.33."""

    _fields_ = (
        *((name, ctypes.c_size_t) for name in ("arena", "ordblks", "smblks", "hblks", "hblkhd", "usmblks", "fsmblks")),
        *((name, ctypes.c_size_t) for name in ("uordblks", "fordblks", "keepcost")),
    )


async def return_memory() -> None:
    """Return freed memory to the system from time to time, for as long as the task runs; at once without glibc."""
    library = ctypes.CDLL(None)
    if not hasattr(library, "mallinfo2"):
        return
    library.mallinfo2.restype = _Info
    returned = 0
    while True:
        await asyncio.sleep(_PERIOD_S)
        # The free memory counts as free after it was returned, too, until it is used again.
        free = (await asyncio.to_thread(library.mallinfo2)).fordblks
        if free > returned + _WORTHWHILE_BYTES:
            await asyncio.to_thread(library.malloc_trim, 0)
            returned = free
        returned = min(returned, free)

"""Memory that was freed goes back to the system."""

import asyncio
import ctypes
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from service import memory

pytestmark = pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "mallinfo2"), reason="the C library is not glibc 2.33")

BLOCK = 100_000  # Below the size from which glibc maps each block by itself.
BLOCKS = 2000


def resident_bytes() -> int:
    """Return the memory of this process."""
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * 4096


async def fragmented(times: int) -> list[int]:
    """Return how much memory came back each time that blocks were freed between others that were not."""
    task = asyncio.create_task(memory.return_memory())
    await asyncio.sleep(0)
    found = []
    for _ in range(times):
        blocks = [bytearray(BLOCK) for _ in range(BLOCKS)]
        kept = blocks[::50]
        before = resident_bytes()
        del blocks  # Between two looks: the task has not run since the blocks were made.
        for _ in range(1000):
            await asyncio.sleep(0.01)
            if resident_bytes() < before - BLOCK * BLOCKS // 2:
                break
        found.append(before - resident_bytes())
        assert kept
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
    return found


def test_returned():
    """Freed blocks between blocks in use go back, each time; without the task they stay. In a process of its own."""
    program = (
        "import asyncio; from service import memory; memory._PERIOD_S = 0.01; "
        "from tests.unit.service.test_memory import fragmented; print(*asyncio.run(fragmented(3)))"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert min(map(int, ended.stdout.split())) > BLOCK * BLOCKS // 2

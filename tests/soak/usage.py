"""What a process holds of the machine."""

from pathlib import Path
from typing import NamedTuple


class Usage(NamedTuple):
    """What is known of it from outside."""

    memory_mb: float
    files: int
    threads: int

    @classmethod
    def of(cls, pid: int) -> "Usage":
        """Look at a process. Linux only."""
        status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
        memory, threads = (int(status.partition(name)[2].split()[0]) for name in ("VmRSS:", "Threads:"))
        return cls(memory / 1024, len(list(Path(f"/proc/{pid}/fd").iterdir())), threads)

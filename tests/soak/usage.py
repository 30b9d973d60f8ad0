"""The resource usage of a process."""

from pathlib import Path
from typing import NamedTuple


class Usage(NamedTuple):
    """Memory in MB, threads and open files of a process."""

    memory_mb: float
    files: int
    threads: int

    @classmethod
    def of(cls, pid: int) -> "Usage":
        """Read the usage of a process from /proc. Raises OSError."""
        status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
        memory, threads = (int(status.partition(name)[2].split()[0]) for name in ("VmRSS:", "Threads:"))
        return cls(memory / 1024, len(list(Path(f"/proc/{pid}/fd").iterdir())), threads)

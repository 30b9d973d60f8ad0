"""The service under test: started on free ports, or somebody else's."""

import asyncio
import contextlib
import os
import re
import subprocess
import sys
from collections.abc import AsyncIterator
from math import nan
from pathlib import Path
from time import process_time
from typing import NamedTuple


class Process(NamedTuple):
    """A service that answers, and what is known of it from outside."""

    grpc: str
    """Address as host:port."""
    admin: str | None = None
    """Address as host:port; None for a service that was not started here."""
    pid: int | None = None

    async def batches(self) -> tuple[float, float]:
        """Return how many batches there have been, and the seconds they took together."""
        assert self.admin  # noqa: S101  # Only asked of a service started here.
        reader, writer = await asyncio.open_connection(*self.admin.rsplit(":", 1))
        writer.write(b"GET /metrics HTTP/1.0\r\n\r\n")
        text = (await reader.read()).decode()
        writer.close()
        count, seconds = (
            sum(map(float, re.findall(rf"^rerank_inference_seconds_{what}{{.*}} (\S+)", text, re.MULTILINE)))
            for what in ("count", "sum")
        )
        return count, seconds

    def cpu_s(self) -> float:
        """Return the CPU seconds used so far, in steps of about 0.01; NaN where nobody tells."""
        try:
            # The name of the program, in parentheses, may hold anything.
            fields = Path(f"/proc/{self.pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
        except OSError:
            return nan
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def others_cpu_s(self) -> float:
        """Return the CPU seconds used so far by all but the service and this program; NaN where nobody tells."""
        try:
            user, nice, system, _, _, *more = map(int, Path("/proc/stat").read_text(encoding="ascii").split()[1:9])
        except OSError:
            return nan
        return (user + nice + system + sum(more)) / os.sysconf("SC_CLK_TCK") - self.cpu_s() - process_time()


@contextlib.asynccontextmanager
async def started() -> AsyncIterator[Process]:
    """Start a service on free ports, and stop it in the end."""
    ports = {f"RERANKD_{api}_ADDRESS": "127.0.0.1:0" for api in ("GRPC", "HTTP", "ADMIN")}
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "service",
        "serve",
        # The same requests are sent more than once; what is measured is scoring.
        env=os.environ | ports | {"RERANKD_CACHE_MB": "0"},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    try:
        assert process.stdout  # noqa: S101
        lines = [(await process.stdout.readline()).decode().split() for _ in ports]
        if not all(lines):
            raise SystemExit("the service did not start; `rerankd serve` says why")
        address = {line[1]: line[-1] for line in lines}
        yield Process(address["gRPC"], address["admin"], process.pid)
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()

"""The real service as a process of its own, on free ports."""

import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile
from time import sleep
from typing import IO, Any, Self

from service.bench.process import launch, variables

COMMAND = Path(sys.executable).with_name("rerankd")
PATIENT: dict[str, object] = {"backlog_seconds": 600, "default_timeout_seconds": 600, "drain_seconds": 600}
"""Settings for slow machines: no request of a test exceeds the backlog or its deadline."""
_STOP_S = 600
_LOG_S = 0.05  # A thread of the service writes the log.


def environment(**settings: object) -> dict[str, str]:
    """Return an environment with free ports and these settings, such as `cache_mb=0`."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("RERANKD_")}
    return clean | variables(settings)


def run(*command: str | Path, cwd: Path | None = None, **settings: Any) -> subprocess.CompletedProcess[str]:
    """Run a program to its end."""
    environ = environment(**settings)
    return subprocess.run(command, cwd=cwd, env=environ, capture_output=True, text=True, timeout=600, check=False)


def failed_start(**settings: Any) -> str:
    """Return the error message of a service that must not start; assert status 1 and an empty standard output."""
    ended = run(COMMAND, "serve", **settings)
    assert (ended.returncode, ended.stdout) == (1, "")
    assert "Traceback" not in ended.stderr
    return ended.stderr


@dataclass
class RunningService:
    """A running service; as a context manager it asserts a clean exit."""

    process: subprocess.Popen[str]
    grpc: str
    """Address as host:port."""
    http: str
    """Base URL."""
    admin: str
    """Base URL."""
    errors: IO[str]
    _log: str = ""

    @classmethod
    def start(cls, *command: str, **settings: object) -> "RunningService":
        """Start `rerankd serve`, or `command`, and wait until it listens on all ports.

        Raises AssertionError with its output.
        """
        errors = TemporaryFile("a+")  # noqa: SIM115  # Closed after the process, which appends to it.
        try:
            process, found = launch(command or [COMMAND, "serve"], environment(**settings), errors)
        except ChildProcessError as error:
            with errors:
                errors.seek(0)
                raise AssertionError(f"the service did not start: {error} {errors.read()}") from None
        scheme = "https" if "tls_cert_file" in settings else "http"
        return cls(process, found["gRPC"], f"{scheme}://{found['HTTP']}", f"http://{found['admin']}", errors)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        status = self.stop()
        assert kind or status == 0

    def log(self) -> str:
        """Return everything written to standard error so far."""
        if not self.errors.closed:
            # The service shares the position of its file, and writes at any time: read without one.
            descriptor = self.errors.fileno()
            self._log = os.pread(descriptor, os.fstat(descriptor).st_size, 0).decode()
        return self._log

    def settled_log(self) -> str:
        """Return the log with the lines of calls that were just answered."""
        size = -1
        while not self.errors.closed and size != (size := os.fstat(self.errors.fileno()).st_size):
            sleep(_LOG_S)
        return self.log()

    def stop(self) -> int:
        """Send SIGTERM and return the exit status."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            status = self.process.wait(_STOP_S)
        finally:
            self.process.kill()
            self.process.wait()
            self.log()
            self.errors.close()
            if self.process.stdout:
                self.process.stdout.close()
        return status

"""The process of the service under test: started here on free ports, or already running."""

import contextlib
import os
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from math import nan
from pathlib import Path
from time import process_time
from typing import IO, NamedTuple

_APIS = ("grpc", "http", "admin")
_LINE = re.compile(r"rerankd: (\w+) on (\S+)")


class Process(NamedTuple):
    """A running service, seen from outside."""

    grpc: str
    """Address as host:port."""
    pid: int | None = None
    """None for a service that was not started here."""

    def cpu_s(self) -> float:
        """Return the CPU seconds used so far, in steps of about 0.01; NaN without /proc or `pid`."""
        try:
            # The program name, in parentheses, may contain spaces and parentheses.
            fields = Path(f"/proc/{self.pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
        except OSError:
            return nan
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def others_cpu_s(self) -> float:
        """Return the CPU seconds used so far by all other programs of the machine; NaN without /proc or `pid`."""
        try:
            user, nice, system, _, _, *more = map(int, Path("/proc/stat").read_text(encoding="ascii").split()[1:9])
        except OSError:
            return nan
        return (user + nice + system + sum(more)) / os.sysconf("SC_CLK_TCK") - self.cpu_s() - process_time()


@contextlib.contextmanager
def started(*program: str, **settings: object) -> Iterator[Process]:
    """Start a server `program`, `rerankd serve` by default, on free ports; stop it on exit.

    It inherits the environment of this program, with `settings` on top. Raises SystemExit if it does not start.
    """
    command, environment = [sys.executable, *(program or ("-m", "service", "serve"))], os.environ | variables(settings)
    try:
        process, address = launch(command, environment, subprocess.DEVNULL)
    except ChildProcessError:
        raise SystemExit("the service did not start: run `rerankd serve` to see the reason") from None
    with process:
        try:
            yield Process(address["gRPC"], process.pid)
        finally:
            process.terminate()
            process.wait()


def variables(settings: Mapping[str, object]) -> dict[str, str]:
    """Return settings such as `cache_mb=0` as environment variables; addresses default to free ports."""
    ports = {f"{api}_address": "127.0.0.1:0" for api in _APIS}
    return {f"RERANKD_{name.upper()}": str(value) for name, value in {**ports, **settings}.items()}


def launch(
    command: Sequence[str | Path], environment: Mapping[str, str], errors: int | IO[str]
) -> tuple[subprocess.Popen[str], dict[str, str]]:
    """Start a server and wait until it prints its addresses; return them as host:port by API.

    Raises ChildProcessError with its output if it prints anything else, or ends.
    """
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=errors, text=True)  # noqa: S603
    assert process.stdout is not None  # noqa: S101
    address, other_output = addresses(process.stdout)
    if other_output or len(address) < len(_APIS):
        with process:
            process.kill()
        raise ChildProcessError(other_output)
    return process, address


def addresses(output: Iterable[str]) -> tuple[dict[str, str], str]:
    """Return the addresses that a service prints, as host:port by API, and its other output before the last of them.

    There are fewer than three addresses if the service ends before it listens.
    """
    address: dict[str, str] = {}
    other_output = ""
    for line in output:
        if match := _LINE.match(line):
            address[match[1]] = match[2]
        else:
            other_output += line
        if len(address) == len(_APIS):
            break
    return address, other_output

"""The service under test: started on free ports, or somebody else's."""

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
    """A service that answers, and what is known of it from outside."""

    grpc: str
    """Address as host:port."""
    pid: int | None = None
    """None for a service that was not started here."""

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


@contextlib.contextmanager
def started(*program: str, **settings: object) -> Iterator[Process]:
    """Start a program that serves, `rerankd serve` unless told, on free ports, and stop it in the end.

    Settings that are not given here are those of this program. Raises SystemExit if it does not start.
    """
    command, environment = [sys.executable, *(program or ("-m", "service", "serve"))], os.environ | variables(settings)
    try:
        process, address = launch(command, environment, subprocess.DEVNULL)
    except ChildProcessError:
        raise SystemExit("the service did not start; `rerankd serve` says why") from None
    with process:
        try:
            yield Process(address["gRPC"], process.pid)
        finally:
            process.terminate()
            process.wait()


def variables(settings: Mapping[str, object]) -> dict[str, str]:
    """Return settings, named without prefix in lower case, as variables; ports are free ones unless they say so."""
    ports = {f"{api}_address": "127.0.0.1:0" for api in _APIS}
    return {f"RERANKD_{name.upper()}": str(value) for name, value in {**ports, **settings}.items()}


def launch(
    command: Sequence[str | Path], environment: Mapping[str, str], errors: int | IO[str]
) -> tuple[subprocess.Popen[str], dict[str, str]]:
    """Start a program that serves, and wait until it has said where; return addresses as host:port by name.

    Raises ChildProcessError with what it said instead, if it did not start.
    """
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=errors, text=True)  # noqa: S603
    assert process.stdout is not None  # noqa: S101
    found, said = addresses(process.stdout)
    if said or len(found) < len(_APIS):
        with process:
            process.kill()
        raise ChildProcessError(said)
    return process, found


def addresses(output: Iterable[str]) -> tuple[dict[str, str], str]:
    """Return the addresses that a service prints, as host:port by API, and the other lines before the last of them.

    There are fewer than three if the service ends before it listens.
    """
    found: dict[str, str] = {}
    said = ""
    for line in output:
        if match := _LINE.match(line):
            found[match[1]] = match[2]
        else:
            said += line
        if len(found) == len(_APIS):
            break
    return found, said

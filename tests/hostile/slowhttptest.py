"""The attacks of slowhttptest, a program for them: Slowloris, slow bodies, slow reading and ranges."""

import subprocess
from time import monotonic

from tests.hostile.attack import Target, attack
from tests.hostile.http1 import FEW

PROGRAM = "slowhttptest"
_TWICE = "512"  # Connections: twice as many as descriptors.


def _run(target: Target, *form: str, path: str) -> int:
    """Run the program to the end of the attack."""
    left_s = max(round(target.until - monotonic()), 1)
    command = (
        PROGRAM,
        *form,
        "-c",
        _TWICE,
        "-r",
        "200",
        "-i",
        "1",
        "-l",
        str(left_s),
        "-u",
        f"http://{target.http}{path}",
    )
    subprocess.run(command, capture_output=True, check=False, timeout=left_s + 30)
    return int(_TWICE)


@attack(program=PROGRAM, command=FEW)
def slowloris(target: Target) -> int:
    """Send heads slowly."""
    return _run(target, "-H", path="/v2/rerank")


@attack(program=PROGRAM, command=FEW)
def slow_bodies(target: Target) -> int:
    """Send bodies slowly."""
    return _run(target, "-B", "-t", "POST", "-f", "application/json", "-s", "100000", path="/v2/rerank")


@attack(program=PROGRAM, command=FEW)
def slow_readers(target: Target) -> int:
    """Read answers slowly, of three requests on each connection."""
    return _run(target, "-X", "-w", "10", "-y", "20", "-z", "5", "-k", "3", path="/openapi.json")


@attack(program=PROGRAM, command=FEW)
def ranges(target: Target) -> int:
    """Ask for many ranges of a page."""
    return _run(target, "-R", path="/openapi.json")

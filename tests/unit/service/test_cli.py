"""Tests of the command line, each a process of its own; all of them run at the same time."""

import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.process import environment


class Ending(NamedTuple):
    """How a process ended."""

    status: int
    out: str
    err: str


CASES: dict[str, tuple[list[str], dict[str, str]]] = {
    "version": (["--version"], {}),
    "nothing": ([], {}),
    "setting": (["serve"], {"workers": "none"}),
    "unknown setting": (["serve"], {"wrokers": "2"}),
    "settings file": (["serve"], {"config": "/nowhere.toml"}),
    "open to all": (["serve"], {"http_address": "0.0.0.0:0"}),
    "model": (["serve"], {"model": "/nowhere"}),
    "keys": (["serve"], {"api_keys_file": "/nowhere"}),
    "address": (["serve"], {"http_address": "192.0.2.1:0", "allow_anonymous": "true"}),
}


@pytest.fixture(scope="module")
def endings() -> dict[str, Ending]:
    """Run every command line."""
    running = {
        name: subprocess.Popen(
            [sys.executable, "-m", "service", *arguments],
            env=environment(**settings),
            cwd=Path(__file__).parents[3],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for name, (arguments, settings) in CASES.items()
    }
    found = {}
    for name, process in running.items():
        out, err = process.communicate(timeout=600)
        found[name] = Ending(process.returncode, out, err)
    return found


def test_version(endings: dict[str, Ending]):
    """The program says which version it is."""
    assert endings["version"] == (0, f"rerankd {version('rerankd')}\n", "")


def test_called_wrongly(endings: dict[str, Ending]):
    """Called wrongly, the program ends with 2 and shows how it is called."""
    status, out, err = endings["nothing"]
    assert (status, out) == (2, "")
    assert err.startswith("usage: rerankd ")


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("setting", "RERANKD_WORKERS: "),
        ("unknown setting", "unknown setting: RERANKD_WROKERS"),
        ("settings file", "RERANKD_CONFIG: /nowhere.toml does not exist"),
        ("open to all", "RERANKD_HTTP_ADDRESS listens beyond this machine"),
        ("model", "model directory /nowhere does not exist"),
        ("keys", "keys file /nowhere cannot be read"),
        ("address", "cannot listen on 192.0.2.1:0"),
    ],
)
def test_cannot_start(name: str, reason: str, endings: dict[str, Ending]):
    """A service that cannot start ends with 1 and a line that says why, and nothing else."""
    status, out, err = endings[name]
    assert (status, out) == (1, "")
    assert err.startswith(f"rerankd: {reason}")
    assert err.count("\n") == 1

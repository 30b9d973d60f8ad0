"""Each command ends with its status and a line that says why, and imports nothing of another command."""

import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.process import environment

IMPORTED = """
import sys
before, sys.argv = set(sys.modules), ["rerankd", *sys.argv[1:]]
from service.cli import main
try:
    main()
finally:
    print("imported", *set(sys.modules) - before)
"""
"""Runs a command line, and then says what that has imported."""


class Ending(NamedTuple):
    """The exit status and the output of a process."""

    status: int
    out: str
    err: str


pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[3]
SERVER = "service.server service.rest service.grpc_api service.telemetry fastapi uvicorn prometheus_client structlog"
ENGINE = "onnxruntime tokenizers numpy"
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
            cwd=ROOT,
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


def imported(*arguments: str, **settings: str) -> set[str]:
    """Return the modules that a command line imports until it ends."""
    run = subprocess.run(
        [sys.executable, "-c", IMPORTED, *arguments],
        env=environment(**settings),
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    return set(run.stdout.rpartition("imported ")[2].split())


@pytest.mark.parametrize(
    "arguments",
    ["--version", "--help", "serve --help", "bench --help", "bench load --help", "convert --help", "models --help"],
)
def test_help_takes_the_standard_library_only(arguments: str):
    """The version and the help are printed without importing any library."""
    modules = imported(*arguments.split())
    assert "service.cli" in modules
    assert {name.partition(".")[0] for name in modules} - sys.stdlib_module_names == {"service"}


@pytest.mark.parametrize(
    ("arguments", "own", "others"),
    [
        ("serve", "service.server", "service.bench service.convert service.hub.inventory onnx matplotlib"),
        ("bench load --address 127.0.0.1:1", "service.bench.load", f"service.convert {SERVER} {ENGINE}"),
        ("convert /nowhere /neither", "service.convert.conversion", f"service.bench {SERVER} grpc rerank"),
        ("models", "service.hub.inventory", f"service.bench service.convert {SERVER} {ENGINE} grpc rerank"),
    ],
)
def test_a_command_imports_nothing_of_anothers(arguments: str, own: str, others: str):
    """No command pays for what only another takes."""
    modules = imported(*arguments.split(), model="/nowhere")
    assert own in modules
    assert modules & set(others.split()) == set()

"""One service with a key for all clients, each run once; and a table of what they did."""

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.clients import body
from tests.examples import DOCUMENTS, QUERY
from tests.interop.clients import CLIENTS, ENVIRONMENTS, NODE, Client
from tests.process import RunningService

KEY = "key-of-the-clients"
EXAMPLE = {"model": "rerank-v3.5", "query": QUERY, "documents": DOCUMENTS}
QUIET = {
    "NO_PROXY": "127.0.0.1",
    "HAYSTACK_TELEMETRY_ENABLED": "False",
    "LITELLM_LOCAL_MODEL_COST_MAP": "True",
}
"""Keeps clients from asking elsewhere."""
_CLIENT_S = 100
_SIGNS = {"passed": "ok", "failed": "FAILED", "error": "FAILED", "skipped": "skipped"}

Outcome = dict[str, Any]


@pytest.fixture(scope="session")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningService]:
    """Give a service that asks for a key."""
    keys = tmp_path_factory.mktemp("keys") / "keys"
    keys.write_text(f"clients:{KEY}\n", encoding="utf-8")
    service = RunningService.start(api_keys_file=keys)
    yield service
    assert service.stop() == 0


@pytest.fixture(scope="session")
def expected(guarded: RunningService) -> list[tuple[int, float]]:
    """Return indices and scores as the service gives them without any client."""
    answer = httpx.post(f"{guarded.http}/v2/rerank", json=body(), headers={"authorization": f"Bearer {KEY}"})
    return [(r["index"], r["relevance_score"]) for r in answer.raise_for_status().json()["results"]]


@pytest.fixture(scope="session")
def seen(guarded: RunningService, tmp_path_factory: pytest.TempPathFactory) -> Callable[[Client], dict[str, Outcome]]:
    """Return a function that runs a client, once, and returns what came of each call."""
    done: dict[Client, subprocess.CompletedProcess[str]] = {}
    environment = QUIET | {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path_factory.mktemp("home")),
        "SERVICE_URL": guarded.http,
        "SERVICE_KEY": KEY,
        "SERVICE_EXAMPLE": json.dumps(EXAMPLE),
    }

    def run(client: Client) -> dict[str, Outcome]:
        if client not in done:
            _need(client)
            done[client] = _run(client.command, environment)
        assert done[client].returncode == 0, done[client].stderr
        found: dict[str, Outcome] = json.loads(done[client].stdout.splitlines()[-1])  # Some libraries print, too.
        return found

    return run


def _run(command: list[str], environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=_CLIENT_S)
    except subprocess.TimeoutExpired:
        return subprocess.CompletedProcess(command, 124, "", f"it did not end in {_CLIENT_S} seconds")


def _need(client: Client) -> None:
    """Skip the test if there is no Node.js, fail it if the client is not installed for another reason."""
    if client.environment == NODE and not (shutil.which("node") and shutil.which("npm")):
        pytest.skip("node and npm are not on this machine")
    if client.environment and not (ENVIRONMENTS / client.environment / "installed").exists():
        pytest.fail(f"{client.package} is not installed; run `make test-clients`")
    if client.environment == NODE:
        for script in (Path(__file__).parent / "scripts").glob("*.mjs"):
            shutil.copy(script, ENVIRONMENTS / NODE)  # Where Node.js looks for packages goes by where a script is.


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print a table of clients and checks."""
    cells: dict[tuple[str, str], str] = {}
    for outcome, sign in _SIGNS.items():
        for report in terminalreporter.stats.get(outcome, []):
            told = dict(getattr(report, "user_properties", ()))
            if told.keys() >= {"client", "check"}:
                cells[told["client"], told["check"]] = sign
    if not cells:
        return
    terminalreporter.section("clients")
    checks = list(dict.fromkeys(check for _, check in cells))
    rows = [["", *checks]]
    rows += [[client.name, *(cells.get((client.name, check), "-") for check in checks)] for client in CLIENTS]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        line = "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        terminalreporter.write_line(line.rstrip())

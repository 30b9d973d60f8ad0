"""The client of this project on the oldest libraries that it admits."""

import json
import os
import re
import subprocess
import tomllib
from pathlib import Path

from tests.interop.clients import ENVIRONMENTS
from tests.interop.conftest import EXAMPLE, KEY
from tests.process import RunningService

HERE = Path(__file__).parent
CLIENT = HERE.parents[1] / "client"


def test_the_oldest_are_those_that_the_client_admits() -> None:
    """The environment has the lowest versions that the client's metadata allows."""
    project = tomllib.loads((CLIENT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    pinned = (HERE / "requirements-oldest.txt").read_text(encoding="utf-8")
    pins = re.findall(r"^(\w+)==([\d.]+)\.0;", pinned, re.MULTILINE)
    assert [f"{name}>={version}" for name, version in pins] == project["dependencies"]


def test_both_clients_work_on_the_oldest_libraries(guarded: RunningService, expected: list[tuple[int, float]]) -> None:
    """They get the order, the scores and the reason of an error as the service gives them."""
    settings = {"SERVICE_GRPC": guarded.grpc, "SERVICE_KEY": KEY, "SERVICE_EXAMPLE": json.dumps(EXAMPLE)}
    run = subprocess.run(
        [ENVIRONMENTS / "oldest" / "bin" / "python", HERE / "scripts" / "ask_rerankd_client.py"],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(CLIENT)} | settings,
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )
    assert run.returncode == 0, run.stderr
    rows = [list(row) for row in expected]
    assert json.loads(run.stdout) == [[rows, "OUT_OF_RANGE"]] * 2

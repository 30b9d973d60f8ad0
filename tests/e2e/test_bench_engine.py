"""The comparison of raw and served, in small."""

import re
import subprocess
from pathlib import Path

import pytest

from tests.process import COMMAND, environment

ARGUMENTS = ["bench", "engine", "--rounds", "1", "--documents", "4", "--requests", "40", "--out", "."]


@pytest.mark.long
def test_raw_and_served_are_compared(tmp_path: Path) -> None:
    """The program measures every ratio, says whether all limits were kept, and leaves a table and a picture."""
    run = subprocess.run(
        [COMMAND, *ARGUMENTS], cwd=tmp_path, env=environment(), capture_output=True, text=True, check=False
    )
    assert (run.returncode, run.stdout.splitlines()[-1]) in ((0, "kept"), (1, "NOT KEPT")), run.stderr
    assert (tmp_path / "engine.md").read_text() == run.stdout
    assert (tmp_path / "engine.png").read_bytes().startswith(b"\x89PNG")
    row = re.compile(r"^\| ([^|]*?) +\| +([\d.e+-]+) \|.* (?:kept|NOT KEPT|aim reached) \|$", re.MULTILINE)
    measured = {what: float(number) for what, number in row.findall(run.stdout)}
    assert len(measured) == 10
    # What holds on every machine, however busy: raw is what is served with nothing around it.
    assert measured["of 8 scores, differing in another batch"] == 0
    assert measured["1x4 asked again: times as fast"] > 1
    assert measured["event loop late under full load, p99, ms"] > 0

"""A test that fails does not make its neighbours fail."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FIRST = """
import sys

async def never(): pass

def test_leaves_a_coroutine():
    sys.left = never()
    assert {kept}
"""
SECOND = """
import sys

def test_goes_on():
    del sys.left
"""


@pytest.mark.slow
@pytest.mark.parametrize(("kept", "blamed"), [(True, {"test_second"}), (False, {"test_first"})])
def test_what_is_left_open(kept: bool, blamed: set[str], tmp_path: Path):  # noqa: FBT001
    """An object left open fails the test in which it is found, unless another test failed before."""
    (tmp_path / "test_first.py").write_text(FIRST.format(kept=kept))
    (tmp_path / "test_second.py").write_text(SECOND)
    run = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-rA", "-p", "tests.conftest", "-p", "no:cacheprovider"),
            *("--config-file", ROOT / "pyproject.toml", "--confcutdir", tmp_path, tmp_path),
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    failed = set(re.findall(r"^(?:FAILED|ERROR) \S*?(test_\w+)\.py::", run.stdout, re.MULTILINE))
    assert failed == blamed, run.stdout
    assert "never" in run.stdout

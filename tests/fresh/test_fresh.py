"""A new user gets from a clone to an answer by the README's commands. Wants a package index: `make test-fresh`."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from time import monotonic

import pytest

from tests.fresh.clone import ROOT, Clone, cloned, python_with
from tests.fresh.index import NewerIndex, newer_index, pinned

README = (ROOT / "README.md").read_text(encoding="utf-8")
CURL = next(block for block in re.findall(r"^```sh\n(curl.*?)^```", README, re.MULTILINE | re.DOTALL))
SERVING_MB_MAX = 300
PIPS = {"of Debian 12": "pip==23.0.1", "of Python 3.11.7": "pip==23.2.1", "newest": "pip"}

pytestmark = pytest.mark.timeout(1800)


@pytest.fixture(scope="module")
def index() -> Iterator[NewerIndex]:
    """Serve newer versions of all that is installed."""
    with newer_index(pinned(*ROOT.glob("requirements*.txt"))) as index:
        yield index


def answer(http: str) -> list[int]:
    """Return the order of the documents that the command in the README gets."""
    command = CURL.replace("127.0.0.1:8080", http)
    said = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=True).stdout
    return [result["index"] for result in json.loads(said)["results"]]


def megabytes(folder: Path) -> float:
    """Return the size of all files below a folder."""
    return sum(path.lstat().st_size for path in folder.rglob("*") if path.is_file()) / 1e6


def stray(clone: Clone) -> list[str]:
    """Return the files of the home that are not pip's, which has a cache there and asks rustup for its version."""
    home = Path(clone.environment["HOME"])
    files = (path.relative_to(home).as_posix() for path in home.rglob("*") if path.is_file())
    return [file for file in files if not file.startswith((".cache/pip/", ".rustup/"))]


def test_second_command(tmp_path: Path) -> None:
    """`make test`, the second command of the README, sets up what it takes and passes."""
    new = cloned(tmp_path)
    said = new.run("make", "test", f"PYTHON={python_with(PIPS['of Debian 12'], tmp_path)}")
    print(said[said.index("slowest") :])  # noqa: T201
    assert re.search(r"^\d{4,} passed", said, re.MULTILINE)


@pytest.mark.parametrize("pip", PIPS)
def test_first_minutes(pip: str, index: NewerIndex, tmp_path: Path) -> None:
    """With any pip, and newer versions of everything about, the first command serves and the second can begin."""
    new = cloned(tmp_path)
    python = python_with(PIPS[pip], tmp_path)
    more = {"PIP_EXTRA_INDEX_URL": index.url}
    began = monotonic()
    with new.serving("make", "serve", f"PYTHON={python}", **more) as found:
        assert answer(found["HTTP"]) == [1, 0]
        print(f"\nfrom a clone to the first answer, with the pip {pip}: {monotonic() - began:.1f} s")  # noqa: T201
    size = megabytes(new.folder / ".venv")
    print(f"environment that serves: {size:.0f} MB")  # noqa: T201
    assert size < SERVING_MB_MAX
    assert stray(new) == []
    brought = new.run(".venv/bin/pip", "--version").split()[1]
    assert brought == PIPS[pip].partition("==")[2] or pip == "newest"
    new.run("make", "install-dev", f"PYTHON={python}", **more)
    new.run(".venv/bin/pytest", "tests/unit/test_locks.py", "tests/unit/scheduler/test_core.py")
    assert {"onnxruntime", "coverage"} <= index.asked  # Of both locks: pip did look there.
    assert index.fetched == []


def test_without_make(tmp_path: Path) -> None:
    """The README's way without `make` installs a command that serves."""
    assert "`pip install .` in an environment of your own, then `rerankd serve`" in README
    new = cloned(tmp_path)
    new.run(sys.executable, "-m", "venv", tmp_path / "environment")
    new.run(tmp_path / "environment/bin/pip", "install", "--quiet", "--no-compile", ".")
    with new.serving(tmp_path / "environment/bin/rerankd", "serve") as found:
        assert answer(found["HTTP"]) == [1, 0]
    assert stray(new) == []

"""The engine's own tests, on CPUs with fewer instruction sets than this machine's."""

import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.cpu.cpus import HIDDEN, hiding, library

ROOT = Path(__file__).parents[2]
TESTS = [
    ROOT / "tests" / "unit" / "service" / f"{name}.py"
    for name in (
        "engine/test_families",
        "engine/test_invariance",
        "engine/test_scores_of_other_cpus",
        "convert/test_rowwise",
        "convert/test_rowwise_families",
        "convert/test_rowwise_scores",
    )
]
"""Tests that run graphs."""


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, "subprocess.CompletedProcess[str]"]:
    """Run the tests on all these CPUs, two at a time."""
    made = library(tmp_path_factory.mktemp("cpu"))
    command: list[str | Path] = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *TESTS]

    def run(hidden: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(command, cwd=ROOT, env=hiding(hidden, made), capture_output=True, text=True, check=False)

    with ThreadPoolExecutor(2) as pool:
        return dict(zip(HIDDEN, pool.map(run, HIDDEN), strict=True))


@pytest.mark.parametrize("hidden", HIDDEN, ids=HIDDEN.get)
def test_the_engine(hidden: str, runs: dict[str, "subprocess.CompletedProcess[str]"]) -> None:
    """Models are loaded, converted and run as on any other CPU: the same logits, and the same bits in any batch."""
    assert runs[hidden].returncode == 0, runs[hidden].stdout[-5000:]
    assert re.search(r"^\d{3,} passed", runs[hidden].stdout, re.MULTILINE)

"""The commands and programs in the README and the pages behind it do what the pages say."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest

from tests.pages import PAGES, README, ROOT, blocks
from tests.process import RunningService, environment

BLOCKS = [(page.name, block) for page in PAGES for block in blocks(page)]
CURLS = [(page, block.text) for page, block in BLOCKS if block.text.startswith("curl")]
PROGRAMS = [block.text for _, block in BLOCKS if block.language == "python"]


def _here(text: str, running: RunningService) -> str:
    """Return a command or program with the addresses of this service."""
    grpc_and_http = {"127.0.0.1:50051": running.grpc, "http://127.0.0.1:8080": running.http}
    for written, here in grpc_and_http.items():
        text = text.replace(written, here)
    return text


def _bash(command: str, running: RunningService) -> str:
    """Return the output of a command."""
    run = subprocess.run(["bash", "-c", _here(command, running)], capture_output=True, text=True, check=True)
    return run.stdout


def test_the_pages_hold_the_commands_that_are_tested_here() -> None:
    """A command added to a page has to be added to a test."""
    commands = [(page, block.text.split(" -s ")[0]) for page, block in BLOCKS if block.language == "sh"]
    assert commands == [
        ("README.md", "make serve"),
        ("README.md", "curl"),
        ("README.md", "make test"),
        ("apis.md", "curl"),
        ("benchmarks.md", "make bench"),
    ]
    assert "make test-all" in (ROOT / ".ci" / "run").read_text(encoding="utf-8")


needs_curl = pytest.mark.skipif(not all(map(shutil.which, ("bash", "curl"))), reason="bash or curl is missing")


@needs_curl
def test_the_curl_command_gets_the_first_answer(running: RunningService) -> None:
    """The command in the README answers, and as the README says."""
    (command, shown), *_ = [
        (command.text, shown)
        for command, shown in pairwise(blocks(README))
        if command.text.startswith("curl") and shown.language == "json"
    ]
    expected = re.escape(shown.text).replace("…", r"[^,\"}]+")
    expected = expected.replace('"cached_tokens":0', r'"cached_tokens":\d+')  # Another test may have asked before.
    assert re.fullmatch(expected, _bash(command, running))


@needs_curl
@pytest.mark.parametrize(("page", "command"), CURLS)
def test_each_curl_command_gets_results(running: RunningService, page: str, command: str) -> None:
    """Each command in the pages that asks the service gets documents in order."""
    results = json.loads(_bash(command, running))["results"]
    assert results, page
    scores = [result["relevance_score"] for result in results]
    assert scores == sorted(scores, reverse=True)


@pytest.mark.parametrize(("program", "first"), list(zip(PROGRAMS, ["1", "0"], strict=True)))
def test_the_python_programs_get_the_first_answer(running: RunningService, program: str, first: str) -> None:
    """Each program in the pages prints the most relevant document first."""
    run = subprocess.run(
        [sys.executable, "-c", _here(program, running)], capture_output=True, text=True, check=True, timeout=600
    )
    assert run.stdout.split()[0] == first


def test_make_serve_serves() -> None:
    """The first command of the README sets up what is missing and prints where it listens."""
    serve = subprocess.Popen(
        ["make", "serve"],
        cwd=ROOT,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert serve.stdout
    lines = []
    for line in serve.stdout:
        lines += [line] if line.startswith("rerankd: ") else []
        if len(lines) == 3:
            break
    os.killpg(serve.pid, signal.SIGTERM)
    serve.communicate(timeout=600)
    assert [line.split()[1] for line in lines] == ["gRPC", "HTTP", "admin"]


@pytest.mark.long
def test_make_bench_measures(tmp_path: Path) -> None:
    """The benchmark of the README, shortened, runs to its end, measures every ratio, and leaves tables and pictures.

    Nobody is refused without advice.
    """
    load = f"LOAD=--loads 4 --seconds 2 --out {tmp_path}"
    engine = f"ENGINE=--rounds 1 --documents 4 --requests 40 --out {tmp_path}"
    run = subprocess.run(["make", "bench", load, engine], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (run.returncode == 0) == ("NOT KEPT" not in run.stdout), run.stderr
    assert re.search(r"^\| refusals without advice +\| +0 \|.* kept \|$", run.stdout, re.MULTILINE)
    assert re.search(
        r"^\| urgent p50 at the worst load, over p50 alone \(\d+ ms\) and one batch +\| +[\d.]+ \|",
        run.stdout,
        re.MULTILINE,
    )
    assert {file.name for file in tmp_path.iterdir()} == {
        f"{name}.{kind}" for name in ("load", "engine") for kind in ("md", "png")
    }
    for name in ("load", "engine"):
        assert (tmp_path / f"{name}.md").read_text() in run.stdout
    assert (tmp_path / "engine.png").read_bytes().startswith(b"\x89PNG")
    row = re.compile(r"^\| ([^|]*?) +\| +([\d.e+-]+) \|.* (?:kept|NOT KEPT|aim reached) \|$", re.MULTILINE)
    measured = {what: float(number) for what, number in row.findall((tmp_path / "engine.md").read_text())}
    assert len(measured) == 10
    # Bounds that hold on any machine, however busy.
    assert measured["scores of 8 that differ between batches"] == 0
    assert measured["speed-up of 1x4 from the cache"] > 1
    assert measured["delay of the event loop under full load, p99, ms"] > 0

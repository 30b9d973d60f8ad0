"""`rerankd convert` makes a directory that is served, or ends with a line that says why not."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from service.settings import EMBEDDED_MODEL
from tests.clients import post
from tests.process import COMMAND, RunningService, run
from tests.unit.service.full_precision import a_layered_graph
from tests.unit.service.models import LOGITS, a_directory

CONFIG = {"model_type": "bert", "max_position_embeddings": 128, "pad_token_id": 0, "num_labels": 1}


def convert(*arguments: object) -> subprocess.CompletedProcess[str]:
    """Run `rerankd convert` to its end."""
    return run(COMMAND, "convert", *map(str, arguments))


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write a small model in fp32."""
    path = a_directory(
        tmp_path_factory.mktemp("models") / "whole", config=CONFIG, graph=a_layered_graph().SerializeToString()
    )
    (path / "LICENSE").write_text("Take it.")
    (path / "model_O2.onnx").write_bytes(b"another form")
    return path


@pytest.fixture(scope="module")
def pairs(model: Path) -> Path:
    """Write pairs that the small model tells apart."""
    path = model.parent / "pairs.jsonl"
    path.write_text("\n".join(json.dumps({"query": "q", "documents": list(LOGITS)[n:]}) for n in range(3)))
    return path


def test_what_it_makes_is_served(model: Path, pairs: Path) -> None:
    """The new directory holds all that the old one is served with, says what was done, and is served."""
    out = model.parent / "deeper" / "quick"
    ended = convert(model, out, "--pairs", pairs)
    assert ended.returncode == 0, ended.stderr
    assert sorted(file.name for file in out.iterdir()) == [
        "LICENSE",
        "config.json",
        "conversion.json",
        "model.onnx",
        "tokenizer.json",
    ]
    assert list(out.parent.iterdir()) == [out]
    note = json.loads((out / "conversion.json").read_text())
    assert note["int8"] == ["layer 1", "layer 2"]
    assert note["fp32"] == []
    assert (note["queries"], note["pairs"]) == (3, 12)
    assert note["agreement"]["correlation"] > 0.99
    assert note["moved_after"] == 0
    assert note["bytes_after"] < note["bytes_before"]
    assert [(speed["pairs"], speed["length"]) for speed in note["speeds"]] == [(1, 64), (8, 128)]
    assert all(speed["ratio"] > 0 for speed in note["speeds"])
    assert note["bounded"]
    assert note["cpu"] in ended.stdout
    assert "2 of 2 products in int8" in ended.stdout
    assert "sums in int8 fit on every CPU" in ended.stdout
    assert "1 x 64 tokens" in ended.stdout
    assert "... scores in fp32: 12 pairs" in ended.stderr
    with RunningService.start(model=out) as running:
        answer = post(running.http, model="quick", query="q", documents=list(LOGITS)).json()
    assert [result["index"] for result in answer["results"]] == [4, 3, 2, 1, 0]


def test_what_harms_most_stays_in_fp32(model: Path, pairs: Path) -> None:
    """With an agreement asked for that int8 as a whole does not reach, a part of the products is converted."""
    whole, part = model.parent / "all", model.parent / "part"
    assert convert(model, whole, "--pairs", pairs).returncode == 0
    reached = json.loads((whole / "conversion.json").read_text())["agreement"]["correlation"]
    ended = convert(model, part, "--pairs", pairs, "--agreement", f"{(1 + 2 * reached) / 3:.12f}")
    assert ended.returncode == 0, ended.stderr
    note = json.loads((part / "conversion.json").read_text())
    assert len(note["int8"]) == len(note["fp32"]) == 1
    assert note["agreement"]["correlation"] > reached
    assert f"in fp32: {note['fp32'][0]}" in ended.stdout


def test_what_cannot_be_converted(tmp_path: Path) -> None:
    """A conversion that cannot be done ends with 1 and a line that says why, and leaves nothing behind."""
    ended = convert(EMBEDDED_MODEL, tmp_path / "new")
    assert (ended.returncode, ended.stdout) == (1, "")
    *progress, last = ended.stderr.splitlines()
    assert all(line.startswith("... ") for line in progress)
    assert last.startswith(f"rerankd: {EMBEDDED_MODEL / 'model.onnx'} has no products in fp32 to convert: ")
    assert list(tmp_path.iterdir()) == []


def test_without_onnx(model: Path, tmp_path: Path) -> None:
    """The command says how to get the package that it needs if that is not installed."""
    without = "import sys; sys.modules['onnx'] = None; from service.cli import main; main()"
    ended = run(sys.executable, "-c", without, "convert", str(model), str(tmp_path / "new"))
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr == "rerankd: the package onnx is missing: pip install 'rerankd[convert]'\n"

"""A conversion that cannot be done ends with a line that says why, and leaves nothing behind."""

import argparse
import json
from pathlib import Path

import pytest

from service.convert import command
from tests.unit.service.full_precision import a_dynamic_graph, a_layered_graph
from tests.unit.service.models import LOGITS, a_directory


def convert(*arguments: str) -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(exit_on_error=False)
    command.add_arguments(parser)
    return command.convert(parser.parse_args(arguments))


@pytest.fixture
def places(tmp_path: Path) -> dict[str, Path]:
    """Write directories that can, and that cannot, be converted."""
    pairs = tmp_path / "pairs"
    pairs.write_text(json.dumps({"query": "q", "documents": list(LOGITS)}))
    whole = a_layered_graph().SerializeToString()
    return {
        "pairs": pairs,
        "new": tmp_path / "new",
        "model": a_directory(tmp_path / "whole", graph=whole),
        "broken": a_directory(tmp_path / "broken", graph=whole[:1000]),
        "dynamic": a_directory(tmp_path / "dynamic", graph=a_dynamic_graph().SerializeToString()),
        "small": a_directory(tmp_path / "small"),
    }


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("/nowhere {new}", "model directory /nowhere does not exist"),
        ("{model} {small}", "small exists already"),
        ("{broken} {new}", "model.onnx is not an ONNX file, or is truncated"),
        ("{dynamic} {new}", "model.onnx is quantised already, with one scale per batch; convert the fp32 model"),
        ("{small} {new} --pairs {pairs}", "model.onnx has no products in fp32 to convert: "),
        ("{model} {new}", "the model gives all pairs the same score"),
        ("{model} {new} --pairs /nowhere", "/nowhere cannot be read: No such file or directory"),
        ("{model} {new} --pairs {pairs} --agreement 0.999999999999", "no product can be converted with an agreement"),
        ("{model} {pairs}/new --pairs {pairs}", "pairs: "),
    ],
)
def test_cannot_be_converted(
    arguments: str, said: str, places: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    """A conversion that cannot be done ends with 1 and a line that says why, and leaves nothing behind."""
    before = sorted(tmp_path.iterdir())
    assert convert(*arguments.format(**places).split()) == 1
    out, err = capsys.readouterr()
    assert out == ""
    last = err.splitlines()[-1]
    assert last.startswith("rerankd: ")
    assert said in last
    assert sorted(tmp_path.iterdir()) == before


def test_interrupted(places: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Interrupted, a conversion ends with what shells take for that, and leaves nothing behind."""

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("service.convert.conversion.speeds", interrupted)
    before = sorted(tmp_path.iterdir())
    assert convert(*"{model} {new} --pairs {pairs}".format(**places).split()) == 130
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.parametrize("share", ["0", "1", "-1", "nan", "much"])
def test_agreement_that_is_none(share: str):
    """An agreement that is no share is refused."""
    with pytest.raises(argparse.ArgumentError, match="argument --agreement"):
        convert("a", "b", f"--agreement={share}")

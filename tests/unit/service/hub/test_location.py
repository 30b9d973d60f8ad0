"""A path to a model or graph is located with all its weights, and never leads out of its directory."""

import re
from pathlib import Path

import pytest

from service.engine.errors import ModelError
from service.hub.location import locate
from tests.hub import onnx_file
from tests.unit.service.models import a_directory


def test_links_to_data(tmp_path: Path):
    """A link to weights is followed within the folder that the graph is really in; what to do elsewhere is said."""
    path = a_directory(tmp_path / "mine", graph=onnx_file("mine", "weights"))
    (path / "weights").symlink_to("stored")
    (path / "stored").write_bytes(b"weights")
    assert locate(path)
    (path / "stored").rename(tmp_path / "stored")
    (path / "stored").symlink_to(tmp_path / "stored")
    with pytest.raises(ModelError, match=rf"weights.*{path}"):
        locate(path)


def test_links_into_a_store(tmp_path: Path):
    """Graph and weights may both be links into one folder, as in the hub's cache."""
    path = a_directory(tmp_path / "mine", graph=onnx_file("mine", "weights"))
    store = tmp_path / "blobs"
    store.mkdir()
    (path / "weights").write_bytes(b"weights")
    for number, name in enumerate(("model.onnx", "weights")):
        (path / name).rename(store / str(number))
        (path / name).symlink_to(store / str(number))
    assert locate(path)


def test_a_graph_on_its_own(tmp_path: Path):
    """A graph without the rest of a model is told what its own folder lacks, and not the folder above."""
    graph = tmp_path / "mine" / "model.onnx"
    graph.parent.mkdir()
    graph.write_bytes(onnx_file("mine"))
    with pytest.raises(ModelError, match=rf"{graph.parent} .*config\.json.*model\.onnx"):
        locate(graph)


@pytest.mark.parametrize("name", ["model.onnx_data", "weights/a.bin"])
def test_missing_data(name: str, tmp_path: Path):
    """A graph without the file of its weights is told which is missing."""
    path = a_directory(tmp_path / "mine", graph=onnx_file("mine", name))
    with pytest.raises(ModelError, match=rf"mine/model\.onnx .*{name}"):
        locate(path)
    (path / name).parent.mkdir(exist_ok=True)
    (path / name).write_bytes(b"weights")
    assert locate(path)


@pytest.mark.parametrize("name", ["/etc/passwd", "../weights", "a/../../weights", "."])
def test_data_out_of_bounds(name: str, tmp_path: Path):
    """A graph that names a file elsewhere is refused, whether or not there is one."""
    path = a_directory(tmp_path / "mine", graph=onnx_file("mine", name))
    (tmp_path / "weights").write_bytes(b"weights")
    with pytest.raises(ModelError, match=rf"model\.onnx .*{re.escape(name)}"):
        locate(path)

"""A fetch downloads exactly the files that serving needs, once, and works offline afterwards."""

import logging
from collections.abc import Sequence
from itertools import cycle
from pathlib import Path

import pytest
from huggingface_hub import constants, hf_hub_download
from onnx import ModelProto, StringStringEntryProto, TensorProto

from service.engine.engine import Engine
from service.engine.errors import ModelError
from service.hub.fetch import fetch
from service.hub.id import HubId
from service.hub.location import locate
from tests.hub import CONFIG, GRAPHS, NAME, REST, LocalHub, onnx_file
from tests.unit.service.full_precision import a_layered_graph
from tests.unit.service.models import LOGITS, a_directory, an_engine, score


def test_only_what_is_needed(local: LocalHub):
    """Of all files, those that are read come, and one graph: the usual one."""
    commit = local.add(NAME, CONFIG | GRAPHS | REST, "main")
    snapshot = fetch(HubId(NAME))
    assert sorted(local.fetched()) == [
        "config.json",
        "onnx/model.onnx",
        "special_tokens_map.json",
        "tokenizer.json",
        "tokenizer_config.json",
    ]
    assert snapshot.commit == commit
    assert snapshot.graph.read_bytes() == GRAPHS["onnx/model.onnx"]
    assert (snapshot.directory / "tokenizer.json").read_bytes() == b"[]"


@pytest.mark.parametrize(
    ("graphs", "taken"),
    [
        ({"model.onnx": onnx_file("root")}, onnx_file("root")),
        ({"model.onnx": onnx_file("root"), "onnx/model.onnx": onnx_file("folder")}, onnx_file("folder")),
        ({"model.onnx": onnx_file("root"), "onnx/model_O4.onnx": onnx_file("half")}, onnx_file("root")),
    ],
)
def test_usual_graph(graphs: dict[str, bytes], taken: bytes, local: LocalHub):
    """The graph that is taken without being named is the same as in a directory."""
    local.add(NAME, CONFIG | graphs, "main")
    assert fetch(HubId(NAME)).graph.read_bytes() == taken


@pytest.mark.parametrize("graph", ["onnx/model_qint8.onnx", "other/place.onnx"])
def test_named_graph(graph: str, local: LocalHub):
    """A graph that is named comes in place of the usual one."""
    local.add(NAME, CONFIG | GRAPHS | {"other/place.onnx": onnx_file("elsewhere")}, "main")
    assert fetch(HubId(NAME, graph=graph)).graph.parts[-2:] == tuple(graph.split("/"))
    assert sorted(local.fetched()) == ["config.json", graph, "tokenizer.json"]


DATA = {
    "as the exporter names it": ["model.onnx_data"],
    "in parts": ["model.onnx_data", "model.onnx_data_1"],
    "as others do": ["model.onnx.data"],
    "without the graph's name": ["model.data"],
    "unique": ["5b1f2c1e-7a0c-11ef-9d3b-0242ac120002"],
    "one file a tensor": [f"encoder.layer.{number}.weight" for number in range(5)],
    "in a folder": ["weights/a.bin", "weights/deep/b.bin"],
    "at the graph's own place": ["./model.bin"],
    "with all sorts of characters": ["größe [1] *?.bin"],
}
"""Names that a graph may give the files of its weights."""


@pytest.mark.parametrize("names", DATA.values(), ids=DATA)
@pytest.mark.parametrize("folder", ["", "onnx/"])
def test_data_outside_the_graph(folder: str, names: list[str], local: LocalHub):
    """Weights come with the graph that names them, whatever they are called; those of other graphs do not."""
    data = {f"{folder}{name.removeprefix('./')}": name.encode() for name in names}
    others = {"onnx/model_O2.onnx": onnx_file("other", "model_O2.onnx_data"), "onnx/model_O2.onnx_data": b"others"}
    usual = f"{folder}model.onnx"
    local.add(NAME, CONFIG | others | data | {usual: onnx_file("usual", *names)}, "main")
    graph = fetch(HubId(NAME)).graph
    assert sorted(local.fetched()) == sorted(["config.json", "tokenizer.json", usual, *data])
    for name in names:
        assert (graph.parent / name).read_bytes() == name.encode()


@pytest.mark.parametrize("names", DATA.values(), ids=DATA)
@pytest.mark.parametrize("stored", ["with the model", "in a store of all models"])
def test_data_is_read_by_the_runtime(stored: str, names: list[str], local: LocalHub, tmp_path: Path):
    """A model whose weights lie outside of its graph scores as the whole one does, wherever the cache keeps them."""
    whole = a_layered_graph()
    expected = score(an_engine(tmp_path / "whole", graph=whole.SerializeToString()), "q", *LOGITS)
    directory = a_directory(tmp_path / "made", graph=spread(whole, names, tmp_path / "made"))
    files = {path.relative_to(directory).as_posix(): path for path in directory.rglob("*") if path.is_file()}
    model = HubId(NAME, local.add(NAME, {name: path.read_bytes() for name, path in files.items()}, "main"))
    snapshot = fetch(model).directory
    if stored == "in a store of all models":
        for number, name in enumerate(names):
            move_to_store(snapshot / name, tmp_path / "cache" / "blobs" / "ab" / str(number))
    assert score(Engine(locate(model)), "q", *LOGITS) == expected


def spread(model: ModelProto, names: Sequence[str], folder: Path) -> bytes:
    """Write the weights of a graph to these files, in turns, and return the graph without them."""
    model = ModelProto.FromString(model.SerializeToString())
    for tensor, name in zip(model.graph.initializer, cycle(names), strict=False):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        offset = path.stat().st_size if path.exists() else 0
        with path.open("ab") as file:
            file.write(tensor.raw_data)
        tensor.data_location = TensorProto.EXTERNAL
        entries = {"location": name, "offset": str(offset), "length": str(len(tensor.raw_data))}
        tensor.external_data.extend(StringStringEntryProto(key=key, value=value) for key, value in entries.items())
        tensor.ClearField("raw_data")
    return model.SerializeToString()


def move_to_store(link: Path, stored: Path) -> None:
    """Move a file of the cache to where the cache keeps large files of all models."""
    blob = link.parent / link.readlink()
    stored.parent.mkdir(parents=True, exist_ok=True)
    blob.resolve().rename(stored)
    blob.symlink_to(stored)


def test_data_in_the_shared_store(local: LocalHub, tmp_path: Path):
    """Data that the cache keeps elsewhere than the graph is served from where both lie: the runtime follows no link."""
    data, usual = "onnx/model.onnx_data", onnx_file("usual", "model.onnx_data")
    commit = local.add(NAME, CONFIG | {"onnx/model.onnx": usual, data: b"weights"}, "main")
    move_to_store(fetch(HubId(NAME, commit)).directory / data, tmp_path / "cache" / "blobs" / "ab" / "abcd")
    for _ in range(2):  # It stays where it was put.
        graph = fetch(HubId(NAME, commit)).graph
        assert graph.read_bytes() == usual
        beside = graph.with_name("model.onnx_data")
        assert beside.read_bytes() == b"weights"
        assert beside.resolve().parent == graph.resolve().parent


def test_revisions(local: LocalHub):
    """A branch, a tag and a commit are each taken at what they mean now."""
    old = local.add(NAME, CONFIG | {"model.onnx": onnx_file("old")}, "v1", "feature/x")
    new = local.add(NAME, CONFIG | {"model.onnx": onnx_file("new")}, "main")
    for revision, commit, content in (
        ("v1", old, onnx_file("old")),
        ("feature/x", old, onnx_file("old")),
        (new, new, onnx_file("new")),
        ("main", new, onnx_file("new")),
    ):
        snapshot = fetch(HubId(NAME, revision))
        assert (snapshot.commit, snapshot.graph.read_bytes()) == (commit, content)


def test_branch_that_moved(local: LocalHub):
    """A branch that has moved on is fetched anew."""
    local.add(NAME, CONFIG | {"model.onnx": onnx_file("old")}, "main")
    fetch(HubId(NAME))
    local.add(NAME, CONFIG | {"model.onnx": onnx_file("new")}, "main")
    assert fetch(HubId(NAME)).graph.read_bytes() == onnx_file("new")


def test_commit_in_the_cache(local: LocalHub):
    """A commit that is in the cache whole is served without asking the hub anything."""
    commit = local.add(NAME, CONFIG | GRAPHS | REST, "main")
    first = fetch(HubId(NAME, commit))
    local.asked.clear()
    assert fetch(HubId(NAME, commit)) == first
    assert local.asked == []


def test_branch_in_the_cache(local: LocalHub):
    """Of a branch that has not moved, the hub is asked only where it is."""
    local.add(NAME, CONFIG | GRAPHS | REST, "main")
    first = fetch(HubId(NAME))
    local.asked.clear()
    assert fetch(HubId(NAME)) == first
    assert local.asked == [f"GET /api/models/{NAME}/revision/main"]


@pytest.mark.parametrize("revision", ["main", "commit"])
def test_offline(revision: str, local: LocalHub, offline):
    """The cache is enough if the hub may not be asked."""
    commit = local.add(NAME, CONFIG | GRAPHS | REST, "main")
    model = HubId(NAME, commit if revision == "commit" else revision)
    first = fetch(model)
    local.asked.clear()
    offline()
    assert fetch(model) == first
    assert local.asked == []


def test_offline_after_another_program(local: LocalHub, offline):
    """A cache that another program filled is enough, too: it need not know what else the model has."""
    local.add(NAME, CONFIG | GRAPHS | REST, "main")
    for name in (*CONFIG, "onnx/model.onnx"):
        hf_hub_download(NAME, name)
    offline()
    assert fetch(HubId(NAME)).graph.read_bytes() == GRAPHS["onnx/model.onnx"]
    with pytest.raises(ModelError, match=r"no onnx/model_O2\.onnx"):
        fetch(HubId(NAME, graph="onnx/model_O2.onnx"))


def test_hub_that_is_gone(local: LocalHub, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture):
    """A branch in the cache is served though the hub cannot be reached, with a warning."""
    local.add(NAME, CONFIG | GRAPHS, "main")
    first = fetch(HubId(NAME))
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    assert fetch(HubId(NAME)) == first
    assert any("Could not reach the Hub" in record.message for record in caplog.records)


def test_log(local: LocalHub, caplog: pytest.LogCaptureFixture):
    """One line says where a model comes from, one at which commit it is."""
    commit = local.add(NAME, CONFIG | GRAPHS, "main")
    with caplog.at_level(logging.INFO):
        fetch(HubId(NAME))
    lines = [record.message for record in caplog.records if record.name == "service.hub.fetch"]
    assert len(lines) == 2
    assert local.url in lines[0]
    assert commit in lines[1]


def test_served_under_the_name_on_the_hub(local: LocalHub, tmp_path: Path):
    """A model from the hub scores, and is called as it is there."""
    directory = a_directory(tmp_path / "tiny")
    local.add(NAME, {path.name: path.read_bytes() for path in directory.iterdir()}, "main")
    engine = Engine(locate(HubId(NAME)))
    assert engine.name == NAME
    assert score(engine, "q", "best")[0] > score(engine, "q", "worst")[0]


@pytest.mark.parametrize("folder", ["", "onnx"])
def test_graph_in_a_directory(folder: str, tmp_path: Path):
    """A graph of a directory that is not the usual one is served when it is named."""
    directory = a_directory(tmp_path / "mine")
    graph = directory / folder / "model_O2.onnx"
    graph.parent.mkdir(exist_ok=True)
    (directory / "model.onnx").rename(graph)
    found = locate(graph)
    assert (found.name, found.path, found.graph) == ("mine", directory, graph)
    with pytest.raises(ModelError, match=r"model\.onnx"):
        locate(directory)

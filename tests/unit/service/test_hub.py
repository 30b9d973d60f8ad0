"""Tests of models from the hub, fetched by its own client from a hub on this machine."""

import logging
from collections.abc import Mapping
from pathlib import Path

import pytest
from huggingface_hub import constants, hf_hub_download

from service.engine import Engine, ModelError
from service.hub import fetch
from service.hub_id import HubId
from service.location import locate
from tests.hub import CONFIG, GRAPHS, NAME, REST, LocalHub
from tests.unit.service.models import a_directory, score


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
    assert snapshot.graph.read_bytes() == b"usual"
    assert (snapshot.directory / "tokenizer.json").read_bytes() == b"[]"


@pytest.mark.parametrize(
    ("graphs", "taken"),
    [
        ({"model.onnx": b"root"}, b"root"),
        ({"model.onnx": b"root", "onnx/model.onnx": b"folder"}, b"folder"),
        ({"model.onnx": b"root", "onnx/model_O4.onnx": b"half"}, b"root"),
    ],
)
def test_usual_graph(graphs: Mapping[str, bytes], taken: bytes, local: LocalHub):
    """The graph that is taken without being named is the same as in a directory."""
    local.add(NAME, CONFIG | graphs, "main")
    assert fetch(HubId(NAME)).graph.read_bytes() == taken


@pytest.mark.parametrize("graph", ["onnx/model_qint8.onnx", "other/place.onnx"])
def test_named_graph(graph: str, local: LocalHub):
    """A graph that is named comes in place of the usual one."""
    local.add(NAME, CONFIG | GRAPHS | {"other/place.onnx": b"elsewhere"}, "main")
    assert fetch(HubId(NAME, graph=graph)).graph.parts[-2:] == tuple(graph.split("/"))
    assert sorted(local.fetched()) == ["config.json", graph, "tokenizer.json"]


@pytest.mark.parametrize("ending", ["_data", ".data", "_data_1"])
def test_data_beside_the_graph(ending: str, local: LocalHub):
    """Weights that lie beside the graph come with it, those of other graphs do not."""
    data = {f"onnx/model.onnx{ending}": b"weights", f"onnx/model_O2.onnx{ending}": b"others"}
    local.add(NAME, CONFIG | GRAPHS | data, "main")
    graph = fetch(HubId(NAME)).graph
    assert graph.with_name(f"model.onnx{ending}").read_bytes() == b"weights"
    assert sorted(local.fetched()) == ["config.json", "onnx/model.onnx", f"onnx/model.onnx{ending}", "tokenizer.json"]


def test_data_in_the_shared_store(local: LocalHub, tmp_path: Path):
    """Data that the cache keeps elsewhere than the graph is served from where both lie: the runtime follows no link."""
    data = "onnx/model.onnx_data"
    commit = local.add(NAME, CONFIG | GRAPHS | {data: b"weights"}, "main")
    linked = fetch(HubId(NAME, commit)).directory / data
    blob, stored = linked.parent / linked.readlink(), tmp_path / "cache" / "blobs" / "ab" / "abcd"
    stored.parent.mkdir(parents=True)
    blob.resolve().rename(stored)
    blob.symlink_to(stored)
    for _ in range(2):  # It stays where it was put.
        graph = fetch(HubId(NAME, commit)).graph
        assert graph.read_bytes() == b"usual"
        beside = graph.with_name("model.onnx_data")
        assert beside.read_bytes() == b"weights"
        assert beside.resolve().parent == graph.resolve().parent


def test_revisions(local: LocalHub):
    """A branch, a tag and a commit are each taken at what they mean now."""
    old = local.add(NAME, CONFIG | {"model.onnx": b"old"}, "v1", "feature/x")
    new = local.add(NAME, CONFIG | {"model.onnx": b"new"}, "main")
    for revision, commit, content in (
        ("v1", old, b"old"),
        ("feature/x", old, b"old"),
        (new, new, b"new"),
        ("main", new, b"new"),
    ):
        snapshot = fetch(HubId(NAME, revision))
        assert (snapshot.commit, snapshot.graph.read_bytes()) == (commit, content)


def test_branch_that_moved(local: LocalHub):
    """A branch that has moved on is fetched anew."""
    local.add(NAME, CONFIG | {"model.onnx": b"old"}, "main")
    fetch(HubId(NAME))
    local.add(NAME, CONFIG | {"model.onnx": b"new"}, "main")
    assert fetch(HubId(NAME)).graph.read_bytes() == b"new"


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
    """Where the hub may not be asked, the cache is enough."""
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
    assert fetch(HubId(NAME)).graph.read_bytes() == b"usual"
    with pytest.raises(ModelError, match=r"has no onnx/model_O2\.onnx"):
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
    lines = [record.message for record in caplog.records if record.name == "service.hub"]
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
    with pytest.raises(ModelError, match="holds neither"):
        locate(directory)

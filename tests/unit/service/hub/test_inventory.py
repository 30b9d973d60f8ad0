"""The list of models shows every local and configured model, with the reason if one cannot be served."""

import json
from pathlib import Path

import pytest

from service.hub.fetch import fetch
from service.hub.id import HubId
from service.hub.inventory import Entry, as_json, catalogue, table
from service.settings import EMBEDDED_MODEL
from tests.hub import NAME, LocalHub, onnx_file
from tests.unit.service.models import a_directory


@pytest.fixture
def files(tmp_path: Path) -> dict[str, bytes]:
    """Return the files of a tiny model."""
    return {path.name: path.read_bytes() for path in a_directory(tmp_path / "tiny").iterdir()}


def cached(*configured: Path | HubId) -> list[Entry]:
    """Return what is listed beside the embedded model."""
    embedded, *others = catalogue(EMBEDDED_MODEL, configured)
    assert embedded.model == str(EMBEDDED_MODEL)
    return others


def test_embedded(local: LocalHub):
    """The embedded model is listed on a machine that never fetched one."""
    (entry,) = catalogue(EMBEDDED_MODEL, [EMBEDDED_MODEL])
    assert (entry.configured, entry.context, entry.graphs, entry.problem) == (True, 512, ("model.onnx",), None)
    assert entry.bytes > 20_000_000


def test_configured_directory(local: LocalHub, tmp_path: Path):
    """A directory that is configured is listed with what it is."""
    directory = a_directory(tmp_path / "mine")
    (entry,) = cached(directory)
    assert (entry.model, entry.configured, entry.context) == (str(directory), True, 32)


def test_configured_directory_that_cannot_be_served(local: LocalHub):
    """A setting that stops the start is listed with the reason."""
    (entry,) = cached(Path("/nowhere"))
    assert (entry.configured, entry.problem) == (True, "model directory /nowhere does not exist")


def test_cached(local: LocalHub, files: dict[str, bytes]):
    """A model in the cache is listed as it can be named, with its commit, size, context and graphs."""
    commit = local.add(NAME, files | {"onnx/model_O2.onnx": files["model.onnx"]}, "v1", "main")
    fetch(HubId(NAME, "v1"))
    fetch(HubId(NAME, "main", "onnx/model_O2.onnx"))
    (entry,) = cached(HubId(NAME, "main"))
    assert entry == Entry(
        f"{NAME}@main",
        configured=True,
        commit=commit,
        refs=("main", "v1"),
        bytes=sum(map(len, files.values())) + len(files["model.onnx"]),
        context=32,
        graphs=("model.onnx", "onnx/model_O2.onnx"),
    )
    assert not cached()[0].configured


def test_cached_by_commit(local: LocalHub, files: dict[str, bytes]):
    """A model that was fetched by its commit is named by it."""
    commit = local.add(NAME, files)
    fetch(HubId(NAME, commit))
    (entry,) = cached(HubId(NAME, commit))
    assert (entry.model, entry.refs, entry.configured) == (f"{NAME}@{commit}", (), True)


def test_cached_with_an_unusual_graph_alone(local: LocalHub, files: dict[str, bytes]):
    """A model of which only a graph that must be named was fetched can be served, too."""
    model = HubId(NAME, "main", "onnx/model_O2.onnx")
    local.add(NAME, files | {"onnx/model_O2.onnx": onnx_file("optimised")}, "main")
    fetch(model)
    (entry,) = cached(model)
    assert (entry.configured, entry.graphs, entry.problem) == (True, ("onnx/model_O2.onnx",), None)


def test_cached_with_data_in_the_shared_store(local: LocalHub, files: dict[str, bytes], tmp_path: Path):
    """A model whose weights the cache keeps among those of all models can be served."""
    usual = {"model.onnx": onnx_file("usual", "weights"), "weights": b"weights"}
    model = HubId(NAME, local.add(NAME, files | usual, "main"))
    link = fetch(model).directory / "weights"
    stored = tmp_path / "stored"
    link.resolve().rename(stored)
    link.unlink()
    link.symlink_to(stored)
    assert [entry.problem for entry in cached(model)] == [None]


def test_cached_beside_a_graph_without_its_data(local: LocalHub, files: dict[str, bytes]):
    """Another graph in the cache, whose weights were never fetched, keeps no model from being served."""
    model = HubId(NAME, local.add(NAME, files | {"a.onnx": onnx_file("another", "weights")}, "main"))
    snapshot = fetch(model).directory
    (snapshot / "a.onnx").write_bytes(onnx_file("another", "weights"))
    assert [entry.problem for entry in cached(model)] == [None]


def test_other_things_in_the_cache(local: LocalHub, files: dict[str, bytes]):
    """Models that this service cannot serve are not listed, unless one of them is configured: then with the reason."""
    local.add(NAME, files | {"config.json": json.dumps({"num_labels": 3}).encode()}, "main")
    fetch(HubId(NAME))
    assert cached() == []
    (entry,) = cached(HubId(NAME))
    assert "3 labels" in (entry.problem or "")


def test_configured_but_not_fetched(local: LocalHub, files: dict[str, bytes]):
    """A model that is yet to be fetched is listed as such, and not fetched for the list."""
    local.add(NAME, files, "v1", "v2")
    fetch(HubId(NAME, "v1"))
    local.asked.clear()
    waiting, there = cached(HubId(NAME, "v2"))
    assert (waiting.model, waiting.configured) == (f"{NAME}@v2", True)
    assert "cache" in (waiting.problem or "")
    assert (there.model, there.configured) == (f"{NAME}@v1", False)
    assert local.asked == []


def test_several_configured(local: LocalHub, files: dict[str, bytes], tmp_path: Path):
    """Each of several models configured is listed with what it is, or what it lacks."""
    local.add(NAME, files, "v1")
    fetch(HubId(NAME, "v1"))
    directory = a_directory(tmp_path / "mine")
    found = {entry.model: bool(entry.problem) for entry in cached(directory, HubId(NAME, "v1"), HubId("org/other"))}
    assert found == {str(directory): False, f"{NAME}@v1": False, "org/other@main": True}


def test_table():
    """The table has a line for each model, marks the one that is configured, and is as wide as it must be."""
    entries = [
        Entry("/models/mine", configured=False, bytes=1_250_000, context=512, graphs=("model.onnx", "onnx/model.onnx")),
        Entry(f"{NAME}@v1", configured=True, commit="0123456789abcdef", problem="not there"),
    ]
    assert table(entries).splitlines() == [
        "   MODEL         REVISION      SIZE    CONTEXT  ONNX FILES",
        "   /models/mine                1.2 MB  512      model.onnx, onnx/model.onnx",
        "*  org/name@v1   0123456789ab                   not there",
        "",
        "* configured in RERANKD_MODEL or RERANKD_EXTRA_MODELS",
    ]


def test_json():
    """Programs get everything by name."""
    (entry,) = json.loads(as_json([Entry(NAME, configured=True, refs=("main",), graphs=("model.onnx",))]))
    assert (entry["model"], entry["configured"], entry["refs"]) == (NAME, True, ["main"])

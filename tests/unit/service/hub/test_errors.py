"""A model that the hub does not provide is refused in one line with the cause and a remedy."""

import errno
import os

import pytest
from huggingface_hub import constants

from service.engine.errors import ModelError
from service.hub import fetch as fetching
from service.hub.fetch import fetch
from service.hub.id import HubId
from tests.hub import CONFIG, GRAPHS, NAME, REST, LocalHub, onnx_file


def failure(text: str) -> str:
    """Return what is said of a model that cannot be had: one line, which names it."""
    model = HubId.parse(text)
    with pytest.raises(ModelError) as caught:
        fetch(model)
    said = str(caught.value)
    assert said.startswith(f"model {model}")
    assert "\n" not in said
    return said


@pytest.mark.parametrize("revision", ["main", "0" * 40])
def test_offline_without_the_model(revision: str, local: LocalHub, offline):
    """The error says that the hub may not be asked and that the cache has nothing."""
    local.add(NAME, CONFIG | GRAPHS, "main")
    offline()
    said = failure(f"{NAME}@{revision}")
    assert "HF_HUB_OFFLINE" in said
    assert str(constants.HF_HUB_CACHE) in said
    assert local.asked == []


@pytest.mark.parametrize("name", ["config.json", "tokenizer_config.json", "onnx/model.onnx_data", "onnx/model.onnx"])
def test_broken_off(name: str, local: LocalHub, monkeypatch: pytest.MonkeyPatch):
    """A download that breaks off is never taken for a whole one; the next start takes it up."""
    usual = {"onnx/model.onnx": onnx_file("usual", "model.onnx_data"), "onnx/model.onnx_data": b"weights"}
    commit = local.add(NAME, CONFIG | GRAPHS | REST | usual, "main")
    local.broken = {name}
    assert constants.ENDPOINT in failure(f"{NAME}@{commit}")
    with monkeypatch.context() as forbidden:
        forbidden.setattr(constants, "HF_HUB_OFFLINE", True)
        assert "HF_HUB_OFFLINE" in failure(f"{NAME}@{commit}")
    local.broken = set()
    local.asked.clear()
    assert fetch(HubId(NAME, commit)).graph.read_bytes() == usual["onnx/model.onnx"]
    assert "tokenizer.json" not in local.fetched() or name == "config.json"


def test_no_hub(local: LocalHub, monkeypatch: pytest.MonkeyPatch):
    """The error for a hub that does not answer names its address and what to check."""
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    said = failure(NAME)
    assert "http://127.0.0.1:9" in said
    assert "HF_ENDPOINT" in said


@pytest.mark.parametrize(
    ("status", "code", "words"),
    [
        (403, "GatedRepo", ["gated", f"/{NAME}", "HF_TOKEN"]),
        (401, "RepoNotFound", ["private", "HF_TOKEN"]),
        (404, "RepoNotFound", ["private", "HF_TOKEN"]),
        (404, "RevisionNotFound", ["revision", f"/{NAME}/tree/main"]),
        (401, "", ["(401)", "HF_TOKEN"]),
        (403, "", ["(403)", "HF_TOKEN"]),
        (429, "", [" 429"]),
        (500, "", [" 500"]),
        (503, "", [" 503"]),
    ],
)
def test_refused(status: int, code: str, words: list[str], local: LocalHub):
    """A refusal of the hub is explained, with what to do."""
    local.add(NAME, CONFIG | GRAPHS, "main")
    local.refusal = (status, code)
    said = failure(NAME)
    assert [word for word in words if word not in said] == []


def test_name_the_hub_does_not_allow(local: LocalHub):
    """A name that no model can have is refused without asking."""
    assert "model name" in failure("org/two--dashes")
    assert local.asked == []


@pytest.mark.parametrize(
    ("number", "named"), [(errno.ENOSPC, "HF_HUB_CACHE"), (errno.EROFS, "HF_HUB_CACHE"), (errno.EIO, "HF_ENDPOINT")]
)
def test_cache_that_cannot_be_written(number: int, named: str, local: LocalHub, monkeypatch: pytest.MonkeyPatch):
    """A full disk and a cache that is not one's own are told apart from a network that fails."""
    local.add(NAME, CONFIG | GRAPHS, "main")

    def fail(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fetching, "hf_hub_download", fail)
    assert named in failure(NAME)


@pytest.mark.parametrize("name", ["config.json", "tokenizer.json"])
def test_missing_file(name: str, local: LocalHub):
    """A model without a file that is needed is refused before its graph is fetched."""
    local.add(NAME, {other: content for other, content in (CONFIG | GRAPHS).items() if other != name}, "main")
    assert f"no {name}" in failure(NAME)
    assert "onnx/model.onnx" not in local.fetched()


@pytest.mark.parametrize(
    ("graph", "said"),
    [
        (onnx_file("usual", "gone.bin"), "no onnx/gone.bin"),
        (onnx_file("usual", "../config.json"), "../config.json"),
        (onnx_file("usual", "/etc/passwd"), "/etc/passwd"),
        (b"<html>", "ONNX file"),
        (b"version https://git-lfs.github.com/spec/v1\n", "Git LFS"),
    ],
)
def test_weights_that_cannot_be_fetched(graph: bytes, said: str, local: LocalHub):
    """A graph whose weights are nowhere, or not for it to name, is refused, and the file at fault is named."""
    local.add(NAME, CONFIG | {"onnx/model.onnx": graph}, "main")
    message = failure(NAME)
    assert "onnx/model.onnx" in message
    assert said in message
    assert sorted(local.fetched()) == ["config.json", "onnx/model.onnx", "tokenizer.json"]


def test_no_graph(local: LocalHub):
    """A model without ONNX is told what it has, and how to get there."""
    local.add(NAME, CONFIG | REST | {"model.safetensors": b"0"}, "main")
    said = failure(NAME)
    assert "pytorch_model.bin, model.safetensors" in said
    assert f"--model {NAME}" in said


def test_only_unusual_graphs(local: LocalHub):
    """A quantised graph is not taken because there is no other; how it is named is said."""
    local.add(NAME, CONFIG | {"onnx/model_qint8.onnx": b"quantised"}, "v1")
    said = failure(f"{NAME}@v1")
    assert f"{NAME}@v1/onnx/model_qint8.onnx" in said
    assert local.fetched() == ["config.json"]


def test_named_graph_that_is_not_there(local: LocalHub):
    """A graph that is named wrongly is told what there is."""
    local.add(NAME, CONFIG | GRAPHS, "main")
    assert ", ".join(GRAPHS) in failure(f"{NAME}/onnx/model_o2.onnx")


def test_many_graphs(local: LocalHub):
    """A message does not list a hundred files."""
    local.add(NAME, CONFIG | {f"onnx/{number:03}.onnx": b"" for number in range(100)}, "main")
    said = failure(NAME)
    assert "onnx/011.onnx and 88 more" in said
    assert "onnx/012.onnx" not in said

"""A model from the hub is fetched once and served from then on without the network; the hub is one on this machine."""

import json
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from service.settings import EMBEDDED_MODEL
from tests.clients import message, post, stub
from tests.hub import NAME, LocalHub
from tests.process import COMMAND, RunningService, environment, failed_start, run

FILES = {
    "config.json": (EMBEDDED_MODEL / "config.json").read_bytes(),
    "tokenizer.json": (EMBEDDED_MODEL / "tokenizer.json").read_bytes(),
    "onnx/model.onnx": (EMBEDDED_MODEL / "model.onnx").read_bytes(),
    "onnx/model_qint8.onnx": b"another",
}


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LocalHub]:
    """Give a hub that processes ask from now on, with an empty cache."""
    local = LocalHub()
    for name in ("HF_HUB_CACHE", "HF_HUB_OFFLINE", "HF_TOKEN", "HUGGINGFACE_HUB_CACHE", "TRANSFORMERS_OFFLINE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HF_ENDPOINT", local.url)
    monkeypatch.setenv("HF_HOME", str(tmp_path / "home"))
    yield local
    local.close()


def test_a_model_from_the_hub_answers_with_and_without_the_hub(hub: LocalHub, monkeypatch: pytest.MonkeyPatch) -> None:
    """A model named with its revision is fetched and served, and from then on served without any network."""
    commit = hub.add(NAME, FILES, "v1")
    expected = None
    for _ in range(2):
        with RunningService.start(model=f"{NAME}@v1", model_aliases="") as running:
            answer = post(running.http, model=NAME)
            with stub(running.grpc) as rpc:
                assert len(rpc.Rerank(message(model=NAME)).results) == len(answer.json()["results"])
        assert answer.status_code == 200
        expected = expected or answer.json()["results"]
        assert answer.json()["results"] == expected
        lines = [json.loads(line)["event"] for line in running.log().splitlines()]
        assert any(commit in line for line in lines)
        monkeypatch.setenv("HF_HUB_OFFLINE", "1")
        hub.close()
    assert sorted(hub.fetched()) == ["config.json", "onnx/model.onnx", "tokenizer.json"]
    assert hub.asked_besides == []


def test_a_model_that_is_not_there_ends_the_start(hub: LocalHub) -> None:
    """A model that cannot be had from the hub ends the start with status 1 and a sentence that says why."""
    hub.add(NAME, FILES, "v1")
    assert "no such revision" in failed_start(model=f"{NAME}@v2").splitlines()[-1]


def test_a_signal_during_a_download_ends_the_process(hub: LocalHub) -> None:
    """Nobody waits for a download that nobody wants any more."""
    hub.add(NAME, FILES, "main")
    hub.held = {"onnx/model.onnx"}
    process = subprocess.Popen(
        [COMMAND, "serve"], env=environment(model=NAME), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert hub.holding.wait(600)
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=600)  # The hub itself never goes on.
    assert process.returncode == 0
    assert "Traceback" not in errors


def test_models_are_listed(hub: LocalHub) -> None:
    """`rerankd models` shows what is there as a table, and for programs as JSON, without asking the hub."""
    shown, listed = run(COMMAND, "models", model=f"{NAME}@v1"), run(COMMAND, "models", "--json")
    assert (shown.returncode, listed.returncode) == (0, 0)
    head, embedded, configured, *_ = shown.stdout.splitlines()
    assert head.split() == ["MODEL", "REVISION", "SIZE", "CONTEXT", "ONNX", "FILES"]
    assert embedded.split()[0] == str(EMBEDDED_MODEL)
    assert configured.split()[:2] == ["*", f"{NAME}@v1"]
    assert [entry["model"] for entry in json.loads(listed.stdout)] == [str(EMBEDDED_MODEL)]
    assert hub.asked == []

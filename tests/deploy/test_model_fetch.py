"""Pods serve the model that the Job has fetched to the volume, with the real program and a local hub."""

import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from service.settings import EMBEDDED_MODEL
from tests.clients import post
from tests.deploy.manifests import Object, environment_of, one
from tests.hub import NAME, LocalHub
from tests.process import RunningService, environment

FILES = {"config.json": "config.json", "tokenizer.json": "tokenizer.json", "onnx/model.onnx": "model.onnx"}


def test_pods_start_on_what_the_job_fetched(
    rendered: dict[str, list[Object]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After the command of the Job, a pod with the settings of the component serves that model offline."""
    hub = LocalHub()
    try:
        commit = hub.add(NAME, {name: (EMBEDDED_MODEL / file).read_bytes() for name, file in FILES.items()})
        (container,) = one(rendered["model-fetch"], "Job", "rerankd-model-fetch")["spec"]["template"]["spec"][
            "containers"
        ]
        _, *arguments = container["command"]
        home = str(tmp_path / "models")
        job = environment(model=f"{NAME}@{commit}") | {"HF_HOME": home, "HF_ENDPOINT": hub.url}
        done = subprocess.run(
            [sys.executable, *arguments], env=job, capture_output=True, text=True, timeout=600, check=False
        )
        assert done.returncode == 0, f"{shlex.join(arguments)}: {done.stderr}"
        assert set(hub.fetched()) == FILES.keys()
    finally:
        hub.close()

    pod = {name: value for name, value in environment_of(rendered["model-volume"]).items() if name.startswith("HF_")}
    for name, value in pod.items():
        monkeypatch.setenv(name, value.replace("/models", home))
    running = RunningService.start(model=f"{NAME}@{commit}")
    try:
        assert post(running.http, model=NAME).status_code == 200
    finally:
        assert running.stop() == 0

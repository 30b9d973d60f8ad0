"""The Dockerfile gives a small, pinned, unprivileged image; checked without a build."""

import fnmatch
import json
import re

import pytest

from service.settings import PREFIX, Settings
from tests.deploy.tools import ROOT

DEPLOY = ROOT / "deploy"
USER = 65532


@pytest.fixture(scope="module")
def dockerfile() -> list[tuple[str, str]]:
    """Return the instructions of the Dockerfile with their arguments, continued lines joined."""
    lines = [line for line in (DEPLOY / "Dockerfile").read_text().splitlines() if not line.startswith("#")]
    joined = re.sub(r"\\\n\s*", "", "\n".join(lines))
    return [(word.upper(), rest) for word, _, rest in (line.partition(" ") for line in joined.splitlines() if line)]


@pytest.fixture(scope="module")
def image(dockerfile: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Return the instructions of the last stage, the image itself."""
    last = max(index for index, (word, _) in enumerate(dockerfile) if word == "FROM")
    return dockerfile[last:]


def test_signals_reach_the_program(image: list[tuple[str, str]]) -> None:
    """The program runs as PID 1, without a shell."""
    assert [json.loads(rest) for word, rest in image if word == "ENTRYPOINT"] == [["rerankd"]]
    assert [json.loads(rest) for word, rest in image if word == "CMD"] == [["serve"]]


def test_image_is_not_root(image: list[tuple[str, str]]) -> None:
    """The image's user is a number, the same as in the manifests."""
    assert [rest for word, rest in image if word == "USER"] == [f"{USER}:{USER}"]


def test_base_is_chosen(dockerfile: list[tuple[str, str]]) -> None:
    """Both stages use the same configurable base, and no tag is `latest` or missing."""
    assert [rest.split()[0] for word, rest in dockerfile if word == "FROM"] == ["${BASE}", "${BASE}"]
    (base,) = (rest.removeprefix("BASE=") for word, rest in dockerfile if word == "ARG" and rest.startswith("BASE="))
    tag = base.rpartition("/")[2].partition(":")[2]
    assert tag
    assert tag != "latest"


def test_image_takes_only_the_environment(dockerfile: list[tuple[str, str]], image: list[tuple[str, str]]) -> None:
    """Copied files exist in the build context; the last stage copies only files of the first."""
    copies = [rest.split() for word, rest in dockerfile if word == "COPY"]
    sources = [source.rstrip("/") for copy in copies if not copy[0].startswith("--from=") for source in copy[:-1]]
    assert sources
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    for source in sources:
        assert (ROOT / source).exists()
        assert f"!{source}" in ignored
    assert [rest for word, rest in image if word in {"COPY", "ADD"}] == ["--from=build /opt/rerankd /opt/rerankd"]
    assert not [rest for word, rest in image if word == "RUN"]


def test_context_leaves_secrets_and_stubs_out() -> None:
    """The build context has only the listed files, and no generated stubs."""
    lines = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line and not line.startswith("#")]
    assert lines[0] == "*"
    last_taken = max(index for index, line in enumerate(lines) if line.startswith("!"))
    for stub in (
        "protos/rerank/v2/rerank_pb2.py",
        "protos/rerank/v2/rerank_pb2_grpc.py",
        "protos/rerank/v2/rerank_pb2.pyi",
        "client/rerankd_client/protos.binpb",
    ):
        assert any(fnmatch.fnmatch(stub, line) for line in lines[last_taken + 1 :])


def test_dependencies_are_checked_against_hashes(dockerfile: list[tuple[str, str]]) -> None:
    """The image installs its dependencies from lock files, by hash, and resolves nothing."""
    commands = [command for word, rest in dockerfile if word == "RUN" for command in rest.split("&&")]
    installs = [command for command in commands if " install " in command or " wheel " in command]
    assert all("--no-deps" in command for command in installs)
    *locked, wheel, project = installs
    for command, lock in zip(locked, ("requirements.txt", "requirements-build.txt"), strict=True):
        assert "--require-hashes" in command
        assert command.split()[-2:] == ["--requirement", lock]
    assert "--no-build-isolation" in wheel
    assert wheel.split()[-1] == "."
    assert project.split()[-1] == "dist/*.whl"


def test_image_keeps_the_programs_defaults(image: list[tuple[str, str]]) -> None:
    """The image sets no setting, so it listens on loopback by default; it exposes the default ports."""
    assert not [rest for word, rest in image if word in {"ENV", "ARG"} and PREFIX in rest]
    (exposed,) = (rest.split() for word, rest in image if word == "EXPOSE")
    defaults = (Settings.model_fields[f"{name}_address"].default for name in ("grpc", "http", "admin"))
    assert exposed == [str(address.port) for address in defaults]

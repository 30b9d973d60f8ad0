"""The container image, built by buildah from a base made here, without any registry, and run.

Wants root, buildah and mmdebstrap, and is skipped without them. Isolation is that of chroot: neither cgroups nor
seccomp are exercised.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.clients import post
from tests.process import RunningService, environment

ROOT = Path(__file__).parents[2]
VERSION: str = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
MEGABYTES_MAX = 700
TOOLS = ("buildah", "mmdebstrap")
MISSING = [tool for tool in TOOLS if not shutil.which(tool)]

pytestmark = [
    pytest.mark.skipif(bool(MISSING) or os.geteuid() != 0, reason=f"wants root, {' and '.join(TOOLS)}"),
    pytest.mark.timeout(900),
]


class Buildah:
    """buildah with a storage of its own."""

    def __init__(self, folder: Path) -> None:
        self._storage = ("--root", str(folder / "root"), "--runroot", str(folder / "run"), "--storage-driver", "vfs")

    def command(self, name: str, *arguments: str) -> list[str]:
        """Return a command line."""
        return ["buildah", *self._storage, name, *arguments]

    def __call__(self, name: str, *arguments: str) -> str:
        """Return what a command prints. Raises CalledProcessError."""
        ran = subprocess.run(self.command(name, *arguments), stdout=subprocess.PIPE, text=True, check=True)
        return ran.stdout.strip()


@pytest.fixture(scope="module")
def buildah(tmp_path_factory: pytest.TempPathFactory) -> Buildah:
    return Buildah(tmp_path_factory.mktemp("buildah"))


def _wheels(folder: Path) -> None:
    """Fetch what the build installs, so that it needs no network."""
    pip = (sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--dest", str(folder))
    locks = (f"--requirement={ROOT / name}" for name in ("requirements.txt", "requirements-build.txt"))
    subprocess.run([*pip, "--no-deps", "--require-hashes", "--only-binary", ":all:", *locks], check=True)


@pytest.fixture(scope="module")
def image(buildah: Buildah, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Build the image, as deploy/README.md says."""
    folder = tmp_path_factory.mktemp("image")
    archive, wheels, settings = folder / "base.tar", folder / "wheels", folder / "pip.conf"
    packages = "--include=ca-certificates,python3,python3-venv"
    subprocess.run(["mmdebstrap", "--quiet", "--variant=minbase", packages, "bookworm", archive], check=True)
    base = buildah("from", "scratch")
    buildah("add", "--quiet", base, str(archive), "/")
    buildah("commit", "--quiet", base, "localhost/base")
    _wheels(wheels)
    settings.write_text("[global]\nno-index = true\nfind-links = /wheels\n")
    mounts = ("--volume", f"{wheels}:/wheels:ro", "--volume", f"{settings}:/etc/pip.conf:ro")
    arguments = ("BASE=localhost/base", f"VERSION={VERSION}", "REVISION=abc")
    options = [option for argument in arguments for option in ("--build-arg", argument)]
    recipe = ("--file", str(ROOT / "deploy" / "Dockerfile"), "--tag", "localhost/rerankd", str(ROOT))
    buildah("bud", "--quiet", "--isolation", "chroot", *options, *mounts, *recipe)
    return "localhost/rerankd"


@pytest.fixture(scope="module")
def config(buildah: Buildah, image: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(buildah("inspect", "--type", "image", image))["OCIv1"]["config"]
    return found


@pytest.fixture
def container(buildah: Buildah, image: str) -> Iterator[str]:
    name = buildah("from", image)
    yield name
    buildah("rm", name)


def test_what_it_says_of_itself(config: dict[str, Any]) -> None:
    """The image runs the program itself, as a user that is a number, and is labelled with what it holds."""
    assert config["Entrypoint"] == ["rerankd"]
    assert config["Cmd"] == ["serve"]
    assert config["User"] == "65532:65532"
    labels = config["Labels"]
    assert labels["org.opencontainers.image.title"] == "rerankd"
    assert (labels["org.opencontainers.image.version"], labels["org.opencontainers.image.revision"]) == (VERSION, "abc")
    assert not [name for name in config["Env"] if name.startswith("RERANKD_")]


def _pythons_of(user: str) -> list[int]:
    """Return the processes in which a user runs Python; another of its own is what buildah waits in."""
    return [
        int(path.parent.name)
        for path in Path("/proc").glob("[0-9]*/exe")
        if path.parent.stat().st_uid == int(user.partition(":")[0]) and path.readlink().name.startswith("python")
    ]


def test_it_answers(buildah: Buildah, container: str, config: dict[str, Any]) -> None:
    """The service answers in the container, as that user, and drains on SIGTERM."""
    kept = [f"{name}={value}" for name, value in environment().items() if name.startswith("RERANKD_")]
    options = [option for setting in kept for option in ("--env", setting)]
    command = buildah.command(
        "run", "--isolation", "chroot", *options, container, "--", *config["Entrypoint"], *config["Cmd"]
    )
    running = RunningService.start(*command)
    try:
        assert post(running.http).status_code == 200
        (served,) = _pythons_of(config["User"])
        os.kill(served, signal.SIGTERM)
        assert running.process.wait(60) == 0
    finally:
        running.stop()


def test_what_is_in_it(buildah: Buildah, container: str) -> None:
    """There is no installer, nothing that its user may change but /tmp, and no more than it needs."""
    root = Path(buildah("mount", container))
    assert not list(root.glob("opt/rerankd/lib/python3*/site-packages/pip*"))
    assert (root / "opt/rerankd/bin/rerankd").exists()
    assert not [path for path in (root / "opt").rglob("*") if not path.is_symlink() and path.stat().st_uid]
    assert list(root.glob("opt/rerankd/lib/python3*/site-packages/service/__pycache__/server.*.pyc"))
    size = sum(path.lstat().st_size for path in root.rglob("*") if path.is_file() and not path.is_symlink())
    assert size < MEGABYTES_MAX * 2**20

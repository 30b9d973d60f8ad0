"""External programs of the deployment tests."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
_ENVIRONMENT = ROOT / ".tools" / "bin"


def tool(name: str) -> str:
    """Return the path of a program that `make tools` installs. Skips the test if it is missing."""
    path = _ENVIRONMENT / name
    if not path.exists():
        pytest.skip(f"{name} is missing: `make tools` installs it")
    return str(path)


def program(name: str, package: str) -> str:
    """Return the path of a program on PATH. Skips the test if it is missing."""
    path = shutil.which(name)
    if path is None:
        pytest.skip(f"{name} is missing: it comes with the package {package}")
    return path


def kubectl() -> str:
    """Return the path of kubectl. Skips the test if it is missing or too old."""
    path = program("kubectl", "kubectl")
    done = run(path, "version", "--client", "--output=json")
    version = json.loads(done.stdout or "{}").get("kustomizeVersion", "v0")
    if int(version.removeprefix("v").partition(".")[0]) < 5:
        pytest.skip("kubectl is too old: the manifests need the kustomize 5 that is part of newer ones")
    return path


def run(*command: str | Path) -> subprocess.CompletedProcess[str]:
    """Run a program, and return its result without checking the exit status."""
    return subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)

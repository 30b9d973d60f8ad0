"""The version stands in pyproject.toml, and every other place names the same."""

import re
from importlib.metadata import version

import pytest

from tests.unit.test_locks import CLIENT_PROJECT, PROJECT, ROOT

VERSION = PROJECT["project"]["version"]
NAMED = {
    "deploy/README.md": r"(?:rerankd:|VERSION=)(\d[\w.]*)",
    "deploy/kubernetes/base/kustomization.yaml": r"(?:newTag|app\.kubernetes\.io/version): (\S+)",
    "deploy/kubernetes/model-fetch/kustomization.yaml": r"newTag: (\S+)",
}
"""Files that repeat the version, and how they write it."""


@pytest.mark.parametrize("file", NAMED)
def test_files_name_the_version(file: str):
    """Commands and manifests name the image of this version."""
    found = re.findall(NAMED[file], (ROOT / file).read_text(encoding="utf-8"))
    assert found
    assert set(found) == {VERSION}


def test_the_installed_version():
    """The installed program says the version that pyproject.toml has."""
    assert version("rerankd") == VERSION


def test_the_client_has_the_version_of_the_service():
    """The client's distribution reads its version from the service's."""
    source = CLIENT_PROJECT["tool"]["hatch"]["version"]
    assert "version" in CLIENT_PROJECT["project"]["dynamic"]
    (found,) = re.findall(
        source["pattern"], (ROOT / "client" / source["path"]).read_text(encoding="utf-8"), re.MULTILINE
    )
    assert found == VERSION


def test_the_version_is_in_the_changelog():
    """The changelog has a dated heading for the version, and it is the newest one."""
    headings = re.findall(
        r"^## (\d\S*) - \d{4}-\d\d-\d\d$", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE
    )
    assert headings[0] == VERSION

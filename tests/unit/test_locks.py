"""The lock files hold everything that is installed, so that nothing is resolved at installation."""

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROJECT, CLIENT_PROJECT = (
    tomllib.loads((ROOT / folder / "pyproject.toml").read_text(encoding="utf-8")) for folder in (".", "client")
)
LOCKS = {
    name: (ROOT / name).read_text(encoding="utf-8")
    for name in ("requirements.txt", "requirements-build.txt", "requirements-dev.txt", "tests/deploy/requirements.txt")
}
PIN = re.compile(r"^(?P<name>[a-z0-9][a-z0-9.-]*)==(?P<version>[^ ;]+)(?: ; (?P<marker>[^\\]+?))? \\$")


def pins(lock: str) -> dict[str, set[tuple[str, str]]]:
    """Return the versions of each name that a lock file pins, each with the machines it is for."""
    found: dict[str, set[tuple[str, str]]] = {}
    for line in LOCKS[lock].splitlines():
        if line and line[0] not in "# ":
            pin = PIN.match(line)
            assert pin, f"{lock}: {line!r} is not one version"
            found.setdefault(pin["name"], set()).add((pin["version"], pin["marker"] or ""))
    return found


def named(requirements: list[str | dict[str, str]]) -> set[str]:
    """Return the names that requirements are for, normalised as an index does it."""
    return {
        re.sub(r"[-_.]+", "-", re.split(r"[\[<>=~!; ]", one, maxsplit=1)[0]).lower()
        for one in requirements
        if isinstance(one, str)
    }


@pytest.mark.parametrize("lock", LOCKS)
def test_each_pin_has_hashes(lock: str):
    """Each requirement is of one version, and has a hash on the line after it."""
    lines = LOCKS[lock].splitlines()
    after = [lines[number + 1] for number, line in enumerate(lines) if line and line[0] not in "# "]
    assert len(after) >= len(pins(lock)) > 5
    assert all(re.fullmatch(r"    --hash=sha256:[0-9a-f]{64}( \\)?", line) for line in after)


@pytest.mark.parametrize("lock", LOCKS)
def test_no_lock_names_an_index(lock: str):
    """A lock file names no index: the machine's own configuration does."""
    assert not re.search(r"://|--(extra-)?index|--find-links|--trusted-host", LOCKS[lock])


def test_locks_agree():
    """Lock files pin shared packages to the same version, since they share an environment."""
    everything = pins("requirements-dev.txt")
    for lock in ("requirements.txt", "requirements-build.txt"):
        assert {name: everything.get(name) for name in pins(lock)} == pins(lock)


def test_direct_requirements_are_pinned():
    """Each lock has what pyproject.toml asks for by name."""
    project, groups = PROJECT["project"], PROJECT["dependency-groups"]
    assert named([*project["dependencies"], *project["optional-dependencies"]["traces"]]) <= set(
        pins("requirements.txt")
    )
    assert named(groups["build"]) <= set(pins("requirements-build.txt"))
    assert named([*project["dependencies"], *groups["build"], *groups["dev"]]) <= set(pins("requirements-dev.txt"))


def test_what_builds_the_package_is_the_same_everywhere():
    """An isolated build, one in the environment, and one of the image use the same versions."""
    required: list[str] = PROJECT["build-system"]["requires"]
    assert sorted(required) == sorted(PROJECT["dependency-groups"]["build"])
    versions = {name: version for name, pinned in pins("requirements-build.txt").items() for version, _ in pinned}
    assert all(versions[name] == version for name, version in (one.split("==") for one in required))


def test_serving_takes_no_tool_for_tests():
    """The environment that serves has nothing in it that only tests, checks or pictures use."""
    tools = named(PROJECT["dependency-groups"]["dev"]) - named(PROJECT["project"]["optional-dependencies"]["traces"])
    assert {"pytest", "ruff", "mypy"} <= tools
    assert not tools & (set(pins("requirements.txt")) | set(pins("requirements-build.txt")))

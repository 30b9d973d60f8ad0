"""A TOML file sets what the environment does not, and an invalid one stops the start."""

from pathlib import Path
from textwrap import dedent

import pytest

from service.hub.id import HubId
from service.settings import Settings, SettingsError

pytestmark = pytest.mark.usefixtures("clean")


@pytest.fixture
def toml(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Put text into the file that the settings are read from."""

    def write(text: str) -> Path:
        file = tmp_path / "rerankd.toml"
        file.write_text(dedent(text))
        monkeypatch.setenv("RERANKD_CONFIG", str(file))
        return file

    return write


def test_config_in_lower_case(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A variable that names a file is never left without effect, whatever its letter case."""
    monkeypatch.setenv("rerankd_config", str(tmp_path / "missing.toml"))
    with pytest.raises(SettingsError, match=r"(?i)rerankd_config"):
        Settings.load()


def test_toml(toml):
    """The same settings, in lower case and without prefix, can stand in a file."""
    toml("""
        workers = 3
        http_address = "[::1]:8081"
        model = "org/name@v1"
        model_aliases = ["one", "two"]
        allow_anonymous = true
        rate_limit = 5
    """)
    settings = Settings.load()
    assert settings.workers == 3
    assert settings.http_address == ("::1", 8081)
    assert settings.model == HubId("org/name", "v1")
    assert settings.model_aliases == ("one", "two")
    assert settings.allow_anonymous is True
    assert settings.rate_limit == 5


def test_environment_over_toml(toml, monkeypatch: pytest.MonkeyPatch):
    """A variable stands over the file; the file's other settings remain."""
    toml("workers = 3\nrate_limit = 5\n")
    monkeypatch.setenv("RERANKD_WORKERS", "4")
    settings = Settings.load()
    assert (settings.workers, settings.rate_limit) == (4, 5)


@pytest.mark.parametrize("line", ["worker = 3", 'config = "other.toml"', "[server]\nworkers = 3"])
def test_unknown_in_toml(line: str, toml):
    """A misspelt name in the file is refused by name too."""
    toml(line)
    name = line.partition(" ")[0].strip("[]").partition("]")[0].upper()
    with pytest.raises(SettingsError, match=f"RERANKD_{name}: "):
        Settings.load()


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ("workers = 0", "RERANKD_WORKERS"),
        ("workers = 'two'", "RERANKD_WORKERS"),
        ("http_address = 8080", "RERANKD_HTTP_ADDRESS"),
        ("model = 5", "RERANKD_MODEL"),
        ("model_aliases = 5", "RERANKD_MODEL_ALIASES"),
    ],
)
def test_bad_value_in_toml(line: str, name: str, toml):
    """A value in the file that makes no sense is named like a variable."""
    toml(line)
    with pytest.raises(SettingsError, match=f"{name}: "):
        Settings.load()


def test_bad_toml_names_the_file(toml):
    """A file that does not parse is named, with the reason."""
    file = toml("workers = x")
    with pytest.raises(SettingsError, match=rf"RERANKD_CONFIG: {file}: .*line 1"):
        Settings.load()


def test_missing_toml(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A file that is not there is an error, not an empty file."""
    monkeypatch.setenv("RERANKD_CONFIG", str(tmp_path / "none.toml"))
    with pytest.raises(SettingsError, match=r"RERANKD_CONFIG: .*none\.toml "):
        Settings.load()

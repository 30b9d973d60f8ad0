"""Settings of TLS and connections are complete and in range, or stop the start."""

from pathlib import Path

import pytest

from service.settings import Settings, SettingsError

pytestmark = pytest.mark.usefixtures("clean")

CERT, KEY, CLIENT_CA = "RERANKD_TLS_CERT_FILE", "RERANKD_TLS_KEY_FILE", "RERANKD_TLS_CLIENT_CA_FILE"
AGE = "RERANKD_MAX_CONNECTION_AGE_SECONDS"


def set_all(names: set[str], monkeypatch: pytest.MonkeyPatch) -> None:
    for name in names:
        monkeypatch.setenv(name, f"/{name}")


def test_default():
    """Without any setting nothing is encrypted, and connections are many and last minutes."""
    settings = Settings.load()
    assert (settings.tls_cert_file, settings.tls_key_file, settings.tls_client_ca_file) == (None, None, None)
    assert (settings.max_connection_age_seconds, settings.http_idle_seconds) == (300, 120)
    assert settings.max_connections == 2000


@pytest.mark.parametrize("names", [{CERT, KEY}, {CERT, KEY, CLIENT_CA}])
def test_files(names: set[str], monkeypatch: pytest.MonkeyPatch):
    """A certificate goes with its key, and clients may be asked for theirs."""
    set_all(names, monkeypatch)
    settings = Settings.load()
    assert settings.tls_cert_file == Path(f"/{CERT}")
    assert settings.tls_key_file == Path(f"/{KEY}")
    assert settings.tls_client_ca_file == (Path(f"/{CLIENT_CA}") if CLIENT_CA in names else None)


@pytest.mark.parametrize(
    ("names", "given", "missing"),
    [
        ({CERT}, CERT, KEY),
        ({KEY}, KEY, CERT),
        ({CLIENT_CA}, CLIENT_CA, CERT),
        ({CLIENT_CA, KEY}, KEY, CERT),
        ({CLIENT_CA, CERT}, CERT, KEY),
    ],
)
def test_files_without_each_other(names: set[str], given: str, missing: str, monkeypatch: pytest.MonkeyPatch):
    """Half of what TLS needs stops the start with a message that names what is there and what is not."""
    set_all(names, monkeypatch)
    with pytest.raises(SettingsError, match=f"^{given} [^R]*{missing}$"):
        Settings.load()


def test_certificates_of_clients_do_not_allow_exposure(monkeypatch: pytest.MonkeyPatch):
    """Beyond loopback, keys or an explicit word are asked for with TLS, too: a certificate names nobody here."""
    set_all({CERT, KEY, CLIENT_CA}, monkeypatch)
    monkeypatch.setenv("RERANKD_HTTP_ADDRESS", "0.0.0.0:80")
    with pytest.raises(SettingsError, match="RERANKD_ALLOW_ANONYMOUS"):
        Settings.load()


@pytest.mark.parametrize(("text", "seconds"), [("0", 0), ("1", 1), ("1000000", 1_000_000)])
def test_age(text: str, seconds: int, monkeypatch: pytest.MonkeyPatch):
    """A connection lasts so many seconds, 0 for ever."""
    monkeypatch.setenv(AGE, text)
    assert Settings.load().max_connection_age_seconds == seconds


@pytest.mark.parametrize("text", ["-1", "0.5", "soon", "1000001"])
def test_bad_age(text: str, monkeypatch: pytest.MonkeyPatch):
    """Fractions, and what no connection lasts, are refused."""
    monkeypatch.setenv(AGE, text)
    with pytest.raises(SettingsError, match=f"{AGE}: "):
        Settings.load()


@pytest.mark.parametrize("text", ["0", "-1", "1.5", "never", "1000001"])
def test_bad_idle_time(text: str, monkeypatch: pytest.MonkeyPatch):
    """A connection is held for a whole number of seconds, and never for none."""
    monkeypatch.setenv("RERANKD_HTTP_IDLE_SECONDS", text)
    with pytest.raises(SettingsError, match="RERANKD_HTTP_IDLE_SECONDS: "):
        Settings.load()


def test_room_for_a_stream(monkeypatch: pytest.MonkeyPatch) -> None:
    """The share of a client in the bytes held has room for the largest stream, or the settings are refused."""
    monkeypatch.setenv("RERANKD_MAX_MESSAGE_MB", "64")
    with pytest.raises(SettingsError, match="RERANKD_MAX_HELD_MB"):
        Settings.load()
    monkeypatch.setenv("RERANKD_MAX_HELD_MB", "1024")
    settings = Settings.load()
    assert settings.stream_mb == settings.account_held_mb == 256

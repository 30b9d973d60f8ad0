"""Settings come from the environment; an unknown or invalid one stops the start and is named."""

import asyncio
import os
from pathlib import Path

import pytest

from service.engine.cache_scope import CacheScope
from service.engine.provider import Provider
from service.hub.id import HubId
from service.hub.source import ModelSource
from service.settings import EMBEDDED_MODEL, Settings, SettingsError, available_workers

pytestmark = pytest.mark.usefixtures("clean")

ADDRESSES = ("RERANKD_GRPC_ADDRESS", "RERANKD_HTTP_ADDRESS", "RERANKD_ADMIN_ADDRESS")


@pytest.mark.parametrize(
    ("name", "default"),
    [
        ("grpc_address", ("127.0.0.1", 50051)),
        ("http_address", ("127.0.0.1", 8080)),
        ("admin_address", ("127.0.0.1", 9090)),
        ("model", EMBEDDED_MODEL),
        ("model_aliases", ("rerank-v3.5",)),
        ("extra_models", ()),
        ("provider", Provider.CPU),
        ("workers", available_workers()),
        ("batch_seconds", 0.05),
        ("backlog_seconds", 10),
        ("default_timeout_seconds", 60),
        ("api_keys_file", None),
        ("allow_anonymous", False),
        ("rate_limit", None),
        ("max_documents", 10_000),
        ("drain_seconds", 30),
    ],
)
def test_default(name: str, default: object):
    """Without any setting, the service runs on what the documentation says."""
    assert getattr(Settings.load(), name) == default


def test_embedded_model_is_there():
    """The default model is a directory that comes with the package."""
    assert (EMBEDDED_MODEL / "config.json").is_file()


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("grpc_address", "[::1]:0", ("::1", 0)),
        ("http_address", "localhost:65535", ("localhost", 65535)),
        ("model", "/models/mine", Path("/models/mine")),
        ("model", "./mine", Path("mine")),
        ("model", "../org/name", Path("../org/name")),
        ("model", "org/name@v1/onnx/model_O2.onnx", HubId("org/name", "v1", "onnx/model_O2.onnx")),
        ("model_aliases", " one, two,,three ", ("one", "two", "three")),
        ("model_aliases", "", ()),
        ("workers", "3", 3),
        ("batch_seconds", "0.2", 0.2),
        ("api_keys_file", "/keys", Path("/keys")),
        ("allow_anonymous", "true", True),
        ("rate_limit", "7", 7),
        ("max_documents", "1", 1),
        ("drain_seconds", "0", 0),
    ],
)
def test_environment(name: str, text: str, value: object, monkeypatch: pytest.MonkeyPatch):
    """Each setting is read from the variable of its name."""
    monkeypatch.setenv(f"RERANKD_{name.upper()}", text)
    assert getattr(Settings.load(), name) == value


def test_path_that_exists_is_not_looked_for_on_the_hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A name that could be both is a directory if there is one, and a model on the hub if there is none."""
    (tmp_path / "org" / "name").mkdir(parents=True)
    monkeypatch.setenv("RERANKD_MODEL", "org/name")
    assert Settings.load().model == HubId("org/name")
    monkeypatch.chdir(tmp_path)
    assert Settings.load().model == Path("org/name")


def test_a_gpu_has_defaults_of_its_own(monkeypatch: pytest.MonkeyPatch):
    """On a GPU one batch runs at a time, and a short one, unless the settings say otherwise."""
    monkeypatch.setenv("RERANKD_PROVIDER", "cuda")
    settings = Settings.load()
    assert (settings.provider, settings.workers, settings.batch_seconds) == (Provider.CUDA, 1, 0.02)
    monkeypatch.setenv("RERANKD_WORKERS", "2")
    monkeypatch.setenv("RERANKD_BATCH_SECONDS", "0.1")
    settings = Settings.load()
    assert (settings.workers, settings.batch_seconds) == (2, 0.1)


def test_what_hangs_on_a_bad_value_is_not_blamed(monkeypatch: pytest.MonkeyPatch):
    """Only the setting at fault is named, not those whose defaults hang on it."""
    monkeypatch.setenv("RERANKD_PROVIDER", "tpu")
    with pytest.raises(SettingsError, match=r"^RERANKD_PROVIDER: [^;]*$"):
        Settings.load()


def test_extra_models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Further models are named by where they are, with names of ours before it; from a file as a list, too."""
    entries = ["org/name@v1", f"mine={tmp_path}", f"mine=yours={tmp_path}"]
    found = (
        ModelSource(HubId("org/name", "v1"), None, ()),
        ModelSource(tmp_path, "mine", ()),
        ModelSource(tmp_path, "mine", ("yours",)),
    )
    monkeypatch.setenv("RERANKD_EXTRA_MODELS", ", ".join(entries))
    assert Settings.load().extra_models == found
    assert Settings.load().sources[0] == ModelSource(EMBEDDED_MODEL, None, ("rerank-v3.5",))
    assert Settings.load().sources[1:] == found
    monkeypatch.delenv("RERANKD_EXTRA_MODELS")
    file = tmp_path / "rerankd.toml"
    file.write_text(f"extra_models = {entries}\n", encoding="utf-8")
    monkeypatch.setenv("RERANKD_CONFIG", str(file))
    assert Settings.load().extra_models == found


@pytest.mark.parametrize(
    ("name", "text"),
    [
        *(
            (name, text)
            for name in ADDRESSES
            for text in ("", "8080", ":8080", "host:", "host:x", "host:65536", "h:-1")
        ),
        ("RERANKD_MODEL", ""),
        ("RERANKD_MODEL", "mine"),
        ("RERANKD_MODEL", "some/where/deep"),
        ("RERANKD_MODEL", "org/name@"),
        ("RERANKD_EXTRA_MODELS", "mine"),
        ("RERANKD_EXTRA_MODELS", "=org/name"),
        ("RERANKD_EXTRA_MODELS", "a==org/name"),
        ("RERANKD_EXTRA_MODELS", "name="),
        ("RERANKD_PROVIDER", "tpu"),
        ("RERANKD_WORKERS", "0"),
        ("RERANKD_WORKERS", "2.5"),
        ("RERANKD_WORKERS", ""),
        ("RERANKD_BATCH_SECONDS", "0"),
        ("RERANKD_BATCH_SECONDS", "nan"),
        ("RERANKD_BACKLOG_SECONDS", "-1"),
        ("RERANKD_BACKLOG_SECONDS", "inf"),
        ("RERANKD_DEFAULT_TIMEOUT_SECONDS", "0"),
        ("RERANKD_DEFAULT_TIMEOUT_SECONDS", "soon"),
        ("RERANKD_ALLOW_ANONYMOUS", "maybe"),
        ("RERANKD_RATE_LIMIT", "0"),
        ("RERANKD_MAX_DOCUMENTS", "0"),
        ("RERANKD_DRAIN_SECONDS", "-0.1"),
        ("RERANKD_DRAIN_SECONDS", "inf"),
    ],
)
def test_bad_value_names_its_setting(name: str, text: str, monkeypatch: pytest.MonkeyPatch):
    """A value that makes no sense stops the start with a message that names the setting."""
    monkeypatch.setenv(name, text)
    with pytest.raises(SettingsError, match=f"{name}: "):
        Settings.load()


def test_all_bad_values_at_once(monkeypatch: pytest.MonkeyPatch):
    """Every setting at fault is named, so that one restart is enough."""
    monkeypatch.setenv("RERANKD_WORKERS", "none")
    monkeypatch.setenv("RERANKD_HTTP_ADDRESS", "here")
    with pytest.raises(SettingsError, match=r"RERANKD_HTTP_ADDRESS: .*; RERANKD_WORKERS: "):
        Settings.load()


@pytest.mark.parametrize("name", ["RERANKD_WORKER", "RERANKD_", "rerankd_worker"])
def test_unknown_variable(name: str, monkeypatch: pytest.MonkeyPatch):
    """A misspelt setting is refused by name rather than left without effect."""
    monkeypatch.setenv(name, "3")
    with pytest.raises(SettingsError, match=f": {name}"):
        Settings.load()


SERVICES = {
    # As `kubectl exec POD -- env` shows them, for Services called rerankd, rerankd-admin and rerankd-2.
    "RERANKD_SERVICE_HOST": "10.0.0.11",
    "RERANKD_SERVICE_PORT": "50051",
    "RERANKD_SERVICE_PORT_GRPC": "50051",
    "RERANKD_SERVICE_PORT_HTTP_REST": "8080",
    "RERANKD_PORT": "tcp://10.0.0.11:50051",
    "RERANKD_PORT_50051_TCP": "tcp://10.0.0.11:50051",
    "RERANKD_PORT_50051_TCP_PROTO": "tcp",
    "RERANKD_PORT_50051_TCP_PORT": "50051",
    "RERANKD_PORT_50051_TCP_ADDR": "10.0.0.11",
    "RERANKD_PORT_53_UDP": "udp://[fd00::11]:53",
    "RERANKD_ADMIN_SERVICE_HOST": "10.0.0.12",
    "RERANKD_ADMIN_SERVICE_PORT": "9090",
    "RERANKD_ADMIN_PORT": "tcp://10.0.0.12:9090",
    "RERANKD_ADMIN_PORT_9090_TCP_ADDR": "10.0.0.12",
    "RERANKD_2_SERVICE_HOST": "10.0.0.13",
}
"""Variables that a cluster sets in each pod for the Services of its namespace."""


def test_services_of_the_same_name(monkeypatch: pytest.MonkeyPatch):
    """Variables that a cluster sets for Services called like this program change nothing, and stop nothing."""
    expected = Settings.load()
    for name, value in SERVICES.items():
        monkeypatch.setenv(name, value)
    assert Settings.load() == expected


@pytest.mark.parametrize(
    "name",
    [
        "RERANKD_HOST",
        "RERANKD_PORTS",
        "RERANKD_PORT_GRPC",
        "RERANKD_PORT_TCP_ADDR",
        "RERANKD_SERVICE",
        "RERANKD_SERVICE_NAME",
        "RERANKD_SERVICEPORT",
        "RERANKD_HTTP_ADDRESS_PORT_",
        "rerankd_port",
    ],
)
def test_almost_a_service(name: str, monkeypatch: pytest.MonkeyPatch):
    """A name that no cluster sets is a misspelt setting, however alike."""
    monkeypatch.setenv(name, "tcp://10.0.0.11:50051")
    with pytest.raises(SettingsError, match=f": {name}$"):
        Settings.load()


def test_other_variables_are_none_of_its_business(monkeypatch: pytest.MonkeyPatch):
    """Variables of other programs are left alone."""
    monkeypatch.setenv("RERANK_WORKERS", "3")
    monkeypatch.setenv("WORKERS", "3")
    assert Settings.load().workers == available_workers()


def test_variable_in_lower_case(monkeypatch: pytest.MonkeyPatch):
    """The letter case of a variable's name does not matter."""
    monkeypatch.setenv("rerankd_workers", "3")
    assert Settings.load().workers == 3


def test_message_does_not_repeat_the_value(monkeypatch: pytest.MonkeyPatch):
    """The value of a setting may be a secret in the wrong place, and is not printed."""
    monkeypatch.setenv("RERANKD_RATE_LIMIT", "s3cret")
    with pytest.raises(SettingsError) as caught:
        Settings.load()
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize("host", ["0.0.0.0", "[::]", "10.0.0.1", "example.org"])  # noqa: S104
@pytest.mark.parametrize("name", ADDRESSES)
def test_exposure_is_refused(name: str, host: str, monkeypatch: pytest.MonkeyPatch):
    """Beyond loopback without keys is refused, and the message names both ways out."""
    monkeypatch.setenv(name, f"{host}:80")
    with pytest.raises(SettingsError, match=f"{name} .*RERANKD_API_KEYS_FILE.*RERANKD_ALLOW_ANONYMOUS=true"):
        Settings.load()


@pytest.mark.parametrize("way", [("RERANKD_API_KEYS_FILE", "/keys"), ("RERANKD_ALLOW_ANONYMOUS", "true")])
@pytest.mark.parametrize("name", ADDRESSES)
def test_exposure_on_purpose(name: str, way: tuple[str, str], monkeypatch: pytest.MonkeyPatch):
    """Beyond loopback is allowed with keys, or with an explicit word."""
    monkeypatch.setenv(name, "0.0.0.0:80")
    monkeypatch.setenv(*way)
    assert Settings.load()


def test_exposure_is_not_excused_by_false(monkeypatch: pytest.MonkeyPatch):
    """Saying that nobody may come in anonymously does not allow exposure."""
    monkeypatch.setenv("RERANKD_HTTP_ADDRESS", "0.0.0.0:80")
    monkeypatch.setenv("RERANKD_ALLOW_ANONYMOUS", "false")
    with pytest.raises(SettingsError):
        Settings.load()


def test_policy(monkeypatch: pytest.MonkeyPatch):
    """The scheduler works under the limits that were set."""
    monkeypatch.setenv("RERANKD_WORKERS", "3")
    monkeypatch.setenv("RERANKD_BATCH_SECONDS", "0.1")
    monkeypatch.setenv("RERANKD_BACKLOG_SECONDS", "7")
    policy = Settings.load().policy
    assert (policy.workers, policy.batch_s, policy.backlog_s) == (3, 0.1, 7)


def test_available_workers():
    """There is at least one worker, and no more than the process may run on."""
    assert 1 <= available_workers() <= (os.cpu_count() or 1)


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="the affinity of a thread is a matter of Linux")
async def test_available_workers_follow_the_affinity():
    """A process bound to one CPU has one worker."""

    def bound() -> int:  # Binds the thread it runs on, and only that.
        allowed = os.sched_getaffinity(0)
        try:
            os.sched_setaffinity(0, {min(allowed)})
            return available_workers()
        finally:
            os.sched_setaffinity(0, allowed)

    assert await asyncio.to_thread(bound) == 1


@pytest.mark.parametrize(
    ("variables", "scope"),
    [
        ({}, CacheScope.SHARED),
        ({"API_KEYS_FILE": "keys"}, CacheScope.CLIENT),
        ({"API_KEYS_FILE": "keys", "CACHE_SCOPE": "shared"}, CacheScope.SHARED),
        ({"CACHE_SCOPE": "client"}, CacheScope.CLIENT),
        ({"CACHE_SCOPE": "off"}, CacheScope.OFF),
    ],
)
def test_cache_scope(variables: dict[str, str], scope: CacheScope, monkeypatch: pytest.MonkeyPatch):
    """Clients that keys tell apart have caches apart unless told otherwise."""
    for name, value in variables.items():
        monkeypatch.setenv(f"RERANKD_{name}", value)
    assert Settings.load().cache_scope is scope

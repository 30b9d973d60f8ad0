"""The messages of errors that stop the start, as the code that reads settings and files makes them."""

import errno
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import httpx
import pytest
from huggingface_hub.errors import (
    GatedRepoError,
    HfHubHTTPError,
    HFValidationError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from trustme import CA

from service.access.api_keys import ApiKeys
from service.access.denylist import DenyList
from service.engine.errors import ModelError
from service.hub.errors import HubError
from service.hub.fetch import fetch
from service.hub.id import HubId
from service.loading import load_models
from service.net.address import Address
from service.net.http_server import AddressError, listening
from service.net.regular_file import BYTES_MAX
from service.net.tls import Certificates
from service.server import Service
from service.settings import Settings
from tests.certificates import CERT, CLIENT_CA, KEY, Secret, issued
from tests.hub import CONFIG, LocalHub, onnx_file
from tests.unit.service.models import a_directory

SETTINGS: dict[str, dict[str, str]] = {
    "unknown": {"WORKER": "3"},
    "not a number": {"WORKERS": "none"},
    "address": {"HTTP_ADDRESS": "here"},
    "model": {"MODEL": "not a model"},
    "extra model without a name": {"EXTRA_MODELS": "=here"},
    "no config file": {"CONFIG": "/none.toml"},
    "config file is a device": {"CONFIG": "/dev/null"},
    "TLS certificate without a key": {"TLS_CERT_FILE": "/tls.crt"},
    "TLS key without a certificate": {"TLS_KEY_FILE": "/tls.key"},
    "TLS CA without a certificate": {"TLS_CLIENT_CA_FILE": "/ca.crt"},
    "no keys beyond this machine": {"GRPC_ADDRESS": "0.0.0.0:1"},
}
KEYS = {
    "no keys": "",
    "no name": "key",
    "option for a key": "ann: rate=1",
    "a key twice": "ann:key\nbob:key",
    "unknown option": "ann:key colour=red",
    "priority": "ann:key priority=1000",
    "rate": "ann:key rate=0",
    "models": "ann:key models=",
    "digest not hexadecimal": "ann:sha256:xy",
    "digest too short": "ann:sha256:ab",
}
TLS = {"certificate": (CERT, b"words"), "key": (KEY, b"words"), "client CA": (CLIENT_CA, b"words")}
HUB_STATUSES = {
    "gated": (403, GatedRepoError),
    "no model": (404, RepositoryNotFoundError),
    "no revision": (404, RevisionNotFoundError),
    "token": (401, HfHubHTTPError),
    "status": (500, HfHubHTTPError),
}
HUB_ERRORS: dict[str, Exception] = {
    "name": HFValidationError("bad name"),
    "offline": OfflineModeIsEnabled("offline"),
    "disk full": OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)),
    "cache not writable": OSError(errno.EROFS, os.strerror(errno.EROFS)),
    "network": ConnectionError("refused"),
}


async def start_messages(folder: Path, hub: LocalHub, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Return the messages by name; `folder` and `hub` are empty, and no setting is in the environment."""
    messages = dict(_setting_messages(monkeypatch))
    for name, text in KEYS.items():
        (folder / "keys").write_text(text)
        messages[f"keys file {name}"] = _message(ApiKeys, folder / "keys")
    messages["keys file is a directory"] = _message(ApiKeys, folder)
    messages["keys file is a device"] = _message(ApiKeys, Path("/dev/null"))
    (folder / "large").write_bytes(b"#" * (BYTES_MAX + 1))
    messages["keys file too large"] = _message(ApiKeys, folder / "large")
    messages["keys file missing"] = _message(ApiKeys, folder / "none")
    messages["deny-list missing"] = _message(DenyList, folder / "none")
    (folder / "terms").write_text("word " * 101)
    messages["deny-list term too long"] = _message(DenyList, folder / "terms")
    messages |= _tls_messages(folder / "tls")
    messages |= _model_messages(hub)
    messages |= _hub_messages(monkeypatch)
    messages |= await _address_messages(folder)
    return messages | {"models of one name": await _equal_names(folder)}


def _setting_messages(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[str, str]]:
    for name, variables in SETTINGS.items():
        with monkeypatch.context() as environment:
            for variable, value in variables.items():
                environment.setenv(f"RERANKD_{variable}", value)
            yield f"setting {name}", _message(Settings.load)


def _tls_messages(folder: Path) -> dict[str, str]:
    root = CA()
    secret = Secret(folder)
    messages = {}
    for name, (file, content) in TLS.items():
        secret.show(issued(root), root)
        secret[file].write_bytes(content)
        messages[f"TLS {name}"] = _message(Certificates, secret[CERT], secret[KEY], secret[CLIENT_CA])
    secret.show(issued(root), root)
    secret[KEY].write_bytes(issued(root).private_key_pem.bytes())
    return messages | {"TLS key of another": _message(Certificates, secret[CERT], secret[KEY], None)}


def _hub_messages(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", "https://hub")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", "/cache")
    errors = HUB_ERRORS | {
        name: error(
            "refused", response=cast("Any", httpx.Response(status, request=httpx.Request("GET", "https://hub")))
        )
        for name, (status, error) in HUB_STATUSES.items()
    }
    return {f"hub {name}": str(HubError.of(HubId("org/name"), error)) for name, error in errors.items()}


def _model_messages(hub: LocalHub) -> dict[str, str]:
    hub.add("org/empty", {"README.md": b""}, "main")
    hub.add("org/name", CONFIG | {"onnx/model.onnx": onnx_file("usual", "gone.bin")}, "main")
    return {
        "hub no config": _message(fetch, HubId("org/empty")),
        "hub no graph": _message(fetch, HubId("org/name", graph="other.onnx")),
        "hub no weights": _message(fetch, HubId("org/name")),
    }


async def _address_messages(folder: Path) -> dict[str, str]:
    with listening(Address("127.0.0.1", 0)) as taken:
        taken.listen()
        address = Address("127.0.0.1", taken.getsockname()[1])
        free = Address("127.0.0.1", 0)
        options: dict[str, Any] = {"model": folder, "grpc_address": address, "http_address": free}
        service = Service(Settings(**options, admin_address=free))
        try:
            await service.start()
        except AddressError as error:
            grpc = str(error)
        await service.stop()
    messages = {"address of gRPC": grpc.replace(str(address), "ADDRESS")}
    return messages | {"address of HTTP": _message(listening, Address("192.0.2.1", 0))}


async def _equal_names(folder: Path) -> str:
    model = a_directory(folder / "one")
    settings: dict[str, Any] = {"model": model, "extra_models": f"one={model}"}
    try:
        await load_models(Settings(**settings))
    except ModelError as error:
        return str(error)
    raise AssertionError("equal names are refused")


def _message(start: Callable[..., object], *args: object) -> str:
    try:
        start(*args)
    except Exception as error:  # noqa: BLE001  # The file that is compared shows a wrong one.
        return str(error)
    raise AssertionError(f"{start} raised nothing")

"""Authentication by API key."""

import hashlib
import hmac
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from scheduler import LANES
from service.access.caller import Caller
from service.errors import UnauthenticatedError
from service.net.network import network_of
from service.net.reloading_file import FileError, ReloadingFile

ANONYMOUS = "anonymous"
"""The client name of a caller that sends none."""
_NAME_MAX = 64
_DIGEST = "sha256:"


class _Key(NamedTuple):
    caller: Caller
    digest: bytes


class ApiKeys:
    """Identifies the client by its API key, or, where no keys are required, by the name that it sends."""

    def __init__(self, keys_file: Path | None) -> None:
        """Read the keys file, one key a line; None: no keys are required. Raises FileError."""
        self._keys = ReloadingFile("keys file", keys_file, _parse) if keys_file else None

    def caller(self, authorization: str | None, name: str | None, address: str = "") -> Caller:
        """Return the caller.

        `authorization` is the header of that name, `name` the client's own name; both unvalidated. `address` is the
        host that it calls from; those without one are one account.
        Raises UnauthenticatedError where keys are required and the key is missing or unknown.
        """
        if self._keys is None:
            claimed = "".join(c for c in (name or "")[:_NAME_MAX] if c.isprintable()).strip() or ANONYMOUS
            return Caller(claimed, address=network_of(address))
        scheme, _, key = (authorization or "").partition(" ")
        if scheme.lower() != "bearer" or not key.strip():
            raise UnauthenticatedError("send an API key as `Authorization: Bearer KEY`")
        digest = _digest(key.strip())
        match = None
        for known in self._keys.value:  # No early exit: the time must not depend on the position of the key.
            if hmac.compare_digest(known.digest, digest):
                match = known
        if match is None:
            raise UnauthenticatedError("the API key is unknown")
        return match.caller


def _parse(text: str) -> list[_Key]:
    keys = []
    for number, line in enumerate(text.splitlines(), start=1):
        if line.strip() and not line.lstrip().startswith("#"):
            try:
                keys.append(_parse_key(line))
            except ValueError as error:
                raise FileError(f", line {number}: {error}") from None
    if not keys:
        raise FileError(" contains no keys")
    return keys


def _parse_key(line: str) -> _Key:
    """Parse `name:key` or `name:sha256:HEX`, followed by `option=value` words. Raises ValueError."""
    client, separator, rest = (part.strip() for part in line.partition(":"))
    words = rest.split()
    if not separator or not client or not words:
        raise ValueError("expected name:key or name:sha256:HEX")
    key, *option_words = words
    options: dict[str, Any] = {}
    for word in option_words:
        name, _, value = word.partition("=")
        if name not in _OPTIONS or name in options:
            raise ValueError(
                f"expected {', '.join(f'{known}=...' for known in _OPTIONS)} after the key, each at most once"
            )
        options[name] = _OPTIONS[name](value)
    try:
        digest = bytes.fromhex(key.removeprefix(_DIGEST)) if key.startswith(_DIGEST) else _digest(key)
    except ValueError:
        raise ValueError("the sha256 digest is not hexadecimal") from None
    if len(digest) != hashlib.sha256().digest_size:
        raise ValueError("the sha256 digest must have 64 hexadecimal digits")
    return _Key(Caller(client, options.get("priority", 0), options.get("rate"), options.get("models")), digest)


def _whole_number(least: int, most: int) -> Callable[[str], int]:
    def parse(value: str) -> int:
        if not value.isdecimal() or not least <= int(value) <= most:
            raise ValueError(f"expected a whole number, {least} to {most}, not {value!r}")
        return int(value)

    return parse


def _models(value: str) -> frozenset[str]:
    if not all(names := value.split(",")):
        raise ValueError("expected comma-separated model names")
    return frozenset(names)


_OPTIONS: dict[str, Callable[[str], Any]] = {
    "priority": _whole_number(0, LANES - 1),
    "rate": _whole_number(1, 10**9),
    "models": _models,
}


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode(errors="replace")).digest()

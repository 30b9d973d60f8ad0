"""Authentication by API key."""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from scheduler import LANES
from service.access.caller import Caller
from service.errors import UnauthenticatedError
from service.net.network import network_of
from service.net.reloading_file import FileError, ReloadingFile

ANONYMOUS = "anonymous"
"""The client name of a caller that sends none."""
_NAME_MAX = 64
_DIGEST = "sha256:"


class ApiKeys:
    """Identifies the client by its API key, or, where no keys are required, by the name that it sends."""

    def __init__(self, keys_file: Path | None) -> None:
        """Read the keys file, one key a line; None: no keys are required. Raises FileError."""
        self._keys = ReloadingFile("keys file", keys_file, _parse, private=True) if keys_file else None

    def caller(self, authorization: str | None, name: str | None, address: str) -> Caller:
        """Return the caller.

        `authorization` is the header of that name, `name` the client's own name; both unvalidated. `address` is the
        host that it calls from.
        Raises UnauthenticatedError where keys are required and the key is missing or unknown.
        """
        if self._keys is None:
            claimed = "".join(c for c in (name or "")[:_NAME_MAX] if c.isprintable()).strip() or ANONYMOUS
            return Caller(claimed, address=network_of(address))
        scheme, _, key = (authorization or "").partition(" ")
        if scheme.lower() != "bearer" or not key.strip():
            raise UnauthenticatedError("send an API key as `Authorization: Bearer KEY`")
        # The time may depend on the digest, of which nobody can choose the bits: it tells nothing about other keys.
        line = self._keys.value.get(_digest(key.strip()))
        if line is None:
            raise UnauthenticatedError("the API key is unknown")
        return _caller(line)


def _parse(text: str) -> dict[bytes, str]:
    """Return each key's digest with its line, but without the key, so that `_caller` accepts it.

    Text, not callers: the garbage collector would stop the process for as long as it visits 100,000 of those.
    """
    keys: dict[bytes, str] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        if line.strip() and not line.lstrip().startswith("#"):
            try:
                digest, rest = _split(line)
                _caller(rest)
            except ValueError as error:
                raise FileError(f", line {number}: {error}") from None
            if digest in keys:
                raise FileError(f", line {number}: the key is on a line above, too")
            keys[digest] = rest
    if not keys:
        raise FileError(" contains no keys")
    return keys


def _split(line: str) -> tuple[bytes, str]:
    """Split `name:key` or `name:sha256:HEX` into the key's digest and the rest of the line. Raises ValueError."""
    client, separator, rest = (part.strip() for part in line.partition(":"))
    words = rest.split()
    if not separator or not client or not words:
        raise ValueError("expected name:key or name:sha256:HEX")
    key, *options = words
    if key.partition("=")[0] in _OPTIONS:
        raise ValueError("expected a key before the options; write a key that looks like one as sha256:HEX")
    try:
        digest = bytes.fromhex(key.removeprefix(_DIGEST)) if key.startswith(_DIGEST) else _digest(key)
    except ValueError:
        raise ValueError("the sha256 digest is not hexadecimal") from None
    if len(digest) != hashlib.sha256().digest_size:
        raise ValueError("the sha256 digest must have 64 hexadecimal digits")
    return digest, f"{client}:{' '.join(options)}"


def _caller(line: str) -> Caller:
    """Parse `name:` followed by `option=value` words. Raises ValueError."""
    client, _, words = line.partition(":")
    options: dict[str, Any] = {}
    for word in words.split():
        name, _, value = word.partition("=")
        if name not in _OPTIONS or name in options:
            raise ValueError(
                f"expected {', '.join(f'{known}=...' for known in _OPTIONS)} after the key, each at most once"
            )
        options[name] = _OPTIONS[name](value)
    return Caller(client, options.get("priority", 0), options.get("rate"), options.get("models"))


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

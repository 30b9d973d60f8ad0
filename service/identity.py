"""Who is calling."""

import hashlib
import hmac
import logging
from pathlib import Path
from typing import NamedTuple

from service.errors import UnauthenticatedError

ANONYMOUS = "anonymous"
"""The client of a caller that gives no name."""
_NAME_MAX = 64
_log = logging.getLogger("rerankd")
_DIGEST = "sha256:"


class KeysFileError(Exception):
    """A keys file that cannot be used; the message says which line and why."""


class _Key(NamedTuple):
    client: str
    digest: bytes


class Identity:
    """Names the client of a call from its key, or, where no keys are asked for, from what it calls itself."""

    def __init__(self, keys_file: Path | None) -> None:
        """Read the keys, one `name:key` or `name:sha256:HEX` a line. Raises KeysFileError."""
        self._path = keys_file
        self._stamp = _stamp(keys_file) if keys_file else None
        self._keys = _read(keys_file) if keys_file else None
        self._problem: str | None = None

    def client(self, authorization: str | None, name: str | None) -> str:
        """Return the client's name.

        `authorization` is the header of that name, `name` what the client calls itself; both hostile.
        Raises UnauthenticatedError where a key is asked for and the right one is not there.
        """
        self._refresh()
        if self._keys is None:
            return "".join(c for c in (name or "")[:_NAME_MAX] if c.isprintable()).strip() or ANONYMOUS
        scheme, _, key = (authorization or "").partition(" ")
        if scheme.lower() != "bearer" or not key.strip():
            raise UnauthenticatedError("send a key as `Authorization: Bearer KEY`")
        digest = hashlib.sha256(key.strip().encode(errors="replace")).digest()
        found = None
        for known in self._keys:  # All of them, in constant time.
            if hmac.compare_digest(known.digest, digest):
                found = known
        if found is None:
            raise UnauthenticatedError("this key is not known here")
        return found.client

    def _refresh(self) -> None:
        """Read the keys again if the file changed; keep the old ones, and say so once, while it cannot be used."""
        if self._path is None:
            return
        try:
            stamp = _stamp(self._path)
            if stamp != self._stamp:
                self._stamp = stamp  # First, so that a file that cannot be used is not read for every call.
                self._keys, self._problem = _read(self._path), None
        except KeysFileError as error:
            if str(error) != self._problem:
                self._problem = str(error)
                _log.error("the keys stay as they were: %s", self._problem)


def _stamp(path: Path) -> tuple[int, int]:
    """Return what changes when the file does: a mounted secret is replaced whole, through a link to another file."""
    try:
        found = path.stat()
    except OSError as error:
        raise KeysFileError(f"keys file {path} cannot be read: {error.strerror}") from None
    return found.st_ino, found.st_mtime_ns


def _read(path: Path) -> list[_Key]:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise KeysFileError(f"keys file {path} cannot be read: {error}") from None
    keys = []
    for number, line in enumerate(lines, start=1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        client, separator, key = (part.strip() for part in line.partition(":"))
        if not separator or not client or not key:
            raise KeysFileError(f"keys file {path}, line {number}: expected name:key or name:sha256:HEX")
        try:
            digest = bytes.fromhex(key.removeprefix(_DIGEST)) if key.startswith(_DIGEST) else _digest(key)
        except ValueError:
            raise KeysFileError(f"keys file {path}, line {number}: not a hexadecimal digest") from None
        if len(digest) != hashlib.sha256().digest_size:
            raise KeysFileError(f"keys file {path}, line {number}: a sha256 digest has 64 hexadecimal digits")
        keys.append(_Key(client, digest))
    if not keys:
        raise KeysFileError(f"keys file {path} holds no key")
    return keys


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode()).digest()

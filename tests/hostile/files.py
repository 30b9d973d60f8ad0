"""Files that the settings name, replaced by what is no file, or written in place."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.hostile.attack import Breach, Target, attack
from tests.hostile.callers import wrong_keys_over_rest
from tests.hostile.http1 import exchanged, head

_TURN_S = 2.0  # A changed file is read when it was left alone for a second; the service looks four times a second.
_DENYLIST = "\n".join(("secret project", "codename", *("a" * n for n in range(1, 101))))
DENYLIST: dict[str, Any] = {"files": {"denylist": _DENYLIST}, "settings": {"denylist_file": "{folder}/denylist"}}
"""The options of an attack on a service with an ordinary deny-list, and a hundred terms of one letter."""


def _replaced(target: Target, make: Callable[[Path], object], *, key: str = "", file: str = "keys") -> int:
    """Put what `make` makes in the place of a file, and the file back, again and again; `key` must let nobody in."""
    place, new = target.folder / file, target.folder / "new"
    good = place.read_bytes()
    done = 0
    while target.on():
        make(new)
        new.replace(place)
        target.wait(_TURN_S)
        if key:
            _must_not_be_let_in(target, key)
        new.write_bytes(good)
        new.replace(place)
        target.wait(_TURN_S)
        done += 1
    return done


# First: of a file that was put into its place a second before, nobody has seen yet what was in it.
@attack(keyed=True)
def keys_file_half_written(target: Target) -> int:
    """Write it in place, half of it first: a part of a key must let nobody in, and the whole key stay."""
    keys = target.folder / "keys"
    good = keys.read_text(encoding="utf-8")
    half = good[: len(good) * 2 // 3]
    done = 0
    while target.on():
        keys.write_text(half, encoding="utf-8")
        target.wait(_TURN_S)
        _must_not_be_let_in(target, half.partition(":")[2])
        keys.write_text(good, encoding="utf-8")
        target.wait(_TURN_S)
        done += 1
    return done


@attack(keyed=True)
def keys_file_a_fifo(target: Target) -> int:
    """Put a FIFO in its place, which has no writer."""
    return _replaced(target, os.mkfifo)


@attack(keyed=True)
def keys_file_without_end(target: Target) -> int:
    """Put a link to /dev/zero in its place."""
    return _replaced(target, lambda path: path.symlink_to("/dev/zero"))


@attack(keyed=True)
def keys_file_of_4_gib(target: Target) -> int:
    """Put a sparse file of 4 GiB in its place."""

    def sparse(path: Path) -> None:
        path.touch()
        os.truncate(path, 4 * 2**30)

    return _replaced(target, sparse)


@attack(keyed=True)
def keys_file_of_a_wrong_line(target: Target) -> int:
    """Put keys with an option for a key in its place, which must not become the key."""
    return _replaced(target, lambda path: path.write_text("b: priority=5\n", encoding="utf-8"), key="priority=5")


@attack(**DENYLIST)
def denylist_a_fifo(target: Target) -> int:
    """Put a FIFO in the place of the deny-list."""
    return _replaced(target, os.mkfifo, file="denylist")


@attack(keyed=True)
def wrong_keys_against_many(target: Target) -> int:
    """Send keys that are none, where 100,000 are known."""
    keys, new = target.folder / "keys", target.folder / "new"
    more = "".join(f"client-{n}:key-{n}\n" for n in range(100_000))
    new.write_text(keys.read_text(encoding="utf-8") + more, encoding="utf-8")
    new.replace(keys)
    return wrong_keys_over_rest(target)


def _must_not_be_let_in(target: Target, key: str) -> None:
    """Raise Breach if a call with this key is answered in another way than with 401."""
    if target.on():
        answer = exchanged(target, head(2, f"Authorization: Bearer {key}", "Connection: close") + b"{}")
        if answer and not answer.startswith(b"HTTP/1.1 401 "):
            raise Breach(f"a key that is none is let in: {answer[:30]!r}")

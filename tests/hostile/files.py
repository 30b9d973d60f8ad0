"""The keys file, replaced by what is no file, or written in place."""

import os
from collections.abc import Callable
from pathlib import Path

from tests.hostile.attack import Breach, Target, attack
from tests.hostile.http1 import exchanged, head

_TURN_S = 0.5


def _replaced(target: Target, make: Callable[[Path], object]) -> int:
    """Put what `make` makes in the place of the keys file, and the file back, again and again."""
    keys, new = target.folder / "keys", target.folder / "new"
    good = keys.read_bytes()
    done = 0
    while target.on():
        for each in (make, lambda path: path.write_bytes(good)):
            each(new)
            new.replace(keys)
            done += 1
            target.wait(_TURN_S)
    new.write_bytes(good)
    new.replace(keys)
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

    def wrong(path: Path) -> None:
        path.write_text("b: priority=5\n", encoding="utf-8")
        _must_not_be_let_in(target, "priority=5")

    return _replaced(target, wrong)


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


def _must_not_be_let_in(target: Target, key: str) -> None:
    """Raise Breach if a call with this key is answered in another way than with 401."""
    if target.on():
        answer = exchanged(target, head(2, f"Authorization: Bearer {key}", "Connection: close") + b"{}")
        if answer and not answer.startswith(b"HTTP/1.1 401 "):
            raise Breach(f"a key that is none is let in: {answer[:30]!r}")

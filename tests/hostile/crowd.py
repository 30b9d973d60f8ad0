"""Many connections of an attacker at a time."""

import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from itertools import count

from tests.hostile.attack import Target
from tests.hostile.peer import SOURCE, connect

_AGAIN_S = 0.05  # Between two tries of one that is refused.
_ADDRESSES = 32


def spread(number: int) -> str:
    """Return one of 32 addresses, for an attacker that has many."""
    return f"127.0.1.{1 + number % _ADDRESSES}"


def silent(target: Target, address: str, content: bytes, number: int, *, addresses: bool = False) -> int:
    """Send `content` on many connections, and stay, whatever comes; open others for those that were closed."""
    return trickled(target, address, content, b"", number, addresses=addresses)


def trickled(target: Target, address: str, start: bytes, more: bytes, number: int, *, addresses: bool = False) -> int:
    """Send `start` on many connections, and then a piece of `more`, over and over, on each every second."""
    held: list[socket.socket] = []
    opened = count()
    done = 0
    try:
        while target.on():
            for place, one in enumerate(held):
                if target.on() and not _stays(one, more):
                    one.close()
                    held[place] = _opened(target, address, start, spread(next(opened)) if addresses else SOURCE)
            while target.on() and len(held) < number:
                held.append(_opened(target, address, start, spread(next(opened)) if addresses else SOURCE))
                done += 1
            target.wait(1)
    finally:
        for one in held:
            one.close()
    return done


def _opened(target: Target, address: str, start: bytes, source: str) -> socket.socket:
    """Return a connection on which `start` was sent; a closed socket when the attack is over before that."""
    while target.on():
        with suppress(OSError):
            one = connect(address, source=source)
            with suppress(OSError):
                one.sendall(start)
            one.setblocking(False)  # noqa: FBT003
            return one
        target.wait(_AGAIN_S)
    return socket.socket()


def _stays(one: socket.socket, more: bytes) -> bool:
    """Send a piece; return whether the connection is open."""
    try:
        if more:
            one.send(more)
        return bool(one.recv(2**16))
    except BlockingIOError:
        return True
    except OSError:
        return False


def threads(target: Target, number: int, attack: Callable[[int], int]) -> int:
    """Attack again and again on threads, each with its number; return the sum of what `attack` returns."""

    def one(place: int) -> int:
        done = 0
        while target.on():
            try:
                done += attack(place)
            except OSError:
                target.wait(_AGAIN_S)
        return done

    with ThreadPoolExecutor(number) as pool:
        return sum(pool.map(one, range(number)))

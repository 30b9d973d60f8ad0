"""Connections whose clients have sent nothing yet."""

import asyncio
import fcntl
import select
import socket
import struct
import termios
from collections.abc import Callable


class Arrival:
    """An accepted socket without a byte from its client.

    It costs a descriptor and little else, and closes within the same turn of the event loop, so that a flood of silent
    connections passes about as fast as the kernel hands them over.
    """

    is_new = True

    def __init__(
        self,
        accepted: socket.socket,
        host: str,
        silence_max_s: float,
        on_spoken: Callable[["Arrival"], None],
        on_lost: Callable[["Arrival"], None],
    ) -> None:
        """Call `on_spoken` at the first byte, and `on_lost` if there is none for `silence_max_s` seconds."""
        self.socket = accepted
        self.host = host
        self.refused = False
        """True if the next request is to be refused."""
        self.idle_since: float | None = asyncio.get_running_loop().time()
        """The time of the acceptance; None once the client waits for the server."""
        self._loop = asyncio.get_running_loop()
        self._silence_max_s = silence_max_s
        self._on_spoken = on_spoken
        self._on_lost = on_lost
        self._descriptor = accepted.fileno()  # With the socket itself, asyncio would ask for its addresses each time.
        accepted.settimeout(0)

    @property
    def has_unread(self) -> bool:
        """True if bytes have come that are not read yet."""
        return has_unread(self._descriptor)

    @property
    def has_left(self) -> bool:
        """True if the client has closed its side, so that nobody reads an answer: asyncio closes such a connection."""
        poll = select.poll()
        poll.register(self._descriptor, getattr(select, "POLLRDHUP", 0))  # Linux; elsewhere only resets are seen.
        return bool(poll.poll(0))

    def begin(self) -> None:
        """Wait for the first byte, if it is not there yet."""
        if not self._look():
            self._loop.add_reader(self._descriptor, self._look)

    def refuse(self) -> None:
        """Refuse the next request."""
        self.refused = True

    def abort(self) -> None:
        """Close at once."""
        self._loop.remove_reader(self._descriptor)
        self.socket.close()
        self._on_lost(self)

    def check(self, now: float) -> None:
        """Close if the client is late."""
        if self.idle_since is not None and now - self.idle_since > self._silence_max_s:
            self.abort()

    def _look(self) -> bool:
        """Return whether anything has come."""
        try:
            spoken = bool(self.socket.recv(1, socket.MSG_PEEK))
        except (BlockingIOError, InterruptedError):
            return False
        except OSError:
            spoken = False
        self._loop.remove_reader(self._descriptor)
        if spoken:
            self.idle_since = None
            self._on_spoken(self)
        else:  # The client has closed.
            self.abort()
        return True


def has_unread(descriptor: int) -> bool:
    """Return whether bytes have come to a socket that the process has not read."""
    unread = fcntl.ioctl(descriptor, termios.FIONREAD, struct.pack("i", 0))
    return unread != struct.pack("i", 0)

"""Work of many clients on the event loop, begun in rotation."""

import asyncio
from collections import OrderedDict, deque
from collections.abc import Callable
from functools import partial

from starlette.types import ASGIApp, Receive, Scope, Send

from service.net.network import network_of


class Rotation:
    """Begins one piece of work in each turn of the event loop, of one network after the other.

    Connections and requests take the loop's time before the scheduler sees them. A client that opens hundreds at once
    would otherwise be served all of them before the next client's first.
    """

    def __init__(self) -> None:
        self._waiting: OrderedDict[str, deque[Callable[[], None]]] = OrderedDict()
        self._resting = True

    def begin(self, host: str, work: Callable[[], None]) -> None:
        """Call `work` when it is the turn of the network of `host`: at once if nothing waits."""
        if self._resting:
            self._resting = False
            asyncio.get_running_loop().call_soon(self._next)
            work()
        else:
            self._waiting.setdefault(network_of(host), deque()).append(work)

    def _next(self) -> None:
        if not self._waiting:
            self._resting = True
            return
        network, works = self._waiting.popitem(last=False)
        work = works.popleft()
        if works:
            self._waiting[network] = works
        asyncio.get_running_loop().call_soon(self._next)
        work()


def in_rotation(app: ASGIApp, rotation: Rotation) -> ASGIApp:
    """Return `app`, with its requests begun in `rotation`."""

    async def rotated(scope: Scope, receive: Receive, send: Send) -> None:
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        host, _ = scope["client"] or ("", 0)
        rotation.begin(host, partial(_grant, turn))
        await turn
        await app(scope, receive, send)

    return rotated


def _grant(turn: "asyncio.Future[None]") -> None:
    if not turn.done():  # The client may have left.
        turn.set_result(None)

"""Work on the event loop begins in rotation of its networks, one piece in a turn."""

import asyncio
from functools import partial

from starlette.types import Receive, Scope, Send

from service.net.rotation import Rotation, in_rotation


async def test_rotation():
    """The first work of a network begins after one of each other, however much of theirs came before; none is lost."""
    rotation, begun = Rotation(), list[str]()
    for name in ("a1", "a2", "a3", "b1", "b2"):
        rotation.begin(f"192.0.2.{ord(name[0])}", partial(begun.append, name))
    assert begun == ["a1"]
    rounds = [await one_turn(begun) for _ in range(5)]
    assert begun == ["a1", "a2", "b1", "a3", "b2"]
    assert rounds == [2, 3, 4, 5, 5]
    rotation.begin("192.0.2.1", partial(begun.append, "late"))
    assert begun[-1] == "late"


async def one_turn(begun: list[str]) -> int:
    """Let the event loop turn once; return how much has begun."""
    await asyncio.sleep(0)
    return len(begun)


async def test_one_network():
    """Addresses of one IPv6 network share a turn."""
    rotation, begun = Rotation(), list[str]()
    for host, name in (("2001:db8::1", "first"), ("2001:db8::1", "own"), ("2001:db8::2", "own"), ("192.0.2.1", "b")):
        rotation.begin(host, partial(begun.append, name))
    for _ in range(4):
        await asyncio.sleep(0)
    assert begun == ["first", "own", "b", "own"]


async def test_requests():
    """Requests begin in rotation; one whose client left meanwhile leaves its turn to the next."""
    begun: list[str] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        begun.append(scope["path"])

    rotated = in_rotation(app, Rotation())

    def request(path: str, host: str) -> "asyncio.Task[None]":
        scope = {"type": "http", "path": path, "client": (host, 1)}
        return asyncio.ensure_future(rotated(scope, None, None))  # type: ignore[arg-type]  # The app reads nothing.

    tasks = [request(f"a{n}", "192.0.2.1") for n in range(4)] + [request("b", "192.0.2.2"), request("unix", "")]
    await asyncio.sleep(0)
    tasks[1].cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert sorted(begun) == ["a0", "a2", "a3", "b", "unix"]
    assert begun.index("b") < begun.index("a3")

"""One caller that claims to be many, and others that are many."""

from rerank.v2 import rerank_pb2 as pb

from tests.hostile.attack import Target, attack
from tests.hostile.crowd import threads
from tests.hostile.honest import MODEL
from tests.hostile.http1 import head, on_a_new
from tests.hostile.peer import Peer, again, fields, prefixed

_NAMES = 100
_TEXT = "the river of the city and the history of its trade, its laws and its wars "


def _flood(target: Target, priority: str, names: int) -> int:
    """Have as many calls of this lane as there are names unanswered, and more than a batch in each."""
    number = 0

    def calls(peer: Peer):
        nonlocal number
        while True:
            while len(peer.ended) + _NAMES > number:
                number += 1
                # Text of its own in each call, so that the score is not known.
                documents = [f"{number} {n} {_TEXT}" for n in range(5)]
                message = pb.RerankRequest(model=MODEL, query="q", documents=documents).SerializeToString()
                stream = peer.open(fields(x_client_name=f"name-{number % names}", x_priority=priority))
                peer.pour({stream: memoryview(prefixed(message))})
                yield
            peer.read(0.1)

    return again(target, calls)


@attack()
def a_hundred_names(target: Target) -> int:
    """Call under a hundred names, in the lane of the honest callers."""
    return _flood(target, "0", _NAMES)


@attack()
def one_name(target: Target) -> int:
    """Call a hundred times at a time under one name, in the lane of the honest callers."""
    return _flood(target, "0", 1)


@attack()
def a_hundred_names_in_the_last_lane(target: Target) -> int:
    """Call under a hundred names, in the last lane."""
    return _flood(target, "999", _NAMES)


@attack(keyed=True)
def wrong_keys_over_rest(target: Target) -> int:
    """Send keys that are none, on 4 threads."""
    content = head(2, "Authorization: Bearer guess", "Connection: close") + b"{}"
    return threads(target, 4, lambda _: on_a_new(target, content))

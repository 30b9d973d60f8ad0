"""A connection that rests between two requests stays open."""

import json
from contextlib import ExitStack
from http.client import HTTPConnection
from time import sleep

import pytest

from tests.clients import body
from tests.process import RunningService


@pytest.mark.long
def test_a_pool_of_connections_may_rest(uncached: RunningService) -> None:
    """A request on a connection that has rested for longer than the library's five seconds is answered there."""
    with ExitStack() as open_connections:
        pool = [HTTPConnection(uncached.http.removeprefix("http://"), timeout=600) for _ in range(20)]
        for connection in pool:
            open_connections.callback(connection.close)
            connection.connect()
            connection.auto_open = 0  # Fail, rather than open another in its place.
        for rest_s in (0, 6):
            sleep(rest_s)
            for connection in pool:
                connection.request("POST", "/v2/rerank", json.dumps(body()), {"Content-Type": "application/json"})
                with connection.getresponse() as answer:
                    assert answer.status == 200
                    assert answer.read()

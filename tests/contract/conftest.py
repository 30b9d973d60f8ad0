"""Clients of the one running service."""

from collections.abc import Iterator

import httpx
import pytest

from tests.contract.clients import TIMEOUT_S, GrpcClient
from tests.process import RunningService


@pytest.fixture(scope="session")
def rest(running: RunningService) -> Iterator[httpx.Client]:
    """Return a client of the REST API."""
    with httpx.Client(base_url=running.http, timeout=TIMEOUT_S) as client:
        yield client


@pytest.fixture(scope="session")
def rpc(running: RunningService) -> Iterator[GrpcClient]:
    """Return a client of the gRPC API."""
    client = GrpcClient(running.grpc)
    with client.channel:
        yield client

"""Clients of the one running service, and what holds whatever they send."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from tei.v1.tei_pb2_grpc import RerankStub

from tests.contract.clients import SECRET, TIMEOUT_S, GrpcClient, changed
from tests.contract.forms import FORMS, Form, ranks
from tests.process import RunningService


@pytest.fixture(scope="session")
def uncached() -> Iterator[RunningService]:
    """One service that scores everything anew."""
    service = RunningService.start(cache_mb=0)
    yield service
    assert service.stop() == 0


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


@pytest.fixture
def tei(rpc: GrpcClient) -> Any:
    """Return the generated client of tei.v1."""
    return RerankStub(rpc.channel)


@pytest.fixture(params=FORMS)
def form(request: pytest.FixtureRequest) -> Form:
    """Return one form of the REST API after the other."""
    return FORMS[request.param]


@pytest.fixture
def unharmed(running: RunningService, rest: httpx.Client, rpc: GrpcClient) -> Iterator[None]:
    """Expect good requests to be answered after a test, and the log to tell of no text and of nothing unforeseen."""
    before = len(running.log())
    yield
    short = changed(query="a", documents=["b", "c"])
    assert len(ranks(FORMS["v2"].post(rest, short))) == len(rpc.rerank(short).results) == 2
    log = running.log()[before:]
    assert not [word for word in (SECRET, "capital", "Traceback", '"outcome": "INTERNAL"') if word in log]

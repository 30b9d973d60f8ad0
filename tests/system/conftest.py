"""Replicas, and all ways to them."""

from collections.abc import Iterator
from contextlib import ExitStack

import grpc
import pytest
from rerank.v2 import rerank_pb2_grpc

from rerankd_client import RerankClient
from tests.clients import message, unseen
from tests.examples import QUERY
from tests.system.callers import Ask
from tests.system.envoy import COMMAND, Envoy
from tests.system.replicas import Replica, running, target


@pytest.fixture(scope="package")
def replicas() -> Iterator[list[Replica]]:
    """Run three replicas; a test that takes one away brings it back."""
    with running(3) as replicas:
        yield replicas


@pytest.fixture(scope="session")
def needs_envoy() -> None:
    """Skip where there is no Envoy."""
    if not COMMAND.exists():
        pytest.skip("no Envoy here: `make tools` sets it up")


@pytest.fixture(scope="package")
def envoy(replicas: list[Replica], tmp_path_factory: pytest.TempPathFactory, needs_envoy: None) -> Iterator[Envoy]:
    """Run an Envoy in front of the replicas."""
    with Envoy([replica.address for replica in replicas], tmp_path_factory.mktemp("envoy")) as envoy:
        yield envoy


@pytest.fixture
def ways(replicas: list[Replica], envoy: Envoy) -> Iterator[dict[str, Ask]]:
    """Give what asks for a small thing that no replica knows yet: our client by itself, or behind Envoy.

    Behind Envoy, a client that never asks again will do, too.
    """
    with ExitStack() as stack:
        alone = stack.enter_context(RerankClient(target(replicas)))
        behind = stack.enter_context(RerankClient(envoy.address))
        channel = stack.enter_context(grpc.insecure_channel(envoy.address, (("grpc.enable_retries", 0),)))
        stub = rerank_pb2_grpc.RerankServiceStub(channel)
        yield {
            "our client": lambda: alone.rerank(QUERY, few()),
            "our client behind Envoy": lambda: behind.rerank(QUERY, few()),
            "any client behind Envoy": lambda: stub.Rerank(message(documents=few()), timeout=10),
        }


def few() -> list[str]:
    """Return some documents."""
    return unseen("some words to read", 3)

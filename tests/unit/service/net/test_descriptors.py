"""The descriptors of the process suffice for every connection that it takes, and for itself."""

import resource
from collections.abc import Iterator

import pytest

from service.net.descriptors import places, raise_limit

OPEN_AT_REST = 15
FILES = resource.RLIMIT_NOFILE


@pytest.fixture
def lowered() -> Iterator[int]:
    soft, hard = resource.getrlimit(FILES)
    resource.setrlimit(FILES, (min(soft, 512), hard))
    yield hard
    resource.setrlimit(FILES, (soft, hard))


def test_raise(lowered: int):
    """The limit becomes the highest that is permitted."""
    assert raise_limit() == resource.getrlimit(FILES)[0] == lowered


@pytest.mark.parametrize("descriptors", [64, 100, 256, 1024, 4096, 20_000, 2**20])
def test_places(descriptors: int):
    """All listeners have places at any limit, and together they leave the process what it needs for itself."""
    found = places(descriptors, 2000)
    assert min(found) >= 5
    assert sum(found) <= descriptors - OPEN_AT_REST - 10
    assert found.grpc == found.rest <= 2000
    assert found.admin <= 64


def test_enough():
    """With descriptors in plenty, each API has as many places as the setting says."""
    assert places(2**20, 300)[:2] == (300, 300)
    assert places(1024, 300)[:2] == (300, 300)

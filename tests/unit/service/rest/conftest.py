"""The REST API, with and without keys."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.unit.service.rerankers import locked_access
from tests.unit.service.rest.rest_client import Api


@pytest.fixture
async def api() -> AsyncIterator[Api]:
    api = Api()
    async with api.client:
        yield api


@pytest.fixture
async def locked(tmp_path: Path) -> AsyncIterator[Api]:
    api = Api(locked_access(tmp_path))
    async with api.client:
        yield api

"""The REST API, with and without keys."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.unit.service.rest.api import Api
from tests.unit.service.wired import locked_access


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

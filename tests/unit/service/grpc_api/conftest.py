"""The gRPC API, with and without keys."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.unit.service.grpc_api.grpc_client import Api
from tests.unit.service.rerankers import locked_access


@pytest.fixture
async def api() -> AsyncIterator[Api]:
    async with Api() as api:
        yield api


@pytest.fixture
async def locked(tmp_path: Path) -> AsyncIterator[Api]:
    async with Api(locked_access(tmp_path)) as api:
        yield api

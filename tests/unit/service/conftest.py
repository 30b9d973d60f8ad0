"""Models that several files of tests use and none changes, and what others share."""

import os
from collections.abc import AsyncIterator

import pytest

from service.engine import Engine
from service.engine.directory import ModelDirectory
from service.settings import EMBEDDED_MODEL
from tests.unit.service.desk import Desk
from tests.unit.service.models import an_engine
from tests.unit.service.wired import Wired


@pytest.fixture(scope="session")
def embedded() -> Engine:
    """Load the model that comes with the package."""
    return Engine(ModelDirectory.read(EMBEDDED_MODEL))


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Engine:
    """Load a model that scores a document by its first word."""
    return an_engine(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    desk = Desk()
    yield desk
    desk.release()
    desk.turns.close()


@pytest.fixture
async def small() -> AsyncIterator[Desk]:
    desk = Desk(2)  # Two may wait at it.
    yield desk
    desk.release()
    desk.turns.close()


@pytest.fixture
def clean(monkeypatch: pytest.MonkeyPatch) -> None:
    """Start from an environment without settings."""
    for name in [name for name in os.environ if name.upper().startswith("RERANKD_")]:
        monkeypatch.delenv(name)


@pytest.fixture
async def wired(tiny: Engine) -> AsyncIterator[Wired]:
    wired = Wired(tiny)
    yield wired
    wired.turns.close()

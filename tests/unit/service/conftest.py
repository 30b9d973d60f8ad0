"""Models that several files of tests use and none changes."""

import pytest

from service.engine import Engine
from service.engine.directory import ModelDirectory
from service.settings import EMBEDDED_MODEL
from tests.unit.service.models import an_engine


@pytest.fixture(scope="session")
def embedded() -> Engine:
    """Load the model that comes with the package."""
    return Engine(ModelDirectory.read(EMBEDDED_MODEL))


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Engine:
    """Load a model that scores a document by its first word."""
    return an_engine(tmp_path_factory.mktemp("models") / "tiny")

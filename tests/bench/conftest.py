"""The model of the tests in this directory."""

import pytest

from service.engine.engine import Engine
from service.engine.model_dir import ModelDirectory
from service.settings import EMBEDDED_MODEL


@pytest.fixture(scope="package")
def embedded() -> Engine:
    """Load the embedded model."""
    return Engine(ModelDirectory.read(EMBEDDED_MODEL))

"""The model that the comparison is tested with."""

import pytest

from service.engine.engine import Engine
from service.engine.model_dir import ModelDirectory
from service.settings import EMBEDDED_MODEL


@pytest.fixture(scope="package")
def embedded() -> Engine:
    """Load the model that comes with the package."""
    return Engine(ModelDirectory.read(EMBEDDED_MODEL))

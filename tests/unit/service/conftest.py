"""Models that several files of tests use and none changes, and what others share."""

import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from huggingface_hub import constants

from service.engine.engine import Engine
from service.engine.model_dir import ModelDirectory
from service.settings import EMBEDDED_MODEL
from tests.hub import LocalHub, asked_here
from tests.unit.service.models import an_engine
from tests.unit.service.rerank.held_calls import Desk
from tests.unit.service.rerankers import RealReranker


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
    desk.executor.close()


@pytest.fixture
async def small() -> AsyncIterator[Desk]:
    desk = Desk(2)  # Two may wait at it.
    yield desk
    desk.release()
    desk.executor.close()


@pytest.fixture
def clean(monkeypatch: pytest.MonkeyPatch) -> None:
    """Start from an environment without settings."""
    for name in [name for name in os.environ if name.upper().startswith("RERANKD_")]:
        monkeypatch.delenv(name)


@pytest.fixture
async def wired(tiny: Engine) -> AsyncIterator[RealReranker]:
    wired = RealReranker(tiny)
    yield wired
    wired.executor.close()


@pytest.fixture
def local(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LocalHub]:
    """Give a hub that the client asks from now on, with nothing in its cache yet."""
    with asked_here(tmp_path / "cache", monkeypatch) as hub:
        yield hub


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch):
    """Forbid the client to ask the hub, from when it is called."""
    return lambda: monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)


@pytest.fixture
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a changed file count after a moment, not after a second."""
    monkeypatch.setattr("service.net.reloading_file._LOOK_S", 0.01)
    monkeypatch.setattr("service.net.reloading_file._SETTLED_S", 0.05)

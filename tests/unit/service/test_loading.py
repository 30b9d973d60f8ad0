"""Models load in the order of the settings, under distinct names, with caches that fit their scores."""

from pathlib import Path
from typing import Any

import pytest

from service.engine.errors import ModelError
from service.loading import load_models
from service.settings import Settings
from tests.unit.service.full_precision import a_dynamic_graph
from tests.unit.service.models import a_directory


def settings(model: Path, extra_models: str) -> Settings:
    """Return the settings of a default model, which is also called `first`, and others."""
    changed: dict[str, Any] = {"model": model, "model_aliases": "first", "extra_models": extra_models, "cache_mb": 1}
    return Settings(**changed)


async def test_models_in_order(tmp_path: Path):
    """The default model comes first; each has its number, its names and the cost of its batches."""
    one, two = a_directory(tmp_path / "one"), a_directory(tmp_path / "two")
    loaded = await load_models(settings(one, f"second=other={two}"))
    assert [(model.number, model.names) for model, _ in loaded] == [(0, ("one", "first")), (1, ("second", "other"))]
    assert all(cost.batch(1, 32) > 0 for _, cost in loaded)


@pytest.mark.parametrize("extra", ["one", "first"])
async def test_equal_names(extra: str, tmp_path: Path):
    """Two models that answer to the same name, or alias, are refused before one is loaded."""
    one, two = a_directory(tmp_path / "one"), a_directory(tmp_path / "two")
    with pytest.raises(ModelError, match=f"2 models .*'{extra}'"):
        await load_models(settings(one, f"{extra}={two}"))


async def test_scores_that_depend_on_the_batch_are_not_kept(tmp_path: Path):
    """Models share the cache of scores, but for one whose scores depend on the other pairs of a batch."""
    one, two = a_directory(tmp_path / "one"), a_directory(tmp_path / "two")
    dynamic = a_directory(tmp_path / "dynamic", graph=a_dynamic_graph().SerializeToString())
    loaded = await load_models(settings(one, f"{two}, {dynamic}"))
    first, second, third = (model.cache for model, _ in loaded)
    assert first is second
    assert (first.bytes_max, third.bytes_max) == (0.75 * 2**20, 0)

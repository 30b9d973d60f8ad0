"""Every family of models can be converted to int8."""

from pathlib import Path

import pytest

from service.convert.agreement import Trial
from service.convert.quantisation import Conversion
from service.convert.questions import BUILT_IN, read
from service.convert.rowwise import products
from service.engine.engine import Engine
from service.engine.model_dir import ModelDirectory
from tests.examples import GOLDEN

FAMILIES = sorted(path.parent for path in GOLDEN.glob("*/config.json"))
ONCE = ("pooler", "classifier", "head", "query_proj_1", "key_proj_1")
"""Of the names of what is computed once a pair, or once for all: the last two are of DeBERTa's distances."""


@pytest.mark.parametrize("path", FAMILIES, ids=lambda path: path.name)
def test_family(path: Path, monkeypatch: pytest.MonkeyPatch):
    """In every family all that is computed for each token is converted, and scores are near those of fp32.

    They depend on the batch only where they do so in fp32.
    """
    monkeypatch.setattr("service.convert.rowwise._SIDE_MIN", 8)  # These models are tiny.
    directory = ModelDirectory.read(path)
    conversion = Conversion(directory)
    converted = {product.name for group in conversion.groups for product in group}
    left = {product.name for product in products(conversion.model)} - converted
    assert len(converted) >= 4
    assert all(any(word in name for word in ONCE) for name in left)
    assert not any("pooler" in name or "classifier" in name for name in converted)
    before, after = Engine(directory), conversion.engine(conversion.groups)
    trial = Trial(before, read(BUILT_IN)[:6])
    whole, quick = trial.scores(before), trial.scores(after)
    assert quick != whole
    assert trial.agreement(whole, quick).correlation > 0.99
    assert trial.moved(after, quick) == 0 or trial.moved(before, whole) > 0


def test_families_are_there():
    """There are models to convert."""
    assert {"bert", "deberta-v2", "modernbert"} <= {path.name for path in FAMILIES}

"""Scores are those that other CPUs gave."""

import json
import platform

import pytest

from service.engine.cpu import rounds_by_shape
from tests.golden.scores import FILE, MODELS, scores

EXPECTED = json.loads(FILE.read_text(encoding="utf-8"))["scores"]
SAME = platform.machine().lower() in {"x86_64", "amd64"} and not rounds_by_shape()
# Elsewhere, on x86 without FMA (before 2013) for one, products round otherwise, and each layer's rounding to int8 makes
# more of that.
NEAR = 1e-4 if SAME else 0.05


@pytest.mark.parametrize("name", MODELS)
def test_scores(name: str) -> None:
    """In int8, pairs score here as on the CPU that the file was made on."""
    assert scores(MODELS[name]) == pytest.approx(EXPECTED[name], abs=NEAR)


def test_scores_are_there() -> None:
    """The file has scores of every model, and they differ by far more than CPUs may."""
    assert EXPECTED.keys() == MODELS.keys()
    assert "minilm-rerank" in EXPECTED
    assert all(len(set(found)) > 25 and max(found) - min(found) > 0.001 for found in EXPECTED.values())

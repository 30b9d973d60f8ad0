"""Bare ONNX Runtime computes the same logits as the engine, so that both can be compared."""

from math import exp

import pytest

from service.engine.engine import Engine
from service.engine.model_dir import ModelDirectory
from service.settings import EMBEDDED_MODEL
from tests.bench.raw import Raw

QUERY = "which river is the longest"
DOCUMENTS = ["the Nile", "a song about the sea, and about much else besides", "", "rivers " * 30]


def test_raw_is_what_the_engine_does(embedded: Engine):
    """Prepared inputs give the scores of the engine, to a relative error of 1e-12."""
    pairs = embedded.encode(embedded.query(QUERY), DOCUMENTS, 4096).pairs
    raw = Raw(ModelDirectory.read(EMBEDDED_MODEL), workers=2)
    ran = raw.run([pairs[:3], pairs[3:]])
    assert [len(batch.logits) for batch in ran] == [3, 1]
    scores = [1 / (1 + exp(-logit)) for batch in ran for logit in batch.logits]
    assert scores == pytest.approx(embedded.score(pairs), rel=1e-12)
    assert all(batch.took_s > 0 for batch in ran)

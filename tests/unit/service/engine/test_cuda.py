"""A GPU gives the logits of a CPU; without CUDA the error says what to install."""

import pytest

from service.engine.engine import Engine
from service.engine.errors import ModelError
from service.engine.logit import logit
from service.engine.model_dir import ModelDirectory
from service.engine.provider import Provider
from service.engine.runtime import ort
from tests.examples import GOLDEN
from tests.golden.texts import DOCUMENT_TOKENS, PAIRS

CUDA = "CUDAExecutionProvider" in ort.get_available_providers()


@pytest.mark.skipif(CUDA, reason="this onnxruntime knows CUDA")
def test_an_onnxruntime_without_cuda():
    """The error says what to install if the installed package is the one for CPUs."""
    with pytest.raises(ModelError, match="onnxruntime-gpu"):
        Engine(ModelDirectory.read(GOLDEN / "bert"), provider=Provider.CUDA)


@pytest.mark.skipif(not CUDA, reason="needs onnxruntime-gpu and a device")
@pytest.mark.parametrize("family", sorted(path.name for path in GOLDEN.iterdir() if (path / "model.onnx").exists()))
def test_logits_on_a_gpu(family: str):
    """A GPU comes to the logits that a CPU does, which are held against the reference library's."""
    directory = ModelDirectory.read(GOLDEN / family)
    cpu, gpu = Engine(directory), Engine(directory, provider=Provider.CUDA)
    for query, document in PAIRS:
        pairs = cpu.encode(cpu.query(query), [document], DOCUMENT_TOKENS).pairs
        assert list(map(logit, gpu.score(pairs))) == pytest.approx(list(map(logit, cpu.score(pairs))), abs=1e-4)


@pytest.mark.skipif(not CUDA, reason="needs onnxruntime-gpu and a device")
def test_warm_up_on_a_gpu():
    """The batches of the start are large enough to tell what a token costs there."""
    samples = Engine(ModelDirectory.read(GOLDEN / "bert"), provider=Provider.CUDA).warm_up()
    assert max(sample.pairs * sample.length for sample in samples) >= 512

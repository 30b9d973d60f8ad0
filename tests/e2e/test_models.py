"""Several models in one process each answer to their names, and share one order of priority."""

from collections.abc import Iterator
from pathlib import Path

import grpc
import httpx
import pytest
from rerank.v2 import rerank_pb2 as pb

from service.engine.engine import Engine
from service.engine.model_dir import ModelDirectory
from service.settings import EMBEDDED_MODEL
from tests.clients import message, metric, post, stub, unseen, until
from tests.examples import GOLDEN
from tests.process import PATIENT, RunningService, failed_start

QUERY = "what is the capital of the United States?"
DOCUMENTS = ["Washington, D.C. is the capital.", "A cat on a mat.", ""]


@pytest.fixture(scope="module")
def several() -> Iterator[RunningService]:
    """Serve the embedded model, one by a name of ours and another one, and one by its own name."""
    models = f"second=2nd={GOLDEN / 'bert'}, {GOLDEN / 'roberta'}"
    with RunningService.start(workers=1, extra_models=models, **PATIENT) as service:
        yield service


def directly(folder: Path) -> list[float]:
    """Return the scores of the documents by the model alone, without a service."""
    engine = Engine(ModelDirectory.read(folder))
    pairs = engine.encode(engine.query(QUERY), DOCUMENTS, 4096).pairs
    return [engine.score([pair])[0] for pair in pairs]


@pytest.mark.parametrize(
    ("name", "folder"),
    [
        ("minilm-rerank", EMBEDDED_MODEL),
        ("rerank-v3.5", EMBEDDED_MODEL),
        ("second", GOLDEN / "bert"),
        ("2nd", GOLDEN / "bert"),
        ("roberta", GOLDEN / "roberta"),
    ],
)
def test_each_answers_to_its_names(name: str, folder: Path, several: RunningService):
    """A request is scored by the model it names, over both APIs, and equal texts never get another model's score."""
    expected = directly(folder)
    rest = post(several.http, model=name, query=QUERY, documents=DOCUMENTS).json()
    with stub(several.grpc) as rpc:
        answer = rpc.Rerank(message(model=name, query=QUERY, documents=DOCUMENTS))
    assert {r["index"]: r["relevance_score"] for r in rest["results"]} == dict(enumerate(expected))
    assert {r.index: r.relevance_score for r in answer.results} == dict(enumerate(expected))


def test_the_first_is_the_default(several: RunningService):
    """A caller that names no model gets the one of RERANKD_MODEL."""
    answer = httpx.post(f"{several.http}/v1/rerank", json={"query": QUERY, "documents": DOCUMENTS}, timeout=600).json()
    assert answer["model"] == "minilm-rerank"


def test_list(several: RunningService):
    """All are listed, with what each answers to and reads."""
    with stub(several.grpc) as rpc:
        models = rpc.ListModels(pb.ListModelsRequest()).models
    assert [(m.name, list(m.aliases), m.is_default) for m in models] == [
        ("minilm-rerank", ["rerank-v3.5"], True),
        ("second", ["2nd"], False),
        ("roberta", [], False),
    ]
    assert all(model.max_input_tokens > 0 for model in models)


def test_unknown(several: RunningService):
    """An unknown model is not found, and the answer names those there are; the own name of a renamed one is unknown."""
    refused = post(several.http, model="bert")
    assert refused.status_code == 404
    assert "minilm-rerank, rerank-v3.5, second, 2nd, roberta" in refused.json()["message"]


def test_urgent_work_of_one_goes_before_bulk_of_another(several: RunningService):
    """Lanes hold across models: they share the workers, not each a queue of its own."""
    with stub(several.grpc) as rpc:
        before = metric(several.admin, "rerank_inference_seconds_count")
        bulk = rpc.Rerank.future(message(documents=unseen("some words to read " * 50, 300), priority=999), timeout=1000)
        until(lambda: metric(several.admin, "rerank_inference_seconds_count") > before, "the bulk has begun")
        urgent = rpc.Rerank(message(model="second", documents=unseen("an urgent one", 3), priority=0), timeout=1000)
        assert len(urgent.results) == 3
        assert not bulk.done()
        bulk.cancel()


def test_metrics_by_model(several: RunningService):
    """Batches are counted for each model, from the start."""
    post(several.http, model="second", query=QUERY, documents=unseen("text", 2))
    text = httpx.get(f"{several.admin}/metrics", timeout=600).text
    counts = {
        line.partition('model="')[2].partition('"')[0]: float(line.rpartition(" ")[2])
        for line in text.splitlines()
        if line.startswith("rerank_inference_seconds_count")
    }
    assert set(counts) == {"minilm-rerank", "second", "roberta"}
    assert counts["second"] >= 1


@pytest.mark.parametrize(
    ("extra", "said"),
    [
        (f"{EMBEDDED_MODEL}", "2 models answer to 'minilm-rerank'"),
        (f"rerank-v3.5={GOLDEN / 'bert'}", "2 models answer to 'rerank-v3.5'"),
        (f"x={GOLDEN}", "config.json"),
    ],
)
def test_cannot_start(extra: str, said: str):
    """Two models of one name, or an extra one that cannot be served, end the start with the reason."""
    assert said in failed_start(extra_models=extra)


def test_a_key_for_one_model(tmp_path: Path):
    """A key that is held to one model opens that one only, by any of its names."""
    keys = tmp_path / "keys"
    keys.write_text("ann:secret models=2nd\n", encoding="utf-8")
    bearer = "Bearer secret"
    body = {"query": QUERY, "documents": DOCUMENTS}
    models = f"second=2nd={GOLDEN / 'bert'}"
    with (
        RunningService.start(api_keys_file=keys, extra_models=models) as service,
        httpx.Client(base_url=service.http, headers={"authorization": bearer}, timeout=600) as client,
        stub(service.grpc) as rpc,
    ):
        names = ("second", "2nd", "rerank-v3.5")
        assert [client.post("/v2/rerank", json=body | {"model": n}).status_code for n in names] == [200, 200, 403]
        with pytest.raises(grpc.RpcError) as caught:
            rpc.Rerank(message(), metadata=[("authorization", bearer)])
        assert caught.value.code() is grpc.StatusCode.PERMISSION_DENIED

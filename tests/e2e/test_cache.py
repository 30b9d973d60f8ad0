"""A pair that is asked again is not scored again, and the answer says how much was known."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx

from tests.clients import body, message, metric, post, stub, unseen
from tests.process import RunningService

TEXT = "The history of the river and the capital of the state, its trade and its laws."


def _meta(service: RunningService, documents: list[str]) -> dict[str, Any]:
    meta: dict[str, Any] = post(service.http, documents=documents).json()["meta"]
    return meta


def test_a_repeated_request_is_told_from_a_fresh_one(running: RunningService) -> None:
    """A repeated request costs no batch, over either API, has the same scores, and says how many were known."""
    documents = unseen(TEXT, 20)
    fresh = post(running.http, documents=documents).json()
    batches = metric(running.admin, "rerank_inference_seconds_count")
    again = post(running.http, documents=documents).json()
    with stub(running.grpc) as service:
        over_grpc = service.Rerank(message(documents=documents[::-1], priority=999))
    assert metric(running.admin, "rerank_inference_seconds_count") == batches
    tokens = fresh["meta"]["tokens"]["input_tokens"]
    assert fresh["meta"]["cached_tokens"] == 0
    assert again["meta"]["cached_tokens"] == over_grpc.meta.cached_tokens == tokens
    assert again["results"] == fresh["results"]
    assert {19 - r.index: r.relevance_score for r in over_grpc.results} == {
        r["index"]: r["relevance_score"] for r in fresh["results"]
    }


def test_known_in_part(running: RunningService) -> None:
    """Of a request known in part, only the rest is scored."""
    known, new = unseen(TEXT, 5), unseen(TEXT, 5)
    before = _meta(running, known)["tokens"]["input_tokens"]
    meta = _meta(running, [*new, *known])
    assert meta["cached_tokens"] == before
    assert meta["tokens"]["input_tokens"] > before


def test_tokens_are_counted(running: RunningService) -> None:
    """Metrics count the input tokens, and those of pairs whose scores were known."""
    documents = unseen(TEXT, 5)
    names = ("rerank_input_tokens_total", "rerank_cached_tokens_total")
    before = [metric(running.admin, name) for name in names]
    tokens = [_meta(running, documents)["tokens"]["input_tokens"] for _ in range(2)]
    after = [metric(running.admin, name) for name in names]
    assert [now - then for now, then in zip(after, before, strict=True)] == [sum(tokens), tokens[0]]


def test_equal_requests_at_once_have_equal_answers(running: RunningService) -> None:
    """Requests that are equal and come at once, from clients that take turns, score alike to the last bit."""
    documents = unseen(TEXT, 40)
    with ThreadPoolExecutor(6) as callers:
        answers = list(callers.map(lambda n: post(running.http, documents=documents, priority=n).json(), range(6)))
    assert all(answer["results"] == answers[0]["results"] for answer in answers)


def test_no_cache(uncached: RunningService) -> None:
    """With a cache of no size everything is scored, and nothing is said of a cache."""
    documents = unseen(TEXT, 3)
    before = metric(uncached.admin, "rerank_inference_seconds_count")
    metas = [_meta(uncached, documents) for _ in range(2)]
    assert metas[0] == metas[1]
    assert "cached_tokens" not in metas[0]
    assert metric(uncached.admin, "rerank_inference_seconds_count") >= before + 2


def test_keys_have_caches_of_their_own(tmp_path: Path) -> None:
    """With keys, the pairs of one client are new to another client, and known to the same one."""
    file = tmp_path / "keys"
    file.write_text("ann:a\nbob:b\n")
    documents = unseen(TEXT, 5)
    with RunningService.start(api_keys_file=file) as service:
        asked = body(documents=documents)
        metas = [
            httpx.post(
                f"{service.http}/v2/rerank", json=asked, headers={"authorization": f"Bearer {key}"}, timeout=60
            ).json()["meta"]
            for key in "aba"
        ]
        with stub(service.grpc) as over_grpc:
            answer = over_grpc.Rerank(
                message(documents=documents), metadata=[("authorization", "Bearer b"), ("x-client-name", "ann")]
            )
    tokens = metas[0]["tokens"]["input_tokens"]
    assert [meta["cached_tokens"] for meta in metas] == [0, 0, tokens]
    assert answer.meta.cached_tokens == tokens


def test_cache_off() -> None:
    """With the scope off, everything is scored, and nothing is said of a cache."""
    documents = unseen(TEXT, 3)
    with RunningService.start(cache_scope="off") as service:
        metas = [_meta(service, documents) for _ in range(2)]
        assert metric(service.admin, "rerank_inference_seconds_count") >= 2
    assert metas[0] == metas[1]
    assert "cached_tokens" not in metas[0]

"""REST calls made with a library: valid and invalid ones."""

from collections.abc import Mapping
from typing import Any

import httpx

from tests.contract.clients import SECRET
from tests.soak.outcome import CUT_OFF, Outcome, answered, refused_by_http
from tests.soak.question import SoakRequest
from tests.soak.target import Target


async def v2(target: Target, name: str, question: SoakRequest) -> Outcome:
    """Send a Cohere v2 request."""
    return await _asked(target, name, question, "/v2/rerank", body(question))


async def v1(target: Target, name: str, question: SoakRequest) -> Outcome:
    """Send a Cohere v1 request, with every other document as an object."""
    documents = [text if i % 2 else {"text": text} for i, text in enumerate(question.documents)]
    return await _asked(target, name, question, "/v1/rerank", body(question) | {"documents": documents})


async def tei(target: Target, name: str, question: SoakRequest) -> Outcome:
    """Send a text-embeddings-inference request."""
    fields = {"query": question.query, "texts": question.documents, "top_n": question.top_n}
    return await _asked(target, name, question, "/rerank", fields)


async def hasty(target: Target, name: str, question: SoakRequest) -> Outcome:
    """Send a request with a deadline of a few milliseconds."""
    answer = await _sent(target, name, question, "/v2/rerank", json=body(question), timeout_s=target.rng.random() / 20)
    return understood(answer, question)


async def malformed(target: Target, name: str, question: SoakRequest) -> Outcome:
    """Send an invalid body."""
    good = body(question.of(2))
    content, headers = target.rng.choice(
        [
            (b'{"model": ' + SECRET.encode(), {}),
            (b"[]", {}),
            (b"\xff\xfe" * 100, {}),
            (b'{"query": ' + b"[" * 5000 + b"}", {}),
            (httpx.Request("POST", "http://x", json=good | {"documents": 7}).content, {}),
            (httpx.Request("POST", "http://x", json=good | {"documents": []}).content, {}),
            (httpx.Request("POST", "http://x", json=good | {"documents": ["a"] * 10_001}).content, {}),
            (httpx.Request("POST", "http://x", json=good | {"model": "nobody"}).content, {}),
            (httpx.Request("POST", "http://x", json=good).content, {"content-type": "text/plain"}),
            (httpx.Request("POST", "http://x", json=good).content, {"content-encoding": "gzip"}),
            (httpx.Request("POST", "http://x", json=good).content, {"x-request-timeout-ms": "soon"}),
            (httpx.Request("POST", "http://x", json=good | {"priority": 1000}).content, {}),
        ]
    )
    return understood(await _sent(target, name, question, "/v2/rerank", content=content, headers=headers), question)


async def large_head(target: Target, name: str, question: SoakRequest) -> Outcome:
    """Send more headers than the library accepts, over its own connection."""
    async with httpx.AsyncClient(timeout=question.deadline_s) as own:
        headers = {"x-client-name": name, "x-large": "m" * 2**20}
        try:
            answer = await own.post(f"http://{target.http}/v2/rerank", json=body(question.of(1)), headers=headers)
        except (httpx.ReadError, httpx.WriteError, httpx.RemoteProtocolError):
            return Outcome(CUT_OFF)
    if answer.status_code == 400 and "x-request-id" not in answer.headers:
        return Outcome(CUT_OFF)
    return understood(answer, question)


def body(question: SoakRequest) -> dict[str, Any]:
    """Return the Cohere v2 body of a request."""
    return {
        "model": "rerank-v3.5",
        "query": question.query,
        "documents": question.documents,
        "top_n": question.top_n,
        "priority": question.lane,
    }


def understood(answer: httpx.Response, question: SoakRequest) -> Outcome:
    """Return the outcome of a response of any form."""
    if answer.status_code != 200:
        return refused_by_http(answer)
    found = answer.json()
    results = found if isinstance(found, list) else found["results"]
    scores = [
        (result["index"], result["score" if isinstance(found, list) else "relevance_score"]) for result in results
    ]
    return answered(question, answer.headers["x-request-id"], scores)


async def _asked(target: Target, name: str, question: SoakRequest, path: str, fields: Mapping[str, Any]) -> Outcome:
    return understood(await _sent(target, name, question, path, json=fields), question)


async def _sent(
    target: Target,
    name: str,
    question: SoakRequest,
    path: str,
    *,
    headers: Mapping[str, str] | None = None,
    timeout_s: float | None = None,
    **content: Any,
) -> httpx.Response:
    own = {
        "x-client-name": name,
        "x-priority": str(question.lane),
        "x-request-timeout-ms": str(max(round(1000 * (timeout_s or question.deadline_s)), 1)),
        "content-type": "application/json",
    }
    return await target.client.post(f"http://{target.http}{path}", headers=own | dict(headers or {}), **content)

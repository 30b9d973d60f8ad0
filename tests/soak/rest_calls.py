"""Calls over REST as a library makes them: good ones, and such as are no request."""

from collections.abc import Mapping
from typing import Any

import httpx

from tests.contract.clients import SECRET
from tests.soak.outcome import CUT_OFF, Outcome, answered, refused_by_http
from tests.soak.question import Question
from tests.soak.target import Target


async def v2(target: Target, name: str, question: Question) -> Outcome:
    """Ask in the form of Cohere v2."""
    return await _asked(target, name, question, "/v2/rerank", body(question))


async def v1(target: Target, name: str, question: Question) -> Outcome:
    """Ask in the form of Cohere v1, a document in two an object."""
    documents = [text if i % 2 else {"text": text} for i, text in enumerate(question.documents)]
    return await _asked(target, name, question, "/v1/rerank", body(question) | {"documents": documents})


async def tei(target: Target, name: str, question: Question) -> Outcome:
    """Ask in the form of text-embeddings-inference."""
    fields = {"query": question.query, "texts": question.documents, "top_n": question.top_n}
    return await _asked(target, name, question, "/rerank", fields)


async def hasty(target: Target, name: str, question: Question) -> Outcome:
    """Give it a few milliseconds."""
    answer = await _sent(
        target, name, question, "/v2/rerank", json=body(question), timeout_s=target.chance.random() / 20
    )
    return understood(answer, question)


async def malformed(target: Target, name: str, question: Question) -> Outcome:
    """Send one of the bodies that no form takes."""
    good = body(question.of(2))
    content, headers = target.chance.choice(
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


async def large_head(target: Target, name: str, question: Question) -> Outcome:
    """Send more of a head than the library takes, over a connection of its own."""
    async with httpx.AsyncClient(timeout=question.deadline_s) as own:
        headers = {"x-client-name": name, "x-large": "m" * 2**20}
        try:
            answer = await own.post(f"http://{target.http}/v2/rerank", json=body(question.of(1)), headers=headers)
        except (httpx.ReadError, httpx.WriteError, httpx.RemoteProtocolError):
            return Outcome(CUT_OFF)
    if answer.status_code == 400 and "x-request-id" not in answer.headers:
        return Outcome(CUT_OFF)
    return understood(answer, question)


def body(question: Question) -> dict[str, Any]:
    """Return the body of a question in the form of Cohere v2."""
    return {
        "model": "rerank-v3.5",
        "query": question.query,
        "documents": question.documents,
        "top_n": question.top_n,
        "priority": question.lane,
    }


def understood(answer: httpx.Response, question: Question) -> Outcome:
    """Return what to say of an answer of any form."""
    if answer.status_code != 200:
        return refused_by_http(answer)
    found = answer.json()
    results = found if isinstance(found, list) else found["results"]
    scores = [
        (result["index"], result["score" if isinstance(found, list) else "relevance_score"]) for result in results
    ]
    return answered(question, answer.headers["x-request-id"], scores)


async def _asked(target: Target, name: str, question: Question, path: str, fields: Mapping[str, Any]) -> Outcome:
    return understood(await _sent(target, name, question, path, json=fields), question)


async def _sent(
    target: Target,
    name: str,
    question: Question,
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

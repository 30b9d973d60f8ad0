"""Ask with the Cohere SDK: `v1`, `v2` or `async`; version 7, 5 or older."""

import asyncio
import sys
from typing import Any

import cohere
from play import BASE, Call, Row, play


def v1(call: Call) -> list[Row]:
    """Ask with `Client`."""
    answer = cohere.Client(api_key=call.key, base_url=BASE).rerank(
        model=call.model,
        query=call.query,
        documents=call.documents,
        return_documents=True,
        **_given(call),
        **({"rank_fields": ["text"]} if isinstance(call.documents[0], dict) else {}),
    )
    return [(r.index, r.relevance_score, r.document.text) for r in answer.results]


def v2(call: Call) -> list[Row]:
    """Ask with `ClientV2`."""
    client = cohere.ClientV2(api_key=call.key, base_url=BASE)
    return _rows(client.rerank(model=call.model, query=call.query, documents=call.documents, **_given(call)))


def asynchronous(call: Call) -> list[Row]:
    """Ask with `AsyncClientV2`."""

    async def ask() -> Any:
        client = cohere.AsyncClientV2(api_key=call.key, base_url=BASE)
        return await client.rerank(model=call.model, query=call.query, documents=call.documents, **_given(call))

    return _rows(asyncio.run(ask()))


def _given(call: Call) -> dict[str, int]:
    return {} if call.top_n is None else {"top_n": call.top_n}


def _rows(answer: Any) -> list[Row]:
    assert answer.meta.billed_units.search_units == 1
    return [(r.index, r.relevance_score, None) for r in answer.results]


play({"v1": v1, "v2": v2, "async": asynchronous}[sys.argv[1]])

"""Ask with OpenRouter's SDK."""

from openrouter import OpenRouter
from play import BASE, Call, Row, play


def ask(call: Call) -> list[Row]:
    """Ask with `rerank`."""
    with OpenRouter(api_key=call.key, server_url=f"{BASE}/api/v1") as client:
        answer = client.rerank.rerank(
            model=call.model, query=call.query, documents=call.documents, top_n=call.top_n, timeout_ms=60_000
        )
    return [(r.index, r.relevance_score, r.document.text) for r in answer.results]


play(ask)

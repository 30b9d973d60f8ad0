"""Ask with LiteLLM, through the provider that is named."""

import sys

import litellm
from play import BASE, Call, Row, play

PROVIDER = sys.argv[1]
litellm.suppress_debug_info = True


def ask(call: Call) -> list[Row]:
    """Ask with `rerank`. Infinity's clients want documents as bare texts, which this service does not give them."""
    answer = litellm.rerank(
        model=f"{PROVIDER}/{call.model}",
        query=call.query,
        documents=call.documents,
        top_n=call.top_n,
        return_documents=PROVIDER != "infinity",
        api_key=call.key,
        api_base=BASE,
    )
    return [(r["index"], r["relevance_score"], r.get("document", {}).get("text")) for r in answer.results]


play(ask)

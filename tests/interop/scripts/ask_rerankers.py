"""Ask with rerankers, as the provider that is named: `cohere`, `jina` or `text-embeddings-inference`."""

import sys

from play import BASE, Call, Row, play
from rerankers import Reranker

PROVIDER = sys.argv[1]
PATH = "/rerank" if PROVIDER == "text-embeddings-inference" else "/v1/rerank"


def ask(call: Call) -> list[Row]:
    """Ask with `rank`. It always asks for as many results as there are documents."""
    ranker = Reranker(call.model, model_type=PROVIDER, api_key=call.key, url=f"{BASE}{PATH}", verbose=0)
    found = ranker.rank(query=call.query, docs=call.documents)
    return [(r.doc_id, r.score, r.text) for r in found.results]


play(ask)

"""Ask with cohere-haystack."""

from haystack import Document
from haystack.utils import Secret
from haystack_integrations.components.rankers.cohere import CohereRanker
from play import BASE, Call, Row, play


def ask(call: Call) -> list[Row]:
    """Ask with the ranker."""
    ranker = CohereRanker(model=call.model, api_key=Secret.from_token(call.key), api_base_url=BASE)
    documents = [Document(content=text, meta={"index": i}) for i, text in enumerate(call.documents)]
    found = ranker.run(query=call.query, documents=documents, top_k=call.top_n)["documents"]
    return [(d.meta["index"], d.score, d.content) for d in found]


play(ask)

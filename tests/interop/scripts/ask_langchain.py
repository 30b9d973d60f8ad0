"""Ask with langchain-cohere."""

from langchain_cohere import CohereRerank
from langchain_core.documents import Document
from play import BASE, Call, Row, play
from pydantic import SecretStr


def ask(call: Call) -> list[Row]:
    """Ask with the compressor where documents are texts, and else with its `rerank`, the only one that takes others."""
    reranker = CohereRerank(cohere_api_key=SecretStr(call.key), model=call.model, base_url=BASE, top_n=call.top_n)
    if not isinstance(call.documents[0], str):
        found = reranker.rerank(call.documents, call.query)
        return [(r["index"], r["relevance_score"], None) for r in found]
    documents = [Document(text, metadata={"index": i}) for i, text in enumerate(call.documents)]
    compressed = reranker.compress_documents(documents, call.query)
    return [(d.metadata["index"], d.metadata["relevance_score"], d.page_content) for d in compressed]


play(ask)

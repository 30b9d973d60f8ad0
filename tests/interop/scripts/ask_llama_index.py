"""Ask with llama-index-postprocessor-cohere-rerank."""

from llama_index.core.schema import NodeWithScore, QueryBundle, TextNode
from llama_index.postprocessor.cohere_rerank import CohereRerank
from play import BASE, Call, Row, play


def ask(call: Call) -> list[Row]:
    """Ask with the postprocessor."""
    nodes = [NodeWithScore(node=TextNode(text=text, id_=str(i))) for i, text in enumerate(call.documents)]
    reranker = CohereRerank(
        api_key=call.key, model=call.model, base_url=BASE, top_n=len(nodes) if call.top_n is None else call.top_n
    )
    found = reranker.postprocess_nodes(nodes, query_bundle=QueryBundle(call.query))
    return [(int(n.node.node_id), n.score, n.node.get_content()) for n in found]


play(ask)

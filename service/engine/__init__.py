"""The model: directory, tokenizer, graph and caches.

The service imports onnxruntime, tokenizers and numpy only here. The reference logits of nine model families are in
`tests/golden/*/expected.json`. `make golden` computes them again with sentence-transformers.
"""

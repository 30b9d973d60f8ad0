"""The model: a directory, its tokenizer and its graph; the only importer of onnxruntime, tokenizers and numpy."""

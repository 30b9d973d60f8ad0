"""The families of cross-encoders, each as small as it gets, with what their published configurations differ in."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tokenizers import Tokenizer

from tests.golden import vocabularies

_ONE_SEPARATOR = (("[CLS]",), ("[SEP]",), ("[SEP]",))
_TWO_SEPARATORS = (("<s>",), ("</s>", "</s>"), ("</s>",))
_TYPED = ("input_ids", "attention_mask", "token_type_ids")
_SHAPE = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 24}
_NN = "torch.nn.modules"
CONTEXT = 64
"""Tokens each is to be read with: its positions, less those never used, or what its tokenizer's configuration says."""


@dataclass(frozen=True, slots=True)
class Family:
    """The recipe of a tiny model of one family."""

    name: str
    config: dict[str, Any]
    tokenizer: Callable[[], Tokenizer]
    tokenizer_config: dict[str, Any]
    layout: tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]
    """Special tokens before the query, between the texts, and at the end."""
    inputs: tuple[str, ...] = ("input_ids", "attention_mask")
    saved: dict[str, int] = field(default_factory=dict)
    """Truncation and padding saved with the tokenizer, as lengths."""


FAMILIES = (
    Family(
        "bert",
        {"model_type": "bert", "max_position_embeddings": 80, **_SHAPE},
        lambda: vocabularies.bert(lowercase=False),
        {
            "tokenizer_class": "BertTokenizer",
            "do_lower_case": False,
            "model_max_length": 64,
            "model_input_names": ["input_ids", "attention_mask"],
        },
        _ONE_SEPARATOR,
        _TYPED,
    ),
    Family(
        "minilm",
        {
            "model_type": "bert",
            "max_position_embeddings": 64,
            **_SHAPE,
            "num_hidden_layers": 2,
            "sentence_transformers": {"activation_fn": f"{_NN}.linear.Identity", "version": "4.0.1"},
        },
        lambda: vocabularies.bert(lowercase=True),
        {
            "tokenizer_class": "BertTokenizer",
            "do_lower_case": True,
            "model_max_length": 512,
            "model_input_names": list(_TYPED),
        },
        _ONE_SEPARATOR,
        _TYPED,
        {"truncation": 24, "padding": 40},
    ),
    Family(
        "electra",
        {
            "model_type": "electra",
            "max_position_embeddings": 64,
            "embedding_size": 12,
            **_SHAPE,
            "sbert_ce_default_activation_function": f"{_NN}.linear.Identity",
        },
        lambda: vocabularies.bert(lowercase=True),
        {"tokenizer_class": "BertTokenizer", "do_lower_case": True},
        _ONE_SEPARATOR,
        _TYPED,
    ),
    Family(
        "distilbert",
        {
            "model_type": "distilbert",
            "max_position_embeddings": 64,
            "dim": 16,
            "n_layers": 1,
            "n_heads": 2,
            "hidden_dim": 24,
        },
        lambda: vocabularies.bert(lowercase=True),
        {"tokenizer_class": "DistilBertTokenizer", "do_lower_case": True, "model_max_length": 64},
        _ONE_SEPARATOR,
    ),
    Family(
        "mpnet",
        {"model_type": "mpnet", "max_position_embeddings": 66, **_SHAPE},
        vocabularies.mpnet,
        {"tokenizer_class": "MPNetTokenizer", "do_lower_case": True, "unk_token": "[UNK]"},
        _TWO_SEPARATORS,
    ),
    Family(
        "roberta",
        {
            "model_type": "roberta",
            "max_position_embeddings": 66,
            "type_vocab_size": 1,
            **_SHAPE,
            "sbert_ce_default_activation_function": f"{_NN}.activation.Sigmoid",
        },
        vocabularies.roberta,
        {"tokenizer_class": "RobertaTokenizer", "add_prefix_space": False},
        _TWO_SEPARATORS,
    ),
    Family(
        "xlm-roberta",
        {"model_type": "xlm-roberta", "max_position_embeddings": 66, "type_vocab_size": 1, **_SHAPE},
        vocabularies.xlm_roberta,
        {"tokenizer_class": "XLMRobertaTokenizer", "model_max_length": 10**30},
        _TWO_SEPARATORS,
        saved={"truncation": 20, "padding": 30},
    ),
    Family(
        "deberta-v2",
        {
            "model_type": "deberta-v2",
            "max_position_embeddings": 64,
            **_SHAPE,
            "relative_attention": True,
            "position_buckets": 16,
            "norm_rel_ebd": "layer_norm",
            "share_att_key": True,
            "pos_att_type": ["p2c", "c2p"],
            "position_biased_input": False,
            "type_vocab_size": 0,
            "pooler_hidden_size": 16,
        },
        vocabularies.deberta,
        {"tokenizer_class": "DebertaV2Tokenizer", "model_max_length": 64},
        _ONE_SEPARATOR,
        saved={"padding": 48},
    ),
    Family(
        "modernbert",
        {
            "model_type": "modernbert",
            "max_position_embeddings": 64,
            **_SHAPE,
            "num_hidden_layers": 2,
            "global_attn_every_n_layers": 2,
            "local_attention": 16,
            "classifier_pooling": "mean",
            "sentence_transformers": {"activation_fn": f"{_NN}.activation.Sigmoid", "version": "4.0.1"},
        },
        vocabularies.modernbert,
        {
            "tokenizer_class": "PreTrainedTokenizerFast",
            "model_input_names": ["input_ids", "attention_mask"],
            "model_max_length": 8192,
        },
        _ONE_SEPARATOR,
    ),
)

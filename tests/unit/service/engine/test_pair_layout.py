"""A pair put together from two parts is the one that the tokenizer makes of the two texts."""

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, processors

from service.engine.errors import ModelError
from service.engine.pair_layout import EncodedPair, PairLayout
from tests.unit.service.engine import encoders
from tests.unit.service.engine.encoders import as_ids
from tests.unit.service.models import tiny_tokenizer

ODD = [
    "",
    " ",
    "\n\t \r\n",
    "plain words, with marks!",
    "😀 👩‍👩‍👧‍👦 🇩🇪",
    "\x00\x01\x1b[31m\x7f\u200b\ufeff\u202e",
    "東京は日本の首都です。",
    "e\u0301 a\u0308 \u0301\u0301\u0301",
    "العربية עברית हिन्दी ไทย",
    "[CLS] [SEP] [PAD] [MASK] </s> <s> <mask>",
    "x" * 300,
    "ﬁ ① ﷺ K",
    "\U0010ffff\ue000",
]
TOKENIZERS = encoders.TOKENIZERS | {"tiny": tiny_tokenizer()}


def assert_equal(tokenizer: Tokenizer, query: str, document: str) -> None:
    """See that a pair put together by hand is the one the tokenizer makes."""
    template = PairLayout(tokenizer)
    whole = tokenizer.encode(query, document)
    ids = [tokenizer.encode(text, add_special_tokens=False).ids for text in (query, document)]
    pair = EncodedPair(template.head(as_ids(ids[0])), template.tail(as_ids(ids[1])))
    assert [*pair.head, *pair.tail] == whole.ids
    assert [template.head_type] * len(pair.head) + [template.tail_type] * len(pair.tail) == whole.type_ids
    assert pair.tokens == len(whole.ids)


@pytest.mark.parametrize("document", ODD)
@pytest.mark.parametrize("name", TOKENIZERS)
def test_odd_texts(name: str, document: str):
    """A pair put together by hand equals the tokenizer's own, whatever the texts hold."""
    for query in ODD:
        assert_equal(TOKENIZERS[name], query, document)


@settings(max_examples=100)
@given(query=st.text(max_size=40), document=st.text(max_size=80))
@pytest.mark.parametrize("name", TOKENIZERS)
def test_any_texts(name: str, query: str, document: str):
    """A pair put together by hand equals the tokenizer's own for text of any characters."""
    assert_equal(TOKENIZERS[name], query, document)


@pytest.mark.parametrize(
    ("name", "specials", "types"),
    [("embedded", 3, (0, 1)), ("tiny", 3, (0, 1)), ("roberta", 4, (0, 0)), ("sentencepiece", 4, (0, 0))],
)
def test_learned(name: str, specials: int, types: tuple[int, int]):
    """The special tokens are counted and the types of the two parts known."""
    template = PairLayout(TOKENIZERS[name])
    assert template.specials == specials
    assert (template.head_type, template.tail_type) == types


def test_head_is_the_same_for_all_documents():
    """The first part depends on the query alone, so that one serves all documents."""
    template = PairLayout(TOKENIZERS["embedded"])
    ids = as_ids(TOKENIZERS["embedded"].encode("a query", add_special_tokens=False).ids)
    assert template.head(ids).tolist() == template.head(ids).tolist() == [101, *ids, 102]


def test_types_change_where_the_document_begins():
    """The separator after the query belongs to the query's part."""
    whole = TOKENIZERS["embedded"].encode("a query", "a document")
    template = PairLayout(TOKENIZERS["embedded"])
    ids = as_ids(TOKENIZERS["embedded"].encode("a query", add_special_tokens=False).ids)
    assert whole.type_ids.index(template.tail_type) == len(template.head(ids))


def words(single: str, pair: str) -> Tokenizer:
    """Return a tokenizer that lays out pairs as told."""
    tokenizer = tiny_tokenizer()
    specials = [("[CLS]", 2), ("[SEP]", 3)]
    tokenizer.post_processor = processors.TemplateProcessing(single=single, pair=pair, special_tokens=specials)
    return tokenizer


def test_without_special_tokens():
    """A tokenizer that joins the two texts with nothing between is learned too."""
    assert PairLayout(words("$A", "$A $B")).specials == 0


@pytest.mark.parametrize(
    "pair",
    [
        pytest.param("[CLS] $B [SEP] $A [SEP]", id="document first"),
        pytest.param("[CLS] $A:0 [SEP]:1 $B:1 [SEP]:1", id="types change before the separator"),
        pytest.param("[CLS]:1 $A:0 [SEP]:0 $B:1 [SEP]:1", id="first token of a type of its own"),
        pytest.param("[CLS] $A [SEP] $B:1 [SEP]:0", id="last token of a type of its own"),
    ],
)
def test_unknown_layout(pair: str):
    """A layout that cannot be put together from two parts is refused, rather than scored wrong."""
    with pytest.raises(
        ModelError, match=r"(layout of the tokenizer is not supported|tokenizer does not encode a query followed by)"
    ):
        PairLayout(words("[CLS] $A [SEP]", pair))


def test_truncation_left_on():
    """A tokenizer that still cuts texts makes other pairs, and is refused."""
    tokenizer = tiny_tokenizer()
    tokenizer.enable_truncation(5)
    with pytest.raises(ModelError):
        PairLayout(tokenizer)


def test_long_random_texts():
    """Length changes nothing about how a pair is put together."""
    random = Random(1)
    text = "".join(random.choice("ab \n.,é漢😀") for _ in range(20_000))
    assert_equal(TOKENIZERS["embedded"], text[:100], text)

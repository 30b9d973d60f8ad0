"""Tokenizers put together as the families publish theirs, trained on next to nothing."""

from collections import Counter
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory

from sentencepiece import SentencePieceTrainer, sentencepiece_model_pb2
from tokenizers import AddedToken, Regex, Tokenizer, models, normalizers, pre_tokenizers, processors, trainers

from tests.golden.texts import CORPUS

_WORDS, _BYTE_PAIRS, _SENTENCE_PIECES = 60, 400, 400
_CHARACTERS = {
    "\t": " ",
    "\n": " ",
    "\r": " ",
    "\u00a0": " ",
    "\u3000": " ",
    "\u200b": "",
    "\x01": "",
    "\x1b": "",
    "\x7f": "",
    "ﬁ": "fi",
    "①": "1",
    "\uff21": "A",
    "ﷺ": "صلى",
    "e\u0301": "é",
}
"""The changes of a sentencepiece normalizer's compiled table: a few lines of the thousands of a real one."""

BERT = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
DEBERTA = ("[PAD]", "[CLS]", "[SEP]", "[UNK]", "[MASK]")
ROBERTA = ("<s>", "<pad>", "</s>", "<unk>", "<mask>")
MODERN = ("[UNK]", "[CLS]", "[SEP]", "[PAD]", "[MASK]")
"""Special tokens in the order of their ids."""


def bert(*, lowercase: bool) -> Tokenizer:
    """Return words split into pieces, a pair laid out with one separator and a type for each text."""
    return _bert_pair(_word_pieces(BERT, lowercase=lowercase, unknown="[UNK]"))


def mpnet() -> Tokenizer:
    """Return BERT's words in RoBERTa's layout."""
    tokenizer = _word_pieces((*ROBERTA[:4], "[UNK]", "<mask>"), lowercase=True, unknown="[UNK]")
    tokenizer.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0), add_prefix_space=False)
    return _with_mask(tokenizer, "<mask>")


def roberta() -> Tokenizer:
    """Return bytes in pairs, a space being part of the word behind it."""
    tokenizer = _bytes(ROBERTA[:4])
    tokenizer.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0), add_prefix_space=False)
    return _with_mask(tokenizer, "<mask>")


def modernbert() -> Tokenizer:
    """Return bytes in pairs, runs of spaces as tokens of their own, special tokens at the end."""
    tokenizer = _bytes(())
    tokenizer.normalizer = normalizers.NFC()
    tokenizer.add_tokens([AddedToken(" " * run, normalized=True) for run in range(8, 1, -1)])
    tokenizer.add_special_tokens(list(MODERN[:4]))
    return _with_mask(_bert_pair(tokenizer), "[MASK]")


def xlm_roberta() -> Tokenizer:
    """Return sentence pieces behind a compiled table of characters, in RoBERTa's layout."""
    trained = _trained()
    tokenizer = _sentence_pieces(trained, ROBERTA[:4])
    tokenizer.normalizer = normalizers.Precompiled(trained.normalizer_spec.precompiled_charsmap)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace()],
    )
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", pair="<s> $A </s> </s> $B </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    return _with_mask(tokenizer, "<mask>")


def deberta() -> Tokenizer:
    """Return sentence pieces in BERT's layout."""
    tokenizer = _sentence_pieces(_trained(), DEBERTA)
    tokenizer.normalizer = normalizers.Sequence(
        [
            normalizers.Replace(Regex(r"\s{2,}|[\n\r\t]"), " "),
            normalizers.NFC(),
            normalizers.Strip(left=False, right=True),
        ]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Metaspace()])
    return _bert_pair(tokenizer)


def _word_pieces(specials: tuple[str, ...], *, lowercase: bool, unknown: str) -> Tokenizer:
    """Return BERT's model of words. The trainer of such, as of unigrams, makes another vocabulary each time."""
    normalizer, pre_tokenizer = normalizers.BertNormalizer(lowercase=lowercase), pre_tokenizers.BertPreTokenizer()
    words = [word for line in CORPUS for word, _ in pre_tokenizer.pre_tokenize_str(normalizer.normalize_str(line))]
    letters = sorted(letter for letter, times in Counter("".join(words)).items() if times > 1)
    frequent = [word for word, _ in Counter(words).most_common(_WORDS) if len(word) > 1]
    pieces = [*specials, *letters, *(f"##{letter}" for letter in letters), *frequent]
    tokenizer = Tokenizer(
        models.WordPiece({piece: number for number, piece in enumerate(pieces)}, unk_token=unknown),
    )
    tokenizer.normalizer, tokenizer.pre_tokenizer = normalizer, pre_tokenizer
    tokenizer.add_special_tokens(list(specials))
    return tokenizer


def _bytes(specials: tuple[str, ...]) -> Tokenizer:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    trainer = trainers.BpeTrainer(
        vocab_size=_BYTE_PAIRS,
        special_tokens=list(specials),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(CORPUS, trainer)
    return tokenizer


def _sentence_pieces(trained: sentencepiece_model_pb2.ModelProto, specials: tuple[str, ...]) -> Tokenizer:
    pieces = [(piece.piece, piece.score) for piece in trained.pieces if piece.type == piece.NORMAL]
    unknown = next(number for number, token in enumerate(specials) if "unk" in token.lower())
    tokenizer = Tokenizer(models.Unigram([*((token, 0.0) for token in specials), *pieces], unknown))
    tokenizer.add_special_tokens(list(specials))
    return tokenizer


def _bert_pair(tokenizer: Tokenizer) -> Tokenizer:
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[(token, tokenizer.token_to_id(token)) for token in ("[CLS]", "[SEP]")],
    )
    return tokenizer


def _with_mask(tokenizer: Tokenizer, token: str) -> Tokenizer:
    """Let the mask take the space before it, as it does in all families but BERT's."""
    tokenizer.add_special_tokens([AddedToken(token, lstrip=True)])
    return tokenizer


def _trained() -> sentencepiece_model_pb2.ModelProto:
    """Return what sentencepiece makes of the corpus: its pieces, and `_CHARACTERS`, compiled."""
    model = BytesIO()
    with TemporaryDirectory() as folder:
        rules = Path(folder) / "rules.tsv"
        rules.write_text("".join(f"{_codes(found)}\t{_codes(becomes)}\n" for found, becomes in _CHARACTERS.items()))
        SentencePieceTrainer.train(
            sentence_iterator=iter(CORPUS),
            model_writer=model,
            vocab_size=_SENTENCE_PIECES,
            hard_vocab_limit=False,
            normalization_rule_tsv=str(rules),
            num_threads=1,
            minloglevel=2,
        )
    return sentencepiece_model_pb2.ModelProto.FromString(model.getvalue())


def _codes(text: str) -> str:
    return " ".join(f"{ord(character):X}" for character in text)

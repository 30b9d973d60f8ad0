"""Make the golden models anew, and ask the reference library for their logits: `make golden`.

Each family gets a directory beside this file: a tiny model of random weights with a tokenizer of its kind, and
`expected.json`, the logits of `texts.PAIRS` by sentence-transformers' CrossEncoder. Where a pair takes one window,
that is the library's own answer; where it takes several, the highest of the library's model over windows cut by hand.
"""

import json
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from sentence_transformers import CrossEncoder
from tokenizers import Tokenizer
from transformers import AutoConfig, AutoModelForSequenceClassification

from tests.golden.families import CONTEXT, FAMILIES, Family
from tests.golden.texts import DOCUMENT_TOKENS, PAIRS

_HERE = Path(__file__).parent
_SEED = 7
_TOLERANCE = 1e-5


class _Logits(torch.nn.Module):
    """A model that takes its inputs by place and gives back the logits alone, as an export wants it."""

    def __init__(self, model: torch.nn.Module, inputs: tuple[str, ...]) -> None:
        super().__init__()
        self._model, self._inputs = model, inputs

    def forward(self, *tensors: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self._model(**dict(zip(self._inputs, tensors, strict=True))).logits
        return logits


def make(family: Family, path: Path) -> None:
    """Write the directory of a family."""
    tokenizer = _tokenizer(family, path)
    torch.manual_seed(_SEED)
    config = AutoConfig.for_model(**_config(family, tokenizer))
    model = AutoModelForSequenceClassification.from_config(config)
    model.save_pretrained(path)
    _dump(path / "config.json", {"architectures": [type(model).__name__], **_config(family, tokenizer)})
    library = CrossEncoder(
        str(path), device="cpu", activation_fn=torch.nn.Identity(), model_kwargs={"attn_implementation": "eager"}
    )
    _export(family, library.model.eval(), path / "model.onnx")
    pairs = [_expected(family, library, query, document) for query, document in PAIRS]
    _dump(path / "expected.json", {"context": CONTEXT, "pairs": pairs})
    (path / "model.safetensors").unlink()


def _config(family: Family, tokenizer: Tokenizer) -> dict[str, Any]:
    """Return config.json. Weights are drawn wide, so that logits differ by more than rounding does."""
    roles = {"pad": "pad", "cls": "cls", "sep": "sep", "bos": "cls", "eos": "sep"}
    tokens = _tokens(family)
    numbers = {f"{role}_token_id": tokenizer.token_to_id(tokens[same]) for role, same in roles.items()}
    size = tokenizer.get_vocab_size()
    return {**family.config, **numbers, "vocab_size": size, "initializer_range": 0.5, "id2label": {"0": "LABEL_0"}}


def _tokenizer(family: Family, path: Path) -> Tokenizer:
    tokenizer = family.tokenizer()
    if "truncation" in family.saved:
        tokenizer.enable_truncation(family.saved["truncation"])
    if "padding" in family.saved:
        pad = _tokens(family)["pad"]
        tokenizer.enable_padding(
            length=family.saved["padding"], pad_id=tokenizer.token_to_id(pad), pad_token=pad, direction="left"
        )
    tokenizer.save(str(path / "tokenizer.json"), pretty=False)
    tokens = {f"{role}_token": token for role, token in _tokens(family).items()}
    _dump(path / "tokenizer_config.json", tokens | family.tokenizer_config)
    return tokenizer


def _tokens(family: Family) -> dict[str, str]:
    """Return the special tokens of a family by what they are for."""
    if "</s>" in family.layout[1]:
        return {"cls": "<s>", "pad": "<pad>", "sep": "</s>", "unk": "<unk>", "mask": "<mask>"}
    return {"cls": "[CLS]", "pad": "[PAD]", "sep": "[SEP]", "unk": "[UNK]", "mask": "[MASK]"}


def _export(family: Family, model: torch.nn.Module, path: Path) -> None:
    wrapped = _Logits(model, family.inputs).eval()
    example = torch.tensor([[5, 6, 7, 8, 9], [9, 8, 7, 6, 5]])
    inputs = {"input_ids": example, "attention_mask": torch.ones_like(example), "token_type_ids": example * 0}
    axes = {name: {0: "batch", 1: "sequence"} for name in family.inputs}
    torch.onnx.export(
        wrapped,
        tuple(inputs[name] for name in family.inputs),
        str(path),
        dynamo=False,
        input_names=list(family.inputs),
        output_names=["logits"],
        dynamic_axes={**axes, "logits": {0: "batch"}},
    )


def _expected(family: Family, library: CrossEncoder, query: str, document: str) -> dict[str, Any]:
    """Return what the library says of a pair, and how long its windows are."""
    windows = list(_windows(family, library.tokenizer, query, document))
    logit = max(_logit(family, library, *window) for window in windows)
    if _fits(family, library.tokenizer, query, document):
        whole = float(library.predict([(query, document)])[0])
        if abs(whole - logit) > _TOLERANCE:
            sys.exit(f"{family.name}: the library reads {query!r}, {document!r} in another way: {whole}, not {logit}")
        logit = whole
    lengths = [len(ids) for ids, _ in windows]
    return {"lengths": lengths, "logit": round(logit, 6)}


def _windows(family: Family, tokenizer: Any, query: str, document: str) -> Iterator[tuple[list[int], int]]:
    """Yield the ids of each window, and how many of them are the query's part."""
    prefix, middle, suffix = (tokenizer.convert_tokens_to_ids(list(tokens)) for tokens in family.layout)
    head = [*prefix, *_ids(tokenizer, query)[: CONTEXT // 2], *middle]
    tail = _ids(tokenizer, document)[:DOCUMENT_TOKENS]
    room = CONTEXT - len(head) - len(suffix)
    for start in range(0, max(len(tail), 1), room):
        yield [*head, *tail[start : start + room], *suffix], len(head)


def _fits(family: Family, tokenizer: Any, query: str, document: str) -> bool:
    """Return whether one window holds all of both texts."""
    texts = [len(_ids(tokenizer, text)) for text in (query, document)]
    return texts[0] <= CONTEXT // 2 and sum(texts) + sum(map(len, family.layout)) <= CONTEXT


def _ids(tokenizer: Any, text: str) -> list[int]:
    ids: list[int] = tokenizer(text, add_special_tokens=False, truncation=False)["input_ids"]
    return ids


@torch.inference_mode()
def _logit(family: Family, library: CrossEncoder, ids: list[int], head: int) -> float:
    row = torch.tensor([ids])
    typed = "token_type_ids" in library.tokenizer.model_input_names
    types = torch.tensor([[0] * head + [int(typed)] * (len(ids) - head)])
    inputs = {"input_ids": row, "attention_mask": torch.ones_like(row), "token_type_ids": types}
    return float(library.model(**{name: inputs[name] for name in family.inputs}).logits)


def _dump(path: Path, value: object) -> None:
    path.write_text(json.dumps(value, indent=1) + "\n", encoding="utf-8")


def main() -> None:
    """Make the families named on the command line, or all of them."""
    wanted = sys.argv[1:] or [family.name for family in FAMILIES]
    for family in (family for family in FAMILIES if family.name in wanted):
        path = _HERE / family.name
        shutil.rmtree(path, ignore_errors=True)
        path.mkdir()
        make(family, path)
        print(f"{family.name}: {(path / 'model.onnx').stat().st_size:,} bytes")  # noqa: T201


if __name__ == "__main__":
    main()

"""What an ONNX file says about its graph, read without the package onnx and without the weights."""

from collections.abc import Iterator
from mmap import ACCESS_READ, mmap
from pathlib import Path

# Numbers of fields in ONNX's messages.
_MODEL_GRAPH, _MODEL_FUNCTIONS = 7, 25
_GRAPH_NODE, _FUNCTION_NODE = 1, 7
_NODE_OPERATOR, _NODE_ATTRIBUTE = 4, 5
_ATTRIBUTE_GRAPHS = (6, 11)
_VARINT, _EIGHT_BYTES, _MESSAGE, _FOUR_BYTES = 0, 1, 2, 5

_PER_BATCH = {b"DynamicQuantizeLinear", b"DynamicQuantizeMatMul", b"DynamicQuantizeLSTM"}
"""Operators that take one scale from all that shares the batch. What the runtime fuses begins as one of them."""

_Span = tuple[int, int]


def is_batch_invariant(path: Path) -> bool:
    """Tell whether no operator of the graph lets a pair's neighbours in the batch move its score.

    The file is one that the runtime has loaded. Its weights are stepped over, and never read from the disk.
    """
    with path.open("rb") as file, mmap(file.fileno(), 0, access=ACCESS_READ) as raw:
        return _PER_BATCH.isdisjoint(_operators(raw))


def _operators(raw: mmap) -> Iterator[bytes]:
    """Return the operators of the model, those of its functions and of branches and loops included."""
    for number, span in _messages(raw, (0, len(raw))):
        if number == _MODEL_GRAPH:
            yield from _nodes(raw, span, _GRAPH_NODE)
        elif number == _MODEL_FUNCTIONS:
            yield from _nodes(raw, span, _FUNCTION_NODE)


def _nodes(raw: mmap, span: _Span, field: int) -> Iterator[bytes]:
    """Return the operators of a graph or function, which has its nodes in `field`."""
    for number, node in _messages(raw, span):
        if number != field:
            continue
        for part, (start, end) in _messages(raw, node):
            if part == _NODE_OPERATOR:
                yield raw[start:end]
            elif part == _NODE_ATTRIBUTE:
                for kind, body in _messages(raw, (start, end)):
                    if kind in _ATTRIBUTE_GRAPHS:
                        yield from _nodes(raw, body, _GRAPH_NODE)


def _messages(raw: mmap, span: _Span) -> Iterator[tuple[int, _Span]]:
    """Return the number of each field in `span` that holds bytes, and where they lie."""
    at, end = span
    while at < end:
        tag, at = _varint(raw, at)
        if tag & 7 == _MESSAGE:
            size, at = _varint(raw, at)
            yield tag >> 3, (at, at + size)
            at += size
        elif tag & 7 == _VARINT:
            _, at = _varint(raw, at)
        else:
            at += {_EIGHT_BYTES: 8, _FOUR_BYTES: 4}[tag & 7]


def _varint(raw: mmap, at: int) -> tuple[int, int]:
    """Return the number that begins at a place, and where it ends."""
    number = shift = 0
    while (byte := raw[at]) > 0x7F:  # noqa: PLR2004  # The first bit says that more follows.
        number |= (byte & 0x7F) << shift
        shift += 7
        at += 1
    return number | byte << shift, at + 1

"""Tiny ONNX graphs, written straight in the protobuf wire format: two look-ups that turn one token into a logit."""

import struct
from collections.abc import Mapping, Sequence

FLOAT, INT32, INT64 = 1, 6, 7
"""Element types of ONNX tensors."""
_VARINT, _BYTES = 0, 2
_INT_ATTRIBUTE = 2


def a_graph(
    table: Sequence[float],
    *,
    at: Sequence[int] | int = 3,
    read: str = "input_ids",
    inputs: Mapping[str, int] | None = None,
    columns: int | None = 1,
) -> bytes:
    """Return a graph that answers `table[x]`, where x is what input `read` holds at position `at` of each pair.

    `inputs` are the names and element types it declares; `columns` the logits a pair, None for a flat output.
    A single number `at` gives the flat output, a list of them a column each.
    """
    inputs = inputs or dict.fromkeys(("input_ids", "attention_mask", "token_type_ids"), INT64)
    picks = [at] if isinstance(at, int) else list(at)
    shape: list[int | str] = ["batch"] if columns is None else ["batch", columns]
    graph: list[tuple[int, int | str | bytes]] = [
        (1, _node("Gather", [read, "at"], "picked", axis=1)),
        (1, _node("Gather", ["table", "picked"], "logits", axis=0)),
        (2, "graph"),
        (5, _tensor("at", INT64, [] if isinstance(at, int) else [len(picks)], struct.pack(f"<{len(picks)}q", *picks))),
        (5, _tensor("table", FLOAT, [len(table)], struct.pack(f"<{len(table)}f", *table))),
        *((11, _value(name, kind, ["batch", "sequence"])) for name, kind in inputs.items()),
        (12, _value("logits", FLOAT, shape)),
    ]
    opset = _message((1, ""), (2, 17))
    return _message((1, 8), (7, _message(*graph)), (8, opset))


def _node(operator: str, inputs: Sequence[str], output: str, *, axis: int) -> bytes:
    attribute = _message((1, "axis"), (3, axis), (20, _INT_ATTRIBUTE))
    return _message(*((1, name) for name in inputs), (2, output), (4, operator), (5, attribute))


def _tensor(name: str, kind: int, dimensions: Sequence[int], raw: bytes) -> bytes:
    return _message(*((1, size) for size in dimensions), (2, kind), (8, name), (9, raw))


def _value(name: str, kind: int, shape: Sequence[int | str]) -> bytes:
    dimensions = [_message((1, size) if isinstance(size, int) else (2, size)) for size in shape]
    tensor = _message((1, kind), (2, _message(*((1, dimension) for dimension in dimensions))))
    return _message((1, name), (2, _message((1, tensor))))


def _message(*fields: tuple[int, int | str | bytes]) -> bytes:
    out = bytearray()
    for number, value in fields:
        if isinstance(value, int):
            out += _varint(number << 3 | _VARINT) + _varint(value)
        else:
            raw = value.encode() if isinstance(value, str) else value
            out += _varint(number << 3 | _BYTES) + _varint(len(raw)) + raw
    return bytes(out)


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])

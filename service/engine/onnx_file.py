"""A reader of ONNX files without the package onnx: operators and tensors, but not the data of tensors."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from mmap import ACCESS_READ, mmap
from pathlib import Path, PurePosixPath

# Field numbers of https://github.com/onnx/onnx/blob/main/onnx/onnx.proto, then protobuf wire types.
_MODEL_GRAPH, _MODEL_FUNCTIONS = 7, 25
_GRAPH_NODE, _GRAPH_TENSOR, _GRAPH_SPARSE, _FUNCTION_NODE = 1, 5, 15, 7
_NODE_INPUT, _NODE_OPERATOR, _NODE_ATTRIBUTE = 1, 4, 5
_ATTRIBUTE_TENSORS, _ATTRIBUTE_GRAPHS, _ATTRIBUTE_SPARSE = (5, 10), (6, 11), (22, 23)
_SPARSE_TENSORS = (1, 2)
_TENSOR_SIZE, _TENSOR_KIND, _TENSOR_NAME, _TENSOR_NUMBERS, _TENSOR_OUTSIDE = 1, 2, 8, 9, 13
_ENTRY_KEY, _ENTRY_VALUE = 1, 2
_VARINT, _EIGHT_BYTES, _MESSAGE, _FOUR_BYTES = 0, 1, 2, 5
_VARINT_BITS_MAX = 64
_POINTER = b"version https://git-lfs"
"""First bytes of a Git LFS pointer, which replaces a file until `git lfs pull`."""

_Span = tuple[int, int]


class OnnxFileError(Exception):
    """The file holds no ONNX graph; the message completes a sentence that begins with the path."""


@dataclass(frozen=True, slots=True)
class Node:
    """An operator of the graph, of a function, or of a branch or loop."""

    operator: str
    inputs: tuple[str, ...]


@dataclass(slots=True)
class Tensor:
    """A constant of a graph, function, branch or loop."""

    name: str = ""
    kind: int = 0
    """Element type, a value of TensorProto.DataType."""
    shape: list[int] = field(default_factory=list)
    at: _Span | None = None
    """Byte range of raw_data in the file, begin and end; None without raw_data."""
    outside: dict[str, str] = field(default_factory=dict)
    """Entries of external_data: `location`, relative to the folder of the file, `offset` and `length`, in bytes."""


@dataclass(frozen=True)
class OnnxFile:
    """All operators and tensors of a model."""

    path: Path
    nodes: list[Node]
    tensors: list[Tensor]
    data: list[PurePosixPath]
    """External data files, relative to the folder of `path` and within it."""

    @classmethod
    def read(cls, path: Path) -> "OnnxFile":
        """Read an untrusted file. Raises OnnxFileError or OSError."""
        with path.open("rb") as file:
            if file.read(len(_POINTER)) == _POINTER:
                raise OnnxFileError("is a Git LFS pointer, not the file itself: run git lfs pull")
            try:
                with mmap(file.fileno(), 0, access=ACCESS_READ) as raw:
                    parts = list(_model(raw))
            except (ValueError, IndexError, RecursionError):  # Empty, truncated, no protobuf, or nested too deeply.
                raise OnnxFileError("is not an ONNX file, or is truncated") from None
        tensors = [part for part in parts if isinstance(part, Tensor)]
        return cls(path, [part for part in parts if isinstance(part, Node)], tensors, _data(tensors))


def _data(tensors: Iterable[Tensor]) -> list[PurePosixPath]:
    """Return the external data files of tensors. Raises OnnxFileError if one is not within the folder."""
    locations = dict.fromkeys(
        PurePosixPath(tensor.outside["location"]) for tensor in tensors if "location" in tensor.outside
    )
    for location in locations:
        if location.is_absolute() or ".." in location.parts or not location.parts:
            raise OnnxFileError(f"keeps weights outside of its folder, in {location}: export the model again")
    return list(locations)


def _model(raw: mmap) -> Iterator[Node | Tensor]:
    for number, span in _messages(raw, (0, len(raw))):
        if number == _MODEL_GRAPH:
            yield from _graph(raw, span, _GRAPH_NODE)
        elif number == _MODEL_FUNCTIONS:
            yield from _graph(raw, span, _FUNCTION_NODE)


def _graph(raw: mmap, span: _Span, node: int) -> Iterator[Node | Tensor]:
    """Return the operators and tensors of a graph or function; `node` is the number of its field of nodes."""
    for number, part in _messages(raw, span):
        if number == node:
            yield from _node(raw, part)
        elif node == _GRAPH_NODE and number == _GRAPH_TENSOR:
            yield _tensor(raw, part)
        elif node == _GRAPH_NODE and number == _GRAPH_SPARSE:
            yield from _sparse(raw, part)


def _node(raw: mmap, span: _Span) -> Iterator[Node | Tensor]:
    operator, inputs = "", []
    for number, (start, end) in _messages(raw, span):
        if number == _NODE_OPERATOR:
            operator = _text(raw, start, end)
        elif number == _NODE_INPUT:
            inputs.append(_text(raw, start, end))
        elif number == _NODE_ATTRIBUTE:
            for kind, body in _messages(raw, (start, end)):
                if kind in _ATTRIBUTE_GRAPHS:
                    yield from _graph(raw, body, _GRAPH_NODE)
                elif kind in _ATTRIBUTE_TENSORS:
                    yield _tensor(raw, body)
                elif kind in _ATTRIBUTE_SPARSE:
                    yield from _sparse(raw, body)
    yield Node(operator, tuple(inputs))


def _sparse(raw: mmap, span: _Span) -> Iterator[Tensor]:
    for number, part in _messages(raw, span):
        if number in _SPARSE_TENSORS:
            yield _tensor(raw, part)


def _tensor(raw: mmap, span: _Span) -> Tensor:
    tensor = Tensor()
    for number, value in _fields(raw, span):
        if isinstance(value, int):
            if number == _TENSOR_SIZE:
                tensor.shape.append(value)
            elif number == _TENSOR_KIND:
                tensor.kind = value
            continue
        start, end = value
        if number == _TENSOR_SIZE:  # Packed: all sizes in one field.
            while start < end:
                size, start = _varint(raw, start)
                tensor.shape.append(size)
        elif number == _TENSOR_NAME:
            tensor.name = _text(raw, start, end)
        elif number == _TENSOR_NUMBERS:
            tensor.at = value
        elif number == _TENSOR_OUTSIDE:
            entry = {key: _text(raw, *part) for key, part in _messages(raw, value)}
            tensor.outside[entry.get(_ENTRY_KEY, "")] = entry.get(_ENTRY_VALUE, "")
    return tensor


def _messages(raw: mmap, span: _Span) -> Iterator[tuple[int, _Span]]:
    """Return the number and byte range of each length-delimited field in `span`."""
    return ((number, value) for number, value in _fields(raw, span) if not isinstance(value, int))


def _fields(raw: mmap, span: _Span) -> Iterator[tuple[int, int | _Span]]:
    """Return the number of each field in `span`, and its integer or byte range. Raises ValueError or IndexError."""
    at, end = span
    while at < end:
        tag, at = _varint(raw, at)
        number, kind = tag >> 3, tag & 7
        if kind == _VARINT:
            value, at = _varint(raw, at)
            yield number, value
            continue
        if kind == _MESSAGE:
            size, at = _varint(raw, at)
        elif kind in {_EIGHT_BYTES, _FOUR_BYTES}:
            size = 8 if kind == _EIGHT_BYTES else 4
        else:
            raise ValueError(kind)
        if at + size > end:
            raise ValueError(size)
        if kind == _MESSAGE:
            yield number, (at, at + size)
        at += size


def _varint(raw: mmap, at: int) -> tuple[int, int]:
    """Return the integer that begins at byte `at`, and the position after it."""
    number = shift = 0
    while (byte := raw[at]) > 0x7F:  # noqa: PLR2004  # The high bit marks all bytes but the last.
        number |= (byte & 0x7F) << shift
        shift += 7
        at += 1
        if shift > _VARINT_BITS_MAX:
            raise ValueError(shift)
    return number | byte << shift, at + 1


def _text(raw: mmap, start: int, end: int) -> str:
    return raw[start:end].decode(errors="replace")

"""An ONNX file is read whole or refused, whatever it holds."""

from pathlib import Path, PurePosixPath

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import GraphProto, SparseTensorProto, StringStringEntryProto, TensorProto, helper, numpy_helper

from service.engine.onnx_file import Node, OnnxFile, OnnxFileError
from service.settings import EMBEDDED_MODEL
from tests.hub import onnx_file
from tests.unit.service.full_precision import a_layered_graph

WHOLE = onnx_file("mine", "a", "b")


def outside(location: str) -> TensorProto:
    """Return a tensor whose numbers are in another file."""
    entry = StringStringEntryProto(key="location", value=location)
    return TensorProto(name=location, data_location=TensorProto.EXTERNAL, external_data=[entry])


def read(raw: bytes, folder: Path) -> OnnxFile:
    (folder / "model.onnx").write_bytes(raw)
    return OnnxFile.read(folder / "model.onnx")


def test_what_the_package_onnx_reads(tmp_path: Path):
    """Operators and tensors are those that the package onnx finds, and their bytes are where it is said."""
    raw = a_layered_graph().SerializeToString()
    model, found = onnx.load_from_string(raw), read(raw, tmp_path)
    assert found.nodes == [Node(node.op_type, tuple(node.input)) for node in model.graph.node]
    for tensor, expected in zip(found.tensors, model.graph.initializer, strict=True):
        assert (tensor.name, tensor.kind, tensor.shape) == (expected.name, expected.data_type, list(expected.dims))
        assert tensor.at is not None
        assert raw[slice(*tensor.at)] == expected.raw_data


def test_embedded_model():
    """A real model is read whole, its constants within operators, too."""
    found, model = OnnxFile.read(EMBEDDED_MODEL / "model.onnx"), onnx.load(EMBEDDED_MODEL / "model.onnx")
    assert [node.operator for node in found.nodes] == [node.op_type for node in model.graph.node]
    constants = sum(node.op_type in {"Constant", "ConstantOfShape"} for node in model.graph.node)
    assert len(found.tensors) == len(model.graph.initializer) + constants
    assert found.data == []


def test_data_wherever_it_is_named(tmp_path: Path):
    """Files are found that tensors of the graph name, of operators, branches, functions, and sparse ones."""
    branch = GraphProto(name="branch", initializer=[outside("branch")])
    nodes = [
        helper.make_node("Constant", [], ["x"], value=outside("constant")),
        helper.make_node("If", ["yes"], ["y"], then_branch=branch, else_branch=GraphProto(name="empty")),
        helper.make_node("Several", [], ["z"], values=[outside("several")]),
    ]
    sparse = SparseTensorProto(values=outside("sparse values"), indices=outside("sparse indices"))
    inner = helper.make_node("Constant", [], ["x"], value=outside("function"))
    function = helper.make_function("mine", "f", [], ["x"], [inner], [helper.make_opsetid("", 17)])
    graph = helper.make_graph(nodes, "g", [], [], [outside("a/b")], sparse_initializer=[sparse])
    found = read(helper.make_model(graph, functions=[function]).SerializeToString(), tmp_path).data
    names = {"constant", "branch", "several", "sparse values", "sparse indices", "function", "a/b"}
    assert set(found) == set(map(PurePosixPath, names))


def test_packed_shape(tmp_path: Path):
    """A shape may be written as numbers one by one, or all in one."""
    packed = b"\x0a\x03\x02\x80\x01" + b"\x10\x01\x42\x01w"
    graph = b"\x2a" + bytes([len(packed)]) + packed
    (tensor,) = read(b"\x3a" + bytes([len(graph)]) + graph, tmp_path).tensors
    assert (tensor.name, tensor.kind, tensor.shape, tensor.at) == ("w", 1, [2, 128], None)


def test_numbers_that_are_not_bytes(tmp_path: Path):
    """Of a tensor that lists its numbers one by one, no place in the file is told."""
    tensor = helper.make_tensor("w", TensorProto.INT8, [2], [1, 2])
    assert tensor.int32_data
    graph = helper.make_graph([], "g", [], [], [tensor, numpy_helper.from_array(np.zeros(2, np.int8), "bytes")])
    listed, raw = read(helper.make_model(graph).SerializeToString(), tmp_path).tensors
    assert listed.at is None
    assert raw.at is not None


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"<html><body>Not found</body></html>",
        b"PK\x03\x04",
        b"\x80" * 1000,
        b"\xff" * 1000,
        b"\x3a\xff\xff\xff\xff\xff\xff\xff\xff\x7f",
        WHOLE[:-1],
        WHOLE + b"\x3a",
    ],
)
def test_no_onnx(raw: bytes, tmp_path: Path):
    """A file that is not ONNX, or only a part of one, is refused as such."""
    with pytest.raises(OnnxFileError, match="is not an ONNX file, or is truncated"):
        read(raw, tmp_path)


def test_branches_without_end(tmp_path: Path):
    """Branches within branches, deeper than any exporter writes, are refused."""
    node = b""
    for _ in range(3000):
        graph = b"\x0a" + varint(len(node)) + node
        attribute = b"\x32" + varint(len(graph)) + graph
        node = b"\x2a" + varint(len(attribute)) + attribute
    graph = b"\x0a" + varint(len(node)) + node
    with pytest.raises(OnnxFileError):
        read(b"\x3a" + varint(len(graph)) + graph, tmp_path)


def varint(number: int) -> bytes:
    return bytes([number]) if number < 128 else bytes([number & 127 | 128]) + varint(number >> 7)


def test_pointer_of_git_lfs(tmp_path: Path):
    """A file that Git LFS has not fetched is known for what it is."""
    with pytest.raises(OnnxFileError, match="git lfs pull"):
        read(b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n", tmp_path)


@given(st.data())
def test_damage(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject):
    """A file with any of its bytes changed is read, or refused."""
    raw = bytearray(WHOLE)
    for place in data.draw(st.lists(st.integers(0, len(raw) - 1), max_size=4)):
        raw[place] = data.draw(st.integers(0, 255))
    path = tmp_path_factory.getbasetemp() / "damaged.onnx"
    path.write_bytes(raw)
    try:
        found = OnnxFile.read(path)
    except OnnxFileError:
        return
    assert len(found.tensors) <= len(WHOLE)

"""Bytes that are no message are refused."""

import pytest
from rerank.v2 import rerank_pb2 as pb

from service.errors import InvalidRequestError
from service.grpc_api.codec import parse
from tests.unit.service.grpc_api.grpc_client import REQUEST


def test_parse():
    """A message is parsed; bytes that are none, or hold text that is not UTF-8, are invalid."""
    assert parse(pb.RerankRequest, REQUEST.SerializeToString()) == REQUEST
    for raw in (b"\xff", b"\x12\x01\xff"):
        with pytest.raises(InvalidRequestError):
            parse(pb.RerankRequest, raw)

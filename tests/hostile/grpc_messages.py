"""Messages of gRPC that cost the server more than the client: compressed, half sent, or of many small parts."""

import struct
import zlib
from functools import reduce

from rerank.v2 import rerank_pb2 as pb

from tests.hostile.attack import Target, attack
from tests.hostile.honest import MODEL
from tests.hostile.peer import Peer, again, fields, prefixed

_MIB = 2**20
_MESSAGE = 63 * _MIB  # Just below what the service took when this was measured; a smaller limit refuses it sooner.
_STREAMS = 60
_BOMBS = 40


def _request(content: bytes) -> bytes:
    """Return a message with a query, and further fields as they are on the wire."""
    return pb.RerankRequest(model=MODEL, query="q").SerializeToString() + content


def _varint(number: int) -> bytes:
    found = bytearray()
    while number >= 128:
        found.append(number % 128 + 128)
        number //= 128
    return bytes((*found, number))


def _field(number: int, content: bytes) -> bytes:
    """Return a length-delimited field."""
    return _varint(number << 3 | 2) + _varint(len(content)) + content


def _half_sent(target: Target, size: int, of: int, streams: int = _STREAMS) -> int:
    """Send `size` of `of` bytes of a message on each stream, and then nothing; stay."""
    content = memoryview(prefixed(bytes(size), length=of))

    def hold(peer: Peer):
        unsent = {peer.open(fields()): content for _ in range(streams)}
        yield
        peer.pour(unsent, last=False)
        while True:
            peer.read(0.1)

    return again(target, hold)


@attack()
def half_sent(target: Target) -> int:
    """Send 63 of 64 MiB on each of 60 streams."""
    return _half_sent(target, _MESSAGE, 64 * _MIB)


@attack(keyed=True)
def half_sent_without_a_key(target: Target) -> int:
    """Send 63 of 64 MiB on each of 60 streams, without a key."""
    return _half_sent(target, _MESSAGE, 64 * _MIB)


@attack()
def half_sent_small(target: Target) -> int:
    """Send 4 MiB less a byte on each of 200 streams, below any limit of a message."""
    return _half_sent(target, 4 * _MIB - 1, 4 * _MIB, 200)


@attack()
def half_sent_by_the_byte(target: Target) -> int:
    """Keep messages on 60 streams half sent, with a byte a second."""

    def hold(peer: Peer):
        streams = [peer.open(fields()) for _ in range(_STREAMS)]
        peer.pour({stream: memoryview(prefixed(bytes(_MIB), length=8 * _MIB)) for stream in streams}, last=False)
        while True:
            yield
            peer.pour({stream: memoryview(b"\0") for stream in streams if stream not in peer.ended}, last=False)
            peer.read(1)

    return again(target, hold)


def _compressed(start: bytes, repeated: bytes, times: int, *, gzip: bool = True) -> bytes:
    """Return `start` and then `repeated` so often, compressed in far less time than it takes to inflate."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    first, again_ = (packer.compress(one) + packer.flush(zlib.Z_FULL_FLUSH) for one in (start, repeated))
    content = first + again_ * times + b"\x03\0"
    # Of what is far beyond any limit, nobody gets to check the sum.
    whole = (repeated for _ in range(times if times <= _MESSAGE // _MIB else 0))
    if gzip:
        total = reduce(lambda sum_, one: zlib.crc32(one, sum_), whole, zlib.crc32(start))
        size = (len(start) + times * len(repeated)) % 2**32
        return b"\x1f\x8b\x08" + bytes(7) + content + struct.pack("<II", total, size)
    total = reduce(lambda sum_, one: zlib.adler32(one, sum_), whole, zlib.adler32(start))
    return b"\x78\xda" + content + struct.pack(">I", total)


def _bombs(target: Target, encoding: str, packed: bytes, at_once: int = _BOMBS) -> int:
    content = memoryview(prefixed(packed, flag=1))

    def burst(peer: Peer):
        head = fields(grpc_encoding=encoding)
        while True:
            streams = {peer.open(head): content for _ in range(at_once)}
            open_streams = set(streams)
            yield
            peer.pour(streams)
            while not open_streams <= set(peer.ended):
                peer.read(0.1)

    return again(target, burst)


def _large() -> bytes:
    """Return a valid request of about 63 MiB."""
    return _request(_field(3, b"a" * _MESSAGE))


def _large_compressed(*, gzip: bool = True) -> bytes:
    """Return such a request in 65 KB."""
    return _compressed(_request(b"\x1a" + _varint(_MESSAGE)), b"a" * _MIB, _MESSAGE // _MIB, gzip=gzip)


@attack()
def gzip_bombs(target: Target) -> int:
    """Send 40 gzip messages of 65 KB at a time, each a valid request of 63 MiB."""
    return _bombs(target, "gzip", _large_compressed())


@attack(keyed=True)
def gzip_bombs_without_a_key(target: Target) -> int:
    """Send the same 40 messages, without a key."""
    return _bombs(target, "gzip", _large_compressed())


@attack()
def deflate_bombs(target: Target) -> int:
    """Send the same 40 messages in the other encoding that gRPC knows."""
    return _bombs(target, "deflate", _large_compressed(gzip=False))


@attack()
def gzip_bomb_of_4_gib(target: Target) -> int:
    """Send one gzip message of 4 MiB that inflates to 4 GiB, one after the other."""
    return _bombs(target, "gzip", _compressed(b"", bytes(_MIB), 4096), 1)


def _one_by_one(target: Target, message: bytes) -> int:
    """Send one message after the other, each when the last is answered."""
    content = memoryview(prefixed(message))

    def calls(peer: Peer):
        while True:
            stream = peer.open(fields())
            yield
            peer.pour({stream: content})
            while stream not in peer.ended:
                peer.read(0.1)

    return again(target, calls)


@attack(one_message=True)
def empty_documents(target: Target) -> int:
    """Send 32 million empty documents in a message."""
    return _one_by_one(target, _request(_field(3, b"") * (_MESSAGE // 2)))


@attack(one_message=True)
def empty_documents_in_8_mib(target: Target) -> int:
    """Send four million empty documents in a message, within any limit of its size."""
    return _one_by_one(target, _request(_field(3, b"") * (4 * _MIB - 100)))


@attack(one_message=True)
def far_characters(target: Target) -> int:
    """Send a document of all characters beyond the basic plane, again and again."""
    text = "".join(map(chr, range(0x10000, 0x10FFFF))).encode()
    return _one_by_one(target, _request(_field(3, text)))


@attack(one_message=True)
def far_characters_16(target: Target) -> int:
    """Send 16 documents of all characters beyond the basic plane."""
    text = "".join(map(chr, range(0x10000, 0x10FFFF))).encode()
    return _one_by_one(target, _request(_field(3, text) * 16))


@attack(one_message=True)
def emoji_in_the_last_lane(target: Target) -> int:
    """Send 1 MB of emoji in lane 900."""
    return _one_by_one(target, _request(_field(3, "\U0001f600".encode() * 250_000) + b"\x30\x84\x07"))


@attack(one_message=True)
def one_large_document(target: Target) -> int:
    """Send a document of 63 MiB."""
    return _one_by_one(target, _large())


@attack(one_message=True)
def unknown_fields(target: Target) -> int:
    """Send 63 MiB of fields that no message has."""
    return _one_by_one(target, _request((_varint(1000 << 3) + b"\x01") * (_MESSAGE // 3)))


@attack(one_message=True)
def deep_groups(target: Target) -> int:
    """Send groups in groups, a million deep."""
    return _one_by_one(target, _request(b"\xa3\x06" * _MIB + b"\xa4\x06" * _MIB))


@attack(one_message=True)
def undecodable(target: Target) -> int:
    """Send documents that are no UTF-8 and end too soon."""
    return _one_by_one(target, _request(_field(3, b"\xff" * _MIB)) + b"\x1a\xff")


@attack()
def a_stream_of_empty_parts(target: Target) -> int:
    """Send RerankStream a request, and then parts without documents."""
    first = prefixed(pb.RerankStreamRequest(request=pb.RerankRequest(model=MODEL, query="q")).SerializeToString())
    part = memoryview(first + prefixed(b"") * 3000)

    def flood(peer: Peer):
        stream = peer.open(fields("/rerank.v2.RerankService/RerankStream"))
        while stream not in peer.ended:
            peer.pour({stream: part}, last=False)
            yield

    return again(target, flood)

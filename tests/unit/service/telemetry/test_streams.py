"""A stream takes lines without waiting for its reader, and counts and tells of those that it dropped."""

import logging
import os
from collections.abc import Iterator

import pytest

from service.telemetry.streams import _LINES_MAX, _stream
from tests.clients import until


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    """Give both ends of a pipe."""
    ends = os.pipe()
    yield ends
    for end in ends:
        os.close(end)


def test_written(pipe: tuple[int, int]):
    """Lines come out as they went in, in order, whatever they hold."""
    read, write = pipe
    outlet, stream = _stream(write)
    print("one", "two", file=stream)
    stream.write("three, \ud800\n")
    outlet.settle()
    assert os.read(read, 100) == b"one two\nthree, \\ud800\n"


def test_nobody_reads(pipe: tuple[int, int], caplog: pytest.LogCaptureFixture):
    """Writing never waits; lines beyond the queue are dropped whole, and the log tells how many when somebody reads."""
    read, write = pipe
    outlet, stream = _stream(write)
    sent = _LINES_MAX + 2000
    line = "x" * 200 + "\n"
    for _ in range(sent):
        stream.write(line)
    outlet.settle(0.01)
    lost = outlet.lost
    assert 1000 < lost <= 2000  # The pipe holds about 300.
    assert not caplog.records
    expected = (sent - lost) * len(line)
    got = b""
    while len(got) < expected:
        got += os.read(read, 2**16)
    assert got == line.encode() * (sent - lost)
    until(lambda: bool(caplog.records), "the log tells")
    (record,) = caplog.records
    assert (record.levelno, record.args) == (logging.WARNING, (lost,))


def test_a_closed_pipe():
    """Lines that cannot be written are dropped, and the stream goes on."""
    read, write = os.pipe()
    os.close(read)
    outlet, stream = _stream(write)
    for _ in range(3):
        print("line", file=stream)
    outlet.settle()
    os.close(write)
    assert outlet._lines.empty()

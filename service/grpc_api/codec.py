"""Parsing of untrusted protobuf messages.

Handlers receive bytes and parse them here, since grpc itself answers undecodable messages with INTERNAL.
"""

from collections.abc import Generator
from functools import partial
from typing import Generic, NamedTuple, TypeVar

from google.protobuf.message import DecodeError, Message

from service.errors import InvalidRequestError
from service.grpc_api.wire import Wire
from service.rerank.limits import Limits
from service.rerank.priority_executor import PriorityExecutor, exhaust

_LARGE = 64 * 1024
"""Messages of at least this many bytes are parsed on a thread."""
M = TypeVar("M", bound=Message)


class Parsed(NamedTuple, Generic[M]):
    """A message without its documents, and the documents."""

    message: M
    documents: list[str]
    """The strings of all repeated fields, of inner messages, too."""


class Codec:
    """Parses messages, large ones in steps on a thread, the most urgent lanes first."""

    def __init__(self, executor: PriorityExecutor, limits: Limits) -> None:
        """Parse large messages on `executor`; refuse messages beyond `limits`."""
        self._executor = executor
        self.limits = limits
        """The largest size of a request."""

    async def parse(self, message_type: type[M], raw: bytes, lane: int) -> Parsed[M]:
        """Parse a message; `lane` is the priority of the work, unless the message names a less urgent one.

        Raises InvalidRequestError or OutOfRangeError; Shed or Displaced if the queue of the executor is full.
        """
        try:
            if len(raw) < _LARGE:
                message, wire = self._split(message_type, raw)
                return Parsed(message, exhaust(_documents(raw, wire)))
            serial = self._executor.serial()
            message, wire = await self._executor.run(lane, serial, partial(self._split, message_type, raw))
            lane = max(lane, getattr(message, "priority", 0))
            return Parsed(message, await self._executor.run_steps(lane, serial, _documents(raw, wire)))
        except (DecodeError, UnicodeDecodeError):
            raise InvalidRequestError(
                f"the message does not parse as {message_type.DESCRIPTOR.full_name}, or contains text that is not UTF-8"
            ) from None

    def _split(self, message_type: type[M], raw: bytes) -> tuple[M, Wire]:
        wire = Wire(raw, message_type.DESCRIPTOR, self.limits)  # type: ignore[arg-type]  # The stubs allow for either class.
        return message_type.FromString(wire.rest), wire


def _documents(raw: bytes, wire: Wire) -> Generator[None, None, list[str]]:
    """Decode the documents, one a step."""
    view, documents = memoryview(raw), []
    for start, end in wire.documents:
        documents.append(str(view[start:end], "utf-8"))
        yield
    return documents

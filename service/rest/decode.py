"""Bodies from bytes, parsed in pieces so that a large one does not delay other requests."""

from collections.abc import Iterator
from functools import partial
from itertools import count
from time import perf_counter

from pydantic import ValidationError
from pydantic_core import from_json

from service.errors import InvalidRequestError, OutOfRangeError, Violation
from service.rerank.limits import Limits
from service.rerank.priority_executor import PriorityExecutor
from service.rest.document_text import text_of
from service.rest.routes import Route
from service.rest.schema import Body

_FAULTS_MAX = 5  # Faults of a body told at once.
_LARGE = 64 * 1024
"""Bytes of a body from which on it is parsed on a thread."""
_SMALL = 2 * 1024
"""Bytes of a body up to which objects are turned into text on the event loop: no more than a millisecond or two."""
_PIECE_S = 0.01  # After which another request may go first.
_VALUES_MAX = 500_000
"""Values and names in a body: nobody else gets to run while they are made, which takes a tenth of a second."""
_BLOCK = 64 * 1024  # Bytes looked at in one go.


class Decoder:
    """Parses bodies, the large ones a piece at a time on a thread, the most urgent lanes first."""

    def __init__(self, executor: PriorityExecutor, limits: Limits) -> None:
        """Parse large bodies on `executor`; refuse those beyond the `limits`."""
        self._limits = limits
        self._executor = executor
        self._serials = count()

    async def read(self, route: Route, raw: bytes | bytearray, lane: int) -> tuple[Body, list[str]]:
        """Return the body, and the texts to rank, one for each of its documents; `lane` orders the work.

        Raises ServiceError, or Shed or Displaced if too many others wait.
        """
        serial = next(self._serials)
        parse = partial(self._parse, route, raw)
        body = parse() if len(raw) < _LARGE else await self._executor.run(lane, serial, parse)
        documents = body.ranked
        unread = (text_of(document, i, body.fields) for i, document in enumerate(documents))
        texts: list[str] = []
        if len(raw) < _SMALL or all(isinstance(document, str) for document in documents):
            texts += unread
        else:
            while await self._executor.run(lane, serial, partial(_read_some, unread, texts)):
                pass
        return body, texts

    def _parse(self, route: Route, raw: bytes | bytearray) -> Body:
        """Return the body, in the form that its fields tell.

        Raises OutOfRangeError, or InvalidRequestError naming the fields at fault but not their values.
        """
        _check_values(raw)
        try:
            value = from_json(raw, allow_inf_nan=False)
        except ValueError as error:
            raise InvalidRequestError(f"the body is not JSON: {error}") from None
        kind = route.kind_of(value)
        if isinstance(value, dict) and isinstance(documents := value.get(kind.ranked_field), list):
            self._limits.check_documents(len(documents), kind.ranked_field)
        try:
            return kind.model_validate(value)
        except ValidationError as error:
            faults = [
                f"{'.'.join(map(str, fault['loc'])) or 'body'}: {fault['msg']}"
                for fault in error.errors(include_url=False, include_context=False, include_input=False)[:_FAULTS_MAX]
            ]
            raise InvalidRequestError("; ".join(faults)) from None


def _check_values(raw: bytes | bytearray) -> None:
    """Raise OutOfRangeError if there are too many values, without making any.

    Before each there is a bracket, a comma or a colon, once the texts are taken away.
    """
    if len(raw) <= _VALUES_MAX:
        return
    values, inside, rest = 0, False, b""
    for start in range(0, len(raw), _BLOCK):
        block = rest + raw[start : start + _BLOCK]
        end = len(block) - (len(block) - len(block.rstrip(b"\\"))) % 2  # Before an escape that goes on.
        block, rest = block[:end], block[end:]
        parts = block.replace(rb"\\", b"").replace(rb"\"", b"").split(b'"')
        outside = b"".join(parts[inside::2])
        inside ^= len(parts) % 2 == 0
        values += sum(outside.count(mark) for mark in b"[{,:")
        if values > _VALUES_MAX:
            raise OutOfRangeError(Violation("body", f"may hold {_VALUES_MAX:,} values and names at most"))


def _read_some(unread: Iterator[str], texts: list[str]) -> bool:
    """Read documents for a moment; return whether there may be more."""
    end = perf_counter() + _PIECE_S
    for text in unread:
        texts.append(text)
        if perf_counter() > end:
            return True
    return False

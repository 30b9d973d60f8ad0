"""Decodes bodies; a large one in steps, so that it does not delay other requests."""

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

_FAULTS_MAX = 5  # Errors listed in a message.
_LARGE = 64 * 1024
"""Bodies of at least this many bytes are parsed on a thread."""
_SMALL = 2 * 1024
"""Bodies below this many bytes have their objects rendered on the event loop: at most about 2 ms."""
_STEP_S = 0.01  # After this time on a thread, a more urgent request may go first.
_VALUES_MAX = 500_000
"""Limit on values and names in a body. Creating that many holds the interpreter lock for about 0.1 s."""
_BLOCK = 64 * 1024  # Bytes scanned at a time.


class Decoder:
    """Decodes bodies, large ones in steps on a thread, the most urgent lanes first."""

    def __init__(self, executor: PriorityExecutor, limits: Limits) -> None:
        """Decode large bodies on `executor`; refuse bodies beyond `limits`."""
        self._limits = limits
        self._executor = executor
        self._serials = count()

    async def read(self, route: Route, raw: bytes | bytearray, lane: int) -> tuple[Body, list[str]]:
        """Return the body and the text of each of its documents; `lane` is the priority of the work.

        Raises ServiceError, or Shed or Displaced if the queue of the executor is full.
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
        """Parse the body in the form that matches its fields.

        Raises OutOfRangeError, or InvalidRequestError with the names of invalid fields but never their values.
        """
        _check_values(raw)
        try:
            value = from_json(raw, allow_inf_nan=False)
        except ValueError as error:
            raise InvalidRequestError(f"the body is not valid JSON: {error}") from None
        body_type = route.type_of(value)
        if isinstance(value, dict) and isinstance(documents := value.get(body_type.ranked_field), list):
            self._limits.check_documents(len(documents), body_type.ranked_field)
        try:
            return body_type.model_validate(value)
        except ValidationError as error:
            faults = [
                f"{'.'.join(map(str, fault['loc'])) or 'body'}: {fault['msg']}"
                for fault in error.errors(include_url=False, include_context=False, include_input=False)[:_FAULTS_MAX]
            ]
            raise InvalidRequestError("; ".join(faults)) from None


def _check_values(raw: bytes | bytearray) -> None:
    """Raise OutOfRangeError if a body has too many values, before creating any.

    Outside of strings, a bracket, comma or colon precedes each value.
    """
    if len(raw) <= _VALUES_MAX:
        return
    values, inside, rest = 0, False, b""
    for start in range(0, len(raw), _BLOCK):
        block = rest + raw[start : start + _BLOCK]
        end = len(block) - (len(block) - len(block.rstrip(b"\\"))) % 2  # Do not split an escape sequence.
        block, rest = block[:end], block[end:]
        parts = block.replace(rb"\\", b"").replace(rb"\"", b"").split(b'"')
        outside = b"".join(parts[inside::2])
        inside ^= len(parts) % 2 == 0
        values += sum(outside.count(mark) for mark in b"[{,:")
        if values > _VALUES_MAX:
            raise OutOfRangeError(Violation("body", f"must contain at most {_VALUES_MAX:,} values and names"))


def _read_some(unread: Iterator[str], texts: list[str]) -> bool:
    """Render documents for `_STEP_S`; return whether there may be more."""
    end = perf_counter() + _STEP_S
    for text in unread:
        texts.append(text)
        if perf_counter() > end:
            return True
    return False

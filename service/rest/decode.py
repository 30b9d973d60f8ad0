"""Decodes bodies; a large one in steps, so that it does not delay other requests."""

from collections.abc import Generator

from pydantic import ValidationError
from pydantic_core import from_json

from service.errors import InvalidRequestError, OutOfRangeError, Violation
from service.rerank.limits import Limits
from service.rerank.priority_executor import PriorityExecutor, exhaust
from service.rest.document_text import text_of
from service.rest.json_body import JsonBody
from service.rest.routes import Route
from service.rest.schema import Body

_FAULTS_MAX = 5  # Errors listed in a message.
_LARGE = 64 * 1024
"""Bodies of at least this many bytes are parsed on a thread."""
_SMALL = 2 * 1024
"""Bodies below this many bytes have their objects rendered on the event loop: at most about 2 ms."""
_FIELDS_MAX = 1000
"""Limit on rank_fields: each is looked up in each document."""


class Decoder:
    """Decodes bodies, large ones in steps on a thread, the most urgent lanes first."""

    def __init__(self, executor: PriorityExecutor, limits: Limits) -> None:
        """Decode large bodies on `executor`; refuse bodies beyond `limits`."""
        self._limits = limits
        self._executor = executor

    async def read(self, route: Route, raw: bytes | bytearray, lane: int) -> tuple[Body, list[str]]:
        """Return the body and the text of each of its documents; `lane` is the priority of the work.

        Raises ServiceError, or Shed or Displaced if the queue of the executor is full.
        """
        if len(raw) < _LARGE:
            body = self._checked(route, _parsed(raw))
        else:
            serial = self._executor.serial()
            body = await self._executor.run_steps(lane, serial, self._parse(route, raw))
        rendering = self._texts(body)
        if len(raw) < _SMALL or all(isinstance(document, str) for document in body.ranked):
            return body, exhaust(rendering)
        return body, await self._executor.run_steps(lane, self._executor.serial(), rendering)

    def _parse(self, route: Route, raw: bytes | bytearray) -> Generator[None, None, Body]:
        """Parse a large body in steps."""
        try:
            value = yield from JsonBody(raw).parse()
        except ValueError as error:
            reason = str(error).partition(" at line ")[0]  # The parser saw other lines and columns.
            raise InvalidRequestError(f"the body is not valid JSON: {reason}") from None
        return self._checked(route, value)

    def _checked(self, route: Route, value: object) -> Body:
        """Return a body in the form that matches its fields. Raises OutOfRangeError or InvalidRequestError."""
        body_type = route.type_of(value)
        if isinstance(value, dict) and isinstance(documents := value.get(body_type.ranked_field), list):
            self._limits.check_documents(len(documents), body_type.ranked_field)
        try:
            body = body_type.model_validate(value)
        except ValidationError as error:
            raise InvalidRequestError(_explained(error)) from None
        if body.fields and len(body.fields) > _FIELDS_MAX:
            raise OutOfRangeError(Violation("rank_fields", f"must have at most {_FIELDS_MAX:,} items"))
        return body

    def _texts(self, body: Body) -> Generator[None, None, list[str]]:
        """Render the documents of a body, one a step."""
        texts: list[str] = []
        rendered = 0
        for position, document in enumerate(body.ranked):
            texts.append(text := text_of(document, position, body.fields))
            if not isinstance(document, str):
                rendered += len(text)
                if rendered > self._limits.message_bytes:  # Indentation makes thirty times as much of nested lines.
                    most = self._limits.message_bytes
                    raise OutOfRangeError(
                        Violation(body.ranked_field, f"must have at most {most:,} characters when written as YAML")
                    )
                yield
        return texts


def _parsed(raw: bytes | bytearray) -> object:
    try:
        return from_json(raw, allow_inf_nan=False)
    except ValueError as error:
        raise InvalidRequestError(f"the body is not valid JSON: {error}") from None


def _explained(error: ValidationError) -> str:
    """Return the first faults of a body: the names of fields, never their values."""
    faults = error.errors(include_url=False, include_context=False, include_input=False)[:_FAULTS_MAX]
    return "; ".join(f"{'.'.join(map(str, fault['loc'])) or 'body'}: {fault['msg']}" for fault in faults)

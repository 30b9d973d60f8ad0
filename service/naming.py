"""What a form calls the documents of a request."""

from collections.abc import Iterator
from contextlib import contextmanager

from service.errors import OutOfRangeError, TooLargeError


@contextmanager
def documents_called(name: str) -> Iterator[None]:
    """Let errors about the documents name the field that they came in: not every form calls it `documents`."""
    try:
        yield
    except (OutOfRangeError, TooLargeError) as error:
        error.violations = tuple(
            violation._replace(field=name) if violation.field == "documents" else violation
            for violation in error.violations
        )
        error.args = OutOfRangeError(*error.violations).args  # The message follows from them.
        raise

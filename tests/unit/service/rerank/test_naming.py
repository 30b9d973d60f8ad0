"""Tests of what a form calls the documents of a request."""

import pytest

from service.errors import OutOfRangeError, TooLargeError, Violation
from service.naming import documents_called


def test_the_field_is_named():
    """Of all that is wrong, what concerns the documents is told by the name that they came under."""
    with pytest.raises(OutOfRangeError) as caught, documents_called("texts"):
        raise OutOfRangeError(Violation("query", "holds documents"), Violation("documents", "must not be documents"))
    assert caught.value.violations == (("query", "holds documents"), ("texts", "must not be documents"))
    assert str(caught.value) == "query holds documents; texts must not be documents"


def test_the_kind_of_error_stays():
    """A message that is too large stays one."""
    with pytest.raises(TooLargeError, match=r"^texts may have 10 bytes in all; send fewer$"), documents_called("texts"):
        raise TooLargeError(10)


@pytest.mark.parametrize("error", [KeyError("documents"), OutOfRangeError(Violation("body", "is wrong"))])
def test_other_errors_pass(error: Exception):
    """What does not concern the documents is told as it is."""
    said = str(error)
    with pytest.raises(type(error)) as caught, documents_called("texts"):
        raise error
    assert str(caught.value) == said

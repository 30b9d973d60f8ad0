"""A body of any dialect stands for one request, with the defaults where it is silent, or is refused by the field."""

from collections.abc import Callable, Iterable
from typing import Any

import pytest
from pydantic import ValidationError

from service.errors import OutOfRangeError
from tests.unit.service.rest.dialects import DIALECTS, NO_NUMBER, Dialect

TOO_SMALL = (0, -1, -(2**70))
LANE_0 = ("priority", 0)
"""The one number whose range begins at 0."""


def each(cases: Callable[[Dialect], Iterable[tuple[Any, ...]]]) -> list[Any]:
    """Return the cases of every dialect, as parameters with the dialect before them."""
    return [
        pytest.param(dialect, *case, id=f"{name}-{'-'.join(map(str, case))}"[:60])
        for name, dialect in DIALECTS.items()
        for case in cases(dialect)
    ]


@pytest.mark.parametrize("dialect", DIALECTS.values(), ids=DIALECTS)
def test_request(dialect: Dialect):
    """The required fields are enough, and each other field arrives where it belongs; a body's own lane comes first."""
    assert dialect.request() == dialect.least
    assert dialect.request(7, **dialect.everything) == dialect.most


@pytest.mark.parametrize("dialect", DIALECTS.values(), ids=DIALECTS)
def test_answer(dialect: Dialect):
    """An answer has what clients of the dialect look for, and nothing that was not asked for."""
    assert dialect.answer() == dialect.answer_to_good


@pytest.mark.parametrize(("dialect", "field"), each(lambda dialect: ((field,) for field in dialect.everything)))
def test_null_is_absent(dialect: Dialect, field: str):
    """A field that is null is as good as not there."""
    fields = {field: None}
    assert field not in dialect.good
    assert dialect.request(**fields) == dialect.request()
    assert dialect.answer(**fields) == dialect.answer()


@pytest.mark.parametrize(("dialect", "field"), each(lambda dialect: ((number,) for number in dialect.numbers)))
def test_whole_numbers(dialect: Dialect, field: str):
    """A whole number may be written with a point."""
    assert dialect.request(**{field: 3.0}) == dialect.request(**{field: 3})


@pytest.mark.parametrize(("dialect", "extra"), each(lambda dialect: ((extra,) for extra in dialect.ignored)))
def test_unknown_fields_are_ignored(dialect: Dialect, extra: dict[str, Any]):
    """Fields that a dialect does not know change nothing, whatever they hold."""
    assert not extra.keys() & dialect.kind.model_fields.keys()
    assert dialect.request(**extra) == dialect.request()


@pytest.mark.parametrize(("dialect", "field"), each(lambda dialect: ((field,) for field in dialect.good)))
def test_required(dialect: Dialect, field: str):
    """A required field may be neither absent nor null."""
    absent = {name: value for name, value in dialect.good.items() if name != field}
    for body in (absent, absent | {field: None}):
        with pytest.raises(ValidationError) as caught:
            dialect.kind.model_validate(body)
        assert caught.value.errors()[0]["loc"] == (field,)


def wrong_types(dialect: Dialect) -> Iterable[tuple[str, object]]:
    """Yield the fields of a dialect with values of other types."""
    for field, values in (dialect.wrong | dict.fromkeys(dialect.numbers, NO_NUMBER)).items():
        yield from ((field, value) for value in values)


@pytest.mark.parametrize(("dialect", "field", "value"), each(wrong_types))
def test_strict_types(dialect: Dialect, field: str, value: object):
    """Nothing is turned into what was perhaps meant: a wrong type is an error."""
    with pytest.raises(ValidationError) as caught:
        dialect.kind.model_validate(dialect.good | {field: value})
    assert caught.value.errors()[0]["loc"][0] == field


@pytest.mark.parametrize("dialect", DIALECTS.values(), ids=DIALECTS)
def test_each_field_is_in_the_table(dialect: Dialect):
    """No field is left out of the tests of types."""
    assert dialect.kind.model_fields.keys() == dialect.wrong.keys() | set(dialect.numbers)
    assert dialect.kind.model_fields.keys() == dialect.good.keys() | dialect.everything.keys()


@pytest.mark.parametrize("dialect", DIALECTS.values(), ids=DIALECTS)
def test_no_object(dialect: Dialect):
    """A body that is no object is an error like any other."""
    for body in (None, [], "text", 5, 1.5, True, [dialect.good]):
        with pytest.raises(ValidationError):
            dialect.kind.model_validate(body)


def out_of_range(dialect: Dialect) -> Iterable[tuple[dict[str, Any], str]]:
    """Yield the fields of a dialect with values out of range, and the name of the violation."""
    yield from (({name: value}, name) for name in dialect.numbers for value in TOO_SMALL if (name, value) != LANE_0)
    yield from dialect.out_of_range


@pytest.mark.parametrize(("dialect", "fields", "name"), each(out_of_range))
def test_out_of_range(dialect: Dialect, fields: dict[str, Any], name: str):
    """A value of the right type that is out of range is another error, under the name it has in the request."""
    with pytest.raises(OutOfRangeError) as caught:
        dialect.request(**fields)
    assert [violation.field for violation in caught.value.violations] == [name]

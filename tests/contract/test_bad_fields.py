"""A field of another type or out of range is refused by its name in every form of the REST API."""

import json

import httpx
import pytest

from tests.contract.clients import GOOD, SECRET, encoded, refused, with_member
from tests.contract.forms import EVERY_FIELD, Form, ranks

pytestmark = pytest.mark.usefixtures("unharmed")

_NOT_TEXTS = (SECRET, 5, True, {"0": SECRET}, [5], [None], [True], [[SECRET]], [SECRET, 5])
WRONG: dict[str, tuple[object, ...]] = {
    "integer": ("5", "", 1.5, 1e-9, True, False, [1], {"n": 1}),
    "boolean": ("true", "", 0, 1, [True], {"a": True}),
    "string": (5, 1.5, True, [SECRET], {"text": SECRET}),
    "array of string": _NOT_TEXTS,
    "array of object or string": _NOT_TEXTS,
}
"""Values that a field of a type does not take."""


def test_another_type(form: Form, rest: httpx.Client) -> None:
    """A field of another type is refused, and named."""
    for field, of in form.takes.items():
        for value in WRONG[of.type]:
            refused(form.post(rest, form.body(**{field: value})), 400, field)


def test_missing_and_null(form: Form, rest: httpx.Client) -> None:
    """A required field may be neither absent nor null; an optional one may be both, which is the same."""
    expected = ranks(form.post(rest))
    for field in form.required:
        # Without `texts`, the body is of the other form that arrives there.
        named = "documents" if field == "texts" else field
        for nothing in (..., None):
            refused(form.post(rest, form.body(**{field: nothing})), 400, named)
    assert ranks(form.post(rest, form.body(**dict.fromkeys(form.optional)))) == expected


def test_everything_missing(form: Form, rest: httpx.Client) -> None:
    """An empty object is told all that is required there."""
    required = form.required - {"texts"} | {"documents"}
    refused(form.post(rest, {}), 400, *required)


def test_many_faults(form: Form, rest: httpx.Client) -> None:
    """Ten thousand wrong documents are one fault, told in a sentence."""
    said = refused(form.post(rest, form.body(documents=[5] * 10_000)), 400, form.documents)
    assert len(said) < 1000


@pytest.mark.parametrize("value", [None, SECRET, -1, [SECRET], {"a": SECRET, "b": [1, None]}, 1e300])
def test_fields_of_other_forms(value: object, form: Form, rest: httpx.Client) -> None:
    """A field that the form does not have is ignored, whatever it holds; only `texts` marks a form of its own."""
    marks = {"texts"} if form.path == "/rerank" and value is not None else set()
    body = form.body() | dict.fromkeys((*(EVERY_FIELD - form.fields - marks), "x", "", "user", "truncate"), value)
    assert ranks(form.post(rest, body)) == ranks(form.post(rest))


@pytest.mark.parametrize("value", [0, -1, -1.0, -(2**31), -(2**70), -(10**400)], ids=lambda value: str(value)[:9])
def test_numbers_too_small(value: float, form: Form, rest: httpx.Client) -> None:
    """A number below the least is out of range, and named."""
    for field in form.counts:
        refused(form.post(rest, form.body(**{field: value})), form.out_of_range, field)


@pytest.mark.parametrize("value", [3, 3.0, 10_001, 2**31, 2**70, 1e30, 10**400], ids=lambda value: str(value)[:9])
def test_numbers_however_large(value: float, form: Form, rest: httpx.Client) -> None:
    """A number larger than anything it counts means all there is."""
    assert len(ranks(form.post(rest, form.body(**dict.fromkeys(form.counts, value))))) == len(GOOD["documents"])


@pytest.mark.parametrize("number", [b"1e400", b"-1e400", b"NaN", b"Infinity", b"-Infinity", b"01", b"0x1", b"9" * 5000])
def test_no_number(number: bytes, form: Form, rest: httpx.Client) -> None:
    """A value that is not a JSON number, or that no float holds, is refused in each field that takes a number."""
    for field in form.numbers:
        refused(form.post(rest, with_member(encoded(form.body()), b'"%s":%s' % (field.encode(), number))), 400)


def test_out_of_range(form: Form, rest: httpx.Client) -> None:
    """A blank query, no documents, and too many of them are out of range; several faults are told at once."""
    for query in ("", " \t\r\n", "\u00a0\u2003\u3000"):
        refused(form.post(rest, form.body(query=query)), form.out_of_range, "query")
    for documents in ([], [SECRET] * 10_001, [5] * 10_001):
        refused(form.post(rest, form.body(documents=documents)), form.out_of_range, form.documents)
    everything = form.body(query=" ", documents=[], **dict.fromkeys(form.counts, 0))
    refused(form.post(rest, everything), form.out_of_range, "query", form.documents, *form.counts)


def test_strange_texts(form: Form, rest: httpx.Client) -> None:
    """Any text is scored: an empty one, a blank one, and one of characters that are none."""
    texts = ["", " \n\t", "\0", f"\0{SECRET}", "\ufffe\uffff\U0010ffff\u202e\u200d\ufeff", "\x85\u2028", "😀" * 1000]
    assert len(ranks(form.post(rest, form.body(documents=texts, query="\0")))) == len(texts)


def test_unknown_models(form: Form, rest: httpx.Client) -> None:
    """A model that is not served is not found, by a form that names one."""
    for model in (SECRET, "", "RERANK-V3.5", "rerank-v3.5\0", "../minilm-rerank"):
        answer = form.post(rest, form.body(model=model))
        if "model" in form.fields:
            refused(answer, 404)
        else:
            assert ranks(answer) == ranks(form.post(rest))


def test_names_that_come_twice(form: Form, rest: httpx.Client) -> None:
    """Of fields of one name, the last counts."""
    raw, good = encoded(form.body()), b'"query":' + json.dumps(GOOD["query"]).encode()
    assert ranks(form.post(rest, with_member(raw, b'"query":5,' + good))) == ranks(form.post(rest))
    refused(form.post(rest, with_member(raw, b'"top_n":1,"top_n":0')), form.out_of_range, "top_n")

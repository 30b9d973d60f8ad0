"""A document object becomes exactly the text that its fields say, or is refused at its position."""

from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from service.errors import OutOfRangeError, UnsupportedError
from service.rest.document_text import text_of

TEXT = st.text(st.characters(exclude_categories=["Cs"]))
VALUE = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=10,
)
DOCUMENT = st.dictionaries(TEXT, VALUE, min_size=1, max_size=4).filter(lambda d: any(v is not None for v in d.values()))
SPECIAL = {
    "yes": "yes", "no": "no", "on": True, "off": "off", "y": "n", "null": "null", "~": "~", "none": None,
    "date": "2024-02-30", "time": "12:30:45", "stamp": "2001-12-14t21:59:43.10-05:00", "octal": "0o17", "binary": "0b1",
    "exponent": "1e5", "float": 1e5, "tiny": 5e-324, "negative": -0.0, "infinite": float("inf"), "big": 10**30,
    "hex": "0x1f", "sexagesimal": "190:20:30", "merge": "<<", "value": "=", "<<": "merged", "=": "value", "empty": "",
    "blank": " ", "tab": "\t", "lines": "one\ntwo\n\n  three\n", "return": "\r\n", "next": "a\x85b", "nul": "\0",
    "separator": "a\u2028b", "bell": "\x07", "delete": "\x7f", "bom": "\ufeff", "quote": "it's \"quoted\"",
    "back": "\\U0001F600 \\n",
    "colon": "a: b", "hash": "a #b", "dash": "- a", "ask": "? a", "anchor": "&a", "alias": "*a", "tag": "!!int 5",
    "bracket": "[a, {b", "percent": "%YAML 1.1", "start": "---", "end": "...", "at": "@a", "tick": "`a",
    "a: b": 1, "- c": 2, "#d": 3, "": "no name", "漢字": "かな", "name\nof\nlines": 4, "k" * 200: 5, " e ": 6,
    "list": [[1, [2, []]], {}], "object": {"a": {"b": {"c": [None]}}},
}  # fmt: skip
"""Values that YAML reads as something else if they are written carelessly."""


@pytest.mark.parametrize("text", ["", " ", "one", "\n", "a: b\n", "{}", "漢字 😀", "\0"])
def test_texts(text: str):
    """A text is read as it was sent, and so is an object with nothing but that text."""
    assert text_of(text, 0) == text_of(text, 0, ["title"]) == text_of({"text": text}, 0) == text
    assert text_of({"text": text, "image": None}, 0) == text


@pytest.mark.parametrize("document", [{"text": 5}, {"text": ["one"]}, {"text": {"text": "one"}}, {"text": True}])
def test_text_that_is_none(document: dict[str, Any]):
    """A field called text that holds no text is read like any other."""
    assert yaml.safe_load(text_of(document, 0)) == document


def test_all_fields_in_their_own_order():
    """An object is read whole, as YAML, in the order it was written in."""
    document = {"title": "One", "year": 2001, "tags": ["a", "b"], "by": {"name": "Zoë"}, "abstract": None, "text": "t"}
    assert text_of(document, 0) == (
        "title: One\nyear: 2001\ntags:\n- a\n- b\nby:\n  name: Zoë\nabstract: null\ntext: t\n"
    )


def test_rank_fields_in_their_order():
    """Only the named fields are read, in the order of the names, each once; those that are not there are left out."""
    document = {"text": "one", "year": 5, "title": "two"}
    assert text_of(document, 0, ["title", "text", "title", "other"]) == "title: two\ntext: one\n"
    assert text_of(document, 0, ["year"]) == "year: 5\n"


def test_rank_fields_that_leave_a_text():
    """An object of which only `text` is left is read as that text alone."""
    assert text_of({"text": "one", "title": "two"}, 0, ["text"]) == "one"
    assert text_of({"text": "one"}, 0, ["title", "text"]) == "one"


@pytest.mark.parametrize("document", [{}, {"text": None}, {"a": None, "b": None}])
def test_nothing_to_read(document: dict[str, Any]):
    """An object without anything to read is out of range, and its place named, but not its fields."""
    with pytest.raises(OutOfRangeError, match=r"^documents\[7\] ") as caught:
        text_of(document, 7)
    assert [violation.field for violation in caught.value.violations] == ["documents[7]"]
    assert "rank_fields" not in str(caught.value)


@pytest.mark.parametrize("fields", [[], ["c"], ["b"], ["A", "a "]])
def test_none_of_the_rank_fields(fields: list[str]):
    """An object without any of the named fields is out of range."""
    with pytest.raises(OutOfRangeError, match=r"^documents\[7\] .*rank_fields"):
        text_of({"a": "one", "b": None}, 7, fields)


@pytest.mark.parametrize("image", ["a.png", "", 0, False, [], {"url": "a.png"}])
def test_images(image: object):
    """An image, alone or with a text, is more than the models here can read."""
    for document in ({"image": image}, {"image": image, "text": "one"}, {"image": image, "text": None}):
        with pytest.raises(UnsupportedError, match=r"^documents\[7\] .*image"):
            text_of(document, 7)


def test_field_called_image():
    """In an object with other fields, one called image is a field like any other."""
    assert text_of({"title": "one", "image": "a.png"}, 0) == "title: one\nimage: a.png\n"


@pytest.mark.parametrize("name", SPECIAL)
def test_special_values(name: str):
    """A value that YAML could misread is written so that it is read back unchanged."""
    document = {name: SPECIAL[name], "other": 1}
    assert yaml.safe_load(text_of(document, 0)) == document


def test_all_special_values():
    """All at once, the content and the order are those that the library's own writer gives."""
    document = {name: value for name, value in SPECIAL.items() if name != "next"}  # Which that writer gets wrong.
    found = yaml.safe_load(text_of(document, 0))
    assert found == yaml.safe_load(yaml.safe_dump(document, sort_keys=False, allow_unicode=True))
    assert list(found) == list(document)


@given(DOCUMENT)
def test_any_object(document: dict[str, Any]):
    """Any object, written as YAML, is read back with the same values in the same order."""
    if document.keys() <= {"text", "image"}:
        document = {"title": "one", **document}
    found = yaml.safe_load(text_of(document, 0))
    assert found == document
    assert list(found) == list(document)


def test_no_line_is_broken():
    """A long text stays on one line."""
    text = "some words, " * 10_000 + "end"
    assert text_of({"title": text}, 0) == f"title: {text}\n"


def test_characters_stay_as_they_are():
    """Letters of any script and pictographs are written as they are, as the texts of other documents are."""
    document = {
        "😀": "👍🏽 ok",
        "漢字": "Zoë Ελλάδα עברית",
        "list": ["𝄞", {"\U0010fffd": "🇪🇸"}],
        "private": "\ue000\uf8ff",
    }
    assert text_of(document, 0) == (
        "😀: 👍🏽 ok\n漢字: Zoë Ελλάδα עברית\nlist:\n- 𝄞\n- \U0010fffd: 🇪🇸\nprivate: \ue000\uf8ff\n"
    )


def test_escapes_of_the_caller_stay_as_they_are():
    """Text that looks like the escape of a pictograph stays as it was sent."""
    document = {"title": r"\U0001F600", "text": "\\U0001F600\0😀"}
    assert yaml.safe_load(text_of(document, 0)) == document
    assert text_of({"title": r"\U0001F600"}, 0) == "title: \\U0001F600\n"


def test_as_many_pictographs_as_stand_ins():
    """As many different characters as can be stood in for are written as they are; an object with more is refused."""
    rare = "".join(map(chr, range(0x1F000, 0x1F000 + 6399))) + "\ue123"
    assert text_of({"title": rare}, 0) == f"title: {rare}\n"
    with pytest.raises(OutOfRangeError, match=r"^documents\[7\] .*6,400 different"):
        text_of({"title": rare, "more": "\U0010fffd"}, 7)


@pytest.mark.parametrize("wrap", [lambda inner: {"a": inner}, lambda inner: [inner]], ids=["objects", "arrays"])
def test_depth(wrap: Any):
    """An object may be sixteen levels deep; deeper ones are refused, however deep."""
    document: Any = 5
    for _ in range(14):
        document = wrap(document)
    assert yaml.safe_load(text_of({"a": document}, 0)) == {"a": document}
    for _ in range(500):
        document = wrap(document)
        with pytest.raises(OutOfRangeError, match=r"^documents\[7\] .*16 .*levels"):
            text_of({"a": document}, 7)


@pytest.mark.parametrize("value", [[0] * 5000, {str(i): i for i in range(5000)}, [[0] * 80] * 80])
def test_values(value: object):
    """An object with more values than can be turned into text soon is refused."""
    with pytest.raises(OutOfRangeError, match=r"^documents\[7\] .*5,000 values"):
        text_of({"a": value}, 7)


@pytest.mark.parametrize("value", ["x" * 524_287, ["x" * 262_144, {"a": "x" * 262_142}], {"x" * 524_287: 5}])
def test_characters(value: object):
    """An object with more characters than can be turned into text soon is refused; a text may have any number."""
    assert yaml.safe_load(text_of({"a": value}, 0)) == {"a": value}
    with pytest.raises(OutOfRangeError, match=r"^documents\[7\] .*524,288 characters"):
        text_of({"a": value, "b": ""}, 7)
    assert len(text_of({"text": "x" * 2_000_000}, 0)) == 2_000_000


def test_only_what_is_read_counts():
    """Fields that are not read may be as deep and as large as they like."""
    assert text_of({"a": [0] * 100_001, "text": "one"}, 0, ["text"]) == "one"

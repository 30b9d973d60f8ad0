"""A body that is cut into strings and a rest is the body that the parser reads in one go."""

import json
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pydantic_core import from_json

from service.errors import OutOfRangeError
from service.rerank.limits import TEXT_BYTES_MAX
from service.rerank.priority_executor import exhaust
from service.rest import json_body
from service.rest.json_body import JsonBody

TEXT = st.text(
    st.sampled_from('\\"/\b\n\u007fé漢😀\U0010fffdax[{:,') | st.characters(exclude_categories=["Cs"]), max_size=90
)
VALUE = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=12,
)


def parsed(raw: bytes) -> Any:
    """Return the value of a body."""
    return exhaust(JsonBody(raw).parse())


@settings(max_examples=300)
@given(VALUE, st.booleans(), st.sampled_from([16, 17, 23, 64, 2**16]))
@example({"documents": ["😀" * 40, "\\" * 41, '"' * 41]}, True, 16)  # noqa: FBT003
def test_any_value(value: object, ascii_only: bool, block: int):  # noqa: FBT001
    """A body of any value, split into blocks anywhere, is parsed to the value that it was made from."""
    raw = json.dumps(value, ensure_ascii=ascii_only).encode()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(json_body, "_BLOCK", block)
        assert parsed(raw) == from_json(raw)


@given(
    st.text('\\"ud83e00[]{},:é ', max_size=60).map(str.encode) | st.binary(max_size=60), st.sampled_from([16, 17, 23])
)
def test_any_bytes(raw: bytes, block: int):
    """Bytes that are no JSON are refused, and all others have the value that the parser gives them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(json_body, "_BLOCK", block)
        for body in (raw, b'"' + raw + b'"', b'["' + raw + b'", 5]'):
            try:
                expected = from_json(body, allow_inf_nan=False)
            except ValueError:
                with pytest.raises(ValueError):  # noqa: PT011  # The parser has no type of its own.
                    parsed(body)
            else:
                assert parsed(body) == expected


@pytest.mark.parametrize("unit", ["x", "\\n", "\\ud83d\\ude00", "漢"])
def test_a_text_too_long(unit: str):
    """A text is refused by its size as sent, whether or not it is a document."""
    text = unit * (TEXT_BYTES_MAX // len(unit.encode()))
    assert parsed(f'{{"unknown":"{text}"}}'.encode()) == {"unknown": json.loads(f'"{text}"')}
    with pytest.raises(OutOfRangeError, match=r"^body .*8 MiB"):
        parsed(f'{{"unknown":"{text}{unit * 8}"}}'.encode())


@pytest.mark.parametrize("unit", [b" ", b"1", b'"%s",' % (b"x" * 31)])
def test_too_much_beside_texts(unit: bytes):
    """The part of a body that is not long texts is parsed in one call, and has a limit."""
    with pytest.raises(OutOfRangeError, match=r"^body .*4 MiB"):
        parsed(b"[" + unit * int(1.1 * 2**22 // len(unit)) + b"1]")

"""The text of a document that is an object."""

import re
from collections.abc import Sequence
from itertools import chain
from typing import Any

import yaml

from service.errors import OutOfRangeError, UnsupportedError, Violation
from service.rest.schema import AnyDocument

_TEXT, _IMAGE = "text", "image"
_WIDE = 2**31 - 1  # Characters of a line, so that libyaml breaks none.
_DEPTH_MAX = 16  # Levels of a document: each indents every line below it.
_VALUES_MAX = 100_000
"""Values of a document: far more than the model reads, few enough to write as YAML."""
_CHARACTERS_MAX = 1_000_000
"""Characters of a document that is an object: writing a larger one as YAML would delay other requests."""
_FAR = re.compile("[\U00010000-\U0010ffff]")
"""Characters, such as most emoji, that libyaml always writes as escapes."""
_FREE = range(0xE000, 0xF900)
"""Code points for private use, which libyaml writes as they are."""


def text_of(document: AnyDocument, position: int, fields: Sequence[str] | None = None) -> str:
    """Return the text of a document that the model reads.

    The text of a string is itself. The text of an object is YAML, which models were trained on, of its `fields` in
    their order, or of all its fields in its own; if only `text` is left, it is that string, so that the document scores
    as if it were sent as a string. `position` is its index in the request, for errors.

    Raises UnsupportedError for an image, OutOfRangeError if there is nothing to read, or too much.
    """
    if isinstance(document, str):
        return document
    if document.get(_IMAGE) is not None and document.keys() <= {_TEXT, _IMAGE}:
        raise UnsupportedError(f"documents[{position}] contains an image; the models served read only text")
    read = {name: document[name] for name in (document if fields is None else fields) if name in document}
    if not any(value is not None for value in read.values()):
        where = "any field" if fields is None else "any of the rank_fields"
        raise OutOfRangeError(Violation(f"documents[{position}]", f"has no value in {where}"))
    if read.keys() <= {_TEXT, _IMAGE} and isinstance(read.get(_TEXT), str):
        return str(read[_TEXT])
    _check_size(read, position)
    return _yaml(read)


def _check_size(fields: dict[str, Any], position: int) -> None:
    """Raise OutOfRangeError for an object that takes long to write as YAML."""
    level: list[Any] = [fields]
    values = depth = characters = 0
    while level:
        depth, values = depth + 1, values + len(level)
        inner: list[Any] = []
        for value in level:
            if isinstance(value, str):
                characters += len(value)
            elif isinstance(value, dict):
                characters += sum(map(len, value))
                inner += value.values()
            elif isinstance(value, list):
                inner += value
        for number, maximum, limit in (
            (depth, _DEPTH_MAX, "be {:,} levels deep"),
            (values, _VALUES_MAX, "hold {:,} values"),
            (characters, _CHARACTERS_MAX, "hold {:,} characters"),
        ):
            if number > maximum:
                raise OutOfRangeError(Violation(f"documents[{position}]", f"may {limit.format(maximum)} at most"))
        level = inner


def _yaml(fields: dict[str, Any]) -> str:
    text = _dump(fields)
    if r"\U" not in text:
        return text
    # Put free characters in place of the far ones, as long as there are any.
    far = sorted(set(chain.from_iterable(map(_FAR.findall, _texts(fields)))))
    free = (chr(code) for code in _FREE if chr(code) not in text)
    stand_in = dict(zip(far, free, strict=False))
    back = {other: character for character, other in stand_in.items()}
    text = _dump(_replaced(fields, stand_in))
    return re.sub("[\ue000-\uf8ff]", lambda match: back.get(match[0], match[0]), text)


def _dump(fields: object) -> str:
    return str(yaml.dump(fields, Dumper=yaml.CSafeDumper, sort_keys=False, allow_unicode=True, width=_WIDTH))


def _texts(value: object) -> list[str]:
    """Return all strings and names in a value."""
    if isinstance(value, str):
        return [value]
    if isinstance(value, dict):
        return [*value, *(text for inner in value.values() for text in _strings(inner))]
    return [text for inner in value for text in _strings(inner)] if isinstance(value, list) else []


def _replaced(value: object, stand_in: dict[str, str]) -> object:
    """Return a value with the characters of its strings and names replaced."""
    if isinstance(value, str):
        return _ASTRAL.sub(lambda match: substitutes.get(match[0], match[0]), value)
    if isinstance(value, dict):
        return {_substituted(name, substitutes): _substituted(inner, substitutes) for name, inner in value.items()}
    return [_substituted(inner, substitutes) for inner in value] if isinstance(value, list) else value

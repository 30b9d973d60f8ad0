"""Renders document objects as text."""

import re
from collections.abc import Sequence
from itertools import chain
from typing import Any

import yaml

from service.errors import OutOfRangeError, UnsupportedError, Violation
from service.rest.schema import AnyDocument

_TEXT, _IMAGE = "text", "image"
_WIDTH = 2**31 - 1  # Line width that disables line breaks.
_DEPTH_MAX = 16  # Nesting levels of a document; each indents every line below it.
_VALUES_MAX = 100_000
"""Values in a document: far more than a model reads, and few enough to render fast."""
_CHARACTERS_MAX = 1_000_000
"""Characters in a document object; rendering a larger one would delay other requests."""
_ASTRAL = re.compile("[\U00010000-\U0010ffff]")
"""Characters beyond the basic plane, such as emoji: libyaml always escapes them."""
_PRIVATE_USE = range(0xE000, 0xF900)
"""Code points without a meaning that libyaml does not escape."""


def text_of(document: AnyDocument, position: int, fields: Sequence[str] | None = None) -> str:
    """Return the text of a document for the model.

    A string is returned unchanged. An object becomes YAML, the format that models were trained on, with its `fields` in
    that order; None: all fields. If only `text` remains, its value is returned alone, so that the object scores like a
    string. `position` is the index in the request, for errors.

    Raises UnsupportedError for an image, OutOfRangeError for an empty or too large object.
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
    """Raise OutOfRangeError for an object that would take long to render as YAML."""
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
        for count, limit, unit in (
            (depth, _DEPTH_MAX, "nested levels"),
            (values, _VALUES_MAX, "values"),
            (characters, _CHARACTERS_MAX, "characters"),
        ):
            if count > limit:
                raise OutOfRangeError(Violation(f"documents[{position}]", f"must have at most {limit:,} {unit}"))
        level = inner


def _yaml(fields: dict[str, Any]) -> str:
    text = _dump(fields)
    if r"\U" not in text:
        return text
    # Dump with unused private-use characters in place of astral ones, as far as there are enough, then substitute back.
    astral = sorted(set(chain.from_iterable(_ASTRAL.findall(string) for string in _strings(fields))))
    unused = (chr(code) for code in _PRIVATE_USE if chr(code) not in text)
    substitutes = dict(zip(astral, unused, strict=False))
    originals = {substitute: character for character, substitute in substitutes.items()}
    text = _dump(_substituted(fields, substitutes))
    return re.sub("[\ue000-\uf8ff]", lambda match: originals.get(match[0], match[0]), text)


def _dump(fields: object) -> str:
    return str(yaml.dump(fields, Dumper=yaml.CSafeDumper, sort_keys=False, allow_unicode=True, width=_WIDTH))


def _strings(value: object) -> list[str]:
    """Return all strings in a value, names of fields included."""
    if isinstance(value, str):
        return [value]
    if isinstance(value, dict):
        return [*value, *(text for inner in value.values() for text in _strings(inner))]
    return [text for inner in value for text in _strings(inner)] if isinstance(value, list) else []


def _substituted(value: object, substitutes: dict[str, str]) -> object:
    """Return a copy of a value with characters replaced in all its strings."""
    if isinstance(value, str):
        return _ASTRAL.sub(lambda match: substitutes.get(match[0], match[0]), value)
    if isinstance(value, dict):
        return {_substituted(name, substitutes): _substituted(inner, substitutes) for name, inner in value.items()}
    return [_substituted(inner, substitutes) for inner in value] if isinstance(value, list) else value

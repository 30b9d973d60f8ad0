"""Renders document objects as text."""

from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Any

import yaml

from service.errors import OutOfRangeError, UnsupportedError, Violation
from service.rest.schema import AnyDocument

_TEXT, _IMAGE = "text", "image"
_WIDTH = 2**31 - 1  # Line width that disables line breaks.
_DEPTH_MAX = 16  # Nesting levels of a document; each indents every line below it.
_VALUES_MAX = 5000
"""Values in a document: more than a model reads, which has two tokens or more for each; rendering takes 4 us each."""
_CHARACTERS_MAX = 2**19
"""Characters in a document object: as many as are read of a text."""
_PRIVATE_USE = range(0xE000, 0xF900)
"""Code points without a meaning, which libyaml does not escape: they stand in for astral ones, which it escapes."""
_PIECE = 2**14  # Characters searched or replaced in one call.
_ASTRAL = "\U00010000"
"""The first character beyond the basic plane, such as emoji."""


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
    return _yaml(read, position)


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


def _yaml(fields: dict[str, Any], position: int) -> str:
    special: set[str] = set()
    for piece in chain.from_iterable(map(_pieces, _strings(fields))):
        special.update(character for character in set(piece) if character >= _ASTRAL or ord(character) in _PRIVATE_USE)
        if len(special) > len(_PRIVATE_USE):
            most = len(_PRIVATE_USE)
            raise OutOfRangeError(
                Violation(
                    f"documents[{position}]", f"must have at most {most:,} different emoji and other rare characters"
                )
            )
    astral = [ord(character) for character in special if character >= _ASTRAL]
    if not astral:
        return _dump(fields)
    # Escapes would change what the model reads, and are slow to write: over a second for a million characters.
    unused = [code for code in _PRIVATE_USE if chr(code) not in special]
    text = _dump(_substituted(fields, dict(zip(astral, unused, strict=False))))
    return _translated(text, dict(zip(unused, astral, strict=False)))


def _pieces(text: str) -> Iterator[str]:
    """Split a text, so that no call holds the interpreter lock for long."""
    return (text[start : start + _PIECE] for start in range(0, len(text), _PIECE))


def _translated(text: str, table: dict[int, int]) -> str:
    return "".join(piece.translate(table) for piece in _pieces(text))


def _dump(fields: object) -> str:
    return str(yaml.dump(fields, Dumper=yaml.CSafeDumper, sort_keys=False, allow_unicode=True, width=_WIDTH))


def _strings(value: object) -> list[str]:
    """Return all strings in a value, names of fields included."""
    if isinstance(value, str):
        return [value]
    if isinstance(value, dict):
        return [*value, *(text for inner in value.values() for text in _strings(inner))]
    return [text for inner in value for text in _strings(inner)] if isinstance(value, list) else []


def _substituted(value: object, substitutes: dict[int, int]) -> object:
    """Return a copy of a value with characters replaced in all its strings."""
    if isinstance(value, str):
        return _translated(value, substitutes)
    if isinstance(value, dict):
        return {_substituted(name, substitutes): _substituted(inner, substitutes) for name, inner in value.items()}
    return [_substituted(inner, substitutes) for inner in value] if isinstance(value, list) else value

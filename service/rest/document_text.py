"""Documents that are more than a text."""

import re
from collections.abc import Sequence
from itertools import chain
from typing import Any

import yaml

from service.errors import OutOfRangeError, UnsupportedError, Violation
from service.rest.schema import AnyDocument

_TEXT, _IMAGE = "text", "image"
_WIDE = 2**31 - 1  # Characters of a line: none is ever broken.
_DEPTH_MAX = 16  # Levels of a document: each of them indents every line below it.
_VALUES_MAX = 100_000
"""Values of a document: far more than are ever read of one, and not too many to turn into YAML."""
_CHARACTERS_MAX = 1_000_000
"""Characters of a document that is more than a text: one that large would hold up others while it becomes YAML."""
_FAR = re.compile("[\U00010000-\U0010ffff]")
"""Characters, such as most pictographs, that libyaml writes as escapes, whatever it is told."""
_FREE = range(0xE000, 0xF900)
"""Characters that mean nothing to anybody, and that libyaml writes as they are."""


def text_of(document: AnyDocument, position: int, fields: Sequence[str] | None = None) -> str:
    """Return what the model reads of a document.

    Of a text, the text. Of an object, its `fields` in their order, or all it has in its own, as YAML, which models
    were trained to read; but where that comes down to `text`, only that text, so that it scores like a document that
    was sent as one. `position` is where it stands in the request, for errors.

    Raises UnsupportedError for an image, OutOfRangeError where there is nothing to read, or too much.
    """
    if isinstance(document, str):
        return document
    if document.get(_IMAGE) is not None and document.keys() <= {_TEXT, _IMAGE}:
        raise UnsupportedError(f"documents[{position}] holds an image; the models here read text only")
    read = {name: document[name] for name in (document if fields is None else fields) if name in document}
    if not any(value is not None for value in read.values()):
        what = "no field" if fields is None else "none of the rank_fields"
        raise OutOfRangeError(Violation(f"documents[{position}]", f"has {what} to read"))
    if read.keys() <= {_TEXT, _IMAGE} and isinstance(read.get(_TEXT), str):
        return str(read[_TEXT])
    _check_size(read, position)
    return _yaml(read)


def _check_size(fields: dict[str, Any], position: int) -> None:
    """Raise OutOfRangeError for what would take very long to write as YAML."""
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
        for found, most, what in (
            (depth, _DEPTH_MAX, "be {:,} levels deep"),
            (values, _VALUES_MAX, "hold {:,} values"),
            (characters, _CHARACTERS_MAX, "hold {:,} characters"),
        ):
            if found > most:
                raise OutOfRangeError(Violation(f"documents[{position}]", f"may {what.format(most)} at most"))
        level = inner


def _yaml(fields: dict[str, Any]) -> str:
    found = _dump(fields)
    if r"\U" not in found:
        return found
    # Let free characters stand in for the far ones, as long as there are any.
    far = sorted(set(chain.from_iterable(_FAR.findall(text) for text in _texts(fields))))
    free = (chr(code) for code in _FREE if chr(code) not in found)
    stand_in = dict(zip(far, free, strict=False))
    back = {other: character for character, other in stand_in.items()}
    found = _dump(_replaced(fields, stand_in))
    return re.sub("[\ue000-\uf8ff]", lambda match: back.get(match[0], match[0]), found)


def _dump(fields: object) -> str:
    return str(yaml.dump(fields, Dumper=yaml.CSafeDumper, sort_keys=False, allow_unicode=True, width=_WIDE))


def _texts(value: object) -> list[str]:
    """Return all texts and names in a value."""
    if isinstance(value, str):
        return [value]
    if isinstance(value, dict):
        return [*value, *(text for inner in value.values() for text in _texts(inner))]
    return [text for inner in value for text in _texts(inner)] if isinstance(value, list) else []


def _replaced(value: object, stand_in: dict[str, str]) -> object:
    """Return a value with other characters in its texts and names."""
    if isinstance(value, str):
        return _FAR.sub(lambda match: stand_in.get(match[0], match[0]), value)
    if isinstance(value, dict):
        return {_replaced(name, stand_in): _replaced(inner, stand_in) for name, inner in value.items()}
    return [_replaced(inner, stand_in) for inner in value] if isinstance(value, list) else value

"""A parser of PromQL, limited to metrics and label matchers."""

import re
from collections.abc import Iterator
from typing import NamedTuple

_TEXT = re.compile(r'"(?:[^"\\]|\\.)*"')
_LABELS_OF_AN_OPERATOR = re.compile(r"\b(by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)")
_SELECTOR = re.compile(r"(?<![\w:.])([a-zA-Z_:][\w:]*)(?![\w:])\s*(?:\{([^}]*)\})?(?!\s*[({])")
_MATCHER = re.compile(r'(\w+)\s*(=~|!~|!=|=)\s*"((?:[^"\\]|\\.)*)"')
_OPERATORS = {"and", "or", "unless", "bool", "offset"}


class Selector(NamedTuple):
    """A metric with its label matchers."""

    metric: str
    matchers: tuple[tuple[str, str, str], ...]
    """Matchers as (label, operator, value)."""


def selectors(expression: str) -> Iterator[Selector]:
    """Return every metric of an expression."""
    texts: list[str] = []

    def put_away(match: re.Match[str]) -> str:
        texts.append(match[0])
        return f'"{len(texts) - 1}"'

    # Strings may contain braces and names, so they are replaced before the search.
    bare = re.sub(r"\[[^]]*\]", "", _LABELS_OF_AN_OPERATOR.sub(" ", _TEXT.sub(put_away, expression)))
    for name, labels in _SELECTOR.findall(bare):
        if name not in _OPERATORS:
            matchers = _MATCHER.findall(labels)
            yield Selector(name, tuple((label, how, texts[int(text)][1:-1]) for label, how, text in matchers))

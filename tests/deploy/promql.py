"""What a PromQL expression asks for, as far as it takes to compare it with what is there."""

import re
from collections.abc import Iterator
from typing import NamedTuple

_TEXT = re.compile(r'"(?:[^"\\]|\\.)*"')
_LABELS_OF_AN_OPERATOR = re.compile(r"\b(by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)")
_SELECTOR = re.compile(r"(?<![\w:.])([a-zA-Z_:][\w:]*)(?![\w:])\s*(?:\{([^}]*)\})?(?!\s*[({])")
_MATCHER = re.compile(r'(\w+)\s*(=~|!~|!=|=)\s*"((?:[^"\\]|\\.)*)"')
_OPERATORS = {"and", "or", "unless", "bool", "offset"}


class Selector(NamedTuple):
    """A metric, and what is asked of its labels."""

    metric: str
    matchers: tuple[tuple[str, str, str], ...]
    """Label, operator and value."""


def selectors(expression: str) -> Iterator[Selector]:
    """Find every metric that an expression names."""
    texts: list[str] = []

    def put_away(match: re.Match[str]) -> str:
        texts.append(match[0])
        return f'"{len(texts) - 1}"'

    # Texts may hold anything, braces and names too, so they are out of the way while names are looked for.
    bare = re.sub(r"\[[^]]*\]", "", _LABELS_OF_AN_OPERATOR.sub(" ", _TEXT.sub(put_away, expression)))
    for name, labels in _SELECTOR.findall(bare):
        if name not in _OPERATORS:
            matchers = _MATCHER.findall(labels)
            yield Selector(name, tuple((label, how, texts[int(text)][1:-1]) for label, how, text in matchers))

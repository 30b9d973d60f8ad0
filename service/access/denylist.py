"""The deny-list: terms that no request may contain."""

from collections.abc import Iterable
from pathlib import Path

import ahocorasick

from service.errors import DenyListedError
from service.net.reloading_file import ReloadingFile


class DenyList:
    """Finds terms as whole words, ignoring letter case and the amount of white space.

    One pass over a text finds all terms (Aho and Corasick, 1975), so the time does not grow with their number.
    """

    def __init__(self, file: Path | None) -> None:
        """Read the terms, one a line; ignore blank lines and lines that begin with #. Raises FileError."""
        self._terms = ReloadingFile("deny-list", file, _parse) if file else None

    def check(self, texts: Iterable[str]) -> None:
        """Raise DenyListedError if one of the texts contains a term. Blocking; safe to call from any thread."""
        if self._terms is None:
            return
        terms = self._terms.value
        if any(_contains(terms, _normalised(text)) for text in texts):
            raise DenyListedError


def _parse(text: str) -> ahocorasick.Automaton:
    terms = ahocorasick.Automaton()
    for line in text.splitlines():
        term = _normalised(line)
        if term and not term.startswith("#"):
            terms.add_word(term, len(term))
    terms.make_automaton()
    return terms


def _normalised(text: str) -> str:
    return " ".join(text.casefold().split())


def _contains(terms: ahocorasick.Automaton, text: str) -> bool:
    """Return whether the text contains a term that is not part of a longer word."""
    if not len(terms):
        return False
    for last, length in terms.iter(text):
        first = last - length + 1
        if not (_joined(text, first - 1) or _joined(text, last)):
            return True
    return False


def _joined(text: str, index: int) -> bool:
    """Return whether the characters at `index` and `index + 1` belong to the same word."""
    return 0 <= index < len(text) - 1 and _in_word(text[index]) and _in_word(text[index + 1])


def _in_word(character: str) -> bool:
    return character.isalnum() or character == "_"

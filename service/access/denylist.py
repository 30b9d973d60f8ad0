"""The deny-list: terms that no request may contain."""

from collections.abc import Iterable
from pathlib import Path

import ahocorasick

from service.errors import DenyListedError
from service.net.reloading_file import ReloadingFile


class DenyList:
    """Finds terms as whole words, in any letter case and with any white space between their words.

    One pass over a text finds all terms (Aho and Corasick, 1975): its time does not depend on how many there are.
    """

    def __init__(self, file: Path | None) -> None:
        """Read the terms, one a line; blank lines and lines that begin with # are ignored. Raises FileError."""
        self._terms = ReloadingFile("deny-list", file, _parse) if file else None

    def check(self, texts: Iterable[str]) -> None:
        """Raise DenyListedError if one of the texts contains a term. Blocks; may be called on any thread."""
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
    """Return True if the text contains a term that is not part of a longer word."""
    if not len(terms):
        return False
    for last, length in terms.iter(text):
        first = last - length + 1
        if not (_joined(text, first - 1) or _joined(text, last)):
            return True
    return False


def _joined(text: str, left: int) -> bool:
    """Return True if the characters at `left` and `left + 1` belong to one word."""
    return 0 <= left < len(text) - 1 and _in_word(text[left]) and _in_word(text[left + 1])


def _in_word(character: str) -> bool:
    return character.isalnum() or character == "_"

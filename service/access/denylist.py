"""Terms that no request may hold."""

from collections.abc import Iterable
from pathlib import Path

import ahocorasick

from service.errors import DenyListedError
from service.net.reloading_file import ReloadingFile


class DenyList:
    """Finds terms as whole words, in whatever letter case and however their words are spaced.

    All terms are looked for in one pass over a text (Aho and Corasick, 1975), so that a hundred thousand of them take
    no longer than ten.
    """

    def __init__(self, file: Path | None) -> None:
        """Read the terms, one a line; blank lines and those that begin with # are ignored. Raises FileError."""
        self._terms = ReloadingFile("deny-list", file, _parse) if file else None

    def check(self, texts: Iterable[str]) -> None:
        """Raise DenyListedError if one of the texts holds a term. Blocks, and is safe from any thread."""
        if self._terms is None:
            return
        terms = self._terms.value
        if any(_found(terms, _plain(text)) for text in texts):
            raise DenyListedError


def _parse(text: str) -> ahocorasick.Automaton:
    terms = ahocorasick.Automaton()
    for line in text.splitlines():
        term = _plain(line)
        if term and not term.startswith("#"):
            terms.add_word(term, len(term))
    terms.make_automaton()
    return terms


def _plain(text: str) -> str:
    return " ".join(text.casefold().split())


def _found(terms: ahocorasick.Automaton, text: str) -> bool:
    """Return whether a term is in the text, and not only as part of a longer word."""
    if not len(terms):
        return False
    for last, length in terms.iter(text):
        first = last - length + 1
        if not (_joined(text, first - 1) or _joined(text, last)):
            return True
    return False


def _joined(text: str, left: int) -> bool:
    """Return whether the characters at `left` and behind it belong to one word."""
    return 0 <= left < len(text) - 1 and _in_word(text[left]) and _in_word(text[left + 1])


def _in_word(character: str) -> bool:
    return character.isalnum() or character == "_"

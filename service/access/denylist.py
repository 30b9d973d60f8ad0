"""The deny-list: terms that no request may contain."""

import re
from collections.abc import Awaitable, Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Protocol

import ahocorasick

from service.errors import DenyListedError
from service.net.reloading_file import FileError, ReloadingFile

_SLICE_CHARACTERS = 32 * 1024
"""Characters searched at a time: up to 6 ms, measured, so that a more urgent request waits no longer."""
_TERM_CHARACTERS_MAX = 500
"""Longest term. Of a term like `no no no ...`, each word may begin another match, so its length multiplies the time."""
_BOUNDARY = "\n"
"""Written between two characters that do not belong to the same word; not in a text whose white space is single spaces.

Terms have it at both ends, so the automaton matches whole words only and stops at the first match. Without it, a text
of many matches inside words, such as `aaaa...` against the term `a`, would return to Python for each of them.
"""
_WORDS = re.compile(r"\w+|\W")


class _Run(Protocol):
    """Runs a short blocking call on a thread and returns its result."""

    def __call__(self, call: Callable[[], bool | None], /) -> Awaitable[bool | None]: ...


class DenyList:
    """Finds terms as whole words, ignoring letter case and the amount of white space.

    One pass over a text finds all terms (Aho and Corasick, 1975), so the time does not grow with their number.
    """

    def __init__(self, file: Path | None) -> None:
        """Read the terms, one a line; ignore blank lines and lines that begin with #. Raises FileError."""
        self._terms = ReloadingFile("deny-list", file, _parse) if file else None

    async def check(self, texts: Sequence[str], run: _Run) -> None:
        """Raise DenyListedError if one of the texts contains a term.

        `run` runs each slice of the search, so that more urgent calls may come between two slices.
        """
        if self._terms is None or not len(self._terms.value):
            return
        search = _search(self._terms.value, texts)
        while await run(partial(next, search, None)):
            pass


def _parse(text: str) -> ahocorasick.Automaton:
    terms = ahocorasick.Automaton()
    for number, line in enumerate(text.splitlines(), start=1):
        term = " ".join(line.split())
        if len(term) > _TERM_CHARACTERS_MAX:
            raise FileError(f", line {number}: a term may have {_TERM_CHARACTERS_MAX} characters")
        if term and not term.startswith("#"):
            terms.add_word("".join(_pieces(term)), 1)
    terms.make_automaton()
    return terms


def _search(terms: ahocorasick.Automaton, texts: Sequence[str]) -> Iterator[bool]:
    """Search the texts; yield True after each slice. Raises DenyListedError."""
    room = _SLICE_CHARACTERS
    for text in texts:
        matches = terms.iter("")
        for piece in _pieces(text):
            matches.set(piece)  # Continues from the last piece: a term may begin in one and end in another.
            if next(matches, None):
                raise DenyListedError
            room -= len(piece)
            if room <= 0:
                yield True
                room = _SLICE_CHARACTERS


def _pieces(text: str) -> Iterator[str]:
    """Split a text into normalised slices with boundaries, which together are the normalised text."""
    yield _BOUNDARY
    last = ""
    for start in range(0, len(text), _SLICE_CHARACTERS):
        part = text[start : start + _SLICE_CHARACTERS].casefold()
        words = _WORDS.findall(_single_spaced(part))
        if last == words[0] == " ":
            del words[0]
        if not words:
            continue
        joined = _in_word(last) and _in_word(words[0][0])
        yield ("" if joined or not last else _BOUNDARY) + _BOUNDARY.join(words)
        last = words[-1][-1]
    if last:
        yield _BOUNDARY


def _single_spaced(text: str) -> str:
    """Replace each run of white space with one space; `text` is not empty."""
    body = " ".join(text.split())
    first, last = text[0].isspace(), text[-1].isspace()
    return f"{' ' * first}{body}{' ' * last}" if body else " "


def _in_word(character: str) -> bool:
    return character.isalnum() or character == "_"

"""A request with a listed term as whole words is refused, whatever its letter case and spacing."""

import asyncio
import re
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.access.denylist import DenyList
from service.errors import DenyListedError
from service.net.reloading_file import FileError
from tests.clients import until


def a_list(folder: Path, *terms: str) -> DenyList:
    """Deny these terms."""
    file = folder / "denied"
    file.write_text("\n".join((*terms, "")))
    return DenyList(file)


async def at_once(call: Callable[[], bool | None]) -> bool | None:
    """Run a slice of a search where it stands."""
    return call()


def denies(denylist: DenyList, *texts: str) -> bool:
    """Return whether one of the texts is denied."""
    try:
        asyncio.run(denylist.check(texts, at_once))
    except DenyListedError:
        return True
    return False


@pytest.mark.parametrize(
    ("term", "text"),
    [
        ("worm", "worm"),
        ("worm", "A WORM!"),
        ("Worm", "(worm)"),
        ("worm", "the early worm"),
        ("worm", "worms, and a worm"),
        ("bad apple", "one bad\n\tapple a day"),
        ("bad  apple", "bad apple"),
        ("c++", "in c++ and c"),
        ("c++", "c++11"),
        ("@home", "me@home"),
        ("straße", "STRASSE"),
        ("ünder", "Ünder"),
        ("漢字", "漢字"),
        ("a", "b a c"),
    ],
)
def test_found(term: str, text: str, tmp_path: Path):
    """A term is found as a whole word, in any letter case, wherever it stands and however its words are spaced."""
    assert denies(a_list(tmp_path, "unrelated", term), "fine", text)


@pytest.mark.parametrize(
    ("term", "text"),
    [
        ("worm", "worms"),
        ("worm", "bookworm"),
        ("worm", "worm_hole"),
        ("worm", "worm1"),
        ("bad apple", "bad apples"),
        ("bad apple", "bad, apple"),
        ("c++", "vc++"),
        ("worm", ""),
    ],
)
def test_not_found(term: str, text: str, tmp_path: Path):
    """A term inside a longer word is another word."""
    assert not denies(a_list(tmp_path, term), text)


def test_a_shorter_term_inside_a_longer_one(tmp_path: Path):
    """Each of two terms is found, even if one is a part of the other."""
    denylist = a_list(tmp_path, "hot dog", "dog")
    assert denies(denylist, "hot dog")
    assert denies(denylist, "a dog")
    assert not denies(denylist, "hot")


@pytest.mark.parametrize("lines", [[], ["", "   "], ["# comment"]])
def test_nothing_listed(lines: list[str], tmp_path: Path):
    """An empty list denies nothing, nor does a comment."""
    assert not denies(a_list(tmp_path, *lines), "", "comment", "# comment")


def test_no_list():
    """Without a list nothing is denied."""
    assert not denies(DenyList(None), "anything")


def by_definition(term: str, text: str) -> bool:
    """Return whether a term is in a text as whole words, by one regular expression."""
    term = term.strip()
    joined = r"\s+".join(map(re.escape, term.casefold().split()))
    before, after = (r"(?<!\w)" if re.match(r"\w", term) else ""), (r"(?!\w)" if re.search(r"\w$", term) else "")
    return re.search(before + joined + after, text.casefold()) is not None


@settings(deadline=None)  # The machine may be busy.
@given(
    st.lists(st.text("aB -,\u00df\t", min_size=1, max_size=5).filter(lambda t: t.strip()), min_size=1, max_size=4),
    st.text("aB -,\u00df\t\n", max_size=20),
    st.integers(1, 7),
)
def test_slices_are_as_good_as_the_whole(terms: list[str], text: str, size: int):
    """A term is found wherever the text is cut into slices, and nothing else is."""
    with TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr("service.access.denylist._SLICE_CHARACTERS", size)
        assert denies(a_list(Path(folder), *terms), text) == any(by_definition(term, text) for term in terms)


def test_one_slice_at_a_time(tmp_path: Path):
    """However long a text, and however much of it almost matches, a call of the search reads only so much of it."""
    denylist = a_list(tmp_path, *("a" * length for length in range(1, 101)))
    slices = 0

    async def run(call: Callable[[], bool | None]) -> bool | None:
        nonlocal slices
        slices += 1
        return call()

    asyncio.run(denylist.check(["a" * 2**19, *["short"] * 10], run))
    assert 10 < slices < 30


def test_a_term_longer_than_any(tmp_path: Path):
    """A line that is too long for a term stops the start, and is named."""
    with pytest.raises(FileError, match=r"line 2: .*500"):
        a_list(tmp_path, "fine", "word " * 101)


@pytest.mark.usefixtures("soon")
def test_read_again(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    """A list that changes is read again; while it cannot be read, the old one stays."""
    denylist = a_list(tmp_path, "one")
    a_list(tmp_path, "other")
    until(lambda: denies(denylist, "other"), "the new list counts")
    assert not denies(denylist, "one")
    (tmp_path / "denied").unlink()
    until(lambda: str(tmp_path) in caplog.text, "the log says why")
    assert denies(denylist, "other")


def test_missing(tmp_path: Path):
    """A list that is not there stops the start."""
    with pytest.raises(FileError, match=f"{tmp_path / 'none'} "):
        DenyList(tmp_path / "none")


def test_a_hundred_thousand_terms(tmp_path: Path):
    """All of very many terms are looked for."""
    denylist = a_list(tmp_path, *(f"term{number} of {number}" for number in range(100_000)))
    text = "some words " * 100
    assert not denies(denylist, text)
    assert denies(denylist, text + "Term99999 OF 99999 " + text)

"""Tests of who a caller is."""

import hashlib
import os
from pathlib import Path

import pytest

from service.errors import UnauthenticatedError
from service.identity import ANONYMOUS, Identity
from service.messages import Caller
from service.watched import FileError

ANN, BOB = "s3cret-of-ann", "s3cret-of-bob"


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    """Write a file with a plain and a hashed key."""
    file = tmp_path / "keys"
    file.write_text(f"ann:{ANN}\nbob:sha256:{hashlib.sha256(BOB.encode()).hexdigest()}\n")
    return file


def replace(file: Path, text: str) -> None:
    """Give `file` other contents at once, as careful writers do."""
    new = file.with_name("new")
    new.write_text(text)
    new.replace(file)


@pytest.mark.parametrize(
    ("given", "name"),
    [
        (None, ANONYMOUS),
        ("", ANONYMOUS),
        ("   ", ANONYMOUS),
        ("\t\r\n", ANONYMOUS),
        ("\x00\x1b\u202e\ud800", ANONYMOUS),
        ("ann", "ann"),
        ("  ann ", "ann"),
        ("an\nn", "ann"),
        ("\x1b[31mann", "[31mann"),
        ("Ännchen 漢字", "Ännchen 漢字"),
        ("x" * 64, "x" * 64),
        ("x" * 65, "x" * 64),
        ("x" * 10**6, "x" * 64),
    ],
)
def test_anonymous(given: str | None, name: str):
    """Where no keys are asked for, a caller is what it calls itself, made short and printable."""
    assert Identity(None).caller(None, given).client == name


@pytest.mark.parametrize("authorization", [None, "", "Bearer anything", "Basic eA==", "nonsense"])
def test_keys_do_not_matter_without_a_file(authorization: str | None):
    """Where no keys are asked for, one that is sent all the same is not looked at."""
    assert Identity(None).caller(authorization, "ann").client == "ann"


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER", "bEaReR"])
def test_scheme_in_any_case(scheme: str, keys: Path):
    """The word before the key may be written in any letter case."""
    assert Identity(keys).caller(f"{scheme} {ANN}", None).client == "ann"


@pytest.mark.parametrize(("key", "client"), [(ANN, "ann"), (BOB, "bob")])
def test_key(key: str, client: str, keys: Path):
    """A key names its client, whether the file holds the key itself or its digest."""
    assert Identity(keys).caller(f"Bearer {key}", None).client == client


def test_key_with_spaces_around(keys: Path):
    """Spaces around a key in the header do not matter."""
    assert Identity(keys).caller(f"Bearer   {ANN}  ", None).client == "ann"


def test_name_does_not_matter_with_keys(keys: Path):
    """Where keys are asked for, a caller is whom its key names, not what it calls itself."""
    assert Identity(keys).caller(f"Bearer {ANN}", "bob").client == "ann"


@pytest.mark.parametrize(
    "authorization",
    [None, "", "Bearer", "Bearer ", "Bearer    ", f"Basic {ANN}", ANN, f"Bearer{ANN}", f"Token {ANN}"],
)
def test_no_key(authorization: str | None, keys: Path):
    """Where keys are asked for, a call without one is refused and told how to send one."""
    with pytest.raises(UnauthenticatedError, match="Authorization: Bearer KEY"):
        Identity(keys).caller(authorization, "ann")


@pytest.mark.parametrize(
    "key",
    [
        "wrong",
        ANN[:-1],
        ANN.upper(),
        f"{ANN} {ANN}",
        f"ann:{ANN}",
        hashlib.sha256(BOB.encode()).hexdigest(),
        f"sha256:{hashlib.sha256(BOB.encode()).hexdigest()}",
        "\ud800",
        "x" * 10**6,
    ],
)
def test_wrong_key(key: str, keys: Path):
    """A key that is not in the file is refused; the digest of one is no key."""
    with pytest.raises(UnauthenticatedError, match="not known"):
        Identity(keys).caller(f"Bearer {key}", None)


def test_refusal_does_not_repeat_the_key(keys: Path):
    """What was sent does not come back in the message."""
    with pytest.raises(UnauthenticatedError) as caught:
        Identity(keys).caller("Bearer almost-right", None)
    assert "almost-right" not in str(caught.value)


def test_comments_and_blank_lines(tmp_path: Path):
    """Blank lines and comments are passed over, and spaces around a line do not matter."""
    file = tmp_path / "keys"
    file.write_text(f"# who may ask\n\n   \n  # ann:other\n  ann:{ANN}  \n")
    identity = Identity(file)
    assert identity.caller(f"Bearer {ANN}", None).client == "ann"
    with pytest.raises(UnauthenticatedError):
        identity.caller("Bearer other", None)


def test_space_after_the_colon(tmp_path: Path):
    """A line that is taken holds a key that a caller can send, whatever spaces stand around it."""
    file = tmp_path / "keys"
    file.write_text(f"ann: {ANN}\n")
    assert Identity(file).caller(f"Bearer {ANN}", None).client == "ann"


def test_colon_in_a_key(tmp_path: Path):
    """Only the first colon parts name and key."""
    file = tmp_path / "keys"
    file.write_text("ann:a:b\n")
    assert Identity(file).caller("Bearer a:b", None).client == "ann"


def test_several_keys_of_one_client(tmp_path: Path):
    """A client may have several keys, so that one can replace another without a gap."""
    file = tmp_path / "keys"
    file.write_text("ann:old\nann:new\n")
    identity = Identity(file)
    assert {identity.caller(f"Bearer {key}", None).client for key in ("old", "new")} == {"ann"}


def test_digest_in_upper_case(tmp_path: Path):
    """A digest may be written in either letter case."""
    file = tmp_path / "keys"
    file.write_text(f"bob:sha256:{hashlib.sha256(BOB.encode()).hexdigest().upper()}\n")
    assert Identity(file).caller(f"Bearer {BOB}", None).client == "bob"


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("no-colon", "expected name:key"),
        (":key-without-name", "expected name:key"),
        ("  :key-without-name", "expected name:key"),
        ("name-without-key:", "expected name:key"),
        ("bob:sha256:", "64 hexadecimal digits"),
        ("bob:sha256:abcd", "64 hexadecimal digits"),
        ("bob:sha256:" + "ab" * 33, "64 hexadecimal digits"),
        ("bob:sha256:" + "xy" * 32, "not a hexadecimal digest"),
        ("bob:sha256:abc", "not a hexadecimal digest"),
    ],
)
def test_bad_line(line: str, reason: str, tmp_path: Path):
    """A line that makes no sense is named with its number and the reason, but its key is not printed."""
    file = tmp_path / "keys"
    file.write_text(f"# keys\nann:{ANN}\n{line}\n")
    with pytest.raises(FileError, match=f"keys file {file}, line 3: .*{reason}") as caught:
        Identity(file)
    assert line not in str(caught.value)


@pytest.mark.parametrize("text", ["", "\n\n", "# ann:key\n"])
def test_no_keys_at_all(text: str, tmp_path: Path):
    """A file without a key is refused: it would lock everybody out."""
    file = tmp_path / "keys"
    file.write_text(text)
    with pytest.raises(FileError, match=f"{file} holds no key"):
        Identity(file)


def test_missing_file(tmp_path: Path):
    """A file that is not there is an error, not an open door."""
    with pytest.raises(FileError, match=f"{tmp_path / 'none'} cannot be read: No such file"):
        Identity(tmp_path / "none")


def test_directory(tmp_path: Path):
    """A directory is not a keys file."""
    with pytest.raises(FileError, match=f"{tmp_path} cannot be read"):
        Identity(tmp_path)


def test_not_text(tmp_path: Path):
    """A file that is not UTF-8 is refused."""
    file = tmp_path / "keys"
    file.write_bytes(b"ann:\xff\xfe\n")
    with pytest.raises(FileError, match="cannot be read"):
        Identity(file)


def test_changed_file(keys: Path):
    """A key that was added counts, and one that was taken away no longer does, without a restart."""
    identity = Identity(keys)
    replace(keys, "carol:new\n")
    assert identity.caller("Bearer new", None).client == "carol"
    with pytest.raises(UnauthenticatedError):
        identity.caller(f"Bearer {ANN}", None)


def test_file_written_in_place(keys: Path):
    """A file that was written over where it stands is read again."""
    identity = Identity(keys)
    before = keys.stat()
    keys.write_text("carol:new\n")
    os.utime(keys, ns=(before.st_atime_ns, before.st_mtime_ns + 1))
    assert identity.caller("Bearer new", None).client == "carol"


def test_swapped_link(tmp_path: Path):
    """A mounted secret changes by swapping a link to its folder, and is read again even with the same age."""
    for name, text in (("old", "ann:old\n"), ("new", "ann:new\n")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "keys").write_text(text)
        os.utime(tmp_path / name / "keys", ns=(0, 0))
    (tmp_path / "data").symlink_to("old")
    file = tmp_path / "keys"
    file.symlink_to("data/keys")
    identity = Identity(file)
    (tmp_path / "next").symlink_to("new")
    (tmp_path / "next").replace(tmp_path / "data")
    assert identity.caller("Bearer new", None).client == "ann"
    with pytest.raises(UnauthenticatedError):
        identity.caller("Bearer old", None)


@pytest.mark.parametrize("text", ["nonsense\n", "", "bob:sha256:12\n"])
def test_keys_are_kept_while_the_file_is_invalid(text: str, keys: Path):
    """A mistake in the file locks nobody out and lets nobody in; once it is mended, the file counts again."""
    identity = Identity(keys)
    replace(keys, text)
    assert identity.caller(f"Bearer {ANN}", None).client == "ann"
    with pytest.raises(UnauthenticatedError):
        identity.caller("Bearer nonsense", None)
    replace(keys, "carol:new\n")
    assert identity.caller("Bearer new", None).client == "carol"


def test_keys_are_kept_while_the_file_is_gone(keys: Path):
    """A file that is away for a moment locks nobody out and lets nobody in."""
    identity = Identity(keys)
    keys.unlink()
    assert identity.caller(f"Bearer {ANN}", None).client == "ann"
    with pytest.raises(UnauthenticatedError):
        identity.caller(None, "ann")
    replace(keys, "carol:new\n")
    assert identity.caller("Bearer new", None).client == "carol"


@pytest.mark.parametrize(
    ("options", "caller"),
    [
        ("", Caller("ann")),
        ("priority=100", Caller("ann", lane=100)),
        ("rate=20", Caller("ann", rate=20)),
        ("models=one,two", Caller("ann", models=frozenset({"one", "two"}))),
        ("models=one  rate=1 priority=999", Caller("ann", 999, 1, frozenset({"one"}))),
    ],
)
def test_options(options: str, caller: Caller, tmp_path: Path):
    """Behind a key, plain or hashed, stands what its bearer may ask for."""
    file = tmp_path / "keys"
    for key in (ANN, f"sha256:{hashlib.sha256(ANN.encode()).hexdigest()}"):
        file.write_text(f"ann:{key}  {options}\n")
        assert Identity(file).caller(f"Bearer {ANN}", None) == caller


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ("nonsense", "expected priority=..., rate=..., models=... behind the key"),
        ("priority", "0 to 999"),
        ("priority=", "0 to 999"),
        ("priority=1000", "0 to 999, not '1000'"),
        ("priority=-1", "0 to 999"),
        ("rate=0", "whole number, 1 to"),
        ("rate=1.5", "whole number"),
        ("models=", "names of models"),
        ("models=a,,b", "names of models"),
        ("rate=1 rate=2", "each once"),
        ("Rate=1", "expected priority"),
    ],
)
def test_bad_options(options: str, reason: str, tmp_path: Path):
    """A mistyped option stops the start, instead of letting a key do more than was meant."""
    file = tmp_path / "keys"
    file.write_text(f"ann:{ANN} {options}\n")
    with pytest.raises(FileError, match=f"line 1: .*{reason}") as caught:
        Identity(file)
    assert ANN not in str(caught.value)

"""The keys file grants exactly what its lines say, reloads when it changes, and an invalid line stops the start."""

import hashlib
import os
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from service.access.api_keys import ApiKeys
from service.access.caller import Caller
from service.errors import UnauthenticatedError
from service.net.reloading_file import FileError
from tests.clients import until

pytestmark = pytest.mark.usefixtures("soon")
ANN, BOB = "s3cret-of-ann", "s3cret-of-bob"


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    """Write a file with a key."""
    file = tmp_path / "keys"
    file.write_text(f"ann:{ANN}\n")
    return file


def opens(identity: ApiKeys, key: str) -> bool:
    """Return whether a key lets in."""
    try:
        identity.caller(f"Bearer {key}", None, "192.0.2.1")
    except UnauthenticatedError:
        return False
    return True


def replace(file: Path, text: str) -> None:
    """Give `file` other contents at once, as careful writers do."""
    new = file.with_name("new")
    new.write_text(text)
    new.replace(file)


def test_comments_and_blank_lines(tmp_path: Path):
    """Blank lines and comments are passed over, and spaces around a line do not matter."""
    file = tmp_path / "keys"
    file.write_text(f"# who may ask\n\n   \n  # ann:other\n  ann:{ANN}  \n")
    identity = ApiKeys(file)
    assert identity.caller(f"Bearer {ANN}", None, "192.0.2.1").client == "ann"
    with pytest.raises(UnauthenticatedError):
        identity.caller("Bearer other", None, "192.0.2.1")


def test_space_after_the_colon(tmp_path: Path):
    """A line that is taken holds a key that a caller can send, whatever spaces stand around it."""
    file = tmp_path / "keys"
    file.write_text(f"ann: {ANN}\n")
    assert ApiKeys(file).caller(f"Bearer {ANN}", None, "192.0.2.1").client == "ann"


def test_colon_in_a_key(tmp_path: Path):
    """Only the first colon parts name and key."""
    file = tmp_path / "keys"
    file.write_text("ann:a:b\n")
    assert ApiKeys(file).caller("Bearer a:b", None, "192.0.2.1").client == "ann"


def test_several_keys_of_one_client(tmp_path: Path):
    """A client may have several keys, so that one can replace another without a gap."""
    file = tmp_path / "keys"
    file.write_text("ann:old\nann:new\n")
    identity = ApiKeys(file)
    assert {identity.caller(f"Bearer {key}", None, "192.0.2.1").client for key in ("old", "new")} == {"ann"}


def test_digest_in_upper_case(tmp_path: Path):
    """A digest may be written in either letter case."""
    file = tmp_path / "keys"
    file.write_text(f"bob:sha256:{hashlib.sha256(BOB.encode()).hexdigest().upper()}\n")
    assert ApiKeys(file).caller(f"Bearer {BOB}", None, "192.0.2.1").client == "bob"


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("no-colon", "name:key"),
        (":key-without-name", "name:key"),
        ("  :key-without-name", "name:key"),
        ("name-without-key:", "name:key"),
        ("bob:sha256:", "64"),
        ("bob:sha256:abcd", "64"),
        ("bob:sha256:" + "ab" * 33, "64"),
        ("bob:sha256:" + "xy" * 32, "hexadecimal"),
        ("bob:sha256:abc", "hexadecimal"),
        ("bob: priority=5", "key before the options"),
        ("bob:rate=5 other", "key before the options"),
        (f"bob:{ANN}", "line above"),
        (f"bob:sha256:{hashlib.sha256(ANN.encode()).hexdigest()}", "line above"),
    ],
)
def test_bad_line(line: str, reason: str, tmp_path: Path):
    """A line that makes no sense is named with its number and the reason, but its key is not printed."""
    file = tmp_path / "keys"
    file.write_text(f"# keys\nann:{ANN}\n{line}\n")
    with pytest.raises(FileError, match=f"{file}, line 3: .*{reason}") as caught:
        ApiKeys(file)
    assert line not in str(caught.value)


@pytest.mark.parametrize("text", ["", "\n\n", "# ann:key\n"])
def test_no_keys_at_all(text: str, tmp_path: Path):
    """A file without a key is refused: it would lock everybody out."""
    file = tmp_path / "keys"
    file.write_text(text)
    with pytest.raises(FileError, match=f"{file} "):
        ApiKeys(file)


def test_missing_file(tmp_path: Path):
    """A file that is not there is an error, not access for everybody."""
    with pytest.raises(FileError, match=f"{tmp_path / 'none'} "):
        ApiKeys(tmp_path / "none")


def test_directory(tmp_path: Path):
    """A directory is not a keys file."""
    with pytest.raises(FileError, match=f"{tmp_path} "):
        ApiKeys(tmp_path)


def test_not_text(tmp_path: Path):
    """A file that is not UTF-8 is refused."""
    file = tmp_path / "keys"
    file.write_bytes(b"ann:\xff\xfe\n")
    with pytest.raises(FileError, match=f"{file} "):
        ApiKeys(file)


def test_changed_file(keys: Path):
    """A key that was added counts, and one that was taken away no longer does, without a restart."""
    identity = ApiKeys(keys)
    replace(keys, "carol:new\n")
    until(lambda: opens(identity, "new"), "the new file counts")
    assert identity.caller("Bearer new", None, "192.0.2.1").client == "carol"
    with pytest.raises(UnauthenticatedError):
        identity.caller(f"Bearer {ANN}", None, "192.0.2.1")


def test_file_written_in_place(keys: Path):
    """A file that was written over where it stands is read again."""
    identity = ApiKeys(keys)
    before = keys.stat()
    keys.write_text("carol:new\n")
    os.utime(keys, ns=(before.st_atime_ns, before.st_mtime_ns + 1))
    until(lambda: opens(identity, "new"), "the new contents count")
    assert identity.caller("Bearer new", None, "192.0.2.1").client == "carol"


def test_half_a_key(keys: Path, caplog: pytest.LogCaptureFixture):
    """While a file that is written in place lacks the end of a line, the half of a key lets nobody in."""
    identity = ApiKeys(keys)
    with keys.open("w") as file:
        file.write("carol:sec")
        file.flush()
        until(lambda: "newline" in caplog.text, "the log says what to do")
        assert (opens(identity, ANN), opens(identity, "sec")) == (True, False)
        file.write("ret\n")
    until(lambda: opens(identity, "secret"), "the whole key lets in")
    assert not opens(identity, "sec")


def test_a_file_that_is_being_written(keys: Path, monkeypatch: pytest.MonkeyPatch):
    """A file counts when its writer has left it alone, not before."""
    monkeypatch.setattr("service.net.reloading_file._SETTLED_S", 2)
    identity = ApiKeys(keys)
    keys.unlink()
    for number in range(20):
        with keys.open("a") as file:
            file.write(f"carol:new{number}\n")
        time.sleep(0.05)
        assert not opens(identity, "new0") or opens(identity, ANN)
    until(lambda: opens(identity, "new19"), "the whole file counts")
    assert opens(identity, "new0")


def _fifo(path: Path) -> None:
    os.mkfifo(path)


def _socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))


def _device(path: Path) -> None:
    path.symlink_to("/dev/zero")


def _huge(path: Path) -> None:
    path.touch()
    os.truncate(path, 2**34)


@pytest.mark.parametrize("make", [_fifo, _socket, _device, _huge, Path.mkdir])
def test_anything_but_a_file(make: Callable[[Path], None], keys: Path, caplog: pytest.LogCaptureFixture):
    """A path of no file, or of too large a file, is named at the start and changes nothing later, without delay."""
    identity = ApiKeys(keys)
    keys.unlink()
    make(keys)
    with pytest.raises(FileError, match=f"{keys} cannot be read: "):
        ApiKeys(keys)
    until(lambda: f"{keys} cannot be read: " in caplog.text, "the log says why")
    assert opens(identity, ANN)


@pytest.mark.parametrize(("mode", "warnings"), [(0o600, 0), (0o640, 0), (0o644, 1), (0o602, 1), (0o666, 1)])
def test_keys_that_everybody_may_read(mode: int, warnings: int, keys: Path, caplog: pytest.LogCaptureFixture):
    """The log warns once of a file of keys that every user of the machine may read or write."""
    keys.chmod(mode)
    identity = ApiKeys(keys)
    with keys.open("a") as file:
        file.write("ann:new\n")
    until(lambda: opens(identity, "new"), "the file is read again")
    assert [record.levelname for record in caplog.records] == ["WARNING"] * warnings


def test_many_keys(keys: Path):
    """Each of a hundred thousand keys lets in its own client."""
    keys.write_text("".join(f"ann{number}:key{number} rate={number + 1}\n" for number in range(100_000)))
    identity = ApiKeys(keys)
    for number in (0, 54_321, 99_999):
        assert identity.caller(f"Bearer key{number}", None, "192.0.2.1") == Caller(f"ann{number}", rate=number + 1)
    assert not opens(identity, "key100000")


def test_the_thread_ends(keys: Path):
    """Nobody looks at the file of an object that nobody uses."""
    before = set(threading.enumerate())
    identity = ApiKeys(keys)
    (thread,) = set(threading.enumerate()) - before
    del identity
    thread.join(60)
    assert not thread.is_alive()


def test_swapped_link(tmp_path: Path):
    """A mounted secret changes by swapping a link to its folder, and is read again even with the same age."""
    for name, text in (("old", "ann:old\n"), ("new", "ann:new\n")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "keys").write_text(text)
        os.utime(tmp_path / name / "keys", ns=(0, 0))
    (tmp_path / "data").symlink_to("old")
    file = tmp_path / "keys"
    file.symlink_to("data/keys")
    identity = ApiKeys(file)
    (tmp_path / "next").symlink_to("new")
    (tmp_path / "next").replace(tmp_path / "data")
    until(lambda: opens(identity, "new"), "the new file counts")
    assert identity.caller("Bearer new", None, "192.0.2.1").client == "ann"
    with pytest.raises(UnauthenticatedError):
        identity.caller("Bearer old", None, "192.0.2.1")


@pytest.mark.parametrize("text", ["nonsense\n", "", "bob:sha256:12\n"])
def test_keys_are_kept_while_the_file_is_invalid(text: str, keys: Path, caplog: pytest.LogCaptureFixture):
    """A mistake in the file locks nobody out and lets nobody in; once it is mended, the file counts again."""
    identity = ApiKeys(keys)
    replace(keys, text)
    until(lambda: str(keys) in caplog.text, "the log says why")
    assert identity.caller(f"Bearer {ANN}", None, "192.0.2.1").client == "ann"
    with pytest.raises(UnauthenticatedError):
        identity.caller("Bearer nonsense", None, "192.0.2.1")
    replace(keys, "carol:new\n")
    until(lambda: opens(identity, "new"), "the new file counts")
    assert identity.caller("Bearer new", None, "192.0.2.1").client == "carol"


def test_keys_are_kept_while_the_file_is_gone(keys: Path, caplog: pytest.LogCaptureFixture):
    """A file that is away for a moment locks nobody out and lets nobody in."""
    identity = ApiKeys(keys)
    keys.unlink()
    until(lambda: str(keys) in caplog.text, "the log says why")
    assert identity.caller(f"Bearer {ANN}", None, "192.0.2.1").client == "ann"
    with pytest.raises(UnauthenticatedError):
        identity.caller(None, "ann", "192.0.2.1")
    replace(keys, "carol:new\n")
    until(lambda: opens(identity, "new"), "the new file counts")
    assert identity.caller("Bearer new", None, "192.0.2.1").client == "carol"


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
        assert ApiKeys(file).caller(f"Bearer {ANN}", None, "192.0.2.1") == caller


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ("nonsense", "priority=..., rate=..., models=..."),
        ("priority", "0 to 999"),
        ("priority=", "0 to 999"),
        ("priority=1000", "0 to 999, not '1000'"),
        ("priority=-1", "0 to 999"),
        ("rate=0", "1 to 1000000000, not '0'"),
        ("rate=1.5", "1 to 1000000000, not '1.5'"),
        ("models=", "comma"),
        ("models=a,,b", "comma"),
        ("rate=1 rate=2", "rate=..."),
        ("Rate=1", "rate=..."),
    ],
)
def test_bad_options(options: str, reason: str, tmp_path: Path):
    """A mistyped option stops the start, instead of letting a key do more than was meant."""
    file = tmp_path / "keys"
    file.write_text(f"ann:{ANN} {options}\n")
    with pytest.raises(FileError, match=f"line 1: .*{reason}") as caught:
        ApiKeys(file)
    assert ANN not in str(caught.value)

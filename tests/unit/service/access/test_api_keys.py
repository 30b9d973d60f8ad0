"""A key identifies its client; a missing or unknown key is refused without being repeated."""

import hashlib
from pathlib import Path

import pytest

from service.access.api_keys import ANONYMOUS, ApiKeys
from service.errors import UnauthenticatedError

ANN, BOB = "s3cret-of-ann", "s3cret-of-bob"


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    """Write a file with a plain and a hashed key."""
    file = tmp_path / "keys"
    file.write_text(f"ann:{ANN}\nbob:sha256:{hashlib.sha256(BOB.encode()).hexdigest()}\n")
    return file


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
    """Without keys, a caller has the name that it gives itself, made short and printable."""
    assert ApiKeys(None).caller(None, given, "192.0.2.1").client == name


@pytest.mark.parametrize("authorization", [None, "", "Bearer anything", "Basic eA==", "nonsense"])
def test_keys_do_not_matter_without_a_file(authorization: str | None):
    """Without a file of keys, a key that is sent all the same is ignored."""
    assert ApiKeys(None).caller(authorization, "ann", "192.0.2.1").client == "ann"


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER", "bEaReR"])
def test_scheme_in_any_case(scheme: str, keys: Path):
    """The word before the key may be written in any letter case."""
    assert ApiKeys(keys).caller(f"{scheme} {ANN}", None, "192.0.2.1").client == "ann"


@pytest.mark.parametrize(("key", "client"), [(ANN, "ann"), (BOB, "bob")])
def test_key(key: str, client: str, keys: Path):
    """A key names its client, whether the file holds the key itself or its digest."""
    assert ApiKeys(keys).caller(f"Bearer {key}", None, "192.0.2.1").client == client


def test_key_with_spaces_around(keys: Path):
    """Spaces around a key in the header do not matter."""
    assert ApiKeys(keys).caller(f"Bearer   {ANN}  ", None, "192.0.2.1").client == "ann"


def test_name_does_not_matter_with_keys(keys: Path):
    """With keys required, a caller has the name of its key, not the one that it gives itself."""
    assert ApiKeys(keys).caller(f"Bearer {ANN}", "bob", "192.0.2.1").client == "ann"


@pytest.mark.parametrize(
    "authorization",
    [None, "", "Bearer", "Bearer ", "Bearer    ", f"Basic {ANN}", ANN, f"Bearer{ANN}", f"Token {ANN}"],
)
def test_no_key(authorization: str | None, keys: Path):
    """With keys required, a call without one is refused, and told how to send one."""
    with pytest.raises(UnauthenticatedError, match="Authorization: Bearer KEY"):
        ApiKeys(keys).caller(authorization, "ann", "192.0.2.1")


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
    with pytest.raises(UnauthenticatedError):
        ApiKeys(keys).caller(f"Bearer {key}", None, "192.0.2.1")


def test_refusal_does_not_repeat_the_key(keys: Path):
    """The message does not repeat what was sent."""
    with pytest.raises(UnauthenticatedError) as caught:
        ApiKeys(keys).caller("Bearer almost-right", None, "192.0.2.1")
    assert "almost-right" not in str(caught.value)

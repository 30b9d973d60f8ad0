"""New connections use the current certificate files; unusable files stop the start and never replace working ones."""

import asyncio
import logging
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from trustme import CA

from service.net.reloading_file import FileError
from service.net.tls import Certificates, CurrentContext
from tests.certificates import CERT, CLIENT_CA, KEY, Secret, chain, issued, over_http
from tests.clients import until

pytestmark = pytest.mark.usefixtures("soon")
ROOT, OTHER_ROOT = CA(), CA()
GOOD, OTHER = issued(ROOT), issued(ROOT)


@pytest.fixture
def secret(tmp_path: Path) -> Secret:
    """Write a certificate and its key, and who signs those of clients."""
    secret = Secret(tmp_path / "tls")
    secret.show(GOOD, ROOT)
    return secret


def read(secret: Secret, *, client_ca: bool = True) -> Certificates:
    return Certificates(secret[CERT], secret[KEY], secret[CLIENT_CA] if client_ca else None)


@asynccontextmanager
async def listening(certificates: Certificates) -> AsyncIterator[int]:
    """Give the port of a server that says hello to those it lets in."""

    async def greet(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"hello")
        writer.close()

    server = await asyncio.start_server(greet, "127.0.0.1", ssl=CurrentContext(certificates))
    async with server:
        yield server.sockets[0].getsockname()[1]


async def greeted(port: int, context: ssl.SSLContext) -> bool:
    """Return whether a client is let in."""
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context)
    except ssl.SSLError:
        return False
    try:
        return await reader.read() == b"hello"
    except ssl.SSLError:
        return False
    finally:
        writer.close()


@pytest.mark.parametrize(
    ("file", "text", "said"),
    [
        (CERT, b"", "TLS certificate file .*/tls.crt .*certificates in PEM"),
        (CERT, b"words", "TLS certificate file .*/tls.crt .*certificates in PEM"),
        (CERT, chain(GOOD)[:300], "TLS certificate file .*/tls.crt .*certificates in PEM"),
        (CERT, chain(GOOD) + chain(GOOD)[:300], "TLS certificate file .*/tls.crt .*certificates in PEM"),
        (CERT, GOOD.private_key_pem.bytes(), "TLS certificate file .*/tls.crt .*certificates in PEM"),
        (CERT, b"\xff", "TLS certificate file .*/tls.crt .*utf-8"),
        (KEY, b"", "TLS key file .*/tls.key .*unencrypted"),
        (KEY, b"words", "TLS key file .*/tls.key .*unencrypted"),
        (KEY, chain(GOOD), "TLS key file .*/tls.key .*unencrypted"),
        (KEY, OTHER.private_key_pem.bytes(), "TLS key file .*/tls.key .*/tls.crt"),
        (CLIENT_CA, b"", "TLS client CA file .*/ca.crt .*certificates in PEM"),
        (CLIENT_CA, b"words", "TLS client CA file .*/ca.crt .*certificates in PEM"),
    ],
)
def test_bad_file(file: str, text: bytes, said: str, secret: Secret):
    """A file that cannot be used is named, with the reason."""
    secret[file].write_bytes(text)
    with pytest.raises(FileError, match=f"^{said}"):
        read(secret)


@pytest.mark.parametrize("file", [CERT, KEY, CLIENT_CA])
def test_no_file(file: str, secret: Secret):
    """A file that is not there, or is a directory, is named."""
    secret[file].unlink()
    with pytest.raises(FileError, match=f"{file} .*No such file"):
        read(secret)
    secret[file].mkdir()
    with pytest.raises(FileError, match=f"{file} .*Is a directory"):
        read(secret)


def test_key_with_a_password(secret: Secret, tmp_path: Path):
    """A key that needs a password is refused, and nobody is asked for it."""
    locked = tmp_path / "locked"
    key = serialization.load_pem_private_key(secret[KEY].read_bytes(), password=None)
    encoding, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    locked.write_bytes(key.private_bytes(encoding, form, serialization.BestAvailableEncryption(b"s3cret")))
    with pytest.raises(FileError, match=f"{locked} .*unencrypted"):
        Certificates(secret[CERT], locked, None)


def test_key_and_certificate_in_one_file(tmp_path: Path):
    """Both settings may name the same file."""
    file = tmp_path / "both.pem"
    file.write_bytes(GOOD.private_key_pem.bytes() + chain(GOOD))
    assert Certificates(file, file, None).texts.chain == file.read_text()


def test_nothing_older_than_tls_1_2(secret: Secret):
    """Old versions of the protocol are off, whatever the library does by default."""
    assert read(secret).context.minimum_version is ssl.TLSVersion.TLSv1_2


def test_same_until_changed(secret: Secret):
    """The texts and the context are the same objects until the files change."""
    certificates = read(secret)
    texts, context = certificates.texts, certificates.context
    assert certificates.texts is texts
    assert certificates.context is context
    secret.show(OTHER, ROOT)
    until(lambda: certificates.texts is not texts, "the new files count")
    assert certificates.texts.key == OTHER.private_key_pem.bytes().decode()
    assert certificates.context is not context


def test_files_replaced_one_by_one(secret: Secret, caplog: pytest.LogCaptureFixture):
    """Between two files that are written in turn, the old pair holds, and the log says once why."""
    certificates = read(secret)
    texts, context = certificates.texts, certificates.context
    secret[CERT].write_bytes(chain(OTHER))
    until(lambda: bool(caplog.records), "the log says why")
    assert (certificates.texts, certificates.context) == (texts, context)
    assert [record.levelno for record in caplog.records] == [logging.ERROR]
    assert f"TLS key file {secret[KEY]}" in caplog.text
    secret[KEY].write_bytes(OTHER.private_key_pem.bytes())
    until(lambda: certificates.context is not context, "the new pair counts")
    assert certificates.texts.chain == chain(OTHER).decode()
    assert len(caplog.records) == 1


def test_what_was_broken_and_comes_back(secret: Secret, caplog: pytest.LogCaptureFixture):
    """After files that cannot be used, those from before are taken again, and then new ones."""
    certificates = read(secret)
    texts = certificates.texts
    secret.put(tls_crt=b"", tls_key=b"", ca_crt=b"")
    until(lambda: bool(caplog.records), "the log says why")
    assert certificates.texts is texts
    secret.show(GOOD, ROOT)
    until(lambda: certificates.texts is not texts, "the files count again")
    assert certificates.texts == texts
    secret.show(OTHER, ROOT)
    until(lambda: certificates.texts.chain == chain(OTHER).decode(), "the new files count")


def test_files_that_change_while_they_are_read(secret: Secret, monkeypatch: pytest.MonkeyPatch):
    """Files that are half of one version and half of the next are never used."""
    certificates = read(secret)
    texts = certificates.texts
    load = ssl.SSLContext.load_cert_chain

    def load_late(*args: object, **options: object) -> None:
        monkeypatch.undo()
        secret.show(GOOD, OTHER_ROOT)
        load(*args, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(ssl.SSLContext, "load_cert_chain", load_late)
    secret.show(OTHER, ROOT)
    until(lambda: certificates.texts is not texts, "new files count")
    assert OTHER_ROOT.cert_pem.bytes().decode() == certificates.texts.client_ca
    assert certificates.texts.key == GOOD.private_key_pem.bytes().decode()


async def test_ca_of_clients_that_is_taken_away(secret: Secret):
    """A client whose CA has left the file is let in no more, not even to go on with a session from before."""
    client = over_http(ROOT, issued(ROOT))
    other = over_http(ROOT, issued(OTHER_ROOT))
    certificates = read(secret)
    async with listening(certificates) as port:
        assert (await greeted(port, client), await greeted(port, other)) == (True, False)
        context = certificates.context
        secret.show(GOOD, OTHER_ROOT)
        until(lambda: certificates.context is not context, "the new CA counts")
        assert (await greeted(port, client), await greeted(port, other)) == (False, True)


async def test_session_from_before(secret: Secret):
    """A session is taken up again while the files stay, and not after they have changed."""
    client = over_http(ROOT, issued(ROOT))
    client.maximum_version = ssl.TLSVersion.TLSv1_2  # Where a session is known as soon as it is made.
    certificates = read(secret)
    session = handshake(CurrentContext(certificates), client, None).session
    assert handshake(CurrentContext(certificates), client, session).session_reused
    context = certificates.context
    secret.show(OTHER, ROOT)
    until(lambda: certificates.context is not context, "the new files count")
    assert not handshake(CurrentContext(certificates), client, session).session_reused


def handshake(server: ssl.SSLContext, client: ssl.SSLContext, session: ssl.SSLSession | None) -> ssl.SSLObject:
    """Return the client's end of a connection that was made in memory."""
    there, back = ssl.MemoryBIO(), ssl.MemoryBIO()
    ours = client.wrap_bio(back, there, server_hostname="127.0.0.1", session=session)
    theirs = server.wrap_bio(there, back, server_side=True)
    waiting = [ours, theirs]
    while waiting:
        end = waiting.pop(0)
        try:
            end.do_handshake()
        except ssl.SSLWantReadError:
            waiting.append(end)
    return ours

"""TLS certificates, reloaded when their files change."""

import contextlib
import ssl
from pathlib import Path
from typing import Any, NamedTuple, Self

from service.net.reloading_file import FileError, ReloadingFiles


class Texts(NamedTuple):
    """The contents of the files, in PEM."""

    chain: str
    key: str
    client_ca: str | None
    """None: clients need no certificate."""


class _Loaded(NamedTuple):
    texts: Texts
    context: ssl.SSLContext


class Certificates:
    """The server's certificate chain, its key, and the CA of client certificates.

    If changed files are unusable together, the previous contents stay, and the problem is logged once.
    """

    def __init__(self, chain: Path, key: Path, client_ca: Path | None) -> None:
        """Read the files. Raises FileError."""

        def load(chain_text: str, key_text: str, client_ca_text: str | None = None) -> _Loaded:
            return _Loaded(Texts(chain_text, key_text, client_ca_text), _context(chain, key, client_ca))

        files = {"TLS certificate file": chain, "TLS key file": key}
        self._files = ReloadingFiles(files | ({"TLS client CA file": client_ca} if client_ca else {}), load)

    @property
    def texts(self) -> Texts:
        """The contents for new connections; the same object until the files change."""
        return self._files.value.texts

    @property
    def context(self) -> ssl.SSLContext:
        """The context for new connections; the same object until the files change."""
        return self._files.value.context


class CurrentContext(ssl.SSLContext):
    """A permanent context that delegates every handshake to the context built from the current files.

    Loading new certificates into an existing context would keep removed CAs trusted and old sessions resumable.
    """

    def __new__(cls, _: Certificates) -> Self:
        return super().__new__(cls, ssl.PROTOCOL_TLS_SERVER)

    def __init__(self, certificates: Certificates) -> None:
        self._certificates = certificates

    def wrap_bio(self, *args: Any, **options: Any) -> ssl.SSLObject:
        """Start a handshake; asyncio calls it for each accepted connection."""
        return self._certificates.context.wrap_bio(*args, **options)


class _Connection(ssl.SSLObject):
    """Sends close_notify without waiting for the reply: idle clients do not send one and would delay a drain."""

    def unwrap(self) -> None:
        """Send close_notify."""
        with contextlib.suppress(ssl.SSLWantReadError):
            super().unwrap()


def _context(chain: Path, key: Path, client_ca: Path | None) -> ssl.SSLContext:
    """Return a context built from the current files. Raises FileError."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.sslobject_class = _Connection
    _trust(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), "TLS certificate file", chain)  # Only to check the file.
    try:
        context.load_cert_chain(chain, key, password="")  # Without a password, OpenSSL prompts on the terminal.
    except OSError as error:
        if isinstance(error, ssl.SSLError) and not error.reason:  # The text is only "PEM lib".
            raise FileError(f"TLS key file {key} contains no unencrypted private key in PEM") from None
        reason = error.reason.lower().replace("_", " ") if isinstance(error, ssl.SSLError) else error.strerror
        raise FileError(f"TLS key file {key} cannot be used with TLS certificate file {chain}: {reason}") from None
    if client_ca:
        _trust(context, "TLS client CA file", client_ca)
        context.verify_mode = ssl.CERT_REQUIRED
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN  # Accept an intermediate CA as anchor, as gRPC does.
    return context


def _trust(context: ssl.SSLContext, name: str, path: Path) -> None:
    try:
        context.load_verify_locations(path)
        certificates = context.cert_store_stats()["x509"]
    except ssl.SSLError:
        certificates = 0
    except OSError as error:
        raise FileError(f"{name} {path} cannot be read: {error.strerror}") from None
    if not certificates:
        raise FileError(f"{name} {path} must contain only certificates in PEM")

"""Certificates in files, mounted and replaced as Kubernetes does with a Secret, and TLS client contexts."""

import shutil
import ssl
from itertools import count
from pathlib import Path

import grpc
import pytest
from trustme import CA, LeafCert

CERT, KEY, CLIENT_CA = "tls.crt", "tls.key", "ca.crt"
needs_openssl = pytest.mark.skipif(not shutil.which("openssl"), reason="the program openssl is missing")


class Secret:
    """A directory whose files are links through one link, so that replacing it replaces all files atomically."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._numbers = count()

    def __getitem__(self, name: str) -> Path:
        """Return the path of a file."""
        return self._folder / name

    def put(self, **texts: bytes) -> None:
        """Replace all files at once; in names `_` stands for a dot."""
        version = self._folder / f"..{next(self._numbers)}"
        version.mkdir(parents=True)
        for name, text in texts.items():
            file = name.replace("_", ".")
            (version / file).write_bytes(text)
            if not self[file].is_symlink():
                self[file].symlink_to(Path("..data", file))
        new = self._folder / "..new"
        new.symlink_to(version.name)
        new.replace(self._folder / "..data")

    def show(self, leaf: LeafCert, *client_cas: CA) -> None:
        """Store a certificate, its key, and the CA of client certificates."""
        cas = b"".join(ca.cert_pem.bytes() for ca in client_cas)
        self.put(tls_crt=chain(leaf), tls_key=leaf.private_key_pem.bytes(), ca_crt=cas)

    def settings(self) -> dict[str, object]:
        """Return the settings of a service that uses these files."""
        return {"tls_cert_file": self[CERT], "tls_key_file": self[KEY]}


def issued(ca: CA) -> LeafCert:
    """Return a certificate for localhost."""
    return ca.issue_cert("127.0.0.1")


def chain(leaf: LeafCert) -> bytes:
    """Return a certificate with its intermediates, in PEM."""
    return b"".join(pem.bytes() for pem in leaf.cert_chain_pems)


def shown(address: str) -> bytes:
    """Return the certificate that a server at host:port presents to a new connection, in PEM."""
    host, _, port = address.rpartition(":")
    return ssl.get_server_certificate((host, int(port))).encode()


def over_grpc(ca: CA, own: LeafCert | None = None) -> grpc.ChannelCredentials:
    """Return gRPC credentials of a client: its roots, key and certificate."""
    if own is None:
        return grpc.ssl_channel_credentials(ca.cert_pem.bytes())
    return grpc.ssl_channel_credentials(ca.cert_pem.bytes(), own.private_key_pem.bytes(), chain(own))


def over_http(ca: CA, own: LeafCert | None = None) -> ssl.SSLContext:
    """Return an SSLContext with the same roots, key and certificate."""
    context = ssl.create_default_context()
    ca.configure_trust(context)
    if own:
        own.configure_cert(context)
    return context

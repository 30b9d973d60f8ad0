"""A fake model hub on this machine, with the part of the protocol that a client needs to fetch a model."""

import hashlib
import json
import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import unquote

import pytest
from huggingface_hub import close_session, constants, file_download
from onnx import StringStringEntryProto, TensorProto, helper

NAME = "org/name"
CONFIG = {"config.json": b"{}", "tokenizer.json": b"[]"}
"""The files of a minimal model."""


def onnx_file(name: str, *data: str) -> bytes:
    """Return an ONNX file of that name, with external data in the other files."""
    weights = [
        TensorProto(
            name=location,
            data_type=TensorProto.FLOAT,
            data_location=TensorProto.EXTERNAL,
            external_data=[StringStringEntryProto(key="location", value=location)],
        )
        for location in data
    ]
    return helper.make_model(helper.make_graph([], name, [], [], weights)).SerializeToString()


GRAPHS = {
    "onnx/model.onnx": onnx_file("usual"),
    "onnx/model_O2.onnx": onnx_file("optimised"),
    "onnx/model_qint8.onnx": onnx_file("quantised"),
}
REST = {
    "tokenizer_config.json": b"{ }",
    "special_tokens_map.json": b"{  }",
    "README.md": b"#",
    "pytorch_model.bin": b"0",
}
"""Other files of a model; the service uses the first two."""
_INFO = re.compile(r"/api/models/(?P<repository>[^/]+/[^/]+)(?:/revision/(?P<revision>[^/]+))?")
_TREE = re.compile(r"/api/models/(?P<repository>[^/]+/[^/]+)/tree/(?P<revision>[^/]+)")
_FILE = re.compile(r"/(?P<repository>[^/]+/[^/]+)/resolve/(?P<revision>[^/]+)/(?P<name>.+)")


class LocalHub:
    """A hub that serves models by branch, tag and commit, and records requests."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        """Method and path of each request for a model."""
        self.asked_besides: list[str] = []
        """Paths of all other requests."""
        self.refusal: tuple[int, str] | None = None
        """Status and error code with which it refuses every request, if set."""
        self.broken: set[str] = set()
        """Files whose transfer fails before the first byte."""
        self.holding = threading.Event()
        """Set while the transfer of a file of `held` is paused."""
        self.held: set[str] = set()
        self._released = threading.Event()
        self._commits: dict[str, Mapping[str, bytes]] = {}
        self._refs: dict[tuple[str, str], str] = {}
        hub = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                hub._answer(self)

            def do_HEAD(self) -> None:
                hub._answer(self)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def add(self, repository: str, files: Mapping[str, bytes], *refs: str) -> str:
        """Add a model as a new commit, let `refs` point to it, and return the commit."""
        text = json.dumps({name: hashlib.sha256(content).hexdigest() for name, content in files.items()})
        commit = hashlib.sha1(f"{repository} {text}".encode(), usedforsecurity=False).hexdigest()
        self._commits[commit] = files
        for ref in (*refs, commit):
            self._refs[repository, ref] = commit
        return commit

    def fetched(self) -> list[str]:
        """Return the names of the files requested since the last call, and clear the record."""
        found = [match["name"] for line in self.asked if (match := _FILE.fullmatch(line.removeprefix("GET ")))]
        self.asked.clear()
        return found

    def close(self) -> None:
        """Stop the server; later connections fail."""
        self._released.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def _answer(self, request: BaseHTTPRequestHandler) -> None:
        path = request.path.partition("?")[0]
        found = _FILE.fullmatch(path) or _TREE.fullmatch(path) or _INFO.fullmatch(path)
        if not found:
            self.asked_besides.append(path)
            _send(request, 404, {})
            return
        self.asked.append(f"{request.command} {unquote(path)}")
        parts = {name: unquote(value or "main") for name, value in found.groupdict().items()}
        commit = self._refs.get((parts["repository"], parts["revision"]))
        if self.refusal:
            _send(request, self.refusal[0], {"X-Error-Code": self.refusal[1]})
        elif parts["repository"] not in {repository for repository, _ in self._refs}:
            _send(request, 401, {"X-Error-Code": "RepoNotFound"})
        elif not commit:
            _send(request, 404, {"X-Error-Code": "RevisionNotFound"})
        elif "name" in parts:
            self._send_file(request, commit, parts["name"])
        else:
            files = self._commits[commit]
            tree = [
                {"type": "file", "path": name, "size": len(content), "oid": _etag(content)}
                for name, content in files.items()
            ]
            info = {"id": parts["repository"], "sha": commit, "siblings": [{"rfilename": name} for name in files]}
            _send(request, 200, {}, json.dumps(tree if "/tree/" in path else info).encode())

    def _send_file(self, request: BaseHTTPRequestHandler, commit: str, name: str) -> None:
        content = self._commits[commit].get(name)
        if content is None:
            _send(request, 404, {"X-Error-Code": "EntryNotFound", "X-Repo-Commit": commit})
            return
        headers = {"X-Repo-Commit": commit, "ETag": f'"{_etag(content)}"'}
        if request.command == "GET" and name in self.held:
            self.holding.set()
            self._released.wait()
        if request.command == "GET" and name in self.broken:
            request.close_connection = True
        _send(request, 200, headers, content, silent=request.close_connection)


@contextmanager
def asked_here(cache: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LocalHub]:
    """Yield a hub that the client in this process uses, with an empty cache."""
    hub = LocalHub()
    monkeypatch.setattr(constants, "ENDPOINT", hub.url)
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", hub.url + "/{repo_id}/resolve/{revision}/{filename}")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(cache))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(
        file_download, "time", SimpleNamespace(sleep=lambda _: None)
    )  # Skips the delay between attempts.
    yield hub
    close_session()
    hub.close()


def _etag(content: bytes) -> str:
    return hashlib.sha1(content, usedforsecurity=False).hexdigest()


def _send(
    request: BaseHTTPRequestHandler, status: int, headers: Mapping[str, str], body: bytes = b"", *, silent: bool = False
) -> None:
    request.send_response(status)
    for name, value in (*headers.items(), ("Content-Length", str(len(body)))):
        request.send_header(name, value)
    request.end_headers()
    if request.command == "GET" and not silent:
        request.wfile.write(body)

"""A package index on which everything that is pinned has a newer version, none of which is ever to be taken."""

import re
import threading
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from pathlib import Path

NEWER = "9999.0"
_PAGE = re.compile(r"/simple/(?P<name>[a-z0-9-]+)/")
_WHEEL = re.compile(rf"/(?P<stem>[a-z0-9_]+)-{re.escape(NEWER)}-py3-none-any\.whl")


class NewerIndex:
    """The packages on offer, and a record of requests."""

    def __init__(self, names: set[str]) -> None:
        self.names = names
        self.url = ""
        self.asked: set[str] = set()
        """Packages whose page was fetched."""
        self.fetched: list[str] = []
        """Paths of the wheels that were."""

    def answer(self, path: str) -> bytes | None:
        """Return the page of a package, or its wheel; None if there is none."""
        if (page := _PAGE.fullmatch(path)) and page["name"] in self.names:
            self.asked.add(page["name"])
            file = f"{page['name'].replace('-', '_')}-{NEWER}-py3-none-any.whl"
            return f'<!DOCTYPE html><a href="/{file}">{file}</a>'.encode()
        if wheel := _WHEEL.fullmatch(path):
            self.fetched.append(path)
            return _wheel(wheel["stem"])
        return None


def pinned(*locks: Path) -> set[str]:
    """Return the names that lock files pin."""
    return {name for lock in locks for name in re.findall(r"^([a-z0-9.-]+)==", lock.read_text(), re.MULTILINE)}


@contextmanager
def newer_index(names: set[str]) -> Iterator[NewerIndex]:
    """Serve such an index on this machine."""
    index = NewerIndex(names)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = index.answer(self.path)
            self.send_response(404 if body is None else 200)
            self.send_header("content-type", "text/html" if self.path.startswith("/simple/") else "application/zip")
            self.send_header("content-length", str(len(body or b"")))
            self.end_headers()
            self.wfile.write(body or b"")

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        index.url = f"http://127.0.0.1:{server.server_port}/simple/"
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield index
        finally:
            server.shutdown()
            thread.join()


def _wheel(stem: str) -> bytes:
    """Return a wheel that an installer would take."""
    about = f"{stem}-{NEWER}.dist-info"
    files = {
        f"{about}/METADATA": f"Metadata-Version: 2.1\nName: {stem}\nVersion: {NEWER}\n",
        f"{about}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{about}/RECORD": f"{about}/METADATA,,\n{about}/WHEEL,,\n{about}/RECORD,,\n",
    }
    whole = BytesIO()
    with zipfile.ZipFile(whole, "w") as wheel:
        for name, text in files.items():
            wheel.writestr(name, text)
    return whole.getvalue()

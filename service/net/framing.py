"""HTTP/1.1 with one meaning: what two parsers could read in two ways is refused.

h11 is lenient where the RFCs permit it. A proxy that reads such a request in another way could be made to pass on a
request that it never saw (request smuggling).
"""

import re
from urllib.parse import urlsplit

import h11

_LIST_OF_LENGTHS = re.compile(rb"\ncontent-length:[^\n]*,")
_CHUNKS_FREE = 1000
_CHUNK_BYTES_MIN = 64
"""Average size that chunks must have once there are more than `_CHUNKS_FREE`: h11 takes 10 us for each, so a read of
bytes in chunks of their own would hold the event loop for half a second."""
_MESSAGE_END = b"\r\n\r\n"


class StrictConnection(h11.Connection):
    """The server's side of a connection; raises h11.RemoteProtocolError for requests with two meanings."""

    def __init__(self, head_bytes_max: int) -> None:
        super().__init__(h11.SERVER, head_bytes_max)
        self.fault = ""
        """The error of a refused request, with the remedy."""
        self._head = b""
        self._chunked = False
        self._chunks = self._chunk_bytes = 0
        self._recent = b""  # Of a chunked body: the bytes received last, and the four before.

    def receive_data(self, data: bytes) -> None:
        """Add data from the client."""
        if self._chunked:
            self._recent = self._recent[-len(_MESSAGE_END) :] + data
        super().receive_data(data)

    def next_event(self) -> h11.Event | type[h11.NEED_DATA] | type[h11.PAUSED]:
        """Return the next event. Raises h11.RemoteProtocolError."""
        if self.their_state is h11.IDLE:
            self._check_lines(self.trailing_data[0])
        event = super().next_event()
        if isinstance(event, h11.Request):
            return self._checked(event)
        if isinstance(event, h11.Data) and self._chunked:
            self._chunks += 1
            self._chunk_bytes += len(event.data)
            if self._chunks > _CHUNKS_FREE and self._chunk_bytes < _CHUNK_BYTES_MIN * self._chunks:
                self._refuse(f"send chunks of {_CHUNK_BYTES_MIN} bytes and more")
        if isinstance(event, h11.EndOfMessage) and self._chunked:
            self._check_end()
        return event

    def _check_lines(self, received: bytes) -> None:
        """Look at the lines of a complete head, of which h11's events no longer tell."""
        end, loose_end = received.find(b"\n\r\n"), received.find(b"\n\n")
        if end == -1 and loose_end == -1:
            return
        self._head = head = received[: end + 1].lower()
        if 0 <= loose_end < end or end == -1 or head.count(b"\n") > head.count(b"\r\n"):
            self._refuse("end each line of the head in CRLF")
        if b"\n " in head or b"\n\t" in head:
            self._refuse("continue no header in the next line")

    def _checked(self, request: h11.Request) -> h11.Request:
        """Return the request with its target in origin form."""
        head, version = self._head, request.http_version
        lengths, self._chunked = head.count(b"\ncontent-length:"), b"\ntransfer-encoding:" in head
        if not version.startswith(b"1."):
            self._refuse("send HTTP/1.1")
        if lengths > 1 or _LIST_OF_LENGTHS.search(head):
            self._refuse("send one Content-Length")
        if self._chunked and (lengths or version == b"1.0"):
            # RFC 9112, section 6.1.
            self._refuse("send Content-Length or, by HTTP/1.1, Transfer-Encoding, and not both")
        if head.count(b"\nauthorization:") > 1:
            self._refuse("send one Authorization header")
        self._recent = self.trailing_data[0] if self._chunked else b""
        self._chunks = self._chunk_bytes = 0
        target = request.target
        if target.lower().startswith((b"http://", b"https://")):  # RFC 9112, section 3.2.2, wants this accepted.
            url = urlsplit(target)
            target = (url.path or b"/") + (b"?" + url.query if url.query else b"")
        if not target.startswith((b"/", b"*")):
            self._refuse("send a path as the target of the request")
        if b"%2f" in target.partition(b"?")[0].lower():
            self._refuse("send no %2F in the path; it is not the same as a slash")
        if target == request.target:
            return request
        return h11.Request(
            method=request.method, target=target, headers=request.headers.raw_items(), http_version=version
        )

    def _check_end(self) -> None:
        """Look at the end of a chunked body, for which h11 also takes bare LFs."""
        rest = len(self.trailing_data[0])
        recent, self._recent, self._chunked = self._recent, b"", False
        if not recent[: len(recent) - rest].endswith(_MESSAGE_END):
            self._refuse("end each line of the chunked body in CRLF")

    def _refuse(self, fault: str) -> None:
        self.fault = fault
        raise h11.RemoteProtocolError(fault)

"""The REST application over a fake reranker, and a client that needs no socket."""

import json
from typing import Any

import httpx

from service.access.access import Access
from service.access.byte_budget import ByteBudget
from service.rerank.limits import Limits
from service.rerank.priority_executor import PriorityExecutor
from service.rest.app import create_app
from service.telemetry.metrics import Metrics
from tests.unit.service.rerankers import LIMITS, FakeReranker, backend_on, calls_of, open_access

BODY: dict[str, Any] = {"model": "tiny", "query": "the query", "documents": ["the first", "the second"]}
TEI: dict[str, Any] = {"query": "the query", "texts": ["the first", "the second"]}
PATH = "/v2/rerank"
ROUTES = (PATH, "/v1/rerank", "/api/v1/rerank", "/rerank")
FORMS = (*((path, BODY) for path in ROUTES), ("/rerank", TEI))
"""A good body for every form, and where it goes."""


class Api:
    """The application and its client."""

    def __init__(
        self, access: Access | None = None, limits: Limits = LIMITS, *, ready: bool = True, bytes_max: int = 2**30
    ) -> None:
        self.reranker = FakeReranker()
        self.metrics = Metrics()
        self.budget = ByteBudget(bytes_max, bytes_max // 4)
        self.app = create_app(
            backend_on(self.reranker if ready else None),
            calls_of(access or open_access(), self.metrics, self.budget),
            limits,
            PriorityExecutor(1, 1000, "parse"),
        )
        self.client = httpx.AsyncClient(transport=httpx.ASGITransport(self.app), base_url="http://rerank")

    async def post(self, body: Any = BODY, path: str = PATH, **headers: str | bytes) -> httpx.Response:
        """Send a body, as JSON unless it is bytes; names of headers are given with underscores."""
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        named: dict[str, Any] = {"content-type": "application/json"}
        named |= {k.replace("_", "-"): v for k, v in headers.items()}
        return await self.client.post(path, content=content, headers=named)

    async def fail(self, error: BaseException, path: str = PATH) -> httpx.Response:
        """Send a right request that ends in an error."""
        self.reranker.answer = error
        return await self.post(path=path)


def assert_error(answer: httpx.Response, status: int, text: str = "") -> str:
    """See that an answer is an error with the one body that errors have; return its message."""
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/json"
    body = answer.json()
    assert set(body) == {"message", "detail", "error", "id"}
    assert body["message"] == body["detail"] == body["error"]["message"]
    assert body["error"]["code"] == status
    assert body["id"] == answer.headers["x-request-id"]
    assert text in body["message"]
    return str(body["message"])

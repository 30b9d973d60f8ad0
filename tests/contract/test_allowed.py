"""What keys are held to, and what no request may hold: the same over every API and form."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import httpx
import pytest

from tests.contract.clients import GOOD, TIMEOUT_S, GrpcClient, grpc_refusal, http_refusal
from tests.examples import DOCUMENTS, QUERY
from tests.process import RunningService

LINES = (
    "all:key-of-all",
    "bulk:key-of-bulk priority=100",
    "other:key-of-other models=something-else",
    "some:key-of-some models=rerank-v3.5,something-else",
    "slow:key-of-slow rate=2",
)
BODIES: dict[str, dict[str, Any]] = {
    "/v2/rerank": dict(GOOD),
    "/v1/rerank": dict(GOOD),
    "/api/v1/rerank": dict(GOOD),
    "/rerank": {"query": QUERY, "texts": list(DOCUMENTS[:2])},
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return where keys and deny-list are."""
    folder = tmp_path_factory.mktemp("allowed")
    (folder / "keys").write_text("\n".join(LINES))
    (folder / "denied").write_text("forbidden fruit\nserpent\n")
    return folder


@pytest.fixture(scope="module")
def guarded(folder: Path) -> Iterator[RunningService]:
    """Return the service."""
    service = RunningService.start(api_keys_file=folder / "keys", denylist_file=folder / "denied")
    yield service
    assert service.stop() == 0


def post(service: RunningService, path: str, client: str, body: dict[str, Any], **headers: str) -> httpx.Response:
    """Post a body with a client's key."""
    bearer = {"authorization": f"Bearer key-of-{client}"}
    return httpx.post(f"{service.http}{path}", json=body, headers=bearer | headers, timeout=TIMEOUT_S)


def ask(service: RunningService, client: str, **changes: object) -> tuple[grpc.StatusCode, str]:
    """Ask over gRPC with a client's key; return the code and the reason."""
    caller = GrpcClient(service.grpc)
    with caller.channel:
        try:
            caller.rerank(dict(GOOD) | changes, metadata=(("authorization", f"Bearer key-of-{client}"),))
        except grpc.RpcError as error:
            return error.code(), grpc_refusal(error).reason
    return grpc.StatusCode.OK, ""


@pytest.mark.parametrize("path", BODIES)
@pytest.mark.parametrize("priority", [None, "0", "99", "100", "999"])
def test_a_key_for_bulk_work_over_rest(guarded: RunningService, path: str, priority: str | None) -> None:
    """A key with a lowest priority gets that one if it does not say, and 403 for a more urgent one, in every form."""
    headers = {} if priority is None else {"X-Priority": priority}
    response = post(guarded, path, "bulk", BODIES[path], **headers)
    if priority in {"0", "99"}:
        assert response.status_code == 403
        assert "priority 100" in http_refusal(response)
    else:
        assert response.status_code == 200
        assert f'"lane": {priority or 100}' in guarded.log().splitlines()[-1]


@pytest.mark.parametrize(("priority", "allowed"), [(0, False), (99, False), (100, True), (None, True)])
def test_a_key_for_bulk_work_over_grpc(guarded: RunningService, priority: int | None, *, allowed: bool) -> None:
    """The same over gRPC, where it is PERMISSION_DENIED."""
    changes = {} if priority is None else {"priority": priority}
    denied = grpc.StatusCode.PERMISSION_DENIED, "FORBIDDEN"
    assert ask(guarded, "bulk", **changes) == ((grpc.StatusCode.OK, "") if allowed else denied)


@pytest.mark.parametrize("path", BODIES)
def test_a_key_for_some_models(guarded: RunningService, path: str) -> None:
    """A key may use the models it is for and no others, those asked for without a name included."""
    assert post(guarded, path, "some", BODIES[path]).status_code == 200
    response = post(guarded, path, "other", BODIES[path])
    assert response.status_code == 403
    assert "something-else" in http_refusal(response)
    assert ask(guarded, "other") == (grpc.StatusCode.PERMISSION_DENIED, "FORBIDDEN")
    assert ask(guarded, "some") == (grpc.StatusCode.OK, "")


@pytest.mark.parametrize("path", BODIES)
@pytest.mark.parametrize("text", ["the Serpent", "a Forbidden  FRUIT."])
def test_denied_terms(guarded: RunningService, path: str, text: str) -> None:
    """A denied term in the query or a document is answered with 498, in every form, and never told."""
    texts = "texts" if "texts" in BODIES[path] else "documents"
    for body in (BODIES[path] | {"query": text}, BODIES[path] | {texts: ["fine", text]}):
        response = post(guarded, path, "all", body)
        assert response.status_code == 498
        assert "fruit" not in http_refusal(response).lower()
    assert post(guarded, path, "all", BODIES[path] | {texts: ["serpents", "forbidden, fruit"]}).status_code == 200
    assert ask(guarded, "all", documents=["fine", text]) == (grpc.StatusCode.FAILED_PRECONDITION, "DENY_LISTED")
    assert ask(guarded, "all", query=text) == (grpc.StatusCode.FAILED_PRECONDITION, "DENY_LISTED")
    assert "serpent" not in guarded.log().lower()


def test_structured_documents_are_searched_for_denied_terms(guarded: RunningService) -> None:
    """A term hides in no field of an object that the model would read."""
    body = dict(GOOD) | {"documents": [{"title": "fine", "body": "a serpent"}]}
    assert post(guarded, "/v1/rerank", "all", body).status_code == 498
    assert post(guarded, "/v1/rerank", "all", body | {"rank_fields": ["title"]}).status_code == 200


def test_a_key_with_a_rate_of_its_own(guarded: RunningService) -> None:
    """A key with a rate is refused beyond it, with advice, while others are not limited."""
    statuses = [post(guarded, "/v2/rerank", "slow", {}).status_code for _ in range(20)]
    assert set(statuses) == {400, 429}
    refused = next(
        response
        for response in (post(guarded, "/v2/rerank", "slow", {}) for _ in range(20))
        if response.is_error and response.status_code == 429
    )
    assert 1 <= int(refused.headers["retry-after"]) <= 59
    assert {post(guarded, "/v2/rerank", "all", {}).status_code for _ in range(20)} == {400}


def test_a_changed_deny_list_is_read_again(guarded: RunningService, folder: Path) -> None:
    """Terms that are added are denied from then on, without a restart."""
    good = BODIES["/v2/rerank"] | {"query": "an apple"}
    assert post(guarded, "/v2/rerank", "all", good).status_code == 200
    new = folder / "new"
    new.write_text("apple\nserpent\nforbidden fruit\n")
    new.replace(folder / "denied")
    assert post(guarded, "/v2/rerank", "all", good).status_code == 498

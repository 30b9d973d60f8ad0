"""A key is held to its priority, models and rate, and no request may hold a denied term, over every API and form."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import httpx
import pytest

from tests.clients import until
from tests.contract.clients import GOOD, GrpcClient, grpc_refusal, http_refusal
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
def service(folder: Path) -> Iterator[RunningService]:
    """Return a service with keys and a deny-list."""
    with RunningService.start(api_keys_file=folder / "keys", denylist_file=folder / "denied") as service:
        yield service


def post(rest: httpx.Client, path: str, client: str, body: dict[str, Any], **headers: str) -> httpx.Response:
    """Post a body with a client's key."""
    return rest.post(path, json=body, headers={"authorization": f"Bearer key-of-{client}"} | headers)


def ask(rpc: GrpcClient, client: str, **changes: object) -> tuple[grpc.StatusCode, str]:
    """Ask over gRPC with a client's key; return the code and the reason."""
    try:
        rpc.rerank(dict(GOOD) | changes, metadata=(("authorization", f"Bearer key-of-{client}"),))
    except grpc.RpcError as error:
        return error.code(), grpc_refusal(error).reason
    return grpc.StatusCode.OK, ""


@pytest.mark.parametrize("path", BODIES)
@pytest.mark.parametrize("priority", [None, "0", "99", "100", "999"])
def test_a_key_for_bulk_work_over_rest(
    service: RunningService, rest: httpx.Client, path: str, priority: str | None
) -> None:
    """A key with a lowest priority gets that one if it does not say, and 403 for a more urgent one, in every form."""
    headers = {} if priority is None else {"X-Priority": priority}
    response = post(rest, path, "bulk", BODIES[path], **headers)
    if priority in {"0", "99"}:
        assert response.status_code == 403
        assert "100" in http_refusal(response)
    else:
        assert response.status_code == 200
        assert f'"lane": {priority or 100}' in service.settled_log().splitlines()[-1]


@pytest.mark.parametrize(("priority", "allowed"), [(0, False), (99, False), (100, True), (None, True)])
def test_a_key_for_bulk_work_over_grpc(rpc: GrpcClient, priority: int | None, *, allowed: bool) -> None:
    """The same over gRPC, where it is PERMISSION_DENIED."""
    changes = {} if priority is None else {"priority": priority}
    denied = grpc.StatusCode.PERMISSION_DENIED, "FORBIDDEN"
    assert ask(rpc, "bulk", **changes) == ((grpc.StatusCode.OK, "") if allowed else denied)


@pytest.mark.parametrize("path", BODIES)
def test_a_key_for_some_models(rest: httpx.Client, rpc: GrpcClient, path: str) -> None:
    """A key may use the models it is for and no others, those asked for without a name included."""
    assert post(rest, path, "some", BODIES[path]).status_code == 200
    response = post(rest, path, "other", BODIES[path])
    assert response.status_code == 403
    assert "something-else" in http_refusal(response)
    assert ask(rpc, "other") == (grpc.StatusCode.PERMISSION_DENIED, "FORBIDDEN")
    assert ask(rpc, "some") == (grpc.StatusCode.OK, "")


@pytest.mark.parametrize("path", BODIES)
@pytest.mark.parametrize("text", ["the Serpent", "a Forbidden  FRUIT."])
def test_denied_terms(service: RunningService, rest: httpx.Client, rpc: GrpcClient, path: str, text: str) -> None:
    """A denied term in the query or a document is answered with 498, in every form, and never told."""
    texts = "texts" if "texts" in BODIES[path] else "documents"
    for body in (BODIES[path] | {"query": text}, BODIES[path] | {texts: ["fine", text]}):
        response = post(rest, path, "all", body)
        assert response.status_code == 498
        assert "fruit" not in http_refusal(response).lower()
    assert post(rest, path, "all", BODIES[path] | {texts: ["serpents", "forbidden, fruit"]}).status_code == 200
    assert ask(rpc, "all", documents=["fine", text]) == (grpc.StatusCode.FAILED_PRECONDITION, "DENY_LISTED")
    assert ask(rpc, "all", query=text) == (grpc.StatusCode.FAILED_PRECONDITION, "DENY_LISTED")
    assert "serpent" not in service.settled_log().lower()


def test_structured_documents_are_searched_for_denied_terms(rest: httpx.Client) -> None:
    """A term hides in no field of an object that the model would read."""
    body = dict(GOOD) | {"documents": [{"title": "fine", "body": "a serpent"}]}
    assert post(rest, "/v1/rerank", "all", body).status_code == 498
    assert post(rest, "/v1/rerank", "all", body | {"rank_fields": ["title"]}).status_code == 200


def test_a_key_with_a_rate_of_its_own(rest: httpx.Client) -> None:
    """A key with a rate is refused beyond it, with advice, while others are not limited."""
    answers = [post(rest, "/v2/rerank", "slow", {}) for _ in range(20)]
    assert {answer.status_code for answer in answers} == {400, 429}
    assert all(1 <= int(answer.headers["retry-after"]) <= 59 for answer in answers if answer.status_code == 429)
    assert {post(rest, "/v2/rerank", "all", {}).status_code for _ in range(20)} == {400}


def test_a_changed_deny_list_is_read_again(rest: httpx.Client, folder: Path) -> None:
    """Terms that are added are denied from then on, without a restart."""
    good = BODIES["/v2/rerank"] | {"query": "an apple"}
    assert post(rest, "/v2/rerank", "all", good).status_code == 200
    new = folder / "new"
    new.write_text("apple\nserpent\nforbidden fruit\n")
    new.replace(folder / "denied")
    until(lambda: post(rest, "/v2/rerank", "all", good).status_code == 498, "the list is read again")

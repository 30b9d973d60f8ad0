"""Keys, the deny-list and the billing unit apply to each request before it is scored."""

from pathlib import Path

import pytest

from service.access.caller import Caller
from service.access.denylist import DenyList
from service.engine.engine import Engine
from service.errors import DenyListedError, ForbiddenError
from service.rerank.request import RerankRequest
from tests.unit.service.rerankers import RealReranker


@pytest.fixture
def listed(tmp_path: Path) -> DenyList:
    """Deny two terms."""
    file = tmp_path / "denied"
    file.write_text("bad apple\nworm\n")
    return DenyList(file)


@pytest.mark.parametrize(("query", "document"), [("a Worm?", "good"), ("q", "one bad\napple"), ("worm", "worm")])
async def test_denied(tiny: Engine, listed: DenyList, query: str, document: str):
    """A request that holds a denied term, in its query or any document, is not scored."""
    wired = RealReranker(tiny, denylist=listed)
    with pytest.raises(DenyListedError):
        await wired.ask(RerankRequest("tiny", query, ["good", document]))
    assert wired.worker.calls == []
    assert (await wired.ask(RerankRequest("tiny", "q", ["bad", "apple", "worms"]))).results


@pytest.mark.parametrize(("lane", "allowed"), [(0, False), (99, False), (100, True), (999, True)])
async def test_a_key_for_less_urgent_work(tiny: Engine, lane: int, *, allowed: bool):
    """A key that may not ask for urgent lanes is told from which on it may."""
    wired = RealReranker(tiny)
    asked = wired.ask(RerankRequest("tiny", "q", ["good"], lane=lane), Caller("ann", lane=100))
    if allowed:
        assert (await asked).results
    else:
        with pytest.raises(ForbiddenError, match="priority 100"):
            await asked


@pytest.mark.parametrize(("models", "allowed"), [({"tiny"}, True), ({"small"}, True), ({"foreign"}, False)])
async def test_a_key_for_some_models(tiny: Engine, models: set[str], *, allowed: bool):
    """A key for certain models may use those, by whichever of their names, and no others."""
    wired = RealReranker(tiny)
    for name in ("tiny", "small", None):
        asked = wired.ask(RerankRequest(name, "q", ["good"]), Caller("ann", models=frozenset(models)))
        if allowed:
            assert (await asked).model == "tiny"
        else:
            with pytest.raises(ForbiddenError, match="foreign"):
                await asked

"""The backend is not ready until it has a reranker, and then records lane, documents and result."""

import pytest

from service.errors import NotReadyError, UnknownModelError
from service.rerank.backend import Backend
from service.rerank.call_record import CallRecord
from service.rerank.request import RerankRequest
from service.rerank.result import RerankResult
from tests.unit.service.rerankers import RESULT, FakeReranker, a_call, backend_on

REQUEST = RerankRequest("tiny", "q", ["good", "bad"], lane=7)


async def answer(backend: Backend, record: CallRecord) -> RerankResult:
    """Return the answer of a backend to the request."""
    async with a_call() as call:
        return await backend.answer(REQUEST, call, record)


async def test_not_ready():
    """Until there is a model, every request is told so, its lane recorded, and there is no load."""
    backend, record = Backend(), CallRecord("rest")
    with pytest.raises(NotReadyError):
        await answer(backend, record)
    with pytest.raises(NotReadyError):
        _ = backend.reranker
    assert backend.load() is None
    assert (record.lane, record.documents, record.result) == (7, 2, None)


async def test_record():
    """An answer is that of the reranker, and the record has it with the lane and the number of documents."""
    reranker, record = FakeReranker(), CallRecord("rest")
    backend = backend_on(reranker)
    assert await answer(backend, record) is RESULT
    assert (record.lane, record.documents, record.result) == (7, 2, RESULT)
    assert reranker.requests == [REQUEST]
    assert backend.load() == reranker.load()


async def test_record_of_a_failure():
    """A request that fails leaves its lane and its number of documents, and no result."""
    record = CallRecord("rest")
    with pytest.raises(UnknownModelError):
        await answer(backend_on(FakeReranker(UnknownModelError("none"))), record)
    assert (record.lane, record.documents, record.result) == (7, 2, None)

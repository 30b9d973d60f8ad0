"""The access of both APIs to the reranker, which exists once the models are loaded."""

from scheduler import Load
from service.errors import NotReadyError
from service.rerank.call import Call
from service.rerank.call_record import CallRecord
from service.rerank.request import RerankRequest
from service.rerank.reranker import Reranker
from service.rerank.result import RerankResult


class Backend:
    """Answers requests through the reranker and fills in the records of their calls."""

    def __init__(self) -> None:
        self._reranker: Reranker | None = None

    @property
    def reranker(self) -> Reranker:
        """The reranker. Raises NotReadyError until the models are loaded."""
        if self._reranker is None:
            raise NotReadyError
        return self._reranker

    def start(self, reranker: Reranker) -> None:
        """Answer through `reranker` from now on."""
        self._reranker = reranker

    def load(self) -> Load | None:
        """Return the load of the scheduler; None until the models are loaded."""
        return self._reranker.load() if self._reranker else None

    async def answer(self, request: RerankRequest, call: Call, record: CallRecord) -> RerankResult:
        """Rank the documents of `request`; record its lane, number of documents and result.

        Raises ServiceError, such as NotReadyError, or SchedulerError if the work was refused, dropped or failed.
        """
        record.lane, record.documents = request.lane, len(request.documents)
        record.result = await self.reranker.rerank(request, call)
        return record.result

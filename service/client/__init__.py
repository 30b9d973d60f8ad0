"""A client for other services: one channel, deadlines, priority, retries that obey the server, typed results.

Needs grpc and the generated stubs, nothing else of this package.
"""

from service.client.client import AsyncRerankClient, RerankClient
from service.client.results import Ranked, Ranking, RerankError

__all__ = ["AsyncRerankClient", "Ranked", "Ranking", "RerankClient", "RerankError"]

"""A client of rerankd: one channel, deadlines, priority, retries that obey the server, typed results."""

from rerankd_client.client import AsyncRerankClient, Options, RerankClient
from rerankd_client.results import Ranked, Ranking, RerankError

__all__ = ["AsyncRerankClient", "Options", "Ranked", "Ranking", "RerankClient", "RerankError"]

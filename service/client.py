"""The client under its older name: the service brings `rerankd_client` along."""

from rerankd_client import AsyncRerankClient, Options, Ranked, Ranking, RerankClient, RerankError

__all__ = ["AsyncRerankClient", "Options", "Ranked", "Ranking", "RerankClient", "RerankError"]

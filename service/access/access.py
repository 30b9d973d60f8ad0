"""Authentication and rate limiting."""

from service.access.api_keys import ApiKeys
from service.access.caller import Caller
from service.access.rate_limit import RateLimit


class Access:
    """Admits callers with a valid key, where keys are required, within their request rate."""

    def __init__(self, api_keys: ApiKeys, rate_limit: RateLimit) -> None:
        self._api_keys = api_keys
        self._rate_limit = rate_limit

    async def enter(self, authorization: str | None, name: str | None, address: str) -> Caller:
        """Authenticate the caller, count the call towards its rate, and return the caller.

        `authorization` is the header of that name, `name` the client's own name; both unvalidated. `address` is the
        host that it calls from.
        Raises UnauthenticatedError or RateLimitedError.
        """
        caller = self._api_keys.caller(authorization, name, address)
        await self._rate_limit.admit(caller)
        return caller

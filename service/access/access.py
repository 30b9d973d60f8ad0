"""Who may come in."""

from service.access.api_keys import ApiKeys
from service.access.caller import Caller
from service.access.rate_limit import RateLimit


class Access:
    """Lets in callers that are known and do not ask too often; the same one for both APIs."""

    def __init__(self, identity: ApiKeys, throttle: RateLimit) -> None:
        self._identity = identity
        self._throttle = throttle

    async def enter(self, authorization: str | None, name: str | None) -> Caller:
        """Return who calls, and count the call.

        `authorization` is the header of that name, `name` what the client calls itself; both hostile.
        Raises UnauthenticatedError or RateLimitedError.
        """
        caller = self._identity.caller(authorization, name)
        await self._throttle.admit(caller)
        return caller

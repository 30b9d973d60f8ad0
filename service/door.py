"""Who may come in."""

from service.identity import Identity
from service.throttle import Throttle


class Door:
    """Lets in callers that are known and do not ask too often; the same one for both APIs."""

    def __init__(self, identity: Identity, throttle: Throttle) -> None:
        self._identity = identity
        self._throttle = throttle

    async def enter(self, authorization: str | None, name: str | None) -> str:
        """Return the client's name, and count the call.

        `authorization` is the header of that name, `name` what the client calls itself; both hostile.
        Raises UnauthenticatedError or RateLimitedError.
        """
        client = self._identity.client(authorization, name)
        await self._throttle.admit(client)
        return client

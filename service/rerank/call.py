"""A call: its caller, its id and its deadline."""

from dataclasses import dataclass

from service.access.caller import Caller


@dataclass(frozen=True, slots=True)
class Call:
    """The id, the caller and the deadline of a call over either API."""

    id: str
    caller: Caller
    deadline: float
    """In seconds of the event loop's monotonic clock."""

    @property
    def client(self) -> str:
        """The client's name."""
        return self.caller.client

    @property
    def account(self) -> str:
        """The identity that shares resources with others."""
        return self.caller.account

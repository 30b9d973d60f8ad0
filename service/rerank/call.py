"""A call: its caller, its id, its deadline and its bytes."""

from dataclasses import dataclass

from service.access.byte_budget import Holding
from service.access.caller import Caller


@dataclass(frozen=True, slots=True)
class Call:
    """The id, the caller, the deadline and the bytes of a call over either API."""

    id: str
    caller: Caller
    deadline: float
    """In seconds of the event loop's monotonic clock."""
    held: Holding
    """The bytes of its messages, counted against the budget."""

    @property
    def client(self) -> str:
        """The client's name."""
        return self.caller.client

    @property
    def account(self) -> str:
        """The identity that shares resources with others."""
        return self.caller.account

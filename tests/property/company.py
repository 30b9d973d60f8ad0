"""The names that offer work, and which of them is alone, in the books of the oracle."""

from dataclasses import dataclass, field

from scheduler import Job


@dataclass
class Company:
    """The time of the last offer of each name, and the last name that was alone."""

    offered: dict[tuple[str, str], float] = field(default_factory=dict)
    """When each name offered work last."""
    alone: bool = False
    """True if the name that offers a job now is alone."""
    lone: tuple[str, str] | None = None
    """The last name that was alone."""

    def was_here(self, job: Job, now: float) -> bool:
        """Return whether another name offered work in the last ten seconds."""
        return any(now - at <= 10 for name, at in self.offered.items() if name != (job.client, job.name))

    def note(self, job: Job, now: float) -> None:
        """Record an offer."""
        self.offered[job.client, job.name] = now
        if self.alone:
            self.lone = job.client, job.name

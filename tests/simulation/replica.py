"""A pod of a cluster."""

from math import inf

from tests.simulation.agenda import Agenda
from tests.simulation.pod import Live, Pod, TurnedAway
from tests.simulation.run import BatchRecord, Run
from tests.simulation.view import View
from tests.simulation.worker import Setup, Workers


class Replica(Pod):
    """A pod that schedules its own polls, and publishes its backlog.

    Its cost model is exact and does not learn. Learning would take a third of the time and change nothing.
    """

    def __init__(
        self, number: int, run: Run, setup: Setup, agenda: Agenda, *, turned_away: TurnedAway, view: View, seed: int
    ) -> None:
        """Publish the backlog to `view` as pod `number`."""
        workers, useful = Workers(setup.cost, seed=seed), view.useful
        super().__init__(run, setup.policy, workers, agenda, turned_away=turned_away, useful=useful, learns=False)
        self.batches: list[tuple[float, float]] = []
        """Start and end of each finished batch, in seconds."""
        self._number, self._view = number, view
        self._alarm = inf

    def admitted(self, live: Live) -> None:
        """Record an admitted job."""
        useful = self._useful
        live.waiting_s = sum([useful[n] for n in self._run.outcomes[live.index].request.pair_tokens])
        self._view.add(self._number, live.lane, live.waiting_s)
        self._view.under_way[self._number] += 1

    def started(self, live: Live, seconds: float) -> None:
        """Record dispatched pairs."""
        live.waiting_s -= seconds
        self._view.add(self._number, live.lane, -seconds)

    def ended(self, live: Live) -> None:
        """Record the end of a job and its waiting pairs."""
        self._view.under_way[self._number] -= 1
        if live.waiting:
            self._view.add(self._number, live.lane, -live.waiting_s)

    def ran(self, ran: BatchRecord) -> None:
        """Record the times of a batch only; full records would exhaust the memory."""
        self.batches.append((ran.start, ran.end))

    def poll(self) -> None:
        """Poll, and schedule the next poll."""
        super().poll()
        self._set_alarm()

    def _set_alarm(self) -> None:
        if self.wake < self._alarm:
            self._alarm = self.wake
            self._agenda.push(self.wake, self._ring, self.wake)

    def _ring(self, at: float) -> None:
        if at == self._alarm:  # Otherwise an earlier alarm has replaced it.
            self._alarm = inf
            if self.wake <= at:
                self.poll()
            else:
                self._set_alarm()

"""Admission lets in jobs that will be in time and have room, and displaces the worst work for better.

At the fixed cost, a pair of 100 tokens takes 1 ms.
"""

from dataclasses import dataclass, field
from math import inf

import pytest

from scheduler import LANES, Amount, Job, Policy, Reason, Refusal
from scheduler.admission import Admission, Who
from scheduler.cost import Costs
from scheduler.forecast import Forecast
from scheduler.lanes import Lanes
from tests.fakes import FixedCost
from tests.unit.scheduler.simulated_machine import FAR, a_job, admitted


@dataclass
class Gate:
    """An admission over waiting jobs."""

    policy: Policy = field(default_factory=lambda: Policy(workers=1, backlog_s=1.0))
    waiting: tuple[Job, ...] = ()

    def __post_init__(self) -> None:
        self.lanes, self.forecast = Lanes(), Forecast()
        for serial, job in enumerate(self.waiting):
            self.lanes.push(admitted(job, serial))
        self.admission = Admission(self.policy, Costs(FixedCost()), self.lanes, self.forecast)

    def refuse(self, job: Job, running: float = 0.0, jobs: int | None = None, now: float = 0.0) -> Refusal | None:
        """Ask whether `job` must stay out."""
        amount = Amount.of(job.pair_tokens)
        live = len(self.waiting) if jobs is None else jobs
        who = Who(job.lane, job.client, job.name)
        return self.admission.refuse(who, amount, job.deadline, now=now, running=running, jobs=live)

    def displaced_for(self, job: Job, running: float = 0.0) -> list[int]:
        """Return who leaves for `job`, in order."""
        left, jobs = list[int](), len(self.waiting)
        who = Who(job.lane, job.client, job.name)
        while victim := self.admission.victim(who, Amount.of(job.pair_tokens), running=running, jobs=jobs - len(left)):
            self.lanes.remove(victim)
            left.append(victim.job.id)
        return left


def test_idle():
    """An idle machine takes what can be done in time."""
    assert Gate().refuse(a_job(100, deadline=0.2)) is None


def test_oversized():
    """A job of more pairs than allowed is refused for good; one of exactly that many is not."""
    gate = Gate(Policy(workers=1, pairs_max=10))
    assert gate.refuse(a_job(11)) == Refusal(Reason.OVERSIZED)
    assert gate.refuse(a_job(10)) is None


@pytest.mark.parametrize("deadline", [0.0, -1.0])
def test_expired(deadline: float):
    """A job whose deadline is not in the future is refused as expired, without advice."""
    assert Gate().refuse(a_job(deadline=deadline)) == Refusal(Reason.EXPIRED)


def test_impossible():
    """A deadline that not even an idle machine could meet is refused without advice."""
    assert Gate().refuse(a_job(100, deadline=0.09)) == Refusal(Reason.SHED)


def test_more_workers_are_faster():
    """A job of many pairs is spread over all workers, one of a single pair is not."""
    gate = Gate(Policy(workers=4))
    assert gate.refuse(a_job(100, deadline=0.04)) is None
    assert gate.refuse(a_job(1, 10_000, deadline=0.04)) == Refusal(Reason.SHED)


def test_work_in_better_lanes_delays():
    """Waiting work of better lanes counts against the deadline."""
    gate = Gate(waiting=(a_job(500, lane=3),))
    assert gate.refuse(a_job(100, lane=4, deadline=0.8)) is None
    refusal = gate.refuse(a_job(100, lane=4, deadline=0.5))
    assert refusal
    assert refusal.reason is Reason.SHED
    assert refusal.retry_after_s is not None


def test_work_in_worse_lanes_does_not_delay():
    """Waiting work of worse lanes does not count against the deadline."""
    gate = Gate(waiting=(a_job(500, lane=5),))
    assert gate.refuse(a_job(100, lane=4, deadline=0.2)) is None


def test_running_work_delays():
    """Work left on the workers counts against the deadline."""
    gate = Gate()
    assert gate.refuse(a_job(100, deadline=0.2), running=0.05) is None
    assert gate.refuse(a_job(100, deadline=0.2), running=0.15)


def test_own_work_delays():
    """A client's own waiting work counts in full."""
    gate = Gate(waiting=(a_job(500, client="a"),))
    assert gate.refuse(a_job(10, client="a", deadline=0.4))


def test_other_clients_delay_by_their_turns():
    """Other clients of the lane delay a job by as much as it takes itself, since they take turns."""
    gate = Gate(waiting=(a_job(500, client="b"),))
    assert gate.refuse(a_job(10, client="a", deadline=0.05)) is None
    assert gate.refuse(a_job(10, client="a", deadline=0.015))


def test_usage_of_better_lanes():
    """The estimate is stretched by the share of the workers that better lanes keep taking."""
    gate = Gate(waiting=(a_job(1, lane=1),))
    for i in range(10_000):  # Six tenths of the only worker, for a long time.
        gate.forecast.add_work(0, 0.006, 0.006, i * 0.01 - 100)
    assert gate.refuse(a_job(100, lane=1, deadline=0.2))
    assert gate.refuse(a_job(100, lane=1, deadline=0.5)) is None
    assert gate.refuse(a_job(100, lane=0, deadline=0.2)) is None


def test_a_full_pool_promises_less():
    """A job that may just be in time is admitted if workers idle now and then, and refused if all time is used."""
    refused = []
    for worse in (0.0, 0.04):  # Beside six tenths of the only worker in a better lane.
        gate = Gate(waiting=(a_job(1, lane=1),))
        for i in range(1_000):
            gate.forecast.add_work(0, 0.06, 0.06, i * 0.1 - 100)
            gate.forecast.add_work(9, worse, worse, i * 0.1 - 100)
        refused.append(gate.refuse(a_job(100, lane=1, deadline=0.3)) is not None)
    assert refused == [False, True]


def test_idle_after_a_burst():
    """A job that would be in time alone is admitted if nothing waits, however much better lanes took until now."""
    gate = Gate()
    for i in range(1_000):
        gate.forecast.add_work(0, 0.1, 0.1, i * 0.1 - 100)
    assert gate.refuse(a_job(100, lane=1, deadline=0.15)) is None
    assert gate.refuse(a_job(100, lane=1, deadline=0.15), running=0.1)
    assert gate.refuse(a_job(100, lane=1, deadline=0.1))


def test_advice_does_not_outlast_what_is_known():
    """A job refused for the recent work of better lanes is told to come back before that measure is out of date."""
    gate = Gate(waiting=(a_job(1, lane=1),))
    for i in range(1_000):
        gate.forecast.add_work(0, 0.1, 0.1, i * 0.1 - 100)
    refusal = gate.refuse(a_job(400, lane=1, deadline=1.0))
    assert refusal
    assert refusal.retry_after_s == 10


def test_larger_than_the_bound():
    """An idle machine takes a job larger than the backlog bound: the bound is compared before adding."""
    assert Gate().refuse(a_job(5_000)) is None


def test_bound_reached():
    """When work at its lane or better has reached the bound, a job is refused with advice."""
    refusal = Gate(waiting=(a_job(1_000, lane=3),)).refuse(a_job(lane=3))
    assert refusal
    assert refusal.reason is Reason.SHED
    assert refusal.retry_after_s is not None


def test_bound_reached_by_worse_lanes():
    """A backlog of worse lanes keeps nobody out."""
    assert Gate(waiting=(a_job(5_000, lane=4),)).refuse(a_job(lane=3)) is None


def test_bound_just_not_reached():
    """Up to the bound there is room."""
    assert Gate(waiting=(a_job(900, lane=3),)).refuse(a_job(500, lane=3, client="other")) is None


def test_one_client_leaves_room_for_others():
    """Beside others, a client may have as much waiting in a lane as there is room left: it cannot fill the bound."""
    other = a_job(1, lane=9, client="other")
    assert Gate(waiting=(a_job(400, lane=3), other)).refuse(a_job(lane=3)) is None
    assert Gate(waiting=(a_job(600, lane=3), other)).refuse(a_job(lane=3))
    assert Gate(waiting=(a_job(600, lane=3),)).refuse(a_job(lane=3, client="other")) is None
    assert Gate(waiting=(a_job(600, lane=3),)).refuse(a_job(lane=2)) is None


def test_a_client_alone():
    """A client with nobody else there may fill the bound, and no more."""
    assert Gate(waiting=(a_job(900, lane=3),)).refuse(a_job(500, lane=3)) is None
    assert Gate(waiting=(a_job(1_000, lane=3),)).refuse(a_job(lane=3))


@pytest.mark.parametrize("other", [a_job(lane=900, client="other"), a_job(lane=3, name="other")])
def test_a_client_lately_alone(other: Job):
    """For ten seconds after the last offer of another client or name, refused or not, a half stays free."""
    gate = Gate(waiting=(a_job(600, lane=3),))
    gate.refuse(other)
    assert gate.refuse(a_job(lane=3), now=10.0)
    assert gate.refuse(a_job(lane=3), now=10.1) is None


def alone(*waiting: int) -> Gate:
    """Return a gate after a lone client has filled lane 3 with jobs of so many pairs."""
    gate = Gate(waiting=tuple(a_job(pairs, lane=3) for pairs in waiting))
    gate.refuse(a_job(lane=3))
    return gate


def test_room_beside_a_client_that_was_alone():
    """Jobs of others in its lane displace the surplus of a client over its half, the newest job first."""
    gate, other = alone(*[100] * 10), a_job(200, lane=3, client="other")
    ids = [job.id for job in gate.waiting]
    assert gate.refuse(other) is None
    assert gate.displaced_for(other) == ids[:-3:-1]
    assert gate.refuse(a_job(lane=3)), "it takes its room back"


def test_a_client_that_was_alone_keeps_its_half():
    """A job larger than the other half comes in, and takes no more than that and a part of a job."""
    gate, other = alone(*[10] * 100), a_job(900, lane=3, client="other")
    assert gate.refuse(other) is None
    kept = len(gate.waiting) - len(gate.displaced_for(other))
    assert 45 <= kept <= 50  # A pair is priced at a little above 1 ms.


def test_room_beside_a_client_that_was_alone_is_shared():
    """A client that came since has a share of its own, beyond which it takes nothing more."""
    gate = alone(*[100] * 10)
    second = a_job(350, lane=3, client="second")
    assert gate.refuse(second) is None
    gate.displaced_for(second)
    gate.lanes.push(admitted(second, 11))
    assert gate.refuse(a_job(lane=3, client="second"))
    assert gate.refuse(a_job(lane=3, client="third")) is None


def test_no_room_in_worse_lanes_beside_a_client_alone():
    """A worse lane takes nothing from a better one."""
    gate = alone(*[100] * 10)
    assert gate.refuse(a_job(lane=4, client="other"))
    assert not gate.displaced_for(a_job(lane=4, client="other"))


def test_running_work_counts_towards_the_bound():
    """Work left on the workers takes room, too."""
    gate = Gate(waiting=(a_job(900, lane=3),))
    assert gate.refuse(a_job(lane=3), running=0.2)


def test_swapping():
    """Over the bound, a job still replaces worse work that is larger than itself, but not smaller."""
    gate = Gate(waiting=(a_job(1_000, lane=3), a_job(10, lane=4)))
    assert gate.refuse(a_job(5, lane=3)) is None
    assert gate.refuse(a_job(15, lane=3))


def test_jobs_max():
    """When as many jobs as allowed are held, one more is refused with advice, unless a worse one can leave."""
    gate = Gate(Policy(workers=1, jobs_max=2), (a_job(lane=3), a_job(lane=5)))
    refusal = gate.refuse(a_job(lane=5))
    assert refusal
    assert refusal.reason is Reason.SHED
    assert refusal.retry_after_s is not None
    assert gate.refuse(a_job(lane=4)) is None


def test_jobs_max_displaces_one():
    """A job that comes in over the limit of jobs replaces a single one."""
    gate = Gate(Policy(workers=1, jobs_max=3), (a_job(lane=3), a_job(lane=5), a_job(lane=5)))
    assert gate.displaced_for(a_job(lane=4)) == [gate.waiting[2].id]


def test_nobody_leaves_without_need():
    """While there is room, nobody is displaced."""
    assert Gate(waiting=(a_job(800, lane=999),)).displaced_for(a_job(100)) == []


def test_large_job_stays():
    """A job larger than the bound stays while all the others leave it room, as if it had come last."""
    gate = Gate(waiting=(a_job(5_000, lane=900), a_job(300, lane=5)))
    assert gate.displaced_for(a_job(300, lane=1)) == []
    assert gate.displaced_for(a_job(800, lane=1)) == [gate.waiting[0].id]


def test_worst_lane_leaves_first():
    """Room is made from the worst lane up, until there is enough."""
    gate = Gate(waiting=(a_job(300, lane=7), a_job(300, lane=9), a_job(300, lane=8)))
    assert gate.displaced_for(a_job(800, lane=1)) == [gate.waiting[1].id, gate.waiting[2].id]


def test_least_progressed_leaves_first():
    """Within a lane, the job that has come the furthest stays."""
    gate = Gate(waiting=tuple(a_job(300, lane=9, client=c) for c in "abc"))
    first, second, third = gate.lanes.first(3, below=LANES, ahead=inf)
    gate.lanes.take(third, 0, 10, 0.01)
    gate.lanes.take(second, 0, 20, 0.02)
    assert gate.displaced_for(a_job(2_000, lane=1)) == [first.job.id, third.job.id, second.job.id]


def test_newest_leaves_first():
    """Of jobs equally far, the newest leaves first."""
    gate = Gate(waiting=tuple(a_job(300, lane=9) for _ in range(3)))
    assert gate.displaced_for(a_job(800, lane=1)) == [gate.waiting[2].id, gate.waiting[1].id]


def test_own_lane_stays():
    """Nobody leaves for a job of the same or a worse lane."""
    gate = Gate(waiting=(a_job(900, lane=5),))
    assert gate.displaced_for(a_job(500, lane=5)) == []
    assert gate.displaced_for(a_job(500, lane=6)) == []


def _advice(backlog_pairs: int, times: int = 200) -> list[float]:
    gate = Gate(waiting=(a_job(backlog_pairs, lane=3),))
    refusals = [gate.refuse(a_job(lane=3)) for _ in range(times)]
    return [r.retry_after_s for r in refusals if r and r.retry_after_s is not None]


@pytest.mark.parametrize("backlog_pairs", [1_000, 3_000, 500_000])
def test_advice_is_bounded(backlog_pairs: int):
    """Advice is from 0.05 to 59 seconds, whatever the backlog."""
    advice = _advice(backlog_pairs)
    assert len(advice) == 200
    assert all(0.05 <= a <= 59 for a in advice)


def test_advice_is_spread():
    """Those refused together are not all sent back together: their advice is spread evenly by half up and down."""
    advice = _advice(3_000)
    middle = 3.06 - 0.5  # Until the backlog is down to half the bound.
    assert min(advice) == pytest.approx(0.5 * middle, rel=0.05)
    assert max(advice) == pytest.approx(1.5 * middle, rel=0.05)
    quarters = [sum(low <= a / middle < low + 0.25 for a in advice) for low in (0.5, 0.75, 1.0, 1.25)]
    assert all(40 < q < 60 for q in quarters)


def test_advice_waits_for_the_deadline():
    """A job refused for its deadline is not told to come back before the machine could meet one as far ahead."""
    gate = Gate(Policy(workers=1, backlog_s=100.0), (a_job(5_000, lane=3),))
    refusal = gate.refuse(a_job(100, lane=4, deadline=1.0))
    assert refusal
    assert refusal.retry_after_s == pytest.approx(1.25 * 5.1 + 0.1 - 1.0, rel=0.05)  # With the safety margin.


def test_advice_grows_with_the_backlog():
    """The more work is in the way, the longer the advice."""
    assert max(_advice(2_000)) < min(_advice(20_000))


def test_advice_for_the_displaced():
    """A displaced job is advised by the work that waits in its lane or better ones."""
    gate = Gate(waiting=(a_job(3_000, lane=3),))
    assert gate.admission.retry_after(3, now=0.0, running=0.0) > 1
    assert gate.admission.retry_after(2, now=0.0, running=0.0) == 0.05


def test_refusing_changes_nothing():
    """Asking, refused or not, leaves the ledger alone."""
    gate = Gate(waiting=(a_job(1_000, lane=3), a_job(10, lane=9)))
    before = gate.lanes.ledger.total
    gate.refuse(a_job(lane=3))
    gate.refuse(a_job(lane=2, deadline=FAR))
    assert gate.lanes.ledger.total == before


def test_room_for_a_second_name():
    """Callers behind one proxy are one client: when one of them has its half of the bound, the next finds room."""
    gate = Gate(waiting=(a_job(520, lane=3, name="x"),))
    assert gate.refuse(a_job(lane=3, name="y")) is None
    assert gate.refuse(a_job(lane=3, name="x"))


def test_room_for_many_names():
    """However many names a client has, a third of the bound is left for others."""
    gate = Gate(waiting=tuple(a_job(100, lane=3, name=f"{n}") for n in range(6)))
    assert gate.refuse(a_job(lane=3, name="new")) is None
    gate = Gate(waiting=tuple(a_job(100, lane=3, name=f"{n}") for n in range(7)))
    assert gate.refuse(a_job(lane=3, name="new"))
    assert gate.refuse(a_job(lane=3, client="other")) is None


def test_turns_of_names():
    """A name that has nothing waiting is told to wait for a turn of each other name, not for all of their work."""
    gate = Gate(waiting=(a_job(400, name="x"),))
    assert gate.refuse(a_job(10, name="y", deadline=0.05)) is None
    assert gate.refuse(a_job(10, name="x", deadline=0.05))


def test_turns_of_clients_with_many_names():
    """The names of others do not count: each client has one turn."""
    gate = Gate(waiting=tuple(a_job(10, client="many", name=f"{n}") for n in range(40)))
    assert gate.refuse(a_job(10, client="other", deadline=0.05)) is None

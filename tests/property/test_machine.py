"""Every invariant of the scheduler holds for events chosen by Hypothesis, which shrinks a failure."""

from dataclasses import replace

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from scheduler import CLIENT_SHARE_MIN, GUARANTEED_SHARE_MAX, CostModel, Job, Policy
from tests.fakes import FixedCost
from tests.property.amounts import amount_of
from tests.property.oracle import Oracle

STRICT = st.builds(
    Policy,
    workers=st.sampled_from([1, 2, 4]),
    batch_s=st.sampled_from([0.003, 0.02, 0.05]),
    backlog_s=st.sampled_from([0.01, 0.1, 1.0]),
    jobs_max=st.sampled_from([2, 5, 1_000]),
    pairs_max=st.sampled_from([10, 100]),
    express_lanes=st.sampled_from([0, 100]),
    look_ahead=st.sampled_from([0, 8]),
)
POLICIES = st.builds(
    lambda policy, guaranteed, most: replace(
        policy, batch_s=0.003, backlog_s=10.0, jobs_max=1_000, guaranteed_share=guaranteed, client_share=most
    ),
    STRICT,
    st.sampled_from([0.0, GUARANTEED_SHARE_MAX]) | st.floats(0.02, GUARANTEED_SHARE_MAX),
    st.just(1.0) | st.sampled_from([CLIENT_SHARE_MIN, 0.75]) | st.floats(CLIENT_SHARE_MIN, 1),
)
LENGTHS = st.sampled_from([1, 20, 99, 100, 512])
PAIRS = st.lists(LENGTHS, min_size=1, max_size=12) | st.builds(
    lambda length, count: [length] * count, LENGTHS, st.integers(1, 60)
)


class Story(RuleBasedStateMachine):
    """Events in any order; the oracle checks every invariant after each."""

    @initialize(policy=STRICT, learning=st.booleans())
    def begin(self, policy: Policy, learning: bool) -> None:  # noqa: FBT001  # Drawn by Hypothesis.
        """Start with an empty scheduler for two models, one of them slow."""
        kind = CostModel if learning else FixedCost
        self.oracle = Oracle(policy, kind(0.001, 1e-5, 1e-9), kind(0.005, 5e-5, 5e-9))
        self.number = 0

    @rule(
        lane=st.sampled_from([0, 1, 99, 100, 101, 999]),
        who=st.tuples(st.sampled_from("abc"), st.sampled_from("xyz")),
        lengths=PAIRS,
        patience=st.sampled_from([0.0, 1.0, 1.1, 3.0, 10.0, 1e9]),
        model=st.integers(0, 1),
    )
    def offer(self, lane: int, who: tuple[str, str], lengths: list[int], patience: float, model: int) -> None:
        """Offer a job with a deadline that is a multiple of its own work."""
        self.number += 1
        job = Job(self.number, lane, who[0], tuple(lengths), 0.0, model, who[1])
        own_s = self.oracle.seconds(amount_of(job))
        self.oracle.offer(replace(job, deadline=self.oracle.now + patience * own_s))

    @precondition(lambda self: self.oracle.running)
    @rule(which=st.integers(0, 3), speed=st.sampled_from([0.0, 0.5, 1.0, 3.0]), poll=st.booleans())
    def finish(self, which: int, speed: float, poll: bool) -> None:  # noqa: FBT001
        """Finish a batch after a multiple of its predicted time; 0 means that it fails at once."""
        running = list(self.oracle.running.values())[which % len(self.oracle.running)]
        end = running.due + (speed - 1) * running.batch.work
        self.oracle.pass_time(max(0.0, end - self.oracle.now))
        self.oracle.finish(running.batch.id, speed * running.batch.work or None)
        if poll:
            self.oracle.poll()

    @rule(back=st.integers(0, 20))
    def cancel(self, back: int) -> None:
        """Cancel one of the last jobs, live or ended."""
        self.oracle.cancel(self.number - back)

    @rule(seconds=st.sampled_from([0.0, 0.001, 0.01, 0.1, 10.0]), poll=st.booleans())
    def pass_time(self, seconds: float, poll: bool) -> None:  # noqa: FBT001
        """Advance the time."""
        self.oracle.pass_time(seconds)
        if poll:
            self.oracle.poll()

    @precondition(lambda self: self.oracle.wake_at)
    @rule()
    def ring(self) -> None:
        """Advance to the next due poll."""
        self.oracle.pass_time(max(0.0, (self.oracle.wake_at or 0.0) - self.oracle.now))
        self.oracle.poll()

    @rule()
    def poll(self) -> None:
        """Poll the scheduler."""
        self.oracle.poll()

    def teardown(self) -> None:
        """Drain the scheduler."""
        if hasattr(self, "oracle"):
            self.oracle.run_dry()


class SharedStory(Story):
    """The same with the guaranteed share, or the cap on the share of a client, or both."""

    @initialize(policy=POLICIES, learning=st.booleans())
    def begin(self, policy: Policy, learning: bool) -> None:  # noqa: FBT001
        """Start with an empty scheduler, whose lanes are not strict."""
        super().begin(policy, learning)

    @rule(client=st.sampled_from("abc"), lane=st.sampled_from([0, 100, 999]), length=LENGTHS, model=st.integers(0, 1))
    def queue(self, client: str, lane: int, length: int, model: int) -> None:
        """Offer jobs of a client that do not end soon."""
        for _ in range(10):
            self.number += 1
            self.oracle.offer(Job(self.number, lane, client, (length,) * 10, self.oracle.now + 1e9, model))

    @precondition(lambda self: self.oracle.running)
    @rule(batches=st.sampled_from([5, 50]))
    def run(self, batches: int) -> None:
        """Finish batch after batch: a share is of many."""
        for running in (min(self.oracle.running.values(), key=lambda r: r.due) for _ in range(batches)):
            self.oracle.pass_time(max(0.0, running.due - self.oracle.now))
            self.oracle.finish(running.batch.id, running.batch.work)
            self.oracle.poll()
            if not self.oracle.running:
                break


TestStory = Story.TestCase
TestStory.settings = settings(max_examples=60, stateful_step_count=40)
TestSharedStory = SharedStory.TestCase
TestSharedStory.settings = settings(max_examples=20, stateful_step_count=30)

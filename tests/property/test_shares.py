"""The guaranteed share and the cap on the share of a client give what they promise, and no more, at any values."""

from collections import Counter, defaultdict
from dataclasses import dataclass, replace
from itertools import accumulate, count

from hypothesis import given, settings
from hypothesis import strategies as st

from scheduler import CLIENT_SHARE_MIN, GUARANTEED_SHARE_MAX, Job, Policy
from tests.unit.scheduler.simulated_machine import FAR, Machine

GUARANTEES = st.floats(0.02, GUARANTEED_SHARE_MAX)
CAPS = st.floats(CLIENT_SHARE_MIN, 0.9)
POLICIES = st.builds(
    Policy,
    workers=st.sampled_from([1, 3]),
    backlog_s=st.just(1e5),
    look_ahead=st.sampled_from([0, 8]),
    client_share=st.just(1.0),
)
EITHER = st.tuples(GUARANTEES, st.just(1.0)) | st.tuples(st.just(0.0), CAPS) | st.tuples(GUARANTEES, CAPS)
LANES = st.sampled_from([0, 50, 150, 900])
BATCH_S = Policy(workers=1).batch_s
EPSILON = 1e-9


@dataclass(frozen=True)
class Queue:
    """The jobs of an account, all alike."""

    lane: int
    pairs: int
    tokens: int

    def jobs(self, client: str, numbers: "count[int]", seconds: float) -> list[Job]:
        """Return jobs that take `seconds` in all."""
        many = int(seconds / (1e-5 * self.tokens * self.pairs)) + 1
        return [Job(next(numbers), self.lane, client, (self.tokens,) * self.pairs, FAR) for _ in range(many)]


@dataclass(frozen=True)
class Turn:
    """A batch that started while several accounts waited."""

    head: str
    work: dict[str, float]
    """Seconds of each account in it."""


def queues(lanes: st.SearchStrategy[int], *tokens: int) -> st.SearchStrategy[Queue]:
    """Draw the jobs of an account, whose pairs have one of some lengths."""
    return st.builds(Queue, lanes, st.sampled_from([4, 30, 100]), st.sampled_from(tokens))


def _turns(policy: Policy, accounts: list[Queue], seconds: float, least: int) -> list[Turn]:
    """Serve accounts named "0", "1", ... that all have `seconds` of work waiting, for as long as `least` of them do."""
    machine, numbers = Machine(policy), count(1)
    machine.offer(*(Job(next(numbers), 0, "first", (100,), FAR) for _ in range(policy.workers)))
    queued = [queue.jobs(f"{name}", numbers, seconds) for name, queue in enumerate(accounts)]
    waiting = Counter({jobs[0].client: sum(len(job.pair_tokens) for job in jobs) for jobs in queued})
    owners = {job.id: job.client for jobs in queued for job in jobs}
    machine.offer(*(job for jobs in queued for job in jobs))
    machine.run()
    turns = []
    for _, batch in machine.started[policy.workers :]:
        if sum(pairs > 0 for pairs in waiting.values()) < least:
            break
        work = defaultdict[str, float](float)
        for piece in batch.slices:
            work[owners[piece.job_id]] += len(piece.pairs) * batch.work / batch.pairs
            waiting[owners[piece.job_id]] -= len(piece.pairs)
        turns.append(Turn(owners[batch.slices[0].job_id], work))
    return turns


def _most_beyond(turns: list[Turn], account: str, share: float) -> float:
    """Return the most work by which an account exceeded its share of all work, over all spans of time."""
    beyond = (turn.work.get(account, 0.0) - share * sum(turn.work.values()) for turn in turns)
    return max(accumulate(beyond, lambda before, now: max(before, 0.0) + now), default=0.0)


@settings(max_examples=20)
@given(POLICIES, CAPS, st.lists(queues(LANES, 300, 500), min_size=2, max_size=4))
def test_an_account_gets_its_share(policy: Policy, cap: float, accounts: list[Queue]):
    """Over any time in which others wait, an account gets at most its share of the work and one batch."""
    turns = _turns(replace(policy, client_share=cap), accounts, 1.0, least=2)
    assert len(turns) > 15
    for account in range(len(accounts)):
        assert _most_beyond(turns, f"{account}", cap) <= BATCH_S + EPSILON


@settings(max_examples=20)
@given(POLICIES, GUARANTEES | st.just(0.0), st.floats(CLIENT_SHARE_MIN, 0.6), st.sampled_from([5_000, 20_000]))
def test_an_account_of_long_pairs_gets_its_share(policy: Policy, guaranteed: float, cap: float, tokens: int):
    """Pairs that outlast a batch, and the guaranteed share, bring an account no more than two batches beyond its own.

    So nothing adds up, however long the other waits.
    """
    policy = replace(policy, client_share=cap, guaranteed_share=guaranteed)
    turns = _turns(policy, [Queue(0, 4, tokens), Queue(900, 100, 500)], 100e-5 * tokens, least=2)
    longest = max(sum(turn.work.values()) for turn in turns)
    assert max(_most_beyond(turns, account, cap) for account in "01") <= 2 * longest


@settings(max_examples=20)
@given(POLICIES, EITHER, st.lists(queues(LANES, 300, 500), min_size=1, max_size=3))
def test_nobody_starves(policy: Policy, shares: tuple[float, float], others: list[Queue]):
    """Beside a flood of the best lane, the others have their turns in rotation, and none has fewer than its part."""
    policy = replace(policy, guaranteed_share=shares[0], client_share=shares[1])
    accounts = [Queue(0, 100, 500), *(replace(other, lane=other.lane + 1) for other in others)]
    turns = _turns(policy, accounts, 2.5, least=len(accounts))
    heads = [turn.head for turn in turns]
    rotated = [head for head in heads if head != "0"]
    names = [f"{number + 1}" for number in range(len(others))]
    assert all(len(set(rotated[i : i + len(names)])) == len(names) for i in range(len(rotated) - len(names) + 1))
    assert min(map(heads.count, names)) >= int(len(heads) * shares[0] / len(accounts)) - 1
    work, own = (sum(work) for work in zip(*((sum(t.work.values()), t.work.get("0", 0.0)) for t in turns), strict=True))
    assert work - own >= (1 - shares[1]) * work - 2 * BATCH_S


@settings(max_examples=20)
@given(POLICIES, GUARANTEES, st.lists(queues(LANES, 300, 500), min_size=2, max_size=4))
def test_the_rest_is_strict(policy: Policy, guaranteed: float, accounts: list[Queue]):
    """With the guaranteed share, every other batch is of the best lane, and the guaranteed ones are shared alike."""
    turns = _turns(replace(policy, guaranteed_share=guaranteed), accounts, 2.0, least=len(accounts))
    best = {f"{name}" for name, queue in enumerate(accounts) if queue.lane == min(a.lane for a in accounts)}
    first = policy.workers + 1
    shared = [turn.head for n, turn in enumerate(turns, first) if int(n * guaranteed) > int((n - 1) * guaranteed)]
    strict = [turn.head for n, turn in enumerate(turns, first) if int(n * guaranteed) == int((n - 1) * guaranteed)]
    assert set(strict) <= best
    counts = [shared.count(f"{name}") for name in range(len(accounts))]
    assert sum(counts) == int((policy.workers + len(turns)) * guaranteed) - int(policy.workers * guaranteed)
    assert max(counts) - min(counts) <= 1


@settings(max_examples=20)
@given(POLICIES, CAPS, st.lists(queues(LANES, 300, 500, 30_000), min_size=1, max_size=4))
def test_a_lone_account_is_not_held_back(policy: Policy, cap: float, kinds: list[Queue]):
    """An account that nobody waits beside is served as if there were no cap."""
    jobs = [job for kind in kinds for job in kind.jobs("lone", count(1), 0.5)]
    jobs = [replace(job, id=number) for number, job in enumerate(jobs, 1)]
    served = []
    for share in (cap, 1.0):
        machine = Machine(replace(policy, client_share=share))
        machine.offer(*jobs)
        machine.run()
        served.append(machine.started)
    assert served[0] == served[1]


@settings(max_examples=20)
@given(POLICIES, CAPS, st.integers(1, 6), st.sampled_from([50, 150]), st.sampled_from([5_000, 30_000]))
def test_an_account_is_not_held_back_once_it_is_alone(policy: Policy, cap: float, long: int, lane: int, tokens: int):
    """As soon as the others have left, an account is served as one that has met nobody, however much it had."""
    policy = replace(policy, workers=1, client_share=cap)
    jobs = [Job(number, lane, "lone", (tokens,), FAR) for number in range(1, long + 1)]
    jobs += [Job(number, lane + number % 3, "lone", (100,), FAR) for number in range(long + 1, 200)]
    machine = Machine(policy)
    machine.offer(Job(1_001, 0, "first", (100,), FAR), Job(1_002, 999, "other", (100,) * 10_000, FAR), *jobs)
    while machine.started[-1][1].slices[0].job_id != long:
        machine.run(until=machine.now + BATCH_S / 2)
    machine.scheduler.cancel(1_002)
    before = len(machine.started)
    machine.run()
    alone = Machine(policy)
    alone.offer(Job(1_001, 0, "first", (100,), FAR), *jobs[long:])
    alone.run()
    assert [batch.slices for _, batch in machine.started[before:]] == [batch.slices for _, batch in alone.started[1:]]

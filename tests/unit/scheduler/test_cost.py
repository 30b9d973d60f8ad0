"""The cost model learns the seconds of batches, and follows a machine that changes its speed."""

import random

import pytest

from scheduler import Amount, CostModel, Sample
from scheduler.cost import Costs

TRUE = (0.0015, 1e-4, 2e-8)  # Launch, token, square: of the size a small model has on one core.
SHAPES = [(1, 16), (8, 16), (2, 64), (8, 64), (1, 128), (4, 128), (1, 512), (2, 256)]


def _seconds(pairs: int, length: int, coefficients: tuple[float, float, float] = TRUE) -> float:
    launch, token, square = coefficients
    return launch + pairs * length * token + pairs * length**2 * square


def _coefficients(cost: CostModel) -> tuple[float, float, float]:
    return cost.launch_s, cost.token_s, cost.square_s


def _worst_error(cost: CostModel, coefficients: tuple[float, float, float] = TRUE) -> float:
    return max(abs(cost.batch(n, length) / _seconds(n, length, coefficients) - 1) for n, length in SHAPES)


def _batches(
    seed: int, count: int, coefficients: tuple[float, float, float] = TRUE, noise: float = 0.0
) -> list[Sample]:
    """Return batches as a scheduler composes them: half of them of a few pairs, none over 50 ms by the true model."""
    rng = random.Random(seed)
    batches = []
    for _ in range(count):
        length = min(max(4, int(rng.lognormvariate(4.7, 0.6))), 512)
        room = max(1, int((0.05 - TRUE[0]) / (_seconds(1, length) - TRUE[0])))
        pairs = rng.randint(1, room if rng.random() < 0.5 else min(8, room))
        took_s = _seconds(pairs, length, coefficients) * rng.lognormvariate(0, noise)
        batches.append(Sample(pairs, length, took_s))
    return batches


def _mean_error(cost: CostModel, coefficients: tuple[float, float, float] = TRUE) -> float:
    truth = _batches(99, 200, coefficients)
    return sum(abs(cost.batch(s.pairs, s.length) / s.seconds - 1) for s in truth) / len(truth)


def test_batch():
    """A batch costs a launch, its padded tokens, and the squares of its padded lengths."""
    assert CostModel(0.001, 1e-4, 1e-6).batch(3, 10) == pytest.approx(0.001 + 3e-3 + 3e-4)


def test_pair_is_the_difference():
    """A pair costs what one more of them adds to a batch."""
    cost = CostModel(*TRUE)
    assert cost.pair(77) == pytest.approx(cost.batch(5, 77) - cost.batch(4, 77))


def test_waiting_counts_full_batches():
    """Plenty of waiting work is priced in full batches: 49 ms of pairs for each launch of 1 ms."""
    cost = CostModel(0.001, 1e-5, 0)
    assert cost.waiting(1, 49_000, 0, 0.05) == pytest.approx(0.49 + 0.01, rel=1e-3)


def test_waiting_counts_a_launch_a_job():
    """Little waiting work is priced at one launch for each job."""
    cost = CostModel(0.001, 1e-5, 0)
    assert cost.waiting(3, 300, 0, 0.05) == pytest.approx(0.003 + 0.003, rel=1e-3)


def test_nothing_costs_nothing():
    """An empty backlog is worth nothing."""
    assert CostModel(*TRUE).waiting(0, 0, 0, 0.05) == 0


def test_waiting_is_finite_when_a_launch_fills_the_cap():
    """Work has a finite price even if a launch alone takes longer than a batch may."""
    assert CostModel(0.1, 1e-5, 0).waiting(1, 1000, 0, 0.05) < 1


def test_models_are_priced_apart():
    """The work that waits for several models is the sum of what each model predicts for its own."""
    slow, quick = CostModel(0.01, 1e-4, 0), CostModel(0.001, 1e-5, 0)
    costs = Costs(slow, quick)
    both = Amount.of([100]) + Amount.of([50, 50], model=1)
    assert costs.waiting(both, 0.05) == slow.waiting(1, 100, 10_000, 0.05) + quick.waiting(1, 100, 5000, 0.05)
    assert costs.waiting(Amount.of([100], model=1), 0.05) == quick.waiting(1, 100, 10_000, 0.05)
    assert costs.waiting(Amount(), 0.05) == 0


def test_launches_of_models():
    """An amount needs a launch of each model it has pairs for."""
    costs = Costs(CostModel(0.01, 1e-4, 0), CostModel(0.001, 1e-5, 0))
    assert costs.launch(Amount.of([100], model=1)) == 0.001
    assert costs.launch(Amount.of([100]) + Amount.of([100], model=1)) == pytest.approx(0.011)


def test_fit_recovers():
    """From runs without noise, the coefficients are found exactly."""
    cost = CostModel.fit([Sample(n, length, _seconds(n, length)) for n, length in SHAPES])
    assert _coefficients(cost) == pytest.approx(TRUE, rel=1e-6)


def test_fit_under_noise():
    """From eight runs with 5 % of noise, predictions are within 15 %."""
    for seed in range(20):
        rng = random.Random(seed)
        runs = [Sample(n, length, _seconds(n, length) * rng.lognormvariate(0, 0.05)) for n, length in SHAPES]
        assert _worst_error(CostModel.fit(runs)) < 0.15


def test_fit_drops_a_negative_term():
    """A term that noise makes negative is left out, and the others still predict the runs."""
    flat = (0.0015, 1e-4, 0.0)
    runs = [Sample(n, length, _seconds(n, length, flat) * (0.97 if length > 200 else 1)) for n, length in SHAPES]
    cost = CostModel.fit(runs)
    assert min(_coefficients(cost)) > 0
    assert _worst_error(cost, flat) < 0.06


def test_fit_on_one_run():
    """One run is enough to start from: it is predicted."""
    assert CostModel.fit([Sample(4, 100, 0.02)]).batch(4, 100) == pytest.approx(0.02, rel=0.01)


def test_fit_needs_a_run():
    """Without any run there is nothing to start from."""
    with pytest.raises(ValueError, match="sample"):
        CostModel.fit([])


def test_learn_recovers():
    """From batches without noise, wrong seeds are corrected until predictions are within 3 % on average."""
    cost = CostModel(TRUE[0] * 2, TRUE[1] / 2, TRUE[2] * 3)
    for sample in _batches(1, 1_000):
        cost.learn(sample)
    assert _mean_error(cost) < 0.03


def test_learn_under_noise():
    """With 10 % of noise on every batch, predictions stay within 10 % on average, at all times."""
    cost = CostModel(*TRUE)
    for i, sample in enumerate(_batches(2, 2_000, noise=0.1)):
        cost.learn(sample)
        if i % 50 == 0:
            assert _mean_error(cost) < 0.1


@pytest.mark.parametrize("batches_before", [0, 1_000])
@pytest.mark.parametrize("factor", [3, 1 / 3])
def test_speed_changes(factor: float, batches_before: int):
    """When the machine becomes three times slower or faster, 200 batches bring predictions within 15 %."""
    cost = CostModel(*TRUE)
    for sample in _batches(3, batches_before, noise=0.05):
        cost.learn(sample)
    launch, token, square = TRUE
    changed = launch * factor, token * factor, square * factor
    for sample in _batches(4, 200, changed, noise=0.05):
        cost.learn(sample)
    assert _mean_error(cost, changed) < 0.15


def test_outlier():
    """A batch that hung says nothing: one far beyond its prediction changes nothing."""
    cost = CostModel(*TRUE)
    cost.learn(Sample(4, 100, 1_000.0))
    assert _coefficients(cost) == TRUE


@pytest.mark.parametrize("seconds", [0.0, -1.0, float("nan"), float("inf")])
def test_impossible_time(seconds: float):
    """A time that cannot be changes nothing."""
    cost = CostModel(*TRUE)
    cost.learn(Sample(4, 100, seconds))
    assert _coefficients(cost) == TRUE


def test_never_negative():
    """Every coefficient stays positive and within a factor of 5 of its seed, for any measurements."""
    cost = CostModel(*TRUE)
    rng = random.Random(5)
    for _ in range(3_000):
        cost.learn(Sample(rng.randint(1, 50), rng.randint(1, 512), 10 ** rng.uniform(-6, 1)))
        assert all(t / 5.001 <= c <= t * 5.001 for c, t in zip(_coefficients(cost), TRUE, strict=True))


def test_never_zero():
    """A coefficient with nothing to start from can still be learned."""
    cost = CostModel(0.0, 0.0, 0.0)
    assert min(_coefficients(cost)) > 0
    assert cost.batch(1, 1) > 0


def test_alike_batches():
    """Thousands of batches of one shape do not unlearn the others, nor make one odd batch count for much."""
    cost = CostModel(*TRUE)
    rng = random.Random(6)
    for _ in range(5_000):
        cost.learn(Sample(4, 128, _seconds(4, 128) * rng.lognormvariate(0, 0.05)))
    assert cost.batch(4, 128) == pytest.approx(_seconds(4, 128), rel=0.05)
    cost.learn(Sample(1, 512, 1.5 * _seconds(1, 512)))
    assert cost.batch(4, 128) == pytest.approx(_seconds(4, 128), rel=0.3)
    assert _worst_error(cost) < 1


def test_many_outliers_in_a_row():
    """A machine that became ten times slower all at once is believed after a handful of batches."""
    cost = CostModel(*TRUE)
    slow = CostModel(*(10 * term for term in TRUE))
    for sample in _batches(5, 200):
        cost.learn(Sample(sample.pairs, sample.length, slow.batch(sample.pairs, sample.length)))
    assert cost.batch(4, 100) == pytest.approx(5 * CostModel(*TRUE).batch(4, 100), rel=0.05)  # As far as it goes.

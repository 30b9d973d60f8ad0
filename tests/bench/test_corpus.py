"""The requests of the benchmark have the lengths of real passages, do not repeat, and follow from a seed."""

from itertools import islice
from statistics import mean, median

from service.engine.engine import Engine
from tests.bench.corpus import questions


def test_lengths_are_those_of_passages(embedded: Engine):
    """Pairs have 137 tokens on average, a median of 103, 360 to 400 at the 95th percentile, and at most 512."""
    lengths = []
    for request in islice(questions("model", 100, 1), 40):
        pairs = embedded.encode(embedded.query(request.query), request.documents, 4096).pairs
        assert len(pairs) == len(request.documents)
        assert all(len(pair.head) == 12 + 2 for pair in pairs)
        lengths += [pair.tokens for pair in pairs]
    lengths.sort()
    assert abs(mean(lengths) - 137) < 5
    assert abs(median(lengths) - 103) < 5
    assert 360 < lengths[int(0.95 * len(lengths))] < 400
    assert lengths[-1] == 512


def test_no_document_comes_twice():
    """No document repeats, so that a cache holds a pair only if a benchmark repeats it on purpose."""
    documents = [document for request in islice(questions("model", 100, 1), 20) for document in request.documents]
    assert len(set(documents)) == len(documents)


def test_a_seed_draws_the_same_questions():
    """The same seed draws the same requests, another seed draws others."""
    first, again, other = (list(islice(questions("model", 5, seed), 3)) for seed in (1, 1, 2))
    assert first == again
    assert first != other

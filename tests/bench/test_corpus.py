"""Tests of the questions that are measured with."""

from itertools import islice
from statistics import mean, median

from service.engine.engine import Engine
from tests.bench.corpus import questions


def test_lengths_are_those_of_passages(embedded: Engine):
    """With the query, pairs have 137 tokens in the mean, 103 in the median, 370 to 396 at the 95th percentile."""
    lengths = []
    for asked in islice(questions("model", 100, 1), 40):
        pairs = embedded.encode(embedded.query(asked.query), asked.documents, 4096).pairs
        assert len(pairs) == len(asked.documents)
        assert all(len(pair.head) == 12 + 2 for pair in pairs)
        lengths += [pair.tokens for pair in pairs]
    lengths.sort()
    assert abs(mean(lengths) - 137) < 5
    assert abs(median(lengths) - 103) < 5
    assert 360 < lengths[int(0.95 * len(lengths))] < 400
    assert lengths[-1] == 512


def test_no_document_comes_twice():
    """No cache knows a pair before it is asked for again on purpose."""
    documents = [document for asked in islice(questions("model", 100, 1), 20) for document in asked.documents]
    assert len(set(documents)) == len(documents)


def test_a_seed_draws_the_same_questions():
    """A measurement can be repeated."""
    first, again, other = (list(islice(questions("model", 5, seed), 3)) for seed in (1, 1, 2))
    assert first == again
    assert first != other

"""Amounts of work as the oracle counts them: lists of jobs, pairs, tokens and squared tokens, per model in turn."""

from collections.abc import Sequence
from itertools import zip_longest

from scheduler import Job


def amount_of(job: Job) -> list[int]:
    """Return the amount of a whole job."""
    return numbers(job.pair_tokens, job.model, jobs=1)


def numbers(lengths: Sequence[int], model: int, jobs: int) -> list[int]:
    """Return the amount of pairs of these lengths for a model."""
    return [0] * 4 * model + [jobs, len(lengths), sum(lengths), sum(n**2 for n in lengths)]


def summed(*amounts: Sequence[int]) -> list[int]:
    """Add amounts; a shorter list counts as zero for later models."""
    return [sum(column) for column in zip_longest(*amounts, fillvalue=0)]

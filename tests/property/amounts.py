"""The oracle's own sums: lists of jobs, pairs, tokens and squares, of each model in turn."""

from collections.abc import Sequence
from itertools import zip_longest

from scheduler import Job


def amount_of(job: Job) -> list[int]:
    """Return what a whole job amounts to."""
    return numbers(job.pair_tokens, job.model, jobs=1)


def numbers(lengths: Sequence[int], model: int, jobs: int) -> list[int]:
    """Return what pairs of these lengths amount to for a model."""
    return [0] * 4 * model + [jobs, len(lengths), sum(lengths), sum(n**2 for n in lengths)]


def summed(*amounts: Sequence[int]) -> list[int]:
    """Add up amounts; those that end earlier have nothing of later models."""
    return [sum(column) for column in zip_longest(*amounts, fillvalue=0)]

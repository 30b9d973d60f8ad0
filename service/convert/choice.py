"""Selection of the products to convert to int8; the others stay in fp32."""

from collections.abc import Callable, Sequence
from typing import TypeVar

from service.engine.errors import ModelError

G = TypeVar("G")


def choose(groups: Sequence[G], agreement: Callable[[Sequence[G]], float], least: float) -> list[G]:
    """Return as many groups as can be converted together with an agreement of at least `least`.

    Measure each group alone, rank them by agreement, and find the longest prefix of the ranking by binary search. The
    search assumes that more groups never agree better, which is nearly true.

    Raises ModelError if no group can be converted.
    """
    if agreement(groups) >= least:
        return list(groups)
    alone = {number: agreement([group]) for number, group in enumerate(groups)}
    ranked = [groups[number] for number in sorted(alone, key=lambda number: -alone[number])]
    enough, too_many = 0, len(ranked)
    while too_many - enough > 1:
        middle = (enough + too_many) // 2
        if agreement(ranked[:middle]) >= least:
            enough = middle
        else:
            too_many = middle
    if not enough:
        raise ModelError(
            f"no product can be converted with an agreement of {least:g}; the best reaches {max(alone.values()):.6f}:"
            " lower --agreement"
        )
    return ranked[:enough]

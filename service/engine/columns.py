"""Weights in int8, each column with a scale of its own.

Processors without VNNI multiply bytes with `vpmaddubsw`: it adds the products of two neighbouring rows in 16 bits, and
what does not fit is cut off. Activations are at most 255, so that weights fit, whatever they are multiplied with, of
which no two neighbours of a column are more than 128 together: 255 * 128 <= 32,767 < 255 * 129.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

_MOST = 127
_PAIR_MOST = 128
_LARGEST_MIN = 1e-30  # Also where all is 0, so that nothing is divided by zero.
_FOR_ROUNDING = 1 + 1e-6  # A pair that is 128 together is to be no more after a division in fp32, exact to 1e-7.

Weights = npt.NDArray[np.float32]
Int8 = npt.NDArray[np.int8]


def quantised(weights: Weights, *, bounded: bool) -> tuple[Int8, Weights]:
    """Return weights, rows by columns, in int8, and the scale of each column.

    The largest of a column becomes 127, or, `bounded`, no pair of neighbours more than 128, if that is coarser. Of
    normal weights it usually is: their rounding errors, squared, become about twice as large.
    """
    scales = _largest(weights) / np.float32(_MOST)
    if bounded:
        scales = np.maximum(scales, _largest(_pairs(weights)) * np.float32(_FOR_ROUNDING / _PAIR_MOST))
    return np.rint(weights / scales).astype(np.int8), scales


def is_bounded(columns: Int8) -> bool:
    """Tell whether these weights fit on every CPU, whatever they are multiplied with."""
    return bool((_pairs(columns.astype(np.int16)) <= _PAIR_MOST).all())


def _pairs(weights: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return the magnitudes of each two neighbours of a column together; a last row without one fits by itself."""
    size = np.abs(weights)
    even = len(size) // 2 * 2
    found: npt.NDArray[Any] = size[:even:2] + size[1::2]
    return found


def _largest(weights: Weights) -> Weights:
    largest: Weights = np.abs(weights).max(0, initial=_LARGEST_MIN)
    return largest

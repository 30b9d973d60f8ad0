"""Weights quantised to int8 with one scale per column.

Processors without VNNI multiply bytes with `vpmaddubsw`. It adds the products of two adjacent rows in 16 bits and
saturates. Activations are at most 255. So a sum never saturates if the magnitudes of any two adjacent weights of a
column add up to at most 128: 255 * 128 <= 32,767 < 255 * 129. Such weights are called bounded.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

_MOST = 127
_PAIR_MOST = 128
_LARGEST_MIN = 1e-30  # Avoids a division by zero in a column of zeros.
_FOR_ROUNDING = 1 + 1e-6  # Keeps a sum of exactly 128 at 128 after a division in fp32, which is exact to 1e-7.

Weights = npt.NDArray[np.float32]
Int8 = npt.NDArray[np.int8]


def quantised(weights: Weights, *, bounded: bool) -> tuple[Int8, Weights]:
    """Return the weights as (rows, columns) int8, and the scales as (columns,) float32.

    The largest magnitude of a column becomes 127. If `bounded`, the scale is coarser where two adjacent weights would
    exceed 128 together. Normally distributed weights usually need that, which about doubles their mean squared error.
    """
    scales = _largest(weights) / np.float32(_MOST)
    if bounded:
        scales = np.maximum(scales, _largest(_pairs(weights)) * np.float32(_FOR_ROUNDING / _PAIR_MOST))
    return np.rint(weights / scales).astype(np.int8), scales


def is_bounded(columns: Int8) -> bool:
    """Tell whether (rows, columns) int8 weights are bounded: no CPU saturates their sums."""
    return bool((_pairs(columns.astype(np.int16)) <= _PAIR_MOST).all())


def _pairs(weights: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return the sum of magnitudes of rows 2i and 2i + 1 as (rows // 2, columns); an odd last row has no partner."""
    size = np.abs(weights)
    even = len(size) // 2 * 2
    sums: npt.NDArray[Any] = size[:even:2] + size[1::2]
    return sums


def _largest(weights: Weights) -> Weights:
    """Return the largest magnitude of each column, (columns,) float32."""
    largest: Weights = np.abs(weights).max(0, initial=_LARGEST_MIN)
    return largest

"""Weights in int8 are off by half a step at most, and bounded ones overflow on no CPU."""

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from service.engine.columns import is_bounded, quantised

RANDOM = np.random.default_rng(3)
NORMAL = RANDOM.standard_normal((384, 64)).astype(np.float32)
SHAPES = arrays.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=9)
MATRICES = arrays.arrays(np.float32, SHAPES, elements=st.floats(-(2.0**99), 2.0**99, width=32))
UINT8_MAX, INT16 = 255, np.iinfo(np.int16)


def saturates(columns: npt.NDArray[np.int8]) -> bool:
    """Tell whether a CPU that adds two products in 16 bits loses anything, at the activations that are worst for it."""
    rows = np.concatenate([columns, np.zeros((len(columns) % 2, columns.shape[1]), np.int8)]).astype(np.int64)
    up, down = UINT8_MAX * np.maximum(rows, 0), UINT8_MAX * np.minimum(rows, 0)
    return bool((up[::2] + up[1::2] > INT16.max).any() or (down[::2] + down[1::2] < INT16.min).any())


@given(MATRICES)
def test_bounded(weights: npt.NDArray[np.float32]):
    """Any weights fit in int8 on every CPU, and each is off by half a step of its column at most."""
    columns, scales = quantised(weights, bounded=True)
    assert is_bounded(columns)
    assert not saturates(columns)
    assert (np.abs(columns * scales.astype(np.float64) - weights) <= scales * 0.501).all()


@given(MATRICES)
def test_finest(weights: npt.NDArray[np.float32]):
    """Unless they are to be bounded, the largest weight of a column becomes 127."""
    columns, scales = quantised(weights, bounded=False)
    seen = np.abs(weights).max(0) > 1e-30  # Of less, all weights may become 0.
    assert (np.abs(columns).max(0)[seen] == 127).all()
    assert (np.abs(columns * scales.astype(np.float64) - weights) <= scales * 0.501).all()


def test_normal_weights():
    """Of weights as models have them, bounded ones lose more, but not much."""
    errors = []
    for bounded in (False, True):
        columns, scales = quantised(NORMAL, bounded=bounded)
        errors.append(np.square(columns * scales - NORMAL).mean())
        assert saturates(columns) != bounded
    assert 1.5 < errors[1] / errors[0] < 2.5


@pytest.mark.parametrize("pair", [(64, 64), (127, 1), (-127, -1), (127, -1), (-64, 64), (0, 0)])
def test_pairs_that_fit(pair: tuple[int, int]):
    """Neighbours that are 128 together fit, whatever their signs."""
    assert is_bounded(np.array(pair, np.int8)[:, None])


@pytest.mark.parametrize("pair", [(65, 64), (127, 2), (-128, -1), (-65, -64), (127, 127)])
def test_pairs_that_do_not_fit(pair: tuple[int, int]):
    """Neighbours that are more than 128 together do not, and it is seen wherever in a matrix they are."""
    columns = np.zeros((6, 3), np.int8)
    columns[4:, 1] = pair
    assert not is_bounded(columns)
    assert saturates(columns)


def test_only_neighbours_count():
    """Rows that are multiplied apart from each other, and a last one without a neighbour, may be large."""
    assert is_bounded(np.array([[1], [127], [127], [1], [-127]], np.int8))


@pytest.mark.parametrize("shape", [(0, 3), (1, 3), (2, 0)])
def test_hardly_any(shape: tuple[int, int]):
    """Matrices of one row, or of nothing, fit."""
    assert is_bounded(np.full(shape, -128, np.int8))

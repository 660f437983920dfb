import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numba import njit

from deepforest._engine.lanes import (
    add_up,
    fill,
    gather,
    larger,
    load,
    smaller,
    store,
    where,
)

FLOATS = st.floats(-1000, 1000, width=32)
CODES = arrays(np.uint8, 40)


@njit
def arithmetic(a, b, start, out):
    x, y = load(a, start), load(b, start)
    store(out, 0, x + y)
    store(out, 8, x - y * x)
    store(out, 16, x / (y * y + a[0] * a[0] + fill(a.dtype.type(1))))
    store(out, 24, where(x < y, x, y) + where(x == y, a[1], x))
    store(out, 32, where((x <= y) | (x > y + y), a[2], y) - a[3])
    return add_up(x)


@njit
def on_codes(a, b, start, out):
    x, y = load(a, start), load(b, start)
    store(out, 0, smaller(x, y))
    store(out, 8, larger(x, y) + y)
    store(out, 16, (x - y) >> 1)
    store(out, 24, where((x != y) & (fill(np.uint8(7)) < x), x, y))
    store(out, 32, gather(a, start, (0, 3, 1, 7, 7, 2, 0, 5)))


def assert_same(function, *arguments):
    """Compare compiled code with what numpy makes of the same lines."""
    out = np.zeros(40, arguments[0].dtype), np.zeros(40, arguments[0].dtype)
    said = function(*arguments, out[0]), function.py_func(*arguments, out[1])
    np.testing.assert_allclose(out[0], out[1], rtol=2e-6, atol=1e-3)
    if said[0] is not None:
        assert said[0] == said[1]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@given(arrays(np.float32, 40, elements=FLOATS), arrays(np.float32, 40, elements=FLOATS), st.data())
@settings(deadline=None)
def test_lanes_of_floats_are_arrays_of_numpy(dtype, a, b, data):
    assert_same(arithmetic, a.astype(dtype), b.astype(dtype), data.draw(st.integers(0, 32)))


@given(CODES, CODES, st.integers(0, 32))
@settings(deadline=None)
def test_lanes_of_codes_are_arrays_of_numpy(a, b, start):
    assert_same(on_codes, a, b, start)


def test_codes_wrap_round():
    one, codes, out = np.full(40, 1, np.uint8), np.full(40, 255, np.uint8), np.zeros(40, np.uint8)
    on_codes(codes, one, 0, out)
    assert (out[8:16] == 0).all()


def test_sums_of_eight_have_one_order():
    # Halves are added: in the order of the lanes the first sum would round the ones away.
    a = np.array([1e8, 1, 1, 1, -1e8, 1, 1, 1], np.float32)
    out = np.zeros(40, np.float32)
    assert arithmetic(a, a, 0, out) == 6

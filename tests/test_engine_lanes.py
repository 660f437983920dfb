import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numba import njit

from deepforest._engine.lanes import (
    as_bytes,
    as_floats,
    bits,
    fill,
    fill_many,
    gather,
    larger,
    largest,
    load,
    load_many,
    low_halves,
    lowest_bit,
    repeated,
    smaller,
    store,
    summed,
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
    return largest(x)


@njit
def on_codes(a, b, start, out):
    x, y = load(a, start), load(b, start)
    store(out, 0, smaller(x, y))
    store(out, 8, larger(x, y) + y)
    store(out, 16, (x - y) >> 1)
    store(out, 24, where((x != y) & (fill(np.uint8(7)) < x), x, y))
    store(out, 32, gather(a, start, (0, 3, 1, 7, 7, 2, 0, 5)))


@njit
def on_many(a, b, start, out):
    x, y = load_many(a, start), repeated(load(b, start))
    store(out, 0, where(x <= y, b[0], fill_many(np.uint8(3))) + x)
    return bits(x != y)


@njit
def as_real(a, b, start, out):
    store(out, 0, as_floats(load(a, start)))
    return lowest_bit(b[0])


@njit
def apart(numbers, start, integers, floats, codes):
    x = load(numbers, start)
    low, highest = low_halves(x), low_halves(x >> np.uint64(48))
    store(integers, 0, low * np.int32(3))
    store(integers, 8, highest)
    store(integers, 16, where(low < highest, low, highest))
    store(floats, 0, as_floats(low))
    store(codes, 0, as_bytes(numbers[start]))
    return summed(x >> np.uint64(3))


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


@given(arrays(np.uint8, 100), arrays(np.uint8, 100), st.integers(0, 36))
@settings(deadline=None)
def test_many_lanes_are_arrays_of_numpy(a, b, start):
    out = np.zeros(64, np.uint8), np.zeros(64, np.uint8)
    assert on_many(a, b, start, out[0]) == on_many.py_func(a, b, start, out[1])
    assert np.array_equal(*out)


@given(CODES, st.integers(1, 2**64 - 1))
@settings(deadline=None)
def test_bytes_become_floats_and_bits_are_found(a, bit_set):
    out, b = np.zeros(8, np.float32), np.array([bit_set], np.uint64)
    assert as_real(a, b, 3, out) == as_real.py_func(a, b, 3, out.copy())
    assert bit_set >> as_real(a, b, 3, out) & 1 == 1
    assert out.tolist() == a[3:11].tolist()


@given(arrays(np.uint64, 20), st.integers(0, 12))
@settings(deadline=None)
def test_numbers_of_64_bits_come_apart(numbers, start):
    out = [
        (np.zeros(24, np.int32), np.zeros(8, np.float32), np.zeros(8, np.uint8)) for _ in range(2)
    ]
    assert apart(numbers, start, *out[0]) == apart.py_func(numbers, start, *out[1])
    for compiled, plain in zip(*out, strict=True):
        assert np.array_equal(compiled, plain)
    assert out[0][2].tobytes() == int(numbers[start]).to_bytes(8, "little")

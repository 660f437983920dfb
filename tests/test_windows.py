"""Geometry of windows, against numpy's sliding windows and loops."""

import naive
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deepforest.windows import (
    count_spatial_axes,
    gather_windows,
    pad_arrays,
    pool_positions,
    pool_size,
    pooled_shape,
    present_windows,
    window_grid,
    window_size,
)


def test_windows_of_a_sequence_stand_at_every_stride():
    grid = window_grid((6,), 1, 3, stride=2)
    assert grid.window == (3,)
    assert grid.positions == (2,)  # values 0-2 and 2-4; 4-6 would leave the sequence
    assert grid.base.tolist() == [0, 2]
    assert grid.offset.tolist() == [0, 1, 2]


def test_windows_of_an_image_hold_their_rows_and_channels():
    grid = window_grid((3, 4, 2), 2, (2, 2), stride=1)
    assert grid.positions == (2, 3)
    # A pixel is 2 values, a line 8.
    assert grid.base.tolist() == [0, 2, 4, 8, 10, 12]
    assert grid.offset.tolist() == [0, 1, 2, 3, 8, 9, 10, 11]


def test_gathered_windows_worked_by_hand():
    grid = window_grid((4,), 1, 2, stride=1)
    flat = np.array([[1, 2, 3, 4], [5, 6, 7, 8]])
    windows = gather_windows(flat, grid, np.array([1, 0, 1]), np.array([0, 2, 2]))
    assert windows.tolist() == [[5, 6], [3, 4], [7, 8]]


@st.composite
def grids(draw):
    n_axes = draw(st.integers(1, 3))
    sides = tuple(draw(st.integers(1, 5)) for _ in range(n_axes))
    channels = draw(st.sampled_from([(), (1,), (3,)]))
    padding = tuple(draw(st.integers(0, 2)) for _ in range(n_axes))
    window = tuple(
        draw(st.integers(1, side + 2 * p)) for side, p in zip(sides, padding, strict=True)
    )
    stride = tuple(draw(st.integers(1, 3)) for _ in range(n_axes))
    return sides + channels, n_axes, window, stride, padding


@settings(deadline=None, max_examples=200)
@given(grids())
def test_gathered_windows_are_those_of_numpys_sliding_window_view(case):
    shape, n_axes, window, stride, padding = case
    X = np.arange(1, 1 + 2 * np.prod(shape)).reshape(2, *shape)
    grid = window_grid(shape, n_axes, window, stride, padding)
    expected = [naive.windows(x, n_axes, window, stride, padding) for x in X]
    assert grid.positions == expected[0].shape[:-1]
    n_positions = len(grid.base)
    gathered = gather_windows(
        pad_arrays(X, grid.padding).reshape(2, -1),
        grid,
        np.repeat([0, 1], n_positions),
        np.tile(range(n_positions), 2),
    )
    np.testing.assert_array_equal(
        gathered.reshape(2, n_positions, -1), np.reshape(expected, (2, n_positions, -1))
    )


@settings(deadline=None, max_examples=200)
@given(grids(), st.integers(0, 2**32 - 1))
def test_a_window_is_present_if_it_holds_more_than_nan(case, seed):
    shape, n_axes, window, stride, padding = case
    rng = np.random.default_rng(seed)
    X = np.where(rng.random((3, *shape)) < 0.8, np.nan, 1.0)
    grid = window_grid(shape, n_axes, window, stride, padding)
    present = present_windows(pad_arrays(X, grid.padding), grid)
    if present is None:
        assert not np.isnan(X).any()
        return
    for x, row in zip(X, present, strict=True):
        copies = naive.windows(x, n_axes, window, stride, padding)
        np.testing.assert_array_equal(row, ~np.isnan(copies).all(axis=-1).ravel())


def test_integers_are_always_present():
    grid = window_grid((4,), 1, 2, 1)
    assert present_windows(np.zeros((3, 4), np.uint8), grid) is None


def test_padding_takes_the_value_of_its_channel():
    X = np.ones((1, 1, 2), np.uint8)
    assert pad_arrays(X, (1,), [7, 9]).tolist() == [[[7, 9], [1, 1], [7, 9]]]
    assert pad_arrays(X, (0,), [7, 9]) is X


@settings(deadline=None, max_examples=150)
@given(
    st.lists(st.tuples(st.integers(1, 6), st.integers(1, 7)), min_size=1, max_size=3),
    st.sampled_from(["mean", "max"]),
)
def test_pooling_is_the_loop_over_blocks_cut_off_at_the_border(axes, method):
    positions, pool = (tuple(a) for a in zip(*axes, strict=True))
    vectors = np.random.default_rng(0).normal(size=(2, *positions, 3))
    result = pool_positions(vectors, pool, method)
    assert result.shape == (2, *pooled_shape(positions, pool), 3)
    expected = [naive.pooled(instance, pool, method) for instance in vectors]
    np.testing.assert_allclose(result, expected, rtol=1e-12, atol=1e-12)
    everywhere = np.ones((2, *positions), bool)
    np.testing.assert_array_equal(pool_positions(vectors, pool, method, everywhere), result)
    present = np.random.default_rng(1).random((2, *positions)) < 0.4
    expected = [naive.pooled(v, pool, method, p) for v, p in zip(vectors, present, strict=True)]
    np.testing.assert_allclose(
        pool_positions(vectors, pool, method, present), expected, rtol=1e-12, atol=1e-12
    )


def test_a_last_block_that_is_not_full_is_the_mean_of_what_it_has():
    vectors = np.array([[[1.0], [3.0], [10.0]]])
    assert pool_positions(vectors, (2,), "mean").tolist() == [[[2.0], [10.0]]]
    assert pool_positions(vectors, (2,), "max").tolist() == [[[3.0], [10.0]]]


def test_pooling_keeps_float32():
    assert pool_positions(np.ones((1, 3, 2), np.float32), (2,), "mean").dtype == np.float32


@pytest.mark.parametrize(
    ("window", "sides", "size"),
    [
        (3, (8,), (3,)),
        (3, (8, 5), (3, 3)),
        ((2, 4), (8, 5), (2, 4)),
        (0.5, (8, 5), (4, 2)),  # round(2.5) is 2
        (0.25, (1,), (1,)),  # one value is the least
        (1.0, (8, 5), (8, 5)),
        (np.int64(2), (8,), (2,)),
    ],
)
def test_sizes_are_numbers_of_values_or_fractions_of_the_side(window, sides, size):
    assert window_size(window, sides) == size


@pytest.mark.parametrize("window", [9, 0, -1, 1.5, 0.0, True, "3", (3, 3), float("nan")])
def test_a_size_that_does_not_fit_is_an_error_that_shows_it(window):
    with pytest.raises(ValueError) as error:
        window_size(window, (8,))
    assert repr(window) in str(error.value)


def test_a_single_number_that_does_not_fit_the_channels_is_told_from_a_tuple():
    with pytest.raises(ValueError, match=r"windows holds 7.* channels write \(7,\)"):
        window_size(7, (25, 3))
    with pytest.raises(ValueError, match=r"fractions of it\.$"):
        window_size((7, 7), (25, 3))


@pytest.mark.parametrize(("window", "step"), [(1, 1), (3, 1), (8, 2), (10, 2), (12, 3)])
def test_no_stride_is_a_quarter_of_the_window(window, step):
    base = window_grid((40,), 1, window, None).base
    assert base[1] - base[0] == step


@pytest.mark.parametrize("stride", [0, -1, 1.5, True, "2", (1, 1)])
def test_a_stride_of_no_use_is_an_error_that_shows_it(stride):
    with pytest.raises(ValueError, match="stride=") as error:
        window_grid((8,), 1, 3, stride)
    assert repr(stride) in str(error.value)


def test_padding_makes_room_for_larger_windows():
    assert window_grid((4,), 1, 6, 1, padding=1).positions == (1,)
    with pytest.raises(ValueError, match=r"windows holds 7.*sides \(4,\) and padding \(1,\)"):
        window_grid((4,), 1, 7, 1, padding=1)


def test_a_fraction_is_one_of_the_side_without_its_padding():
    assert window_grid((8,), 1, 0.5, 1, padding=4).window == (4,)


@pytest.mark.parametrize("padding", [-1, 1.5, True, "2", (1, 1)])
def test_a_padding_of_no_use_is_an_error_that_shows_it(padding):
    with pytest.raises(ValueError, match="padding=") as error:
        window_grid((8,), 1, 3, 1, padding)
    assert repr(padding) in str(error.value)


@pytest.mark.parametrize(
    ("windows", "shape", "n_axes"),
    [
        ([3, 5], (8,), 1),
        ([3, 5], (8, 8), 2),
        ([3, 5], (8, 8, 3), 2),  # the third axis holds channels
        ([(3,)], (8, 3), 1),
        ([(3, 3)], (8, 8), 2),
        ([(2, 2, 2)], (4, 4, 4), 3),
        ([(2, 2, 2), 3], (4, 4, 4, 2), 3),
    ],
)
def test_a_window_slides_over_as_many_axes_as_it_has_sizes(windows, shape, n_axes):
    assert count_spatial_axes(windows, shape) == n_axes


@pytest.mark.parametrize(
    ("windows", "shape"),
    [([(3,), (3, 3)], (8, 8)), ([(3, 3)], (8,)), ([(3,)], (8, 8, 3)), ([3], (4, 4, 4, 4))],
)
def test_windows_of_other_axes_than_the_instances_are_an_error(windows, shape):
    with pytest.raises(ValueError, match="windows="):
        count_spatial_axes(windows, shape)


@pytest.mark.parametrize("pool", [0, -1, 1.5, True, "2", (2, 2)])
def test_a_pool_of_no_use_is_an_error_that_shows_it(pool):
    with pytest.raises(ValueError, match="pool=") as error:
        pool_size(pool, 1)
    assert repr(pool) in str(error.value)

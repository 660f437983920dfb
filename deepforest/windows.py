"""Geometry of windows: pure functions from shape, window, stride and padding to addresses.

An instance is an array of `n_axes` spatial axes, with or without a last axis of channels,
stored in C order, with zeros around it where there is padding. Value f of the window at
position p stands at ``base[p] + offset[f]`` behind the (padded) instance's first value, so
that windows need not be copied out.
"""

from collections.abc import Sequence
from math import prod
from numbers import Integral, Real
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

Size = int | float | tuple[int | float, ...]
PoolMethod = Literal["mean", "max"]
POOL_METHODS = ("mean", "max")

# Blocks of so many positions are pooled position by position.
MOST_SLICED = 4


class WindowGrid(NamedTuple):
    """Where the windows of one grain lie in an instance."""

    window: tuple[int, ...]  # values along each spatial axis
    stride: tuple[int, ...]  # steps between windows along each spatial axis
    padding: tuple[int, ...]  # zeros on both sides of each spatial axis
    positions: tuple[int, ...]  # windows along each spatial axis
    base: NDArray[np.int64]  # (P,) address of a window's first value
    offset: NDArray[np.int64]  # (F,) distance of each of its values, channels included


def count_spatial_axes(windows: Sequence[Size], shape: tuple[int, ...]) -> int:
    """Return how many axes of instances of this shape are slid over.

    As many as a window has sizes. Windows given as single numbers slide over one or two
    axes; a third axis then holds channels.
    """
    lengths = {len(window) for window in windows if isinstance(window, tuple)}
    if len(lengths) > 1:
        raise ValueError(f"windows={windows!r} mixes windows of {sorted(lengths)} axes.")
    n_axes = lengths.pop() if lengths else min(len(shape), 2)
    if not 0 <= len(shape) - n_axes <= 1:
        raise ValueError(
            f"windows={windows!r} slide over {n_axes} axes, but each instance has shape {shape}: "
            "give a window one size for each axis, except for a last axis of channels."
        )
    return n_axes


def _per_axis(name: str, value: Any, n_axes: int) -> tuple[Any, ...]:
    """Return one value an axis."""
    values = tuple(value) if isinstance(value, (tuple, list)) else (value,) * n_axes
    if len(values) != n_axes:
        raise ValueError(f"{name}={value!r} has {len(values)} sizes for {n_axes} axes.")
    return values


def check_size(window: Any) -> None:
    """Raise a ValueError unless `window` can be the size of a window."""
    for size in window if isinstance(window, (tuple, list)) else [window]:
        if isinstance(size, bool) or not isinstance(size, Real):
            raise ValueError(f"windows holds {window!r}: a size is an integer or a fraction.")
        if isinstance(size, Integral):
            if int(size) < 1:
                raise ValueError(f"windows holds {window!r}: a size is at least 1.")
        elif not 0 < float(size) <= 1:
            raise ValueError(
                f"windows holds {window!r}: a fraction of the side is above 0 and at most 1."
            )


def window_size(
    window: Size, sides: tuple[int, ...], padding: tuple[int, ...] | None = None
) -> tuple[int, ...]:
    """Return the window's size along each spatial axis.

    An integer is a number of values, a float between 0 and 1 a fraction of the side without
    its padding (rounded, at least one value).
    """
    check_size(window)
    per_axis = _per_axis("window", window, len(sides))
    sizes = tuple(
        int(size) if isinstance(size, Integral) else max(1, round(float(size) * side))
        for size, side in zip(per_axis, sides, strict=True)
    )
    zeros = padding or (0,) * len(sides)
    if any(size > side + 2 * p for size, side, p in zip(sizes, sides, zeros, strict=True)):
        around = f" and padding {zeros}" if any(zeros) else ""
        single = len(sides) > 1 and not isinstance(window, (tuple, list))
        channels = f"; for sequences with channels write ({window},)" if single else ""
        raise ValueError(
            f"windows holds {window!r}, which does not fit instances with sides {sides}{around}: "
            f"use sizes from 1 to the side, or fractions of it{channels}."
        )
    return sizes


def window_grid(
    shape: tuple[int, ...], n_axes: int, window: Size, stride: Any, padding: Any = 0
) -> WindowGrid:
    """Return where the windows lie in instances of this shape.

    Parameters
    ----------
    shape : tuple of int
        Of one instance, without padding; behind the `n_axes` spatial axes it may have
        channels.
    n_axes : int
    window : int, float or tuple of them
        See `window_size`.
    stride : int, tuple of int or None
        Steps between windows. None is a quarter of the window, rounded, at least 1.
    padding : int or tuple of int, default=0
        Zeros on both sides of each spatial axis. Addresses are those in padded instances.
    """
    check_steps("padding", padding, at_least=0)
    zeros = tuple(int(p) for p in _per_axis("padding", padding, n_axes))
    size = window_size(window, shape[:n_axes], zeros)
    if stride is None:
        steps = tuple(max(1, round(s / 4)) for s in size)
    else:
        check_steps("stride", stride)
        steps = tuple(int(step) for step in _per_axis("stride", stride, n_axes))
    around = padded_shape(shape, zeros)
    address = np.arange(prod(around), dtype=np.int64).reshape(around)
    starts = tuple(
        slice(0, side - s + 1, step)
        for side, s, step in zip(around[:n_axes], size, steps, strict=True)
    )
    first_value = (0,) * (len(shape) - n_axes)
    base = address[starts + first_value]
    offset = address[tuple(slice(0, s) for s in size)]
    return WindowGrid(size, steps, zeros, base.shape, base.ravel(), offset.ravel())


def padded_shape(shape: tuple[int, ...], padding: tuple[int, ...]) -> tuple[int, ...]:
    """Return the shape of an instance with its padding."""
    sides = [side + 2 * p for side, p in zip(shape, padding, strict=False)]
    return (*sides, *shape[len(padding) :])


def pad_arrays(arrays: NDArray[Any], padding: tuple[int, ...], fill: Any = 0) -> NDArray[Any]:
    """Return arrays (n, *shape) with padding around their spatial axes.

    `fill` is the value of the padding, or one a channel. Without padding the arrays are
    returned themselves.
    """
    if not any(padding):
        return arrays
    shape = arrays.shape[1:]
    result = np.full((len(arrays), *padded_shape(shape, padding)), fill, dtype=arrays.dtype)
    inside = tuple(slice(p, p + side) for p, side in zip(padding, shape, strict=False))
    result[(slice(None), *inside)] = arrays
    return result


def present_windows(arrays: NDArray[Any], grid: WindowGrid) -> NDArray[np.bool_] | None:
    """Return which windows (n, P) of padded arrays (n, *shape) hold anything but NaN.

    None where nothing is NaN, so that all windows do.
    """
    if arrays.dtype.kind != "f":
        return None
    present: NDArray[np.bool_] = ~np.isnan(arrays)
    if present.all():
        return None
    if arrays.ndim > 1 + len(grid.window):
        present = np.asarray(present.any(axis=-1))
    for axis, (size, step) in enumerate(zip(grid.window, grid.stride, strict=True), start=1):
        along = sliding_window_view(present, size, axis=axis)
        present = np.asarray(along[(slice(None),) * axis + (slice(None, None, step),)].any(axis=-1))
    return present.reshape(len(arrays), -1)


def gather_windows(
    flat: NDArray[Any],
    grid: WindowGrid,
    instances: NDArray[np.integer[Any]],
    positions: NDArray[np.integer[Any]],
) -> NDArray[Any]:
    """Return a copy (w, F) of some windows: number `positions[i]` of instance `instances[i]`.

    Parameters
    ----------
    flat : ndarray (n, prod(shape)), C order
    grid : WindowGrid
    instances, positions : ndarray (w,)
    """
    start = instances * flat.shape[1] + grid.base[positions]
    windows: NDArray[Any] = flat.ravel()[start[:, None] + grid.offset]
    return windows


def pool_positions(
    vectors: NDArray[Any],
    pool: tuple[int, ...],
    method: str,
    present: NDArray[np.bool_] | None = None,
) -> NDArray[Any]:
    """Return arrays (n, *positions, K) pooled over blocks of positions.

    A last block that is not full is kept: its mean is over what it has. Positions that are
    not `present` (n, *positions) take no part; a block without any becomes NaN.
    """
    if present is None:
        # As for one instance of which every window is present.
        there = np.ones((1, *vectors.shape[1:-1], 1), dtype=bool)
    else:
        there = present[..., None]
        vectors = np.where(there, vectors, vectors.dtype.type(-np.inf if method == "max" else 0))
    counts = _over_blocks(np.add, there.astype(vectors.dtype), pool)
    if method == "max":
        return np.where(counts > 0, _over_blocks(np.maximum, vectors, pool), np.nan)
    with np.errstate(invalid="ignore"):  # 0 / 0 is NaN
        means: NDArray[Any] = _over_blocks(np.add, vectors, pool) / counts
    return means


def _over_blocks(function: np.ufunc, values: NDArray[Any], pool: tuple[int, ...]) -> NDArray[Any]:
    """Return values (n, *positions, K) reduced over blocks of positions."""
    for axis, size in enumerate(pool, start=1):
        if size > MOST_SLICED:
            values = function.reduceat(values, np.arange(0, values.shape[axis], size), axis=axis)
        elif size > 1:
            # The k-th positions of all blocks together: 2 x 2 takes an eighth of the time so.
            by_position = np.moveaxis(values, axis, 0)
            reduced = by_position[::size].copy()
            for k in range(1, size):
                kth = by_position[k::size]
                function(reduced[: len(kth)], kth, out=reduced[: len(kth)])
            values = np.moveaxis(reduced, 0, axis)
    return values


def pooled_shape(positions: tuple[int, ...], pool: tuple[int, ...]) -> tuple[int, ...]:
    """Return the number of pooled positions along each axis."""
    return tuple(-(-p // size) for p, size in zip(positions, pool, strict=True))


def pool_size(pool: Any, n_axes: int) -> tuple[int, ...]:
    """Return the pooling block's size along each axis."""
    check_steps("pool", pool)
    return tuple(int(size) for size in _per_axis("pool", pool, n_axes))


def check_steps(name: str, value: Any, at_least: int = 1) -> None:
    """Raise a ValueError unless `value` is such an integer, or a tuple or list of them."""
    values = value if isinstance(value, (tuple, list)) else [value]
    if any(isinstance(v, bool) or not isinstance(v, Integral) or int(v) < at_least for v in values):
        raise ValueError(
            f"{name}={value!r} must be an integer of at least {at_least}, or a tuple with one for "
            "each axis."
        )

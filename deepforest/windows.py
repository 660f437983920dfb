"""Geometry of windows: pure functions from shape, window and stride to addresses.

An instance is an array of `n_axes` spatial axes, with or without a last axis of channels,
stored in C order. Value f of the window at position p stands at ``base[p] + offset[f]``
behind the instance's first value, so that windows need not be copied out.
"""

from collections.abc import Sequence
from math import prod
from numbers import Integral, Real
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

Size = int | float | tuple[int | float, ...]
PoolMethod = Literal["mean", "max"]
POOL_METHODS = ("mean", "max")


class WindowGrid(NamedTuple):
    """Where the windows of one grain lie in an instance."""

    window: tuple[int, ...]  # values along each spatial axis
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


def window_size(window: Size, sides: tuple[int, ...]) -> tuple[int, ...]:
    """Return the window's size along each spatial axis.

    An integer is a number of values, a float between 0 and 1 a fraction of the side
    (rounded, at least one value).
    """
    sizes = []
    for size, side in zip(_per_axis("window", window, len(sides)), sides, strict=True):
        if isinstance(size, bool) or not isinstance(size, Real):
            raise ValueError(f"windows holds {window!r}: a size is an integer or a fraction.")
        if isinstance(size, Integral):
            if not 1 <= int(size) <= side:
                raise ValueError(
                    f"windows holds {window!r}, which does not fit instances with sides {sides}: "
                    f"use sizes from 1 to the side, or fractions of it."
                )
            sizes.append(int(size))
        else:
            if not 0 < float(size) <= 1:
                raise ValueError(
                    f"windows holds {window!r}: a fraction of the side is above 0 and at most 1."
                )
            sizes.append(max(1, round(float(size) * side)))
    return tuple(sizes)


def window_grid(shape: tuple[int, ...], n_axes: int, window: Size, stride: Any) -> WindowGrid:
    """Return where the windows lie in instances of this shape.

    Parameters
    ----------
    shape : tuple of int
        Of one instance; behind the `n_axes` spatial axes it may have channels.
    n_axes : int
    window : int, float or tuple of them
        See `window_size`.
    stride : int, tuple of int or None
        Steps between windows. None is a quarter of the window, rounded, at least 1.
    """
    sides = shape[:n_axes]
    size = window_size(window, sides)
    if stride is None:
        steps = tuple(max(1, round(s / 4)) for s in size)
    else:
        check_steps("stride", stride)
        steps = _per_axis("stride", stride, n_axes)
    address = np.arange(prod(shape), dtype=np.int64).reshape(shape)
    starts = tuple(
        slice(0, side - s + 1, step) for side, s, step in zip(sides, size, steps, strict=True)
    )
    first_value = (0,) * (len(shape) - n_axes)
    base = address[starts + first_value]
    offset = address[tuple(slice(0, s) for s in size)]
    return WindowGrid(size, base.shape, base.ravel(), offset.ravel())


def gather_windows(
    flat: NDArray[Any], grid: WindowGrid, instances: NDArray[np.intp], positions: NDArray[np.intp]
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
    vectors: NDArray[Any], n_axes: int, pool: tuple[int, ...], method: str
) -> NDArray[Any]:
    """Return arrays (n, *positions, K) pooled over blocks of positions.

    A last block that is not full is kept: its mean is over what it has.
    """
    for axis, size in enumerate(pool[:n_axes], start=1):
        if size == 1:
            continue
        length = vectors.shape[axis]
        starts = np.arange(0, length, size)
        if method == "max":
            vectors = np.maximum.reduceat(vectors, starts, axis=axis)
        else:
            counts = np.minimum(size, length - starts).astype(vectors.dtype)
            per_axis = counts.reshape((-1,) + (1,) * (vectors.ndim - axis - 1))
            vectors = np.add.reduceat(vectors, starts, axis=axis) / per_axis
    return vectors


def pooled_shape(positions: tuple[int, ...], pool: tuple[int, ...]) -> tuple[int, ...]:
    """Return the number of pooled positions along each axis."""
    return tuple(-(-p // size) for p, size in zip(positions, pool, strict=True))


def pool_size(pool: Any, n_axes: int) -> tuple[int, ...]:
    """Return the pooling block's size along each axis."""
    check_steps("pool", pool)
    return tuple(int(size) for size in _per_axis("pool", pool, n_axes))


def check_steps(name: str, value: Any) -> None:
    """Raise a ValueError unless `value` is an integer of at least 1, or a tuple or list of them."""
    values = value if isinstance(value, (tuple, list)) else [value]
    if any(isinstance(v, bool) or not isinstance(v, Integral) or int(v) < 1 for v in values):
        raise ValueError(
            f"{name}={value!r} must be an integer of at least 1, or a tuple with one for each axis."
        )

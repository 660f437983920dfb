"""Bags: which rows of a table, or windows of which arrays, a tree is grown on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from deepforest.binning import CodedTable, CodedWindows


class TreeRows(NamedTuple):
    """The rows that one tree is grown on."""

    base: NDArray[np.int32]  # (r,) address of each row's first code
    y: NDArray[Any]  # (r,) classes, int32, or (r, n_outputs) targets, float64
    weight: NDArray[Any]  # (r,)
    order: NDArray[np.int64]  # (r,) the rows grouped by class


def draw_bag(
    n_draws: int | None, weight: NDArray[np.float64] | None, n: int, seed: int, number: int
) -> NDArray[Any]:
    """Return how often each of ``n`` rows is drawn for tree ``number``.

    ``n_draws`` rows are drawn with replacement, by weight; None stands for all rows once, with
    their weights.
    """
    from deepforest._engine import bags

    if n_draws is None:
        return np.ones(n, np.int32) if weight is None else weight
    # Without the compiler numpy warns where the random numbers' products wrap around.
    with np.errstate(over="ignore"):
        counts: NDArray[np.int32]
        if weight is None:
            counts = bags.draw_bag(n_draws, n, seed, number)
        else:
            counts = bags.draw_weighted_bag(n_draws, np.cumsum(weight), seed, number)
    return counts


def rows_of_table(
    table: CodedTable,
    y: NDArray[Any],
    weight: NDArray[np.float64] | None,
    *,
    n_draws: int | None,
    seed: int,
) -> Callable[[int], TreeRows]:
    """Return a function from a tree's number to the rows of the table in its bag."""
    base = np.arange(len(y), dtype=np.int32)
    order = grouped_by_class(y)

    def rows(number: int) -> TreeRows:
        return TreeRows(base, y, draw_bag(n_draws, weight, len(y), seed, number), order)

    return rows


def rows_of_windows(
    windows: CodedWindows,
    y: NDArray[Any],
    weight: NDArray[np.float64] | None,
    *,
    n_draws: int | None,
    max_windows: int,
    seed: int,
) -> Callable[[int], TreeRows]:
    """Return a function from a tree's number to the windows that it is grown on.

    A bag draws arrays: all windows of an array are in it or none. Of the windows of the arrays in
    the bag at most ``max_windows`` are taken, each equally likely and none twice; a window weighs
    as much as its array.
    """
    n, n_values = windows.codes.shape
    n_windows = len(windows.base)

    def rows(number: int) -> TreeRows:
        counts = draw_bag(n_draws, weight, n, seed, number)
        arrays = np.flatnonzero(counts > 0)
        taken = np.arange(len(arrays) * n_windows)
        if len(taken) > max_windows:
            rng = np.random.default_rng((seed, number))
            taken = rng.choice(len(taken), max_windows, replace=False, shuffle=False)
            taken.sort()  # neighbours in memory stay neighbours
        place, window = np.divmod(taken, n_windows)
        array = arrays[place]
        base = (array * n_values + windows.base[window]).astype(np.int32)
        labels = y[array]
        return TreeRows(base, labels, counts[array], grouped_by_class(labels))

    return rows


def grouped_by_class(y: NDArray[Any]) -> NDArray[np.int64]:
    """Return the rows ordered by class; targets stay as they are."""
    return np.argsort(y, kind="stable") if y.ndim == 1 else np.arange(len(y))

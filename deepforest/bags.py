"""Bags: which rows of a table, or windows of which arrays, a tree is grown on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from deepforest.coding import CodedTable, CodedWindows

# Windows that are present are looked up in blocks of about so many.
BLOCK_WINDOWS = 2**20


MOST_REPEATED = 2**16 - 1
"""The largest weight that counts as so many equal rows."""


class TreeRows(NamedTuple):
    """The rows of positive weight that one tree is grown on, one class after the other."""

    base: NDArray[np.int32]  # (r,) address of each row's first code
    y: NDArray[Any]  # (r,) classes, int32, or (r, n_outputs) targets, float64
    weight: NDArray[Any]  # (r,) how often each was drawn, int32, or its weight, float64


def draw_bag(
    n_draws: int | None, weight: NDArray[np.float64] | None, n: int, seed: int, number: int
) -> NDArray[Any]:
    """Return how often each of ``n`` rows is drawn for tree ``number``.

    ``n_draws`` rows are drawn with replacement; where there are weights, as many as these are
    different ones are drawn out of them by weight. None stands for all rows once, with their
    weights: as whole numbers where all are whole and small, as if rows were repeated.
    """
    if n_draws is not None:
        return _draw(n_draws, weight, n, seed, number)[0]
    if weight is None:
        return np.ones(n, np.int32)
    counts = np.clip(weight, 0, MOST_REPEATED).astype(np.int32)
    return counts if np.array_equal(counts, weight) else weight


def rows_in_bag(
    n_draws: int, weight: NDArray[np.float64] | None, n: int, seed: int, number: int
) -> NDArray[np.bool_]:
    """Return which of ``n`` rows are in the bag of tree ``number``; the others are out-of-bag.

    Whether a row is in the bag does not depend on its weight. If it did, how many trees leave it
    out would tell its weight, and where weights go by class, the class: the next layer would read
    it off the noise of the row's out-of-bag votes.
    """
    return _draw(n_draws, weight, n, seed, number)[1]


def _draw(
    n_draws: int, weight: NDArray[np.float64] | None, n: int, seed: int, number: int
) -> tuple[NDArray[np.int32], NDArray[np.bool_]]:
    """Return how often each row is drawn, and which rows are in the bag."""
    from deepforest._engine import bags

    # Without the compiler numpy warns where the random numbers' products wrap around.
    with np.errstate(over="ignore"):
        if weight is not None:
            drawn: tuple[NDArray[np.int32], NDArray[np.bool_]] = bags.draw_weighted_bag(
                n_draws, weight, seed, number
            )
            return drawn
        counts = bags.draw_bag(n_draws, n, seed, number)
    return counts, counts > 0


def count_learnt(weight: NDArray[np.float64] | None, n: int) -> int:
    """Return how many of ``n`` rows are learnt from: those with weight."""
    return n if weight is None else int(np.count_nonzero(weight))


def count_windows(windows: CodedWindows, weight: NDArray[np.float64] | None) -> int:
    """Return how many windows are learnt from: those present, of arrays with weight."""
    if windows.present is None:
        return count_learnt(weight, len(windows.codes)) * len(windows.base)
    learnt = windows.present if weight is None else windows.present[weight > 0]
    return int(np.count_nonzero(learnt))


def rows_of_table(
    table: CodedTable,
    y: NDArray[Any],
    weight: NDArray[np.float64] | None,
    *,
    n_draws: int | None,
    seed: int,
) -> Callable[[int], TreeRows]:
    """Return a function from a tree's number to the rows of the table in its bag."""
    base = grouped_by_class(y)
    y = y[base]

    def rows(number: int) -> TreeRows:
        drawn = draw_bag(n_draws, weight, len(y), seed, number)[base]
        in_bag = np.flatnonzero(drawn)
        return TreeRows(base[in_bag], y[in_bag], drawn[in_bag])

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
    the bag (those that are present) at most ``max_windows`` are taken, each equally likely and none
    twice; a window weighs as much as its array.
    """
    n, n_values = windows.codes.shape
    n_windows = len(windows.base)
    by_class = grouped_by_class(y)

    def rows(number: int) -> TreeRows:
        counts = draw_bag(n_draws, weight, n, seed, number)
        arrays = by_class[counts[by_class] > 0]
        place, window = draw_windows(
            arrays, n_windows, windows.present, max_windows, (seed, number)
        )
        # Windows come array by array: repeating is faster than looking up.
        drawn = np.diff(np.searchsorted(place, np.arange(len(arrays) + 1, dtype=place.dtype)))
        base = np.repeat(arrays * np.int32(n_values), drawn)
        base += np.take(windows.base.astype(np.int32), window)
        return TreeRows(base, *(np.repeat(x[arrays], drawn, axis=0) for x in (y, counts)))

    return rows


def draw_windows(
    arrays: NDArray[np.integer[Any]],
    n_windows: int,
    present: NDArray[np.bool_] | None,
    max_windows: int,
    seed: int | tuple[int, int],
) -> tuple[NDArray[np.integer[Any]], NDArray[np.integer[Any]]]:
    """Return at most ``max_windows`` windows of some arrays, in the order of the arrays.

    Parameters
    ----------
    arrays : array of int
    n_windows : int
        Windows of an array.
    present : array of bool, shape (n_arrays, n_windows), or None
        The windows to draw from, of all arrays; None stands for all.
    max_windows : int
        Where there are more, each is equally likely and none is drawn twice.
    seed : int or tuple of int

    Returns
    -------
    place : array of int
        Where in ``arrays`` the array of each window stands.
    window : array of int
        The window's number in its array.
    """
    if present is None:
        drawn = draw_distinct(len(arrays) * n_windows, max_windows, seed)
        place = drawn // n_windows
        return place, drawn - place * n_windows  # np.divmod takes twice as long
    # Ranks among the windows that are present are drawn, then looked up block by block.
    last = np.cumsum(present.sum(axis=1)[arrays])
    ranks = draw_distinct(int(last[-1]) if last.size else 0, max_windows, seed)
    size = max(1, BLOCK_WINDOWS // n_windows)
    places, numbers, before = [], [], 0
    for start in range(0, len(arrays), size):
        here = np.flatnonzero(present[arrays[start : start + size]])
        first, end = np.searchsorted(ranks, [before, before + len(here)])
        place, window = np.divmod(here[ranks[first:end] - before], n_windows)
        places.append(start + place)
        numbers.append(window)
        before += len(here)
    return np.concatenate(places), np.concatenate(numbers)


def draw_distinct(n: int, n_draws: int, seed: int | tuple[int, int]) -> NDArray[np.integer[Any]]:
    """Return ``n_draws`` distinct numbers below ``n``, ascending; all where there are no more.

    All subsets of that size are equally likely. Takes at most about 20 bytes a draw.
    """
    dtype = np.int32 if n < 2**31 else np.int64
    if n <= n_draws:
        return np.arange(n, dtype=dtype)
    rng = np.random.default_rng(seed)
    if n > 20 * n_draws:
        return np.sort(rng.choice(n, n_draws, replace=False, shuffle=False)).astype(dtype)
    # Draws that hit what is drawn already are repeated: no number is preferred by that. Of more
    # than half of the numbers those that stay behind are drawn.
    n_marked = min(n_draws, n - n_draws)
    marked = np.zeros(n, bool)
    while missing := n_marked - np.count_nonzero(marked):
        marked[rng.integers(n, size=missing)] = True
    return np.flatnonzero(marked if n_marked == n_draws else ~marked).astype(dtype)


def grouped_by_class(y: NDArray[Any]) -> NDArray[np.int32]:
    """Return the rows ordered by class; targets stay as they are."""
    order = np.argsort(y, kind="stable") if y.ndim == 1 else np.arange(len(y))
    return order.astype(np.int32)

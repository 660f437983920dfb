"""Bins: what the codes of a table mean, and how they are found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import issparse

from deepforest.sparse import dense_column, stored
from deepforest.threads import in_threads

MISSING = 255
"""The code of missing values, in features that keep one."""

THREAD_VALUES = 2**16
"""A thread takes columns of about so many values at a time."""

QUANTILE_ROWS = 200_000
"""Thresholds of columns of twice as many rows and more come from so many of them or a few more."""


@dataclass(frozen=True, eq=False)
class Bins:
    """How the columns of a table are coded.

    Attributes
    ----------
    edges : tuple of arrays of float32, one a feature
        Ascending. Of a numeric feature the thresholds: values up to ``edges[f][c]`` have at most
        code ``c``. Of a categorical feature the categories, whose places are their codes.
    keeps_missing : array of bool, shape (n_features,)
        Whether code 255 means missing.
    is_categorical : array of bool, shape (n_features,)
    """

    edges: tuple[NDArray[np.float32], ...]
    keeps_missing: NDArray[np.bool_]
    is_categorical: NDArray[np.bool_]

    def code(self, X: Any, n_jobs: int | None = 1) -> NDArray[np.uint8]:
        """Return the codes of ``X`` (n, d) in column-major order.

        ``X`` is an array of float32 or uint8, or a CSC matrix of float32. Columns are spread over
        ``n_jobs`` threads.
        """
        if X.dtype == np.uint8 and not self.keeps_missing.any():
            return by_columns(X)
        # Imported late: numba takes longer to import than the rest of the package.
        from deepforest._engine.binning import code_categories, code_values

        codes = np.empty(X.shape, np.uint8, order="F")

        def code_column(f: int) -> None:
            code, edges = code_categories if self.is_categorical[f] else code_values, self.edges[f]
            if issparse(X):
                rows, values = stored(X, f)
                of_values = np.empty(len(values) + 1, np.uint8)
                code(np.append(values, np.float32(0)), edges, of_values)
                codes[:, f] = of_values[-1]
                codes[rows, f] = of_values[:-1]
            else:
                code(np.ascontiguousarray(X[:, f], dtype=np.float32), edges, codes[:, f])

        for _ in in_threads(code_column, range(X.shape[1]), n_jobs, _columns_together(X)):
            pass
        return codes


def by_columns(X: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return ``X`` in column-major order."""
    if X.flags.f_contiguous:
        return X
    codes = np.empty(X.shape, np.uint8, order="F")
    copy_by_blocks(X, codes)
    return codes


def copy_by_blocks(X: NDArray[np.uint8], out: NDArray[np.uint8]) -> None:
    """Copy codes to another order: twice as fast as all at once."""
    for start in range(0, len(X), 256):
        out[start : start + 256] = X[start : start + 256]


def image_bins(n_features: int) -> Bins:
    """Return the bins of ``uint8`` values, which are their own codes, all 256 of them."""
    edges = np.arange(255, dtype=np.float32) + np.float32(0.5)
    none = np.zeros(n_features, bool)
    return Bins((edges,) * n_features, none, none)


def window_bins(channel_bins: Bins, n_features: int) -> Bins:
    """Return the bins of a window's features, whose channels alternate."""
    channel = np.arange(n_features) % len(channel_bins.edges)
    return Bins(
        tuple(channel_bins.edges[c] for c in channel),
        channel_bins.keeps_missing[channel],
        channel_bins.is_categorical[channel],
    )


def find_bins(
    X: Any, max_bins: int, is_categorical: NDArray[np.bool_], n_jobs: int | None = 1
) -> Bins:
    """Return bins for ``X`` (n, d), an array or a CSC matrix of float32; NaN is missing.

    Columns are spread over ``n_jobs`` threads.
    """
    rows = _some_rows(X.shape[0])

    def edges(f: int) -> NDArray[np.float32]:
        if is_categorical[f]:
            return _categories(dense_column(X, f), max_bins)
        return _thresholds(dense_column(X, f)[rows], max_bins)

    found = in_threads(edges, range(X.shape[1]), n_jobs, _columns_together(X))
    return Bins(tuple(found), np.ones(X.shape[1], bool), is_categorical)


def _some_rows(n: int) -> slice | NDArray[np.int64]:
    """Return all of ``n`` rows, or one drawn out of every few, the same for the same ``n``.

    Drawn, because rows at even steps would show some hours of a day only, or one of two sides.
    """
    step = n // QUANTILE_ROWS
    if step < 2:
        return slice(None)
    starts = np.arange(0, n - step + 1, step)
    return starts + np.random.default_rng(0).integers(step, size=len(starts))


def _columns_together(X: Any) -> int:
    """Return how many columns a thread takes at a time."""
    n_rows: int = X.shape[0]
    return max(1, THREAD_VALUES // max(1, n_rows))


def _thresholds(column: NDArray[np.float32], max_bins: int) -> NDArray[np.float32]:
    """Return at most ``max_bins - 1`` thresholds between the values of a column."""
    values = np.sort(column)  # NaN comes last
    values = values[: np.searchsorted(values, np.nan)]
    if not values.size:
        return values
    new = np.empty(values.size, bool)
    new[0] = True
    np.not_equal(values[1:], values[:-1], out=new[1:])
    starts = np.flatnonzero(new)
    distinct = values[starts]
    if distinct.size > max_bins:
        cuts = _even_cuts(np.diff(starts, append=values.size), max_bins)
    else:
        cuts = np.arange(1, distinct.size)
    below, above = distinct[cuts - 1], distinct[cuts]
    middle = below / np.float32(2) + above / np.float32(2)
    # Between neighbouring floats the middle may round up to the upper one.
    return np.where((middle >= below) & (middle < above), middle, below)


def _even_cuts(counts: NDArray[np.intp], n_bins: int) -> NDArray[np.intp]:
    """Return where runs of equal values begin that hold about equally many rows.

    A value that more rows share than a bin's worth would leave bins empty, so it counts as one
    bin's worth: the ``limit`` at which ``n_bins`` of them make up the sum of the counts cut to it.
    """
    limit, heavy = counts.sum() / n_bins, counts < 0
    while (counts > limit).sum() > heavy.sum():
        heavy = counts > limit
        limit = counts[~heavy].sum() / (n_bins - heavy.sum())
    mass = np.minimum(counts, limit)
    bins = ((mass.cumsum() - mass / 2) / limit).astype(np.intp)
    return np.flatnonzero(np.diff(bins)) + 1


def _categories(column: NDArray[np.float32], max_bins: int) -> NDArray[np.float32]:
    """Return the ``max_bins`` most frequent values of a column, ascending."""
    values, counts = np.unique(column[~np.isnan(column)], return_counts=True)
    most = np.argsort(-counts, kind="stable")[:max_bins]
    return np.sort(values[most])


def check_max_bins(max_bins: Any) -> None:
    """Raise an error unless ``max_bins`` is an integer from 2 to 255."""
    if isinstance(max_bins, bool) or not isinstance(max_bins, int | np.integer):
        raise TypeError(f"max_bins must be an integer from 2 to 255, got {max_bins!r}.")
    if not 2 <= max_bins <= 255:
        raise ValueError(f"max_bins must be an integer from 2 to 255, got {max_bins}.")


def categorical_mask(features: Any, n_features: int) -> NDArray[np.bool_]:
    """Return a mask of the categorical features from their indices or a mask."""
    mask = np.zeros(n_features, bool)
    if features is None:
        return mask
    chosen = np.asarray(features)
    if chosen.size == 0:
        return mask
    if chosen.dtype == bool and chosen.shape == mask.shape:
        return chosen.copy()
    if chosen.dtype.kind not in "iu" or chosen.min() < 0 or chosen.max() >= n_features:
        raise ValueError(
            "categorical_features must be indices of features, or a mask with one entry a feature: "
            f"X has {n_features} features, got {features!r}."
        )
    mask[chosen] = True
    return mask

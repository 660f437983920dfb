"""Binning: real values to the 256 codes that trees grow on."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from math import gcd
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import issparse
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted, validate_data

from deepforest.saving import SaveMixin
from deepforest.sparse import check_codes_fit, dense_column, stored

MISSING = 255
"""The code of missing values, in features that keep one."""

QUANTILE_ROWS = 200_000
"""Thresholds of longer columns come from a strided sample of about so many rows."""

COPIES = 3
"""Copies of the codes that a cascade holds at most: of a table by columns, and of the table with
augmented features by columns and by rows."""


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

    def code(self, X: Any) -> NDArray[np.uint8]:
        """Return the codes of ``X`` (n, d) in column-major order.

        ``X`` is an array of float32 or uint8, or a CSC matrix of float32.
        """
        if X.dtype == np.uint8 and not self.keeps_missing.any():
            return _by_columns(X)
        # Imported late: numba takes longer to import than the rest of the package.
        from deepforest._engine.binning import code_categories, code_values

        codes = np.empty(X.shape, np.uint8, order="F")
        for f, edges in enumerate(self.edges):
            code = code_categories if self.is_categorical[f] else code_values
            if issparse(X):
                rows, values = stored(X, f)
                of_values = np.empty(len(values) + 1, np.uint8)
                code(np.append(values, np.float32(0)), edges, of_values)
                codes[:, f] = of_values[-1]
                codes[rows, f] = of_values[:-1]
            else:
                code(np.ascontiguousarray(X[:, f], dtype=np.float32), edges, codes[:, f])
        return codes


@dataclass(frozen=True, eq=False)
class CodedTable:
    """A table of codes, ready for growing trees.

    Attributes
    ----------
    codes : array of uint8, shape (n_samples, n_features)
        In column-major order.
    bins : Bins
        What the codes mean.
    """

    codes: NDArray[np.uint8]
    bins: Bins

    @cached_property
    def by_rows(self) -> NDArray[np.uint8]:
        """The codes in row-major order, made once for all trees of all forests."""
        return _by_columns(self.codes.T).T

    def forget_rows(self) -> None:
        """Free the row-major codes; they are made again when they are asked for."""
        self.__dict__.pop("by_rows", None)

    def take(self, rows: NDArray[np.intp]) -> CodedTable:
        """Return the table of some rows."""
        return CodedTable(np.asfortranarray(self.codes[rows]), self.bins)


@dataclass(frozen=True, eq=False)
class CodedWindows:
    """Arrays of codes and where their windows lie, so that no window need be copied.

    Value ``f`` of window ``p`` of array ``i`` is ``codes[i, base[p] + offset[f]]``.

    Attributes
    ----------
    codes : array of uint8, shape (n_arrays, n_values)
        In row-major order.
    base : array of int64, shape (n_windows,)
    offset : array of int64, shape (n_features,)
    bins : Bins
        What the codes of the window's features mean.
    present : array of bool, shape (n_arrays, n_windows), default=None
        Windows that may be learnt from; None stands for all.
    """

    codes: NDArray[np.uint8]
    base: NDArray[np.int64]
    offset: NDArray[np.int64]
    bins: Bins
    present: NDArray[np.bool_] | None = None

    def __post_init__(self) -> None:
        """Check that addresses fit the 32 bits that trees are grown with."""
        if self.codes.size >= 2**31:
            raise ValueError(
                f"X holds {self.codes.size} values, and scanning takes fewer than 2**31: "
                "fit on fewer or smaller arrays."
            )

    def take(self, arrays: NDArray[np.intp]) -> CodedWindows:
        """Return the windows of some arrays."""
        present = None if self.present is None else self.present[arrays]
        return CodedWindows(self.codes[arrays], self.base, self.offset, self.bins, present)


def code_arrays(arrays: NDArray[Any], bins: Bins | None = None) -> tuple[NDArray[np.uint8], Bins]:
    """Return the codes of arrays (n, n_positions, n_channels), in row-major order, and their bins.

    The values of a channel share their thresholds, wherever in the array they stand. ``bins``
    are those of the arrays that were fitted on; None finds them.
    """
    values = arrays.reshape(-1, arrays.shape[2])
    if bins is None:
        bins = code_table(values[:1]).bins if values.dtype == np.uint8 else None
    if bins is None:
        values = values.astype(np.float32, copy=False)
        # Steps that meet every position in turn: others would see some positions only.
        step = max(1, len(values) // QUANTILE_ROWS)
        while gcd(step, arrays.shape[1]) > 1:
            step += 1
        bins = find_bins(values[::step], MISSING, np.zeros(values.shape[1], bool))
    elif bins.keeps_missing.any() or values.dtype != np.uint8:
        values = values.astype(np.float32, copy=False)
    return np.ascontiguousarray(bins.code(values)).reshape(len(arrays), -1), bins


def window_bins(channel_bins: Bins, n_features: int) -> Bins:
    """Return the bins of a window's features, whose channels alternate."""
    channel = np.arange(n_features) % len(channel_bins.edges)
    return Bins(
        tuple(channel_bins.edges[c] for c in channel),
        channel_bins.keeps_missing[channel],
        channel_bins.is_categorical[channel],
    )


def _by_columns(X: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return ``X`` in column-major order, copied block by block: twice as fast as all at once."""
    if X.flags.f_contiguous:
        return X
    codes = np.empty(X.shape, np.uint8, order="F")
    for start in range(0, len(X), 256):
        codes[start : start + 256] = X[start : start + 256]
    return codes


def concatenate(tables: list[CodedTable]) -> CodedTable:
    """Return the table with the columns of all ``tables``, which have the same rows."""
    codes = np.concatenate([table.codes.T for table in tables]).T
    bins = [table.bins for table in tables]
    return CodedTable(
        codes,
        Bins(
            tuple(edges for b in bins for edges in b.edges),
            np.concatenate([b.keeps_missing for b in bins]),
            np.concatenate([b.is_categorical for b in bins]),
        ),
    )


def image_bins(n_features: int) -> Bins:
    """Return the bins of ``uint8`` values, which are their own codes, all 256 of them."""
    edges = np.arange(255, dtype=np.float32) + np.float32(0.5)
    none = np.zeros(n_features, bool)
    return Bins((edges,) * n_features, none, none)


def code_table(
    X: Any,
    weight: NDArray[np.float64] | None = None,
    max_bins: int = MISSING,
    *,
    is_categorical: NDArray[np.bool_] | None = None,
) -> CodedTable:
    """Return ``X`` (n, d), an array or a CSR matrix, as codes that a forest grows on.

    Values of dtype ``uint8`` are their own codes where none is a category. Rows of weight zero
    leave no trace, not even in the thresholds.
    """
    mask = np.zeros(X.shape[1], bool) if is_categorical is None else is_categorical
    if issparse(X):
        check_codes_fit(X.shape, COPIES)
        X = X.tocsc()
    if X.dtype == np.uint8 and not mask.any():
        bins = image_bins(X.shape[1])
    else:
        X = X.astype(np.float32, copy=False)
        seen = X if weight is None or weight.all() else X[weight > 0]
        bins = find_bins(seen, max_bins, mask)
    return CodedTable(bins.code(X), bins)


def find_bins(X: Any, max_bins: int, is_categorical: NDArray[np.bool_]) -> Bins:
    """Return bins for ``X`` (n, d), an array or a CSC matrix of float32; NaN is missing."""
    step = max(1, X.shape[0] // QUANTILE_ROWS)
    edges = tuple(
        _categories(dense_column(X, f), max_bins)
        if is_categorical[f]
        else _thresholds(dense_column(X, f)[::step], max_bins)
        for f in range(X.shape[1])
    )
    return Bins(edges, np.ones(X.shape[1], bool), is_categorical)


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


class Binner(SaveMixin, OneToOneFeatureMixin, TransformerMixin, BaseEstimator):
    """Replace values by codes from 0 to 254, and missing values by 255.

    Values are rounded to float32 first. A column of up to ``max_bins`` distinct values gets a code
    for each of them; one of more gets codes for about equally many rows each.

    Parameters
    ----------
    max_bins : int, default=255
        The largest number of codes of a feature, 2 to 255, not counting the code for missing
        values.
    categorical_features : array-like of int or bool, default=None
        Which features are categories: their indices, or a mask. Their values are numbers that only
        serve as names. The ``max_bins`` most frequent categories keep a code of their own; rarer
        ones, and ones never seen in ``fit``, are coded as missing.

    Attributes
    ----------
    n_features_in_ : int
        The number of features seen in ``fit``.
    feature_names_in_ : array of str, shape (n_features_in_,)
        Names of the features, where ``X`` had names.

    Examples
    --------
    >>> import numpy as np
    >>> from deepforest import Binner
    >>> Binner(max_bins=3).fit_transform([[0.1], [0.2], [0.3], [0.4], [0.5], [0.6], [np.nan]]).T
    array([[  0,   0,   1,   1,   2,   2, 255]], dtype=uint8)
    """

    def __init__(
        self, max_bins: int = 255, *, categorical_features: ArrayLike | None = None
    ) -> None:
        self.max_bins = max_bins
        self.categorical_features = categorical_features

    def fit(self, X: ArrayLike, y: object = None) -> Self:
        """Find the thresholds.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Numbers; NaN is a missing value.
        y : None
            Ignored.

        Returns
        -------
        self : Binner

        Raises
        ------
        ValueError
            If ``max_bins`` is not an integer from 2 to 255, or ``categorical_features`` names a
            feature that is not there.
        """
        check_max_bins(self.max_bins)
        values: NDArray[np.float32] = validate_data(
            self, X, dtype=np.float32, ensure_all_finite="allow-nan"
        )
        mask = categorical_mask(self.categorical_features, values.shape[1])
        self._bins = find_bins(values, self.max_bins, mask)
        return self

    def transform(self, X: ArrayLike) -> NDArray[np.uint8]:
        """Return the codes of ``X``.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Numbers; NaN is a missing value.

        Returns
        -------
        codes : array of uint8, shape (n_samples, n_features)
            In column-major order.
        """
        return self._table(X).codes

    def _table(self, X: ArrayLike) -> CodedTable:
        """Return ``X`` as a table that a forest's ``_fit_coded`` takes."""
        check_is_fitted(self)
        values: NDArray[np.float32] = validate_data(
            self, X, dtype=np.float32, ensure_all_finite="allow-nan", reset=False
        )
        return CodedTable(self._bins.code(values), self._bins)

    def __sklearn_is_fitted__(self) -> bool:
        """Say whether ``fit`` has been called."""
        return hasattr(self, "_bins")

    def __sklearn_tags__(self) -> Any:
        """Return the tags: NaN is a value like others."""
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.transformer_tags.preserves_dtype = []
        return tags


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

"""Tables and arrays as codes that trees grow on."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import issparse

from deepforest.bins import MISSING, Bins, copy_by_blocks, find_bins, image_bins
from deepforest.sparse import check_codes_fit

COPIES = 3
"""Copies of the codes that a cascade holds at most: of a table by columns, and of the table with
augmented features by columns and by rows."""


CACHE_LINE = 64
"""Bytes that processors of today read at once."""


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

    @property
    def row_step(self) -> int:
        """Distance of two rows in `padded_rows`: narrow rows lie within one line of the cache."""
        n_features: int = self.codes.shape[1]
        return n_features if n_features > CACHE_LINE else 1 << (n_features - 1).bit_length()

    @cached_property
    def padded_rows(self) -> NDArray[np.uint8]:
        """The codes by rows of ``row_step``, made once for all trees of all forests."""
        n, n_features = self.codes.shape
        room = np.empty(n * self.row_step + CACHE_LINE, np.uint8)
        start = -room.ctypes.data % CACHE_LINE
        rows = room[start : start + n * self.row_step].reshape(n, self.row_step)
        copy_by_blocks(self.codes.T, rows.T[:n_features])
        return rows

    @property
    def by_rows(self) -> NDArray[np.uint8]:
        """The codes in `padded_rows`."""
        return self.padded_rows[:, : self.codes.shape[1]]

    def forget_rows(self) -> None:
        """Free the row-major codes; they are made again when they are asked for."""
        self.__dict__.pop("padded_rows", None)

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
        bins = find_bins(values, MISSING, np.zeros(values.shape[1], bool))
    elif bins.keeps_missing.any() or values.dtype != np.uint8:
        values = values.astype(np.float32, copy=False)
        if not bins.keeps_missing.any() and np.isnan(values).any():
            raise ValueError(
                "X holds NaN, but the scanner was fitted on uint8 values, of which none is "
                "missing: fill them, or fit on the same values as floats (X.astype(np.float32))."
            )
    return np.ascontiguousarray(bins.code(values)).reshape(len(arrays), -1), bins


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


def code_table(
    X: Any,
    weight: NDArray[np.float64] | None = None,
    max_bins: int = MISSING,
    *,
    is_categorical: NDArray[np.bool_] | None = None,
    n_jobs: int | None = 1,
) -> CodedTable:
    """Return ``X`` (n, d), an array or a CSR matrix, as codes that a forest grows on.

    Values of dtype ``uint8`` are their own codes where none is a category. Rows of weight zero
    leave no trace, not even in the thresholds. Columns are spread over ``n_jobs`` threads.
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
        bins = find_bins(seen, max_bins, mask, n_jobs)
    return CodedTable(bins.code(X, n_jobs), bins)

"""Sparse matrices: what is asked of them column by column and block by block, never all dense.

Entries that are not stored are zeros, which are values like others; NaN is missing.
"""

import os
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix, hstack, issparse

BLOCK_BYTES = 2**25
"""Rows are made dense so many bytes at a time."""


def table_dtype(X: Any) -> Any:
    """Return the dtypes that the values of a table may have: bytes only where X is dense."""
    return np.float32 if issparse(X) else [np.float32, np.uint8]


def canonical(X: Any) -> NDArray[Any]:
    """Return a table, dense or a CSR matrix, whose entries are sorted and stored once."""
    if issparse(X):
        X = csr_matrix(X)  # LightGBM takes no sparse arrays
        if not X.has_canonical_format:
            X = X.copy()  # it may be the user's
            X.sum_duplicates()
    table: NDArray[Any] = X
    return table


def stored(X: Any, f: int) -> tuple[NDArray[np.intp], NDArray[np.float32]]:
    """Return the rows and the values of the stored entries of column `f` of a CSC matrix."""
    part = slice(X.indptr[f], X.indptr[f + 1])
    return X.indices[part], X.data[part]


def dense_column(X: Any, f: int) -> NDArray[Any]:
    """Return a column (n,) of a table, made dense where that is a CSC matrix."""
    if not issparse(X):
        return np.asarray(X[:, f])
    column = np.zeros(X.shape[0], dtype=X.dtype)
    rows, values = stored(X, f)
    column[rows] = values
    return column


def dense_blocks(X: Any) -> Iterator[NDArray[Any]]:
    """Yield the rows of a table (n, d) in order: a CSR matrix in dense blocks, others whole."""
    if not issparse(X):
        yield X
        return
    n, d = X.shape
    size = max(1, BLOCK_BYTES // (d * X.dtype.itemsize))
    for start in range(0, n, size):
        yield X[start : start + size].toarray()


def side_by_side(X: Any, columns: NDArray[Any]) -> Any:
    """Return a table (n, d), dense or CSR, with further dense columns (n, a)."""
    if issparse(X):
        return hstack([X, csr_matrix(columns)], format="csr")
    return np.hstack([X, columns])


def check_codes_fit(shape: tuple[int, int], copies: int) -> None:
    """Raise a MemoryError if codes of a sparse matrix (n, d) are more than the memory.

    They are dense, one byte a value.
    """
    (n, d), memory = shape, physical_memory()
    needed = copies * n * d
    if memory is not None and needed > memory:
        raise MemoryError(
            f"X is sparse, {n} rows by {d} columns, and forests of deepforest grow on dense codes "
            f"of one byte a value, {copies} copies of them: that takes {needed / 2**30:.1f} GiB, "
            f"and this machine has {memory / 2**30:.1f} GiB. Take fewer columns (SelectKBest, "
            "TruncatedSVD), fewer rows, or a layer of estimators that keep X sparse, such as "
            "LightGBM."
        )


def physical_memory() -> int | None:
    """Return the bytes of memory that the machine has; None where it does not say."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return None

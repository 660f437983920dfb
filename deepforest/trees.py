"""The trees of a fitted forest, as a struct of arrays, and what they say of a table."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from joblib import effective_n_jobs
from numpy.typing import NDArray

from deepforest.bins import Bins
from deepforest.coding import CodedWindows
from deepforest.threads import in_threads

BLOCK_BYTES = 2**19
"""Rows of about so many bytes go down a tree together, and stay in the cache from tree to tree."""

NODES_A_ROW = 4
"""So many nodes of a tree there are at most for each row, as trees are laid out for each block."""

BLOCK_ROWS = 512
"""Blocks are a multiple of so many rows, which are whole bytes of a bag."""

Readable = tuple[Any, NDArray[np.uint32] | None, bool]
"""A `predicting.Forest` with ``sets`` and ``any_missing`` as `predicting.find_leaves` has them."""


@dataclass(frozen=True, eq=False)
class Trees:
    """Nodes of all trees, one tree after the other; names as in scikit-learn's ``tree_``.

    About 18 bytes a node, and ``8 K`` bytes for each leaf that holds more than one class.

    Attributes
    ----------
    roots : array of int32, shape (n_trees,)
        The first node of each tree.
    children_left : array of int32, shape (n_nodes,)
        A leaf is its own left child. Right children follow left ones.
    feature : array of int32, shape (n_nodes,)
        -1 for leaves.
    threshold : array of float32, shape (n_nodes,)
        Values up to it go left; infinite for leaves.
    code : array of uint8, shape (n_nodes,)
        The same for codes; 255 for leaves.
    missing_left : array of bool, shape (n_nodes,)
        Whether missing values go left.
    leaf : array of int32, shape (n_nodes,)
        Of a leaf a class, or ``~r`` for row ``r`` of ``leaf_values``. Of a split on a categorical
        feature its row of ``left_sets``.
    leaf_values : array of float32 or float64, shape (n_mixed_leaves, n_outputs)
        Shares of classes (float32 does for them) or targets (float64).
    left_sets : array of uint32, shape (n_categorical_splits, 8)
        One bit for each category that goes left.
    bins : Bins
        What the codes mean.
    """

    roots: NDArray[np.int32]
    children_left: NDArray[np.int32]
    feature: NDArray[np.int32]
    threshold: NDArray[np.float32]
    code: NDArray[np.uint8]
    missing_left: NDArray[np.bool_]
    leaf: NDArray[np.int32]
    leaf_values: NDArray[Any]
    left_sets: NDArray[np.uint32]
    bins: Bins

    def _readable(self, X: NDArray[Any], offset: NDArray[np.int64] | None = None) -> Readable:
        """Return the forest as prediction reads it for values like those of ``X``.

        ``offset`` is where each feature stands behind the first value of its row, or None where
        features stand in their order.
        """
        from deepforest._engine.predicting import Forest

        is_coded = X.dtype == np.uint8
        sets, needs_care = None, self._needs_care(X)
        if is_coded and needs_care:
            sets = self.left_sets if len(self.left_sets) else np.zeros((1, 8), np.uint32)
        n_features = len(self.bins.edges)
        forest = Forest(
            np.append(self.roots, self.feature.size).astype(np.int64),
            self.children_left,
            self.feature,
            self.code if is_coded else self.threshold,
            self.missing_left,
            self.leaf,
            (np.arange(n_features) if offset is None else offset).astype(np.int32),
            self.bins.keeps_missing,
            self.bins.is_categorical,
        )
        return forest, sets, needs_care and not is_coded

    def votes(
        self, X: NDArray[Any], n_outputs: int, n_jobs: int | None, bags: Any = None
    ) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """Return the sum of what the trees say of each row, and how many trees were asked.

        Parameters
        ----------
        X : array of float32, or of uint8 codes, shape (n_samples, n_features)
        n_outputs : int
            Classes or targets.
        n_jobs : int or None
        bags : list of arrays of uint8, one a tree, default=None
            One bit for each row; trees are asked only about rows whose bit is 0.

        Returns
        -------
        sums : array of float64, shape (n_samples, n_outputs)
        counts : array of int64, shape (n_samples,)
        """
        readable = self._readable(X)
        if bags is None:
            packed = np.empty((0, 0), np.uint8)
        else:
            packed = np.asarray(bags)

        def votes(rows: slice) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
            return _votes(readable, self.leaf_values, X, packed, rows, n_outputs)

        parts = in_threads(votes, _shares(len(X), n_jobs), n_jobs)
        sums, counts = zip(*parts, strict=True)
        return np.concatenate(sums), np.concatenate(counts)

    def window_votes(
        self, windows: CodedWindows, n_outputs: int, bags: NDArray[np.bool_] | None = None
    ) -> Callable[[slice], NDArray[np.float64]]:
        """Return a function from a slice of the arrays to the mean votes on their windows.

        Parameters
        ----------
        windows : CodedWindows
        n_outputs : int
            Classes or targets.
        bags : array of bool, shape (n_trees, n_arrays), default=None
            Trees are asked only about the windows of arrays that are not in their bag.

        Returns
        -------
        votes : function
            Its result has shape (arrays of the slice, n_windows, n_outputs), with NaN for
            arrays in every bag. Sums go over the trees in their order, so results do not
            depend on the slices.
        """
        from deepforest._engine.predicting import add_votes

        forest, sets, any_missing = self._readable(windows.codes, windows.offset)
        flat, n_windows = windows.codes.ravel(), len(windows.base)

        def votes(arrays: slice) -> NDArray[np.float64]:
            first = np.arange(len(windows.codes))[arrays] * windows.codes.shape[1]
            base = (first[:, None] + windows.base).ravel()
            packed = np.empty((0, 0), np.uint8)
            if bags is not None:
                packed = np.packbits(np.repeat(bags[:, arrays], n_windows, axis=1), axis=1)
            sums = np.zeros((len(base), n_outputs))
            counts = np.zeros(len(base), np.int64)
            add_votes(
                flat,
                base,
                forest,
                self.leaf_values,
                sets,
                any_missing,
                packed,
                _room(forest),
                sums,
                counts,
            )
            with np.errstate(invalid="ignore"):
                sums /= counts[:, None]
            return sums.reshape(len(first), n_windows, n_outputs)

        return votes

    def leaves(self, X: NDArray[Any], n_jobs: int | None) -> NDArray[np.int32]:
        """Return the leaf that each row falls into, by its number in its tree; (n, trees)."""
        readable = self._readable(X)
        parts = in_threads(partial(_leaves, readable, X), _shares(len(X), n_jobs), n_jobs)
        return np.concatenate(list(parts))

    def _needs_care(self, X: NDArray[Any]) -> bool:
        """Say whether prediction has to look for missing values and categories in ``X``."""
        if self.bins.is_categorical.any():
            return True
        if X.dtype == np.uint8:
            return bool(self.bins.keeps_missing.any()) and bool(X.max(initial=0) == 255)
        return bool(np.isnan(X).any())


def real_thresholds(
    feature: NDArray[np.int32], code: NDArray[np.uint8], bins: Bins
) -> NDArray[np.float32]:
    """Return the thresholds of splits in place of their codes."""
    threshold = np.full(feature.size, np.inf, np.float32)
    sizes = np.array([len(edges) for edges in bins.edges])
    starts = np.cumsum(sizes) - sizes
    edges = np.concatenate(bins.edges)
    # Where all values that are not missing go left there is no edge: infinity lets them.
    real = (feature >= 0) & (code < sizes[feature])
    threshold[real] = edges[starts[feature[real]] + code[real]]
    return threshold


def _shares(n: int, n_jobs: int | None) -> list[slice]:
    """Divide rows among threads, each to read all trees; parts begin at whole bytes of a bag."""
    parts = effective_n_jobs(n_jobs)
    return _chunks(n, -(-n // (parts * BLOCK_ROWS)) * BLOCK_ROWS)


def _block_rows(X: NDArray[Any], forest: Any) -> int:
    """Return how many rows make a block."""
    of_bytes = BLOCK_BYTES // (X.shape[1] * X.itemsize)
    of_nodes = forest.left.size // (forest.starts.size - 1) // NODES_A_ROW
    return int(BLOCK_ROWS * min(max(1, of_bytes // BLOCK_ROWS, of_nodes // BLOCK_ROWS), 16))


def _chunks(n: int, size: int) -> list[slice]:
    return [slice(start, min(start + size, n)) for start in range(0, n, size)]


def _votes(
    readable: Readable,
    leaf_values: NDArray[Any],
    X: NDArray[Any],
    bags: NDArray[np.uint8],
    rows: slice,
    n_outputs: int,
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return sums and counts of ``Trees.votes`` for a slice of the rows."""
    from deepforest._engine.predicting import add_votes

    forest, sets, any_missing = readable
    n = rows.stop - rows.start
    sums = np.zeros((n, n_outputs))
    counts = np.zeros(n, np.int64)
    room = _room(forest)
    for part in _chunks(n, _block_rows(X, forest)):
        flat, base = _by_rows(X[rows][part])
        first = rows.start + part.start
        add_votes(
            flat,
            base,
            forest,
            leaf_values,
            sets,
            any_missing,
            bags[:, first >> 3 : (first + part.stop - part.start + 7) >> 3],
            room,
            sums[part],
            counts[part],
        )
    return sums, counts


def _leaves(readable: Readable, X: NDArray[Any], rows: slice) -> NDArray[np.int32]:
    """Return the leaves of a slice of the rows; (rows, trees)."""
    from deepforest._engine.predicting import find_all_leaves

    forest, sets, any_missing = readable
    n, n_trees = rows.stop - rows.start, forest.starts.size - 1
    out = np.empty((n, n_trees), np.int32)
    room = _room(forest)
    for part in _chunks(n, _block_rows(X, forest)):
        flat, base = _by_rows(X[rows][part])
        leaves = np.empty((n_trees, base.size), np.int32)
        find_all_leaves(flat, base, forest, sets, any_missing, room, leaves)
        out[part] = leaves.T
    return out


def _room(forest: Any) -> NDArray[Any]:
    """Return room for laying out any tree of a `predicting.Forest`."""
    from deepforest._engine.predicting import NODE_CODE, NODE_REAL

    dtype = NODE_CODE if forest.threshold.dtype == np.uint8 else NODE_REAL
    return np.empty(np.diff(forest.starts).max(), dtype)


def _by_rows(X: NDArray[Any]) -> tuple[NDArray[Any], NDArray[np.int64]]:
    """Return ``X`` flat, row by row, and where each row begins."""
    return np.ascontiguousarray(X).ravel(), np.arange(len(X)) * X.shape[1]

"""The trees of a fitted forest, as a struct of arrays, and what they say of a table."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deepforest.bins import MISSING, Bins
from deepforest.coding import CodedWindows
from deepforest.threads import count_threads, in_threads

BLOCK_BYTES = 2**19
"""Rows of about so many bytes go down a tree together, and stay in the cache from tree to tree."""

NODES_A_ROW = 4
"""A block has a row for so many nodes of a tree, where rows suffice: each block lays trees out."""

BLOCK_ROWS = 512
"""Blocks are a multiple of so many rows, which are whole bytes of a bag, and at most 16 times."""


@dataclass(frozen=True, eq=False)
class Trees:
    """Nodes of all trees, one tree after the other; names as in scikit-learn's ``tree_``.

    About 14 bytes a node, and ``2 K`` bytes for each leaf that holds more than one class.

    Attributes
    ----------
    roots : array of int32, shape (n_trees,)
        The first node of each tree.
    children_left : array of int32, shape (n_nodes,)
        A leaf is its own left child. Right children follow left ones.
    feature : array of int32, shape (n_nodes,)
        -1 for leaves.
    code : array of uint8, shape (n_nodes,)
        Codes up to it go left; 255 for leaves.
    missing_left : array of bool, shape (n_nodes,)
        Whether missing values go left.
    leaf : array of int32, shape (n_nodes,)
        Of a leaf a class, or ``~r`` for row ``r`` of ``leaf_values``. Of a split on a categorical
        feature its row of ``left_sets``.
    leaf_values : array of uint16, float32 or float64, shape (n_mixed_leaves, n_outputs)
        How often the rows of each class were drawn (uint16, exact up to 65,535 in all and rounded
        in leaves of more); shares of classes where weights are not whole (float32); or targets
        (float64).
    left_sets : array of uint32, shape (n_categorical_splits, 8)
        One bit for each category that goes left.
    bins : Bins
        What the codes mean.
    """

    roots: NDArray[np.int32]
    children_left: NDArray[np.int32]
    feature: NDArray[np.int32]
    code: NDArray[np.uint8]
    missing_left: NDArray[np.bool_]
    leaf: NDArray[np.int32]
    leaf_values: NDArray[Any]
    left_sets: NDArray[np.uint32]
    bins: Bins

    @property
    def threshold(self) -> NDArray[np.float32]:
        """Values up to it go left; infinite for leaves, shape (n_nodes,)."""
        values, starts, sizes = self._thresholds()
        return values[starts[self.feature] + np.minimum(self.code, sizes[self.feature])]

    @property
    def leaf_outputs(self) -> NDArray[np.float64]:
        """Shares of classes or targets in the rows of `leaf_values`, of the same shape."""
        values = self.leaf_values.astype(np.float64)
        return values / values.sum(axis=1, keepdims=True) if self._holds_counts else values

    @property
    def _holds_counts(self) -> bool:
        """Whether leaves hold how often rows of each class were drawn."""
        return self.leaf_values.dtype == np.uint16

    def votes(
        self,
        X: NDArray[Any],
        n_outputs: int,
        n_jobs: int | None,
        bags: NDArray[np.uint8] | None = None,
        *,
        coded: bool = False,
    ) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """Return the sum of what the trees say of each row, and how many trees were asked.

        Parameters
        ----------
        X : array of float32, or of uint8 codes, shape (n_samples, n_features)
        n_outputs : int
            Classes or targets.
        n_jobs : int or None
        bags : array of uint8, shape (n_trees, bytes), default=None
            One bit for each row; trees are asked only about rows whose bit is 0.
        coded : bool, default=False
            Whether values are coded before trees read them, which says the same.

        Returns
        -------
        sums : array of float64, shape (n_samples, n_outputs)
        counts : array of int64, shape (n_samples,)
        """
        from deepforest._engine.predicting import add_votes

        packed = np.empty((0, 0), np.uint8) if bags is None else bags
        sums, counts = np.zeros((len(X), n_outputs)), np.zeros(len(X), np.int64)
        forest, thresholds = self._as_arrays(), self._thresholds_for(X, coded)

        def vote(block: slice) -> None:
            rows = self.bins.code(X[block]) if coded else X[block]
            add_votes(
                *_by_rows(rows),
                forest,
                self.leaf_values,
                self._sets_for(rows),
                thresholds,
                _any_missing(rows),
                packed[:, block.start >> 3 : (block.stop + 7) >> 3],
                _room(forest, rows.dtype),
                sums[block],
                counts[block],
            )

        for _ in in_threads(vote, self._blocks(X, n_jobs, coded), n_jobs):
            pass
        return sums, counts

    def leaves(
        self, X: NDArray[Any], n_jobs: int | None, *, coded: bool = False
    ) -> NDArray[np.int32]:
        """Return the leaf that each row falls into, by its number in its tree; (n, trees).

        Parameters are as in `votes`.
        """
        from deepforest._engine.predicting import find_all_leaves

        found = np.empty((len(X), len(self.roots)), np.int32)
        forest, thresholds = self._as_arrays(), self._thresholds_for(X, coded)

        def find(block: slice) -> None:
            rows = self.bins.code(X[block]) if coded else X[block]
            leaves = np.empty((len(self.roots), len(rows)), np.int32)
            find_all_leaves(
                *_by_rows(rows),
                forest,
                self._sets_for(rows),
                thresholds,
                _any_missing(rows),
                _room(forest, rows.dtype),
                leaves,
            )
            found[block] = leaves.T

        for _ in in_threads(find, self._blocks(X, n_jobs, coded), n_jobs):
            pass
        return found

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

        forest, sets = self._as_arrays(windows.offset), self._sets_for(windows.codes)
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
                None,
                False,
                packed,
                _room(forest, windows.codes.dtype),
                sums,
                counts,
            )
            with np.errstate(invalid="ignore"):
                sums /= counts[:, None]
            return sums.reshape(len(first), n_windows, n_outputs)

        return votes

    def _blocks(self, X: NDArray[Any], n_jobs: int | None, coded: bool) -> list[slice]:
        """Divide rows into blocks that go down the trees together."""
        of_threads = -(-len(X) // (count_threads(n_jobs) * BLOCK_ROWS))
        of_bytes = BLOCK_BYTES // (X.shape[1] * (1 if coded else X.itemsize) * BLOCK_ROWS)
        of_nodes = self.feature.size // (len(self.roots) * NODES_A_ROW * BLOCK_ROWS)
        size = BLOCK_ROWS * max(1, min(of_threads, max(of_bytes, of_nodes), 16))
        return [slice(start, min(start + size, len(X))) for start in range(0, len(X), size)]

    def _as_arrays(self, offset: NDArray[np.int64] | None = None) -> Any:
        """Return the nodes as a `predicting.Forest`.

        ``offset`` is where each feature stands behind the first value of its row, or None where
        features stand in their order.
        """
        from deepforest._engine.predicting import Forest

        return Forest(
            np.append(self.roots, self.feature.size).astype(np.int64),
            self.children_left,
            self.feature,
            self.code,
            self.missing_left,
            self.leaf,
            (np.arange(len(self.bins.edges)) if offset is None else offset).astype(np.int32),
            self.bins.keeps_missing,
            self.bins.is_categorical,
            self._holds_counts,
        )

    def _thresholds(self) -> tuple[NDArray[np.float32], NDArray[np.int64], NDArray[np.int64]]:
        """Return the thresholds of all features, where those of each begin, how many there are."""
        # Infinity is for codes without an edge: all values that are not missing go left. It stands
        # once more at the end, for leaves, whose feature is -1.
        none = np.array([np.inf], np.float32)
        sizes = np.array([*(len(edges) for edges in self.bins.edges), 0], np.int64)
        edges = [part for of_one in self.bins.edges for part in (of_one, none)]
        return np.concatenate([*edges, none]), np.cumsum(sizes + 1) - (sizes + 1), sizes

    def _thresholds_for(self, X: NDArray[Any], coded: bool) -> Any:
        """Return the `predicting.Thresholds` that rows are compared with; None for codes."""
        from deepforest._engine.predicting import Thresholds

        return None if coded or X.dtype == np.uint8 else Thresholds(*self._thresholds())

    def _sets_for(self, rows: NDArray[Any]) -> NDArray[np.uint32] | None:
        """Return the sets of categories if codes may be categories or missing, else None."""
        if rows.dtype != np.uint8:
            return None
        any_missing = self.bins.keeps_missing.any() and rows.max(initial=0) == MISSING
        if not any_missing and not self.bins.is_categorical.any():
            return None
        return self.left_sets if len(self.left_sets) else np.zeros((1, 8), np.uint32)


def _any_missing(rows: NDArray[Any]) -> bool:
    """Say whether real values are missing."""
    return rows.dtype != np.uint8 and bool(np.isnan(rows).any())


def _by_rows(rows: NDArray[Any]) -> tuple[NDArray[Any], NDArray[np.int64]]:
    """Return a table flat, row by row, and where each row begins."""
    return np.ascontiguousarray(rows).ravel(), np.arange(len(rows)) * rows.shape[1]


def _room(forest: Any, dtype: np.dtype[Any]) -> NDArray[Any]:
    """Return room for any tree of a `predicting.Forest` that rows of a dtype go down."""
    from deepforest._engine.predicting import NODE_CODE, NODE_REAL

    n_nodes = np.diff(forest.starts).max()
    return np.empty(n_nodes, NODE_CODE if dtype == np.uint8 else NODE_REAL)

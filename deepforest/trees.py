"""The trees of a fitted forest, as a struct of arrays, and what they say of a table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.parallel import Parallel, delayed

from deepforest.binning import Bins, CodedTable

ROWS_AT_ONCE = 512
"""Rows that go down a tree together, so that their codes stay in the cache from tree to tree."""


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
    leaf_values : array of float64, shape (n_mixed_leaves, n_outputs)
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
    leaf_values: NDArray[np.float64]
    left_sets: NDArray[np.uint32]
    bins: Bins

    @classmethod
    def join(cls, trees: list[Any], bins: Bins) -> Self:
        """Put grown trees (``_engine.growing.Tree``) one after the other."""
        starts = [
            np.cumsum([0] + [len(part) for part in parts]) for parts in zip(*trees, strict=True)
        ]
        nodes, values, sets = starts[0], starts[5], starts[6]
        feature = np.concatenate([tree.feature for tree in trees])
        code = np.concatenate([tree.code for tree in trees])
        leaf = np.concatenate(
            [
                np.where(
                    tree.feature >= 0,
                    tree.leaf + np.int32(sets[t]),
                    np.where(tree.leaf >= 0, tree.leaf, tree.leaf - np.int32(values[t])),
                )
                for t, tree in enumerate(trees)
            ]
        )
        return cls(
            roots=nodes[:-1].astype(np.int32),
            children_left=np.concatenate(
                [tree.children_left + np.int32(nodes[t]) for t, tree in enumerate(trees)]
            ),
            feature=feature,
            threshold=_real_thresholds(feature, code, bins),
            code=code,
            missing_left=np.concatenate([tree.missing_left for tree in trees]),
            leaf=leaf,
            leaf_values=np.concatenate([tree.leaf_values for tree in trees]),
            left_sets=np.concatenate([tree.left_sets for tree in trees]),
            bins=bins,
        )

    def _forest(self, dtype: type) -> Any:
        """Return the nodes as prediction reads them, for a table of ``dtype`` by rows."""
        from deepforest._engine.predicting import NODE_CODE, NODE_REAL, Forest

        coded = dtype == np.uint8
        nodes = np.empty(self.feature.size, NODE_CODE if coded else NODE_REAL)
        nodes["threshold"] = self.code if coded else self.threshold
        nodes["left"] = self.children_left
        nodes["offset"] = np.maximum(self.feature, 0)
        return Forest(
            nodes,
            self.roots,
            self.missing_left,
            self.bins.keeps_missing[self.feature],
            self.bins.is_categorical[self.feature],
            self.leaf,
            self.left_sets,
        )

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
        forest, careful = self._forest(X.dtype.type), self._needs_care(X)
        if bags is None:
            packed = np.empty((0, 0), np.uint8)
        else:
            packed = np.asarray(bags)
        parts = Parallel(n_jobs=n_jobs, prefer="threads")(
            delayed(_votes)(forest, self.leaf_values, X, careful, packed, chunk, n_outputs)
            for chunk in _chunks(len(X), 8 * ROWS_AT_ONCE)
        )
        sums, counts = zip(*parts, strict=True)
        return np.concatenate(sums), np.concatenate(counts)

    def leaves(self, X: NDArray[Any], n_jobs: int | None) -> NDArray[np.int32]:
        """Return the leaf that each row falls into, by its number in its tree; (n, trees)."""
        forest, careful = self._forest(X.dtype.type), self._needs_care(X)
        parts = Parallel(n_jobs=n_jobs, prefer="threads")(
            delayed(_leaves)(forest, X, careful, chunk)
            for chunk in _chunks(len(X), 8 * ROWS_AT_ONCE)
        )
        return np.concatenate(parts) - self.roots

    def _needs_care(self, X: NDArray[Any]) -> bool:
        """Say whether prediction has to look for missing values and categories in ``X``."""
        if self.bins.is_categorical.any():
            return True
        if X.dtype == np.uint8:
            return bool(self.bins.keeps_missing.any()) and bool((X == 255).any())
        return bool(np.isnan(X).any())


def _real_thresholds(
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


def _chunks(n: int, size: int) -> list[slice]:
    return [slice(start, min(start + size, n)) for start in range(0, n, size)]


def _votes(
    forest: Any,
    leaf_values: NDArray[np.float64],
    X: NDArray[Any],
    careful: bool,
    bags: NDArray[np.uint8],
    rows: slice,
    n_outputs: int,
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return sums and counts of ``Trees.votes`` for a slice of the rows."""
    from deepforest._engine.predicting import add_votes

    n = rows.stop - rows.start
    sums = np.zeros((n, n_outputs))
    counts = np.zeros(n, np.int64)
    for part in _chunks(n, ROWS_AT_ONCE):
        flat, base = _by_rows(X[rows][part])
        first = rows.start + part.start
        add_votes(
            flat,
            base,
            forest,
            leaf_values,
            careful,
            bags[:, first >> 3 : (first + part.stop - part.start + 7) >> 3],
            sums[part],
            counts[part],
        )
    return sums, counts


def _leaves(forest: Any, X: NDArray[Any], careful: bool, rows: slice) -> NDArray[np.int32]:
    """Return the leaves of a slice of the rows; (rows, trees)."""
    from deepforest._engine.predicting import find_leaves

    n = rows.stop - rows.start
    out = np.empty((n, forest.roots.size), np.int32)
    for part in _chunks(n, ROWS_AT_ONCE):
        flat, base = _by_rows(X[rows][part])
        leaves = np.empty((forest.roots.size, base.size), np.int32)
        find_leaves(flat, base, forest, careful, leaves)
        out[part] = leaves.T
    return out


def _by_rows(X: NDArray[Any]) -> tuple[NDArray[Any], NDArray[np.int64]]:
    """Return ``X`` flat, row by row, and where each row begins."""
    return np.ascontiguousarray(X).ravel(), np.arange(len(X)) * X.shape[1]


def grow_trees(
    table: CodedTable,
    y: NDArray[Any],
    weight: NDArray[np.float64] | None,
    *,
    n_classes: int | None,
    n_trees: int,
    n_draws: int | None,
    rules: dict[str, Any],
    seed: int,
    keep_bags: bool,
    n_jobs: int | None,
    verbose: int,
) -> tuple[Trees, list[Any], NDArray[np.float64]]:
    """Grow a forest.

    Parameters
    ----------
    table : CodedTable
    y : array of int32, shape (n,), or of float64, shape (n, n_outputs)
        Classes, or targets where ``n_classes`` is None.
    weight : array of float64, shape (n,), or None
    n_classes : int or None
    n_trees : int
    n_draws : int or None
        How many rows are drawn with replacement for each tree, by weight; None for all rows
        once, with their weights.
    rules : dict
        The fields of ``_engine.growing.Rules``.
    seed : int
        32 bits; tree ``t`` draws from a generator that ``seed`` and ``t`` determine.
    keep_bags : bool
        Whether to return the bags.
    n_jobs, verbose : int
        As joblib takes them.

    Returns
    -------
    trees : Trees
    bags : list of arrays of uint8
        One bit for each row that a tree saw; empty unless ``keep_bags``.
    importances : array of float64, shape (n_features,)
        Mean decrease of impurity, normalised.
    """
    n, n_features = table.codes.shape
    order = np.argsort(y, kind="stable") if n_classes else np.arange(n)
    cumulated = None if weight is None or n_draws is None else np.cumsum(weight)
    flat = table.codes.T.reshape(-1)
    parts = Parallel(n_jobs=n_jobs, verbose=verbose, prefer="threads")(
        delayed(_grow)(
            (flat, np.arange(n, dtype=np.int32), np.arange(n_features) * n, table.bins),
            y,
            weight,
            cumulated,
            order,
            n_classes,
            n_draws,
            rules,
            seed,
            number,
            keep_bags,
        )
        for number in range(n_trees)
    )
    grown, bags = zip(*parts, strict=True)
    importances = np.zeros(n_features)
    for tree in grown:
        # Rounding may leave a feature that only ever made useless splits just below zero.
        own = np.maximum(tree.importances, 0.0)
        if own.sum() > 0:
            importances += own / own.sum()
    if importances.sum() > 0:
        importances /= importances.sum()
    return Trees.join(list(grown), table.bins), list(bags), importances


def _grow(
    codes: tuple[Any, ...],
    y: NDArray[Any],
    weight: NDArray[np.float64] | None,
    cumulated: NDArray[np.float64] | None,
    order: NDArray[np.int64],
    n_classes: int | None,
    n_draws: int | None,
    rules: dict[str, Any],
    seed: int,
    number: int,
    keep_bag: bool,
) -> tuple[Any, Any]:
    """Grow one tree and return it with its bag."""
    from deepforest._engine import growing
    from deepforest._engine.growing_targets import grow_targets

    flat, base, offset, bins = codes
    table = growing.Table(flat, base, offset, bins.keeps_missing, bins.is_categorical)
    bag = None
    # Without the compiler numpy warns where the random numbers' products wrap around.
    with np.errstate(over="ignore"):
        if n_draws is None:
            weight = np.ones(len(y), np.int32) if weight is None else weight
        elif cumulated is None:
            weight = growing.draw_bag(n_draws, len(y), seed, number)
        else:
            weight = growing.draw_weighted_bag(n_draws, cumulated, seed, number)
        if keep_bag:
            bag = np.packbits(weight > 0)
        limits = growing.Rules(**rules)
        if n_classes:
            tree = growing.grow_classes(table, y, weight, order, n_classes, limits, seed, number)
        else:
            tree = grow_targets(table, y, weight, order, limits, seed, number)
    return tree, bag

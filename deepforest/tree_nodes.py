"""The nodes of trees side by side, as other libraries take them: ONNX's runtimes and shap."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from deepforest.boosted import BoostedTrees
from deepforest.frames import FrameEncoder
from deepforest.trees import Trees

CATEGORIES_REMEDY = (
    "Neither shap nor all of ONNX's runtimes know splits on sets of categories: fit on numbers in "
    "their place, such as those of sklearn's OrdinalEncoder or OneHotEncoder, with "
    "categorical_features=None."
)


class Nodes(NamedTuple):
    """Nodes of all trees, one tree after the other, and what their leaves say."""

    tree: NDArray[Any]  # (nodes,)
    number: NDArray[Any]  # (nodes,) in its tree, 0 for its root
    is_leaf: NDArray[np.bool_]  # (nodes,)
    feature: NDArray[Any]  # (nodes,) 0 for leaves, as all that follows
    threshold: NDArray[np.float64]  # (nodes,) values up to it go left
    missing_left: NDArray[np.bool_]  # (nodes,)
    left: NDArray[Any]  # (nodes,) numbers in the tree
    right: NDArray[Any]  # (nodes,)
    row: NDArray[Any]  # (leaves,) what each says: a row of the table
    table: NDArray[np.float64]  # (rows, K), or of boosted trees (rows,)


def refuse_categories(encoder: FrameEncoder, where: str) -> None:
    """Raise a NotImplementedError where columns are coded before trees see them."""
    if encoder.codes:
        columns = ", ".join(map(str, sorted(encoder.codes)))
        raise NotImplementedError(
            f"{where} has categorical columns ({columns}). {CATEGORIES_REMEDY}"
        )


def nodes_of_forest(trees: Trees, n_outputs: int) -> Nodes:
    """Return the nodes of one of the engine's forests, without splits on categories."""
    counts = np.diff(trees.roots, append=trees.feature.size)
    tree = np.repeat(np.arange(len(trees.roots)), counts)
    is_leaf = trees.feature < 0
    left = np.where(is_leaf, 0, trees.children_left - trees.roots[tree])
    said = trees.leaf[is_leaf]
    return Nodes(
        tree,
        np.arange(len(tree)) - trees.roots[tree],
        is_leaf,
        np.maximum(trees.feature, 0),
        np.where(is_leaf, 0.0, trees.threshold.astype(np.float64)),
        trees.missing_left & ~is_leaf,
        left,
        np.where(is_leaf, 0, left + 1),
        np.where(said >= 0, said, n_outputs + ~said),
        np.vstack([np.eye(n_outputs), trees.leaf_outputs]),
    )


def nodes_of_boosted(trees: BoostedTrees, where: str) -> Nodes:
    """Return the nodes of boosted trees: of each tree its splits, then its leaves.

    `where` is what an error calls the trees that have no such nodes.
    """
    from deepforest._engine.boosting import CATEGORICAL

    if (trees.kind & CATEGORICAL).any():
        raise NotImplementedError(f"{where} has splits on categories. {CATEGORIES_REMEDY}")
    n_trees, has_splits = len(trees.roots), trees.roots >= 0
    n_splits = np.zeros(n_trees, np.int64)
    n_splits[has_splits] = np.diff(trees.roots[has_splits], append=len(trees.feature))
    first_split = np.cumsum(n_splits) - n_splits
    first_leaf = first_split + np.arange(n_trees)  # a tree has one leaf more than splits
    of_split = np.repeat(np.arange(n_trees), n_splits)
    of_leaf = np.repeat(np.arange(n_trees), n_splits + 1)
    n_leaves = len(of_leaf)

    def number(child: NDArray[np.int32]) -> NDArray[Any]:
        leaf = n_splits[of_split] + ~child - first_leaf[of_split]
        return np.where(child >= 0, child - first_split[of_split], leaf)

    threshold, missing_left = _float_rule(trees, where)
    tree = np.concatenate([of_split, of_leaf])
    order = np.argsort(tree, kind="stable")  # the splits of a tree, then its leaves
    first_node = first_split + first_leaf

    def in_order(of_splits: NDArray[Any]) -> NDArray[Any]:
        return np.concatenate([of_splits, np.zeros(n_leaves, of_splits.dtype)])[order]

    return Nodes(
        tree[order],
        np.arange(len(tree)) - first_node[tree[order]],
        order >= len(of_split),
        in_order(trees.feature),
        in_order(threshold),
        in_order(missing_left),
        in_order(number(trees.left)),
        in_order(number(trees.right)),
        np.arange(n_leaves),
        trees.leaf_values,
    )


def _float_rule(trees: BoostedTrees, where: str) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Return thresholds and whether NaN goes left, which say all that `goes_left` does."""
    from deepforest._engine.boosting import MISSING_LEFT, NAN_IS_MISSING, ZERO, ZERO_IS_MISSING

    kind, threshold = trees.kind, trees.threshold
    missing_left = (kind & MISSING_LEFT) != 0
    zero_left = threshold >= 0
    zero_missing = (kind & ZERO_IS_MISSING) != 0
    if (zero_missing & (zero_left != missing_left)).any():
        raise NotImplementedError(
            f"{where} takes zeros for missing values, and ONNX's trees cannot: fit it with "
            "zero_as_missing=False, or give NaN in place of zeros."
        )
    # Values between -ZERO and ZERO count as zero, so they go the same way.
    near_zero = np.where(zero_left, ZERO, np.nextafter(-ZERO, -1.0))
    threshold = np.where(np.abs(threshold) <= ZERO, near_zero, threshold)
    asks_nan = ((kind & NAN_IS_MISSING) != 0) | zero_missing
    return threshold, np.where(asks_nan, missing_left, zero_left)

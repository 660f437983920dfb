"""What must hold of trees from a file before a kernel reads them.

The kernels check no index: a child that is not there would be read all the same, and a node that
leads back to one before it would be walked in a circle. These checks stand between a file and the
memory. They say nothing of what the trees predict.
"""

from __future__ import annotations

import numpy as np

from deepforest.boosted import LINKS, BoostedTrees
from deepforest.trees import Trees

NO_SPLIT = 255
"""The code of leaves: no code is greater, so a row stays where it is."""


def check_trees(trees: Trees) -> None:
    """Raise a ValueError unless every row comes to a leaf, whatever the values and thresholds."""
    n_nodes, left, feature = len(trees.feature), trees.children_left, trees.feature
    of_nodes = (left, feature, trees.code, trees.missing_left, trees.leaf)
    if any(len(values) != n_nodes for values in of_nodes):
        raise ValueError("the arrays of nodes have unequal lengths")
    if trees.left_sets.shape[1] != 8:
        raise ValueError("sets of categories have another width than 256 bits")
    roots = trees.roots
    if len(roots) == 0 or roots[0] != 0 or (np.diff(roots) <= 0).any() or roots[-1] >= n_nodes:
        raise ValueError("the trees do not follow each other")
    if (feature < -1).any() or (feature >= len(trees.bins.edges)).any():
        raise ValueError("a node asks for a feature that is not there")
    is_leaf = feature == -1
    places = np.arange(n_nodes)
    ends = np.repeat(np.append(roots[1:], n_nodes), np.diff(np.append(roots, n_nodes)))
    # Later nodes of the same tree only: no way leads back. The right child follows the left one.
    inside = np.where(is_leaf, left == places, (left > places) & (left < ends - 1))
    if not inside.all():
        raise ValueError("a node has a child that is not there")
    if (trees.code[is_leaf] != NO_SPLIT).any():
        raise ValueError("a leaf does not keep its rows")
    said = trees.leaf[is_leaf]
    if (said >= trees.leaf_values.shape[1]).any() or (said < -len(trees.leaf_values)).any():
        raise ValueError("a leaf says what is not there")
    if not trees.leaf_values.any(axis=1).all() and trees.leaf_values.dtype == np.uint16:
        raise ValueError("a leaf has no rows")
    sets = trees.leaf[~is_leaf & trees.bins.is_categorical[feature]]
    if (sets < 0).any() or (sets >= len(trees.left_sets)).any():
        raise ValueError("a node asks for a set that is not there")


def check_boosted(trees: BoostedTrees) -> None:
    """Raise a ValueError unless the arrays are trees that prediction comes to an end in.

    The kernels check no index, so this stands between a file and the memory.
    """
    n_splits, n_leaves = len(trees.left), len(trees.leaf_values)
    n_sets = len(trees.set_starts) - 1
    kind, roots = trees.kind, trees.roots
    categorical = (kind & 1).astype(bool)
    if trees.link not in LINKS or trees.n_outputs < 1 or trees.n_features < 1:
        raise ValueError("boosted trees have a link, an output and a feature at least")
    if len(roots) == 0 or len(roots) % trees.n_outputs:
        raise ValueError(f"{len(roots)} trees cannot speak for {trees.n_outputs} outputs")
    if any(len(a) != n_splits for a in (trees.right, trees.feature, trees.threshold, kind)):
        raise ValueError("the arrays of splits have unequal lengths")
    places = np.arange(n_splits)
    for children in (trees.left, trees.right):
        # Later numbers only: no way leads back.
        inside = np.where(children < 0, children >= -n_leaves, children > places)
        if not (inside & (children < n_splits)).all():
            raise ValueError("a split has a child that is not there")
    every = np.concatenate([trees.left, trees.right, roots])
    if len(np.unique(every)) < len(every):
        raise ValueError("a split or leaf has two parents")
    if (roots >= n_splits).any() or (roots < -n_leaves).any():
        raise ValueError("a tree begins where nothing is")
    if (trees.feature < 0).any() or (trees.feature >= trees.n_features).any():
        raise ValueError("a split asks for a feature that is not there")
    if n_sets < 0 or trees.set_starts[0] != 0 or trees.set_starts[-1] != len(trees.set_words):
        raise ValueError("the sets of categories do not fit their words")
    if (np.diff(trees.set_starts) < 0).any():
        raise ValueError("the sets of categories do not follow each other")
    if np.isnan(trees.threshold).any():
        raise ValueError("a split has no threshold")
    numbers = trees.threshold[categorical]
    if not ((numbers >= 0) & (numbers < n_sets)).all():
        raise ValueError("a split asks for a set that is not there")
    if not (np.isfinite(trees.leaf_values).all() and np.isfinite(trees.scale)):
        raise ValueError("a leaf holds no finite number")

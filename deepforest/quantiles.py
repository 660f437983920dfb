"""Quantiles of the training targets in the leaves that a row falls into."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import csr_matrix

# Rows are asked in blocks that have about so many weights.
BLOCK_WEIGHTS = 2**22
# Weights of a row sum to 1. Sums of a block's weights are off by less than this.
ROUNDING = 1e-9


class LeafTargets(NamedTuple):
    """The training targets in each leaf; about 8 bytes for each training row and tree."""

    weights: csr_matrix  # (nodes, n) of the rows in a leaf, summing to 1; none in other nodes
    targets: NDArray[np.float64]  # (n, n_outputs)


def leaf_targets(
    leaves: NDArray[np.int64],
    counts: NDArray[Any],
    targets: NDArray[np.float64],
    n_nodes: int,
) -> LeafTargets:
    """Return the targets in the leaves of all trees.

    Parameters
    ----------
    leaves : array of int, shape (n, n_trees)
        The node that each training row falls into, among the nodes of all trees.
    counts : array, shape (n_trees, n)
        How often each row was drawn for the tree, or its weight there.
    targets : array of float64, shape (n, n_outputs)
    n_nodes : int
    """
    tree, row = np.nonzero(counts)
    node, weight = leaves[row, tree], counts[tree, row].astype(np.float64)
    weight /= np.bincount(node, weight, minlength=n_nodes)[node]
    weights = csr_matrix((weight, (node, row.astype(np.int32))), shape=(n_nodes, len(targets)))
    return LeafTargets(weights, targets)


def check_quantiles(quantiles: ArrayLike) -> NDArray[np.float64]:
    """Return quantiles as float64 (q,), or raise a ValueError."""
    levels = np.atleast_1d(np.asarray(quantiles, dtype=np.float64))
    if levels.ndim != 1 or levels.size == 0 or not np.all((levels >= 0) & (levels <= 1)):
        raise ValueError(
            f"quantiles={quantiles!r} must be a number from 0 to 1 or a list of such numbers."
        )
    return levels


def conditional_quantiles(
    kept: LeafTargets, leaves: NDArray[np.int64], levels: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return quantiles (r, n_outputs, q) of the targets in the leaves of rows.

    A tree gives a training row the weight 1/m if it is one of m in the leaf, and the forest the
    mean over its trees, w. The quantile of level q is the least target y at which the targets up
    to y have weights that sum to q.

    Parameters
    ----------
    kept : LeafTargets
    leaves : array of int, shape (r, n_trees)
        The nodes that the rows fall into.
    levels : array of float64, shape (q,)
    """
    n_trees = leaves.shape[1]
    result = np.empty((len(leaves), kept.targets.shape[1], len(levels)))
    in_leaf = np.diff(kept.weights.indptr)
    # The rows of a leaf are counted tree by tree, so this many weights at the most.
    ends = np.cumsum(in_leaf[leaves].sum(axis=1))
    start = 0
    while start < len(leaves):
        before = ends[start - 1] if start else 0
        end = max(start + 1, int(np.searchsorted(ends, before + BLOCK_WEIGHTS, side="right")))
        block = leaves[start:end]
        asked = csr_matrix(
            (np.full(block.size, 1 / n_trees), block.ravel(), np.arange(len(block) + 1) * n_trees),
            shape=(len(block), len(in_leaf)),
        )
        weights = asked @ kept.weights
        for k, target in enumerate(kept.targets.T):
            result[start:end, k] = _quantiles(weights, target, levels)
        start = end
    return result


def _quantiles(
    weights: csr_matrix, target: NDArray[np.float64], levels: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the quantiles (r, q) of a target (n,) by the weights (r, n) of each row."""
    order = np.argsort(target, kind="stable")
    rank = np.empty(len(order), weights.indices.dtype)
    rank[order] = np.arange(len(order))
    by_rank = csr_matrix(
        (weights.data.copy(), rank[weights.indices], weights.indptr), shape=weights.shape
    )
    by_rank.sort_indices()
    # One running sum over all rows: the weights of each sum to 1.
    running = np.cumsum(by_rank.data)
    first, last = by_rank.indptr[:-1], by_rank.indptr[1:] - 1
    before = running[first] - by_rank.data[first]
    place = np.searchsorted(running, before[:, None] + levels - ROUNDING)
    place = np.clip(place, first[:, None], last[:, None])
    return np.asarray(target[order][by_rank.indices[place]])

# numpy's scalars are as good as int, float and bool here.
# mypy: disable-error-code="arg-type, assignment, no-any-return, return-value"
"""Reading grown forests: which leaf a row falls into, and what the leaves say.

Nodes of all trees stand in one array, children by their number in it. Rows go down a tree in
groups, step by step together: a leaf is its own left child and its threshold lets everything left,
so there is no branch to mispredict and the loads of the group overlap.

Sums go over the trees in their order for each row, so no division of the rows changes a result.
"""

from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from deepforest._engine.splitting import MISSING, in_set

GROUP = 16


class Forest(NamedTuple):
    """Nodes of all trees. ``nodes`` has the fields that are read at every step side by side."""

    nodes: NDArray[Any]  # (nodes,) threshold, left, offset (of the feature), as NODE_* below
    roots: NDArray[np.int32]  # (trees,)
    missing_left: NDArray[np.bool_]  # (nodes,)
    keeps_missing: NDArray[np.bool_]  # (nodes,) code 255 of the node's feature means missing
    is_categorical: NDArray[np.bool_]  # (nodes,) the node splits on a set
    leaf: NDArray[np.int32]  # (nodes,) as in growing.Tree
    left_sets: NDArray[np.uint32]  # (sets, 8)


# Fields of 4 bytes: numba reads records faster when nothing is padded.
NODE_REAL = np.dtype([("threshold", np.float32), ("left", np.int32), ("offset", np.int32)])
NODE_CODE = np.dtype([("threshold", np.int32), ("left", np.int32), ("offset", np.int32)])


@njit(nogil=True, cache=True, error_model="numpy")
def fall(
    flat: NDArray[np.uint8],
    base: NDArray[np.int64],
    forest: Forest,
    root: int,
    leaves: NDArray[np.int32],
) -> None:
    """Write into ``leaves`` the leaf of each row. Nothing is missing, no feature is categorical."""
    nodes = forest.nodes
    n = base.size
    for start in range(0, n, GROUP):
        end = min(start + GROUP, n)
        for i in range(start, end):
            leaves[i] = root
        moving = True
        while moving:
            moving = False
            for i in range(start, end):
                node = leaves[i]
                step = nodes[node]
                x = flat[base[i] + step["offset"]]
                following = step["left"] + (x > step["threshold"])
                moving |= following != node
                leaves[i] = following


@njit(nogil=True, cache=True, error_model="numpy")
def fall_with_care(
    flat: NDArray[np.uint8],
    base: NDArray[np.int64],
    forest: Forest,
    root: int,
    leaves: NDArray[np.int32],
) -> None:
    """As ``fall``, where values are missing or features categorical."""
    nodes = forest.nodes
    for i in range(base.size):
        node = root
        while nodes[node]["left"] != node:
            x = flat[base[i] + nodes[node]["offset"]]
            if forest.is_categorical[node]:
                left = in_set(forest.left_sets[forest.leaf[node]], np.int64(x))
            elif x != x or (forest.keeps_missing[node] and x == MISSING):
                left = forest.missing_left[node]
            else:
                left = x <= nodes[node]["threshold"]
            node = np.int64(nodes[node]["left"]) + (not left)
        leaves[i] = node


@njit(nogil=True, cache=True, error_model="numpy")
def find_leaves(
    flat: NDArray[np.uint8],
    base: NDArray[np.int64],
    forest: Forest,
    careful: bool,
    out: NDArray[Any],
) -> None:
    """Write into ``out`` (trees, n), int32, the number of each row's leaf."""
    for t in range(forest.roots.size):
        if careful:
            fall_with_care(flat, base, forest, forest.roots[t], out[t])
        else:
            fall(flat, base, forest, forest.roots[t], out[t])


@njit(nogil=True, cache=True, error_model="numpy")
def add_leaves(
    leaf: NDArray[np.int32],
    leaf_values: NDArray[np.float64],
    rows: NDArray[np.int32],
    leaves: NDArray[np.int32],
    out: NDArray[Any],
) -> None:
    """Add to ``out[rows[i]]`` what ``leaves[i]`` holds: a class or a row of ``leaf_values``."""
    for i in range(rows.size):
        k = leaf[leaves[i]]
        if k >= 0:
            out[rows[i], k] += 1.0
        else:
            for c in range(out.shape[1]):
                out[rows[i], c] += leaf_values[~k, c]


@njit(nogil=True, cache=True, error_model="numpy")
def add_votes(
    flat: NDArray[np.uint8],
    base: NDArray[np.int64],
    forest: Forest,
    leaf_values: NDArray[np.float64],
    careful: bool,
    bags: NDArray[np.uint8],
    out: NDArray[Any],
    counts: NDArray[np.int64],
) -> None:
    """Add to ``out`` (n, K) what each tree says of each row, and to ``counts`` (n,) the trees.

    ``bags`` (trees, bytes) has a bit for each row, the first row in the highest bit of the first
    byte: trees are asked only about rows whose bit is 0. With no bags every tree is asked about
    every row.
    """
    n = base.size
    rows = np.arange(n).astype(np.int32)
    asked = base.copy()
    leaves = np.empty(n, np.int32)
    m = n
    for t in range(forest.roots.size):
        if bags.shape[0] > 0:
            m = 0
            for i in range(n):
                rows[m] = i
                asked[m] = base[i]
                m += ((bags[t, i >> 3] >> (7 - (i & 7))) & 1) == 0
        if careful:
            fall_with_care(flat, asked[:m], forest, forest.roots[t], leaves)
        else:
            fall(flat, asked[:m], forest, forest.roots[t], leaves)
        add_leaves(forest.leaf, leaf_values, rows[:m], leaves, out)
        for i in range(m):
            counts[rows[i]] += 1

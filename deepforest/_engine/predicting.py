# numpy's scalars are as good as int, float and bool here.
# mypy: disable-error-code="arg-type, assignment, no-any-return, return-value"
"""Reading grown forests: which leaf a row falls into, and what the leaves say.

A tree that many rows are asked about is laid out first, what is read at every step side by side.
Rows go down it in groups, step by step together: a leaf is its own left child and its threshold
lets everything left, so there is no branch to be guessed wrong and the loads of the group overlap.
Every few steps those that have arrived are sorted out.

Sums go over the trees in their order for each row, so no division of the rows changes a result.
"""

from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from deepforest._engine.random import INLINED, KERNEL


class Forest(NamedTuple):
    """Nodes of all trees, one tree after the other, as `deepforest.trees.Trees` has them."""

    starts: NDArray[np.int64]  # (trees + 1,) where the nodes of a tree begin; the last is the end
    left: NDArray[np.int32]  # (nodes,)
    feature: NDArray[np.int32]  # (nodes,)
    code: NDArray[np.uint8]  # (nodes,) codes up to it go left
    missing_left: NDArray[np.bool_]  # (nodes,)
    leaf: NDArray[np.int32]  # (nodes,)
    offset: NDArray[np.int32]  # (features,) from the first value of a row
    keeps_missing: NDArray[np.bool_]  # (features,)
    is_categorical: NDArray[np.bool_]  # (features,)
    holds_counts: bool  # whether leaves hold how often rows of each class were drawn


class Thresholds(NamedTuple):
    """What the codes of splits stand for: infinity behind the last threshold of each feature."""

    values: NDArray[np.float32]
    starts: NDArray[np.int64]  # (features + 1,) where those of a feature begin; of leaves the last
    sizes: NDArray[np.int64]  # (features + 1,) how many there are, infinity not counted


# Fields of 4 bytes: numba reads records faster when nothing is padded.
NODE_REAL = np.dtype([("threshold", np.float32), ("left", np.int32), ("offset", np.int32)])
NODE_CODE = np.dtype([("threshold", np.int32), ("left", np.int32), ("offset", np.int32)])

# Rows go down together in groups. A tree is laid out if it has at most so many nodes for each row.
GROUP, NODES_LAID_OUT = 8, 32

# So many steps rows go before those at leaves are sorted out, for the first time so many more than
# a tree needs that is balanced (docs/engine.md has the figures).
STEPS, STEPS_MORE = 8, 2

MISSING_LEFT = 256  # in a threshold of codes, beside the code


@njit(**KERNEL)
def goes_right(code: int, threshold: int, sets: NDArray[np.uint32]) -> bool:
    """Return whether a code goes right where codes may be categories or missing.

    A threshold below 0 is ``~set``. With ``MISSING_LEFT`` codes are taken round by one, which makes
    the largest one, that for missing values, the smallest; the threshold has been raised by one.
    Both answers are worked out: a branch between them would be guessed wrong.
    """
    is_set = threshold < 0
    number = ~threshold if is_set else 0
    outside = (sets[number, code >> 5] >> np.uint32(code & 31)) & np.uint32(1) == 0
    above = (code + (threshold >> 8)) & 255 > threshold & 255
    return outside if is_set else above


@njit(**KERNEL)
def next_node(flat: NDArray[Any], base: int, nodes: NDArray[Any], node: int, sets: Any) -> np.int32:
    """Return the child that a row goes to; of a leaf the leaf itself."""
    step = nodes[np.uint64(node)]
    x = flat[np.uint64(base + step["offset"])]
    if sets is None:
        right = not (x <= step["threshold"])  # NaN goes right
    else:
        right = goes_right(np.int32(x), step["threshold"], sets)
    return np.int32(step["left"] + np.int32(right))


@njit(**INLINED)
def keep(waiting: NDArray[np.int32], n: int, row: int, nodes: NDArray[Any], node: int) -> int:
    """Write a row behind the first ``n`` of the list, to stay there unless its node is a leaf."""
    waiting[n] = row
    return n + np.int64(nodes[np.uint64(node)]["left"] != node)


@njit(**KERNEL)
def fall(
    flat: NDArray[Any],
    base: NDArray[np.int64],
    nodes: NDArray[Any],
    root: int,
    first_steps: int,
    waiting: NDArray[np.int32],
    leaves: NDArray[np.int32],
    sets: Any,
) -> None:
    """Write into ``leaves`` the leaf of each row. No real value is missing.

    ``sets`` (sets, 8) are the sets of categories if codes may be missing or categories, or None.
    Rows go down eight at a time, in eight variables: the loads of one do not wait for another's.
    After ``first_steps``, and then every ``STEPS``, those that have arrived leave the list of the
    ``waiting`` (n,).
    """
    for i in range(base.size):
        waiting[i], leaves[i] = i, root
    n, steps = base.size, first_steps
    while n >= GROUP:
        kept = 0
        for first in range(0, n - GROUP + 1, GROUP):
            i0 = waiting[first + 0]
            i1 = waiting[first + 1]
            i2 = waiting[first + 2]
            i3 = waiting[first + 3]
            i4 = waiting[first + 4]
            i5 = waiting[first + 5]
            i6 = waiting[first + 6]
            i7 = waiting[first + 7]
            b0 = base[i0]
            b1 = base[i1]
            b2 = base[i2]
            b3 = base[i3]
            b4 = base[i4]
            b5 = base[i5]
            b6 = base[i6]
            b7 = base[i7]
            a0 = leaves[i0]
            a1 = leaves[i1]
            a2 = leaves[i2]
            a3 = leaves[i3]
            a4 = leaves[i4]
            a5 = leaves[i5]
            a6 = leaves[i6]
            a7 = leaves[i7]
            for _ in range(steps):
                a0 = next_node(flat, b0, nodes, a0, sets)
                a1 = next_node(flat, b1, nodes, a1, sets)
                a2 = next_node(flat, b2, nodes, a2, sets)
                a3 = next_node(flat, b3, nodes, a3, sets)
                a4 = next_node(flat, b4, nodes, a4, sets)
                a5 = next_node(flat, b5, nodes, a5, sets)
                a6 = next_node(flat, b6, nodes, a6, sets)
                a7 = next_node(flat, b7, nodes, a7, sets)
            leaves[i0] = a0
            leaves[i1] = a1
            leaves[i2] = a2
            leaves[i3] = a3
            leaves[i4] = a4
            leaves[i5] = a5
            leaves[i6] = a6
            leaves[i7] = a7
            kept = keep(waiting, kept, i0, nodes, a0)
            kept = keep(waiting, kept, i1, nodes, a1)
            kept = keep(waiting, kept, i2, nodes, a2)
            kept = keep(waiting, kept, i3, nodes, a3)
            kept = keep(waiting, kept, i4, nodes, a4)
            kept = keep(waiting, kept, i5, nodes, a5)
            kept = keep(waiting, kept, i6, nodes, a6)
            kept = keep(waiting, kept, i7, nodes, a7)
        for i in range(n - n % GROUP, n):
            waiting[kept] = waiting[i]
            kept += 1
        n, steps = kept, STEPS
    for i in waiting[:n]:
        node = leaves[i]
        while nodes[node]["left"] != node:
            node = next_node(flat, base[i], nodes, node, sets)
        leaves[i] = node


@njit(**INLINED)
def step_threshold(forest: Forest, node: int, sets: Any, thresholds: Any) -> Any:
    """Return what values are compared with at a node: with ``sets`` as ``goes_right`` takes it."""
    code, feature = np.int32(forest.code[node]), forest.feature[node]
    if thresholds is not None:
        place = min(np.int64(code), thresholds.sizes[feature])
        return thresholds.values[thresholds.starts[feature] + place]
    if sets is None:
        return code
    is_split, feature = feature >= 0, max(feature, 0)
    raised = is_split & forest.missing_left[node] & forest.keeps_missing[feature]
    is_set = is_split & forest.is_categorical[feature]
    return ~forest.leaf[node] if is_set else code + np.int32(MISSING_LEFT + 1) * np.int32(raised)


@njit(**INLINED)
def lay_out(forest: Forest, t: int, sets: Any, thresholds: Any, nodes: NDArray[Any]) -> None:
    """Write the nodes of a tree into ``nodes``, numbered from 0."""
    start = forest.starts[t]
    for node in range(start, forest.starts[t + 1]):
        step = nodes[node - start]
        step["threshold"] = step_threshold(forest, node, sets, thresholds)
        step["left"] = forest.left[node] - start
        # Leaves let any value left. A branch for them would be guessed wrong at every other node.
        step["offset"] = forest.offset[max(forest.feature[node], 0)]


@njit(**INLINED)
def fall_alone(
    flat: NDArray[Any], base: int, forest: Forest, t: int, sets: Any, thresholds: Any
) -> Any:
    """Return the leaf that a row falls into; real values may be missing."""
    node = forest.starts[t]
    while forest.feature[node] >= 0:
        x = flat[base + forest.offset[forest.feature[node]]]
        threshold = step_threshold(forest, node, sets, thresholds)
        if sets is None:
            right = not (forest.missing_left[node] if x != x else x <= threshold)
        else:
            right = goes_right(np.int32(x), threshold, sets)
        node = np.int64(forest.left[node]) + right
    return node - forest.starts[t]


@njit(**INLINED)
def find_leaves(
    flat: NDArray[Any],
    base: NDArray[np.int64],
    forest: Forest,
    t: int,
    sets: Any,
    thresholds: Any,
    any_missing: bool,
    nodes: NDArray[Any],
    waiting: NDArray[np.int32],
    leaves: NDArray[np.int32],
) -> None:
    """Write into ``leaves`` the leaf of each row in a tree, by its number in the tree.

    ``sets`` are as in ``fall``; ``thresholds`` are None for codes; ``any_missing`` says whether
    real values are missing. ``nodes`` and ``waiting`` are room.
    """
    n, n_nodes = base.size, forest.starts[t + 1] - forest.starts[t]
    if any_missing or n < GROUP or n * NODES_LAID_OUT < n_nodes:
        for i in range(n):
            leaves[i] = fall_alone(flat, base[i], forest, t, sets, thresholds)
    else:
        lay_out(forest, t, sets, thresholds, nodes)
        steps = np.int64(np.log2(n_nodes)) + STEPS_MORE
        fall(flat, base, nodes, 0, steps, waiting, leaves, sets)


@njit(nogil=True, cache=True, error_model="numpy")
def find_all_leaves(
    flat: NDArray[Any],
    base: NDArray[np.int64],
    forest: Forest,
    sets: Any,
    thresholds: Any,
    any_missing: bool,
    nodes: NDArray[Any],
    out: NDArray[Any],
) -> None:
    """Write into ``out`` (trees, n), int32, the number of each row's leaf in its tree."""
    waiting = np.empty(base.size, np.int32)
    for t in range(forest.starts.size - 1):
        find_leaves(flat, base, forest, t, sets, thresholds, any_missing, nodes, waiting, out[t])


@njit(nogil=True, cache=True, error_model="numpy")
def add_leaves(
    leaf: NDArray[np.int32],
    leaf_values: NDArray[Any],
    holds_counts: bool,
    rows: NDArray[np.int32],
    leaves: NDArray[np.int32],
    out: NDArray[Any],
) -> None:
    """Add to ``out[rows[i]]`` what ``leaves[i]`` says: a class or a row of ``leaf_values``.

    With ``holds_counts`` the row is divided by its sum.
    """
    for i in range(rows.size):
        k, row = leaf[leaves[i]], np.uint64(rows[i])
        if k >= 0:
            out[row, k] += 1.0
        else:
            mixed, scale = np.uint64(~k), 1.0
            if holds_counts:
                total = np.int64(0)
                for c in range(out.shape[1]):
                    total += leaf_values[mixed, c]
                scale = 1.0 / total
            for c in range(out.shape[1]):
                out[row, c] += leaf_values[mixed, c] * scale


@njit(nogil=True, cache=True, error_model="numpy")
def add_votes(
    flat: NDArray[Any],
    base: NDArray[np.int64],
    forest: Forest,
    leaf_values: NDArray[Any],
    sets: Any,
    thresholds: Any,
    any_missing: bool,
    bags: NDArray[np.uint8],
    nodes: NDArray[Any],
    out: NDArray[Any],
    counts: NDArray[np.int64],
) -> None:
    """Add to ``out`` (n, K) what each tree says of each row, and to ``counts`` (n,) the trees.

    ``sets``, ``thresholds``, ``any_missing`` and ``nodes`` are as in ``find_leaves``. ``bags``
    (trees, bytes) has a bit for each row, the first row in the highest bit of the first byte: trees
    are asked only about rows whose bit is 0. With no bags every tree is asked about every row.
    """
    n = base.size
    rows = np.arange(n).astype(np.int32)
    asked = base.copy()
    leaves, waiting = np.empty(n, np.int32), np.empty(n, np.int32)
    m = n
    for t in range(forest.starts.size - 1):
        if bags.shape[0] > 0:
            m = 0
            for i in range(n):
                rows[m] = i
                asked[m] = base[i]
                m += ((bags[t, i >> 3] >> (7 - (i & 7))) & 1) == 0
            for i in range(m):
                counts[rows[i]] += 1
        find_leaves(
            flat, asked[:m], forest, t, sets, thresholds, any_missing, nodes, waiting, leaves
        )
        of_tree = forest.leaf[forest.starts[t] :]
        add_leaves(of_tree, leaf_values, forest.holds_counts, rows[:m], leaves, out)
    if bags.shape[0] == 0:
        counts += forest.starts.size - 1

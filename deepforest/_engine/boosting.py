# numpy's scalars are as good as int, float and bool here.
# mypy: disable-error-code="arg-type, assignment, no-any-return, return-value"
"""Reading boosted trees as LightGBM does: the same leaf, the same order of sums, the same ``exp``.

Values are compared as if in float64. A missing value is NaN, or zero as well, or there is none and
NaN counts as zero: each split says which, as it does where missing values go.
"""

import math
from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from deepforest._engine.predicting import STEPS, fall

CATEGORICAL = 1  # bits of `kind`: the split asks for a set of categories
MISSING_LEFT = 2
ZERO_IS_MISSING = 4
NAN_IS_MISSING = 8

# LightGBM takes values up to this for zero. It is a float32 there.
ZERO = float(np.float32(1e-35))

BLOCK_ROWS = 256
FEW_ROWS = 32  # for fewer it takes longer to put the trees in order than to ask split by split
MOST_SETS = 512  # that have a column: models ask for some hundred different ones at most


class BoostedNodes(NamedTuple):
    """The splits and leaves of all trees, each numbered through; see `deepforest.boosted`."""

    roots: NDArray[np.int32]  # (trees,)
    left: NDArray[np.int32]  # (splits,) a split, or ~leaf
    right: NDArray[np.int32]  # (splits,)
    feature: NDArray[np.int32]  # (splits,)
    threshold: NDArray[np.float64]  # (splits,) of a categorical split the number of its set
    kind: NDArray[np.uint8]  # (splits,)
    leaf_values: NDArray[np.float64]  # (leaves,)
    set_starts: NDArray[np.int64]  # (sets + 1,) where each begins among `set_words`
    set_words: NDArray[np.uint32]  # a bit for each category that goes left


@njit(nogil=True, cache=True, error_model="numpy")
def goes_left(x: float, node: int, nodes: BoostedNodes) -> bool:
    """Return whether a value goes to the left child of a split."""
    kind = nodes.kind[node]
    if -ZERO <= x <= ZERO:
        x = 0.0
    if kind & CATEGORICAL:
        # NaN, and what no 32-bit integer holds, is in no set.
        if not (x > -1.0 and x < 2147483648.0):
            return False
        category = np.int64(x)
        number = np.int64(nodes.threshold[node])
        word = nodes.set_starts[number] + (category >> 5)
        if word >= nodes.set_starts[number + 1]:
            return False
        return (np.int64(nodes.set_words[word]) >> (category & 31)) & 1 == 1
    if x != x:
        if kind & NAN_IS_MISSING:
            return kind & MISSING_LEFT != 0
        x = 0.0
    if kind & ZERO_IS_MISSING and x == 0.0:
        return kind & MISSING_LEFT != 0
    return x <= nodes.threshold[node]


@njit(nogil=True, cache=True, error_model="numpy")
def leaf_value(row: NDArray[Any], t: int, trees: BoostedNodes) -> float:
    """Return what a tree says of a row."""
    node = np.int64(trees.roots[t])
    while node >= 0:
        left = goes_left(np.float64(row[trees.feature[node]]), node, trees)
        node = np.int64(trees.left[node] if left else trees.right[node])
    return trees.leaf_values[~node]


class Columns(NamedTuple):
    """What the splits ask of a row, so that each is a comparison with a number and nothing else.

    Splits that compare a feature share a column where they treat what is missing alike: there it is
    -inf if it goes left, and NaN, which is not up to anything, if it goes right. Trees ask for the
    same few sets of categories over and over: each has a column, 0 for rows that go left and 1 for
    the others.
    """

    of_split: NDArray[np.int32]  # (splits,) -1 for sets beyond the most
    asked_by: NDArray[np.int64]  # (columns,) a split that asks for it


@njit(nogil=True, cache=True, error_model="numpy")
def is_same_set(a: int, b: int, trees: BoostedNodes) -> bool:
    """Return whether two splits ask for the same set of the same feature."""
    if trees.feature[a] != trees.feature[b]:
        return False
    first, second = np.int64(trees.threshold[a]), np.int64(trees.threshold[b])
    return np.array_equal(
        trees.set_words[trees.set_starts[first] : trees.set_starts[first + 1]],
        trees.set_words[trees.set_starts[second] : trees.set_starts[second + 1]],
    )


@njit(nogil=True, cache=True, error_model="numpy")
def hash_of_set(split: int, trees: BoostedNodes) -> int:
    """Return a number from 0 to 4 MOST_SETS - 1, the same for the same set of the same feature."""
    number = np.int64(trees.threshold[split])
    value = np.uint64(trees.feature[split])
    for i in range(trees.set_starts[number], trees.set_starts[number + 1]):
        value = (value ^ np.uint64(trees.set_words[i])) * np.uint64(0x9E3779B97F4A7C15)
    return np.int64(value >> np.uint64(32)) & (4 * MOST_SETS - 1)


@njit(nogil=True, cache=True, error_model="numpy")
def columns_of(trees: BoostedNodes, d: int) -> Columns:
    """Return the columns for trees of ``d`` features."""
    n_splits = trees.left.size
    of_split = np.empty(n_splits, np.int32)
    asked_by = np.empty(min(n_splits, 8 * d + MOST_SETS), np.int64)
    of_feature = np.full(8 * d, np.int32(-1))  # for each way to treat what is missing
    of_hash = np.full(4 * MOST_SETS, np.int32(-1))  # at the hash of a set or behind it
    n = n_sets = 0
    for split in range(n_splits):
        kind = np.int64(trees.kind[split])
        if kind & CATEGORICAL:
            place = hash_of_set(split, trees)
            while of_hash[place] >= 0 and not is_same_set(split, asked_by[of_hash[place]], trees):
                place = (place + 1) & (of_hash.size - 1)
            if of_hash[place] < 0 and n_sets < MOST_SETS:
                of_hash[place] = n
                asked_by[n] = split
                n += 1
                n_sets += 1
            of_split[split] = of_hash[place]
        else:
            place = 8 * np.int64(trees.feature[split])
            if kind & (ZERO_IS_MISSING | NAN_IS_MISSING):
                place += kind >> 1
            if of_feature[place] < 0:
                of_feature[place] = n
                asked_by[n] = split
                n += 1
            of_split[split] = of_feature[place]
    return Columns(of_split, asked_by[:n])


@njit(nogil=True, cache=True, error_model="numpy")
def fill_column(x: NDArray[Any], split: int, trees: BoostedNodes, column: NDArray[Any]) -> None:
    """Write into ``column`` what a split, and those that share the column, asks of values."""
    kind = trees.kind[split]
    for i in range(x.size):
        value = x[i]
        zero = -ZERO <= value <= ZERO
        if kind & CATEGORICAL:
            value = 0 if goes_left(np.float64(value), split, trees) else 1
        elif (value != value and kind & NAN_IS_MISSING) or (
            (value != value or zero) and kind & ZERO_IS_MISSING
        ):
            value = -np.inf if kind & MISSING_LEFT else np.nan
        elif value != value or zero:
            value = 0
        column[i] = value


class Masks(NamedTuple):
    """Trees of at most 32 leaves, numbered from left to right, as in QuickScorer [1]_.

    A split that sends a row right rules out the leaves below its left child. Of the leaves that no
    split of the tree rules out the leftmost is the row's. All splits are asked, each of many rows
    at once, and none waits for another.

    .. [1] C. Lucchese et al., "QuickScorer: a fast algorithm to rank documents with additive
       ensembles of regression trees", SIGIR 2015.
    """

    starts: NDArray[np.int64]  # (trees + 1,) of each tree's splits
    columns: NDArray[np.int32]  # (splits,)
    limits: NDArray[Any]  # (splits,) values up to it go left
    kept: NDArray[np.uint32]  # (splits,) a bit for each leaf that going right does not rule out
    values: NDArray[np.float64]  # (trees, 32) of leaves, each at `slot` of its bit
    fits: NDArray[np.bool_]  # (trees,) whether it is here: few leaves, and all splits have columns


MOST_LEAVES = 32


@njit(nogil=True, cache=True, error_model="numpy")
def slot(leaves: int) -> int:
    """Return a number from 0 to 31 for the lowest bit of ``leaves``, a different one for each."""
    lowest = np.uint64(leaves) & (~np.uint64(leaves) + np.uint64(1))
    # A de Bruijn sequence: its five bits behind each place are all different.
    return np.int64((lowest * np.uint64(0x077CB531)) >> np.uint64(27)) & 31


@njit(nogil=True, cache=True, error_model="numpy")
def masks_of(trees: BoostedNodes, limits: NDArray[Any], columns: Columns) -> Masks:
    """Return the trees that have few leaves."""
    n_trees, n_splits = trees.roots.size, trees.left.size
    starts = np.empty(n_trees + 1, np.int64)
    column_of = np.empty(n_splits, np.int32)
    limit_of = np.empty(n_splits, limits.dtype)
    kept = np.empty(n_splits, np.uint32)
    values = np.zeros((n_trees, MOST_LEAVES))
    fits = np.ones(n_trees, np.bool_)
    waiting = np.empty(2 * MOST_LEAVES, np.int64)  # splits or leaves, the next one last
    right_of = np.empty(2 * MOST_LEAVES, np.int64)  # the split whose right child it is, or -1
    first_leaf = np.empty(n_splits, np.int64)  # below a split
    end = 0
    for t in range(n_trees):
        starts[t] = end
        waiting[0], right_of[0] = trees.roots[t], -1
        n_waiting, n_leaves = 1, 0
        while n_waiting > 0:
            n_waiting -= 1
            node, parent = waiting[n_waiting], right_of[n_waiting]
            if parent >= 0:
                below_left = (np.int64(1) << n_leaves) - (np.int64(1) << first_leaf[parent])
                kept[parent] = np.uint32(~below_left & 0xFFFFFFFF)
            if node < 0:
                values[t, slot(np.int64(1) << n_leaves)] = trees.leaf_values[~node]
                n_leaves += 1
                continue
            if end - starts[t] == MOST_LEAVES - 1 or columns.of_split[node] < 0:
                fits[t] = False
                end = starts[t]
                break
            column_of[end] = columns.of_split[node]
            limit_of[end] = 0 if trees.kind[node] & CATEGORICAL else limits[node]
            first_leaf[end] = n_leaves
            waiting[n_waiting], right_of[n_waiting] = trees.right[node], end
            waiting[n_waiting + 1], right_of[n_waiting + 1] = trees.left[node], -1
            n_waiting += 2
            end += 1
    starts[n_trees] = end
    return Masks(starts, column_of[:end], limit_of[:end], kept[:end], values, fits)


@njit(nogil=True, cache=True, error_model="numpy")
def leaves_left(rows: NDArray[Any], t: int, masks: Masks, leaves: NDArray[np.uint32]) -> None:
    """Write into ``leaves`` the leaves of a tree that no split rules out, a bit for each.

    ``rows`` has the columns one behind the other.
    """
    leaves[:] = 0xFFFFFFFF
    for s in range(masks.starts[t], masks.starts[t + 1]):
        x = rows[masks.columns[s]]
        limit = masks.limits[s]
        kept = masks.kept[s]
        for i in range(leaves.size):
            leaves[i] &= kept | (np.uint32(0) - np.uint32(x[i] <= limit))


class Steps(NamedTuple):
    """Trees of more leaves, as `predicting.fall` takes them."""

    nodes: NDArray[Any]  # (splits + leaves,) as NODE, the children of a split side by side
    values: NDArray[np.float64]  # (splits + leaves,) of leaves
    roots: NDArray[np.int64]  # (trees,) -1 of a tree that lacks a set, or is among the masks


NODE = np.dtype([("threshold", np.float64), ("left", np.int32), ("offset", np.int32)])


@njit(nogil=True, cache=True, error_model="numpy")
def steps_of(trees: BoostedNodes, columns: Columns, masks: Masks) -> Steps:
    """Return the trees that are not among the masks node by node."""
    n_nodes = trees.left.size + trees.leaf_values.size
    nodes = np.zeros(n_nodes, NODE)
    values = np.zeros(n_nodes)
    roots = np.full(trees.roots.size, np.int64(-1))
    waiting = np.empty(n_nodes + 1, np.int64)  # splits or leaves, in the order of their nodes
    end = 0
    for t in range(trees.roots.size):
        if masks.fits[t]:
            continue
        roots[t] = end
        at = end
        waiting[end] = trees.roots[t]
        end += 1
        while at < end:
            old = waiting[at]
            if old < 0:
                values[at] = trees.leaf_values[~old]
                nodes[at]["threshold"] = np.inf
                nodes[at]["left"] = at
                nodes[at]["offset"] = columns.asked_by.size * BLOCK_ROWS  # zeros
            else:
                if columns.of_split[old] < 0:
                    roots[t] = -1
                is_set = trees.kind[old] & CATEGORICAL
                nodes[at]["threshold"] = 0.0 if is_set else trees.threshold[old]
                nodes[at]["offset"] = columns.of_split[old] * BLOCK_ROWS
                nodes[at]["left"] = end
                waiting[end] = trees.left[old]
                waiting[end + 1] = trees.right[old]
                end += 2
            at += 1
    return Steps(nodes, values, roots)


@njit(nogil=True, cache=True, error_model="numpy")
def add_leaf_values(X: NDArray[Any], trees: BoostedNodes, out: NDArray[np.float64]) -> None:
    """Add to ``out`` (n, K) what each tree says of each row; tree ``t`` speaks for ``t mod K``."""
    for i in range(X.shape[0]):
        for t in range(trees.roots.size):
            out[i, t % out.shape[1]] += leaf_value(X[i], t, trees)


@njit(nogil=True, cache=True, error_model="numpy")
def add_trees(
    X: NDArray[Any], trees: BoostedNodes, limits: NDArray[Any], out: NDArray[np.float64]
) -> None:
    """As ``add_leaf_values``, for many rows. The sums of a row are in the order of the trees too.

    ``limits`` (splits,) are the thresholds as numbers of the type of ``X``, rounded down.
    """
    n, n_outputs = out.shape
    columns = columns_of(trees, X.shape[1])
    masks = masks_of(trees, limits, columns)
    steps = steps_of(trees, columns, masks)
    rows = np.zeros((columns.asked_by.size + 1, BLOCK_ROWS), X.dtype)
    flat = rows.reshape(-1)
    base = np.arange(BLOCK_ROWS)
    sums = np.empty((n_outputs, BLOCK_ROWS))
    masked = np.empty(BLOCK_ROWS, np.uint32)
    leaves, waiting = np.empty(BLOCK_ROWS, np.int32), np.empty(BLOCK_ROWS, np.int32)
    for start in range(0, n, BLOCK_ROWS):
        X_block = X[start : start + BLOCK_ROWS]
        m = X_block.shape[0]
        for c, split in enumerate(columns.asked_by):
            fill_column(X_block[:, trees.feature[split]], split, trees, rows[c, :m])
        sums[:] = 0
        for t in range(trees.roots.size):
            total = sums[t % n_outputs]
            if masks.fits[t]:
                leaves_left(rows, t, masks, masked[:m])
                for i in range(m):
                    total[i] += masks.values[t, slot(masked[i])]
            elif steps.roots[t] >= 0:
                root = steps.roots[t]
                fall(flat, base[:m], steps.nodes, root, STEPS, waiting, leaves, None)
                for i in range(m):
                    total[i] += steps.values[leaves[i]]
            else:
                for i in range(m):
                    total[i] += leaf_value(X_block[i], t, trees)
        for i in range(m):
            for k in range(n_outputs):
                out[start + i, k] += sums[k, i]


@njit(nogil=True, cache=True, error_model="numpy")
def apply_sigmoid(out: NDArray[np.float64], scale: float) -> None:
    """Replace sums by ``1 / (1 + exp(-scale x))``."""
    for i in range(out.shape[0]):
        for k in range(out.shape[1]):
            out[i, k] = 1.0 / (1.0 + math.exp(-scale * out[i, k]))


@njit(nogil=True, cache=True, error_model="numpy")
def apply_softmax(out: NDArray[np.float64]) -> None:
    """Replace the sums of each row by their softmax."""
    for i in range(out.shape[0]):
        largest = out[i, 0]
        for k in range(1, out.shape[1]):
            largest = max(largest, out[i, k])
        total = 0.0
        for k in range(out.shape[1]):
            out[i, k] = math.exp(out[i, k] - largest)
            total += out[i, k]
        for k in range(out.shape[1]):
            out[i, k] /= total


@njit(nogil=True, cache=True, error_model="numpy")
def apply_exp(out: NDArray[np.float64]) -> None:
    """Replace sums by ``exp(x)``."""
    for i in range(out.shape[0]):
        for k in range(out.shape[1]):
            out[i, k] = math.exp(out[i, k])

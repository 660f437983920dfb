# numpy's scalars are as good as int, float and bool here.
# mypy: disable-error-code="arg-type, assignment, no-any-return, return-value"
"""Reading boosted trees as LightGBM does: the same leaf, the same order of sums, the same ``exp``.

Values are compared in float64. A missing value is NaN, or zero as well, or there is none and NaN
counts as zero: each split says which, as it does where missing values go.
"""

import math
from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from deepforest._engine.predicting import fall

CATEGORICAL = 1  # bits of `kind`: the split asks for a set of categories
MISSING_LEFT = 2
ZERO_IS_MISSING = 4
NAN_IS_MISSING = 8

# LightGBM takes values up to this for zero. It is a float32 there.
ZERO = float(np.float32(1e-35))

BLOCK_ROWS = 256
FEW_ROWS = 64  # for fewer it takes longer to put the nodes in order than to ask split by split
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
    if kind & ZERO_IS_MISSING and -ZERO <= x <= ZERO:
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
    """What the splits ask of a row: values, and for each set of categories whether it has one.

    Trees ask for the same few sets over and over. Each is a column behind the features, 0 for rows
    that go left and 1 for the others, so that all splits ask for "<=".
    """

    is_compared: NDArray[np.bool_]  # (d,) some split compares the feature with a threshold
    of_split: NDArray[np.int32]  # (splits,) the feature or the set's column; -1 beyond the most
    sets: NDArray[np.int64]  # (columns behind the features,) a split that asks for the set


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
    is_compared = np.zeros(d, np.bool_)
    of_split = trees.feature.copy()
    sets = np.empty(MOST_SETS, np.int64)
    places = np.full(4 * MOST_SETS, np.int64(-1))  # columns, at their hash or behind it
    n = 0
    for split in range(trees.left.size):
        if not trees.kind[split] & CATEGORICAL:
            is_compared[trees.feature[split]] = True
            continue
        place = hash_of_set(split, trees)
        while places[place] >= 0 and not is_same_set(split, sets[places[place]], trees):
            place = (place + 1) & (places.size - 1)
        if places[place] < 0 and n < MOST_SETS:
            sets[n] = split
            places[place] = n
            n += 1
        of_split[split] = d + places[place] if places[place] >= 0 else -1
    return Columns(is_compared, of_split, sets[:n])


class Steps(NamedTuple):
    """The same trees as `predicting.fall` takes them, where all splits ask for "<=" of a column."""

    nodes: NDArray[Any]  # (splits + leaves,) as NODE, the children of a split side by side
    values: NDArray[np.float64]  # (splits + leaves,) of leaves
    roots: NDArray[np.int64]  # (trees,) -1 of a tree that takes zeros for missing, or lacks a set


NODE = np.dtype([("threshold", np.float64), ("left", np.int32), ("offset", np.int32)])


@njit(nogil=True, cache=True, error_model="numpy")
def steps_of(trees: BoostedNodes, columns: Columns) -> Steps:
    """Return the trees node by node."""
    n_nodes = trees.left.size + trees.leaf_values.size
    nodes = np.zeros(n_nodes, NODE)
    values = np.zeros(n_nodes)
    roots = np.empty(trees.roots.size, np.int64)
    waiting = np.empty(n_nodes + 1, np.int64)  # splits or leaves, in the order of their nodes
    end = 0
    for t in range(trees.roots.size):
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
            else:
                kind = trees.kind[old]
                is_set = kind & CATEGORICAL != 0
                if columns.of_split[old] < 0 or (not is_set and kind & ZERO_IS_MISSING):
                    roots[t] = -1
                nodes[at]["threshold"] = 0.0 if is_set else trees.threshold[old]
                nodes[at]["offset"] = columns.of_split[old]
                nodes[at]["left"] = end
                waiting[end] = trees.left[old]
                waiting[end + 1] = trees.right[old]
                end += 2
            at += 1
    return Steps(nodes, values, roots)


@njit(nogil=True, cache=True, error_model="numpy")
def add_trees(X: NDArray[Any], trees: BoostedNodes, out: NDArray[np.float64]) -> None:
    """Add to ``out`` (n, K) what each tree says of each row; tree ``t`` speaks for ``t mod K``.

    Rows without a missing value among those that are compared fall through trees together; the
    others are asked split by split. Either way the sums of a row are in the order of the trees.
    """
    n, n_outputs = out.shape
    d = X.shape[1]
    if n < FEW_ROWS:
        columns = Columns(np.zeros(d, np.bool_), np.zeros(0, np.int32), np.zeros(0, np.int64))
        steps = Steps(np.zeros(0, NODE), np.zeros(0), np.full(trees.roots.size, np.int64(-1)))
    else:
        columns = columns_of(trees, d)
        steps = steps_of(trees, columns)
    width = d + columns.sets.size
    values = np.empty((BLOCK_ROWS, width), X.dtype)
    flat = values.reshape(-1)
    base = np.empty(BLOCK_ROWS, np.int64)
    order = np.empty(BLOCK_ROWS, np.int64)
    leaves = np.empty(BLOCK_ROWS, np.int32)
    for start in range(0, n, BLOCK_ROWS):
        stop = min(start + BLOCK_ROWS, n)
        whole, rest = 0, BLOCK_ROWS  # rows that fall together from the front of `order`
        for i in range(stop - start):
            missing = False
            for j in range(d):
                x = X[start + i, j]
                missing |= x != x and columns.is_compared[j]
                values[i, j] = 0 if -ZERO <= x <= ZERO else x
            for c, split in enumerate(columns.sets):
                x = np.float64(values[i, trees.feature[split]])
                values[i, d + c] = 0 if goes_left(x, split, trees) else 1
            if missing:
                rest -= 1
                order[rest] = i
            else:
                order[whole] = i
                base[whole] = i * width
                whole += 1
        for t in range(trees.roots.size):
            k = t % n_outputs
            if steps.roots[t] >= 0:
                fall(flat, base[:whole], steps.nodes, steps.roots[t], leaves)
                for i in range(whole):
                    out[start + order[i], k] += steps.values[leaves[i]]
            else:
                for i in order[:whole]:
                    out[start + i, k] += leaf_value(values[i], t, trees)
            for i in order[rest:]:
                out[start + i, k] += leaf_value(values[i], t, trees)


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

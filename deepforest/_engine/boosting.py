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


class Steps(NamedTuple):
    """The same trees as `predicting.fall` takes them, where no split asks for more than "<="."""

    nodes: NDArray[Any]  # (splits + leaves,) as NODE, the children of a split side by side
    values: NDArray[np.float64]  # (splits + leaves,) of leaves
    roots: NDArray[np.int64]  # (trees,) -1 of a tree with categories or zeros that are missing


NODE = np.dtype([("threshold", np.float64), ("left", np.int32), ("offset", np.int32)])


@njit(nogil=True, cache=True, error_model="numpy")
def steps_of(trees: BoostedNodes) -> Steps:
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
                if trees.kind[old] & (CATEGORICAL | ZERO_IS_MISSING):
                    roots[t] = -1
                nodes[at]["threshold"] = trees.threshold[old]
                nodes[at]["offset"] = trees.feature[old]
                nodes[at]["left"] = end
                waiting[end] = trees.left[old]
                waiting[end + 1] = trees.right[old]
                end += 2
            at += 1
    return Steps(nodes, values, roots)


@njit(nogil=True, cache=True, error_model="numpy")
def add_trees(X: NDArray[Any], trees: BoostedNodes, out: NDArray[np.float64]) -> None:
    """Add to ``out`` (n, K) what each tree says of each row; tree ``t`` speaks for ``t mod K``.

    Rows without a missing value fall through plain trees together; the others are asked split by
    split. Either way the sums of a row are in the order of the trees.
    """
    n, n_outputs = out.shape
    d = X.shape[1]
    if n < FEW_ROWS:
        steps = Steps(np.zeros(0, NODE), np.zeros(0), np.full(trees.roots.size, np.int64(-1)))
    else:
        steps = steps_of(trees)
    values = np.empty((BLOCK_ROWS, d), X.dtype)
    flat = values.reshape(-1)
    base = np.empty(BLOCK_ROWS, np.int64)
    order = np.empty(BLOCK_ROWS, np.int64)
    leaves = np.empty(BLOCK_ROWS, np.int32)
    for start in range(0, n, BLOCK_ROWS):
        stop = min(start + BLOCK_ROWS, n)
        whole, rest = 0, BLOCK_ROWS  # rows without missing values from the front of `order`
        for i in range(stop - start):
            missing = False
            for j in range(d):
                x = X[start + i, j]
                missing |= x != x
                values[i, j] = 0 if -ZERO <= x <= ZERO else x
            if missing:
                rest -= 1
                order[rest] = i
            else:
                order[whole] = i
                base[whole] = i * d
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

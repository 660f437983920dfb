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

CATEGORICAL = 1  # bits of `kind`: the split asks for a set of categories
MISSING_LEFT = 2
ZERO_IS_MISSING = 4
NAN_IS_MISSING = 8

# LightGBM takes values up to this for zero. It is a float32 there.
ZERO = float(np.float32(1e-35))

BLOCK_ROWS = 256


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
def add_trees(X: NDArray[Any], nodes: BoostedNodes, out: NDArray[np.float64]) -> None:
    """Add to ``out`` (n, K) what each tree says of each row; tree ``t`` speaks for ``t mod K``."""
    n, n_outputs = out.shape
    for start in range(0, n, BLOCK_ROWS):
        stop = min(start + BLOCK_ROWS, n)
        for t in range(nodes.roots.size):
            for i in range(start, stop):
                node = np.int64(nodes.roots[t])
                while node >= 0:
                    x = np.float64(X[i, nodes.feature[node]])
                    if -ZERO <= x <= ZERO:
                        x = 0.0
                    left = goes_left(x, node, nodes)
                    node = np.int64(nodes.left[node] if left else nodes.right[node])
                out[i, t % n_outputs] += nodes.leaf_values[~node]


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

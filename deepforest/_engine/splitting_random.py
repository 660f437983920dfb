# numpy's scalars are as good as int, float and bool here.
# mypy: disable-error-code="arg-type, assignment, no-any-return, return-value"
"""The draw of one node's split on one feature, for extra-trees.

The threshold is drawn between the smallest and the largest code, so uniformly in codes and not in
values; its score has the formula of `splitting`.
"""

import numpy as np
from numba import njit
from numpy.typing import NDArray

from deepforest._engine.candidate import (
    ANY_ORDER,
    CONSTANT,
    MISSING,
    NO_SPLIT,
    SORT_ROWS,
    Scratch,
    gather,
)
from deepforest._engine.categories import draw_left_set, in_set
from deepforest._engine.random import INLINED, KERNEL, RandomState, random_below
from deepforest._engine.splitting import Node


@njit(**INLINED)
def draw_split(
    codes: NDArray[np.uint8],
    n: int,
    low: int,
    high: int,
    keeps_missing: bool,
    is_categorical: bool,
    scratch: Scratch,
    state: RandomState,
) -> tuple[int, bool, np.uint8]:
    """Draw a split; return ``(code, missing_left, cut)``, where ``codes`` up to ``cut`` go left.

    Where the split is not one of codes, ``codes`` are replaced by 0 for left and 1 for right.
    """
    if is_categorical:
        draw_left_set(codes, n, scratch, state)
        for i in range(n):
            codes[i] = not in_set(scratch.left_set, codes[i])
        return 0, False, np.uint8(0)
    if keeps_missing and high == MISSING:
        code, missing_left = draw_with_missing(codes, n, low, state)
        for i in range(n):
            codes[i] = not (missing_left if codes[i] == MISSING else codes[i] <= code)
        return code, missing_left, np.uint8(0)
    code = low + random_below(state, high - low)
    return code, False, np.uint8(code)


@njit(**KERNEL)
def draw_with_missing(
    codes: NDArray[np.uint8], n: int, low: int, state: RandomState
) -> tuple[int, bool]:
    """Draw a code and the side of the missing values, where some codes are missing."""
    high = low
    for i in range(n):
        if codes[i] != MISSING:
            high = max(high, np.int64(codes[i]))
    if low == high:
        return MISSING - 1, False
    code = low + random_below(state, high - low)
    return code, random_below(state, 2) == 0


@njit(**INLINED, fastmath=ANY_ORDER)
def random_split_classes(
    flat: NDArray[np.uint8],
    offset: int,
    node: Node,
    n_groups: int,
    keeps_missing: bool,
    is_categorical: bool,
    min_leaf: int,
    scratch: Scratch,
    state: RandomState,
) -> tuple[float, int, bool]:
    """Draw one split of a node on one feature and return it as ``best_split_classes`` does."""
    n = node.starts[n_groups]
    codes = scratch.codes
    low, high = gather(flat, offset, node.address, n, codes)
    if low == high:
        return CONSTANT, 0, False
    code, missing_left, cut = draw_split(
        codes, n, low, high, keeps_missing, is_categorical, scratch, state
    )
    left = scratch.right
    if n < SORT_ROWS:
        # One loop of a length that is the same for all candidates, whatever the groups.
        for g in range(n_groups):
            left[g] = 0
        for i in range(n):
            left[node.group[i]] += node.weight[i] * np.float32(codes[i] <= cut)
    else:
        for g in range(n_groups):
            x = np.float32(0)
            for i in range(np.uint64(node.starts[g]), np.uint64(node.starts[g + 1])):
                x += node.weight[i] if codes[i] <= cut else np.float32(0)
            left[g] = x
    left_square, right_square = np.float32(0), np.float32(0)
    left_weight, right_weight = np.float32(0), np.float32(0)
    for g in range(n_groups):
        x = left[g]
        y = node.total[g] - x
        left_square += x * x
        right_square += y * y
        left_weight += x
        right_weight += y
    if min_leaf > 1:
        left_rows = 0
        for i in range(n):
            left_rows += codes[i] <= cut
        if left_rows < min_leaf or n - left_rows < min_leaf:
            return NO_SPLIT, 0, False
    score = np.float64(left_square / left_weight + right_square / right_weight)
    return score, code, missing_left

# numpy's scalars are as good as int, float and bool here.
# mypy: disable-error-code="arg-type, assignment, no-any-return, return-value"
"""The search for one node's split on one feature, for real targets.

The formula is that of `splitting`, with ``S_k`` the weighted sum of target ``k``. A cell holds the
weight and the sums of a code side by side: ``sums[c * (K + 1)]`` is the weight.
"""

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from deepforest._engine.candidate import (
    CONSTANT,
    MISSING,
    NO_SPLIT,
    SORT_ROWS,
    Scratch,
    gather,
    list_codes,
    sort_keys,
)
from deepforest._engine.categories import sort_by_rank, write_left_set
from deepforest._engine.random import KERNEL, RandomState
from deepforest._engine.splitting_random import draw_split


@njit(**KERNEL)
def best_split_targets(
    flat: NDArray[np.uint8],
    offset: int,
    node: Any,
    n: int,
    keeps_missing: bool,
    is_categorical: bool,
    min_leaf: int,
    scratch: Scratch,
) -> tuple[float, int, bool]:
    """Return the best split of a node on one feature, as ``splitting.best_split_classes`` does."""
    n_sums = node.total.size
    codes = scratch.codes
    low, high = gather(flat, offset, node.address, n, codes)
    if low == high:
        return CONSTANT, 0, False
    has_missing = keeps_missing and high == MISSING
    if n < SORT_ROWS and not has_missing and not is_categorical:
        score, code = sorted_split_targets(codes, low, node, n, min_leaf, scratch)
        return score, code, False
    row_counts, sums, order = scratch.row_counts, scratch.sums, scratch.order
    for i in range(n):
        c = np.int64(codes[i])
        scratch.seen[c] = 1
        row_counts[c] += 1
        for k in range(n_sums):
            sums[c * n_sums + k] += node.value[i, k]
    n_codes = list_codes(scratch.seen, low, high, order)
    if is_categorical:
        rank_targets(sums, order, n_codes, n_sums, scratch.rank)
        sort_by_rank(order, n_codes, scratch.rank)
    score, place = scan_targets(n, 0, n_codes, node.total, min_leaf, scratch)
    missing_left = False
    if is_categorical:
        write_left_set(order, place, n_codes, scratch.left_set)
    elif has_missing:
        score_2, place_2 = scan_targets(n, 1, n_codes, node.total, min_leaf, scratch)
        if score_2 > score:
            score, place, missing_left = score_2, place_2, True
    code = (order[place] + order[place - 1]) >> 1
    if has_missing and place == 1:
        code = MISSING - 1
    for p in range(n_codes):
        c = np.int64(order[p])
        row_counts[c] = 0
        for k in range(n_sums):
            sums[c * n_sums + k] = 0
    return score, code, missing_left


@njit(**KERNEL)
def side_score(side: NDArray[np.float64], total: NDArray[np.float64]) -> float:
    """Return the score of a split from the sums on one side."""
    square, other_square = 0.0, 0.0
    for k in range(1, total.size):
        other = total[k] - side[k]
        square += side[k] * side[k]
        other_square += other * other
    return square / side[0] + other_square / (total[0] - side[0])


@njit(**KERNEL)
def scan_targets(
    n: int,
    first: int,
    n_codes: int,
    total: NDArray[np.float64],
    min_leaf: int,
    scratch: Scratch,
) -> tuple[float, int]:
    """Go over ``order[first:n_codes]``; return the best score and where the left side begins."""
    row_counts, sums, order, right = scratch.row_counts, scratch.sums, scratch.order, scratch.right
    n_sums = total.size
    for k in range(n_sums):
        right[k] = 0
    right_rows = 0
    best, best_place = NO_SPLIT, first + 1
    for p in range(first, n_codes - 1):
        c = np.int64(order[p])
        right_rows += row_counts[c]
        for k in range(n_sums):
            right[k] += sums[c * n_sums + k]
        if right_rows >= min_leaf and n - right_rows >= min_leaf:
            score = side_score(right, total)
            if score >= best:
                best, best_place = score, p + 1
    return best, best_place


@njit(**KERNEL)
def sorted_split_targets(
    codes: NDArray[np.uint8], low: int, node: Any, n: int, min_leaf: int, scratch: Scratch
) -> tuple[float, int]:
    """As ``best_split_targets``, for few rows and plain codes: sort the rows and go over them."""
    right, keys = scratch.right, scratch.keys
    n_sums = node.total.size
    m = 0
    for i in range(n):
        keys[m] = np.int32(codes[i]) << 8 | i
        m += codes[i] != low
    order = scratch.order
    sort_keys(keys, m, order)
    order[m] = low << 8
    for k in range(n_sums):
        right[k] = 0
    best, code = NO_SPLIT, 0
    for j in range(m):
        i = order[j] & 255
        for k in range(n_sums):
            right[k] += node.value[i, k]
        c, following = np.int64(order[j] >> 8), np.int64(order[j + 1] >> 8)
        if c != following and j + 1 >= min_leaf and n - j - 1 >= min_leaf:
            score = side_score(right, node.total)
            if score >= best:
                best, code = score, (c + following) >> 1
    return best, code


@njit(**KERNEL)
def random_split_targets(
    flat: NDArray[np.uint8],
    offset: int,
    node: Any,
    n: int,
    keeps_missing: bool,
    is_categorical: bool,
    min_leaf: int,
    scratch: Scratch,
    state: RandomState,
) -> tuple[float, int, bool]:
    """Draw one split of a node on one feature and return it as ``best_split_targets`` does."""
    n_sums = node.total.size
    codes, left = scratch.codes, scratch.right
    low, high = gather(flat, offset, node.address, n, codes)
    if low == high:
        return CONSTANT, 0, False
    code, missing_left, cut = draw_split(
        codes, n, low, high, keeps_missing, is_categorical, scratch, state
    )
    for k in range(n_sums):
        left[k] = 0
    left_rows = 0
    for i in range(n):
        if codes[i] <= cut:
            left_rows += 1
            for k in range(n_sums):
                left[k] += node.value[i, k]
    if left_rows < min_leaf or n - left_rows < min_leaf:
        return NO_SPLIT, 0, False
    return side_score(left, node.total), code, missing_left


@njit(**KERNEL)
def rank_targets(
    sums: NDArray[Any],
    order: NDArray[np.int32],
    n_codes: int,
    n_sums: int,
    rank: NDArray[np.float64],
) -> None:
    """Rank categories by their mean, in which the best of all sets is a prefix (Fisher 1958).

    Of several targets, which have been centred and scaled alike, the first principal component
    would be needed; the sum of the means takes its place.
    """
    for p in range(n_codes):
        c = np.int64(order[p])
        along = 0.0
        for k in range(1, n_sums):
            along += sums[c * n_sums + k]
        rank[c] = along / sums[c * n_sums]

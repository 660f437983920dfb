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

from deepforest._engine.random import RandomState, random_below
from deepforest._engine.splitting import (
    CONSTANT,
    MISSING,
    NO_SPLIT,
    SORT_ROWS,
    Scratch,
    draw_left_set,
    draw_with_missing,
    gather,
    in_set,
    sort_by_rank,
    sort_keys,
    write_left_set,
)


@njit(nogil=True, cache=True, error_model="numpy")
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
        score, code = sorted_split_targets(codes, node, n, min_leaf, scratch)
        return score, code, False
    row_counts, sums, order = scratch.row_counts, scratch.sums, scratch.order
    for i in range(n):
        c = np.int64(codes[i])
        row_counts[c] += 1
        for k in range(n_sums):
            sums[c * n_sums + k] += node.value[i, k]
    n_codes = 0
    for c in range(low, high + 1):
        order[n_codes] = c
        n_codes += row_counts[c] > 0
    if is_categorical:
        rank_targets(sums, order, n_codes, n_sums, scratch.rank)
        sort_by_rank(order, n_codes, scratch.rank)
    score, place = scan_targets(n, n_codes, node.total, min_leaf, scratch)
    missing_left = False
    code = 0
    if is_categorical:
        write_left_set(order, place, scratch.left_set)
    elif has_missing:
        code = MISSING - 1 if place == n_codes - 1 else (order[place - 1] + order[place]) >> 1
        for p in range(n_codes - 1, 0, -1):
            order[p] = order[p - 1]
        order[0] = MISSING
        score_2, place_2 = scan_targets(n, n_codes, node.total, min_leaf, scratch)
        if score_2 > score and place_2 > 1:
            score = score_2
            code = (order[place_2 - 1] + order[place_2]) >> 1
            missing_left = True
    else:
        code = (order[place - 1] + order[place]) >> 1
    for p in range(n_codes):
        c = np.int64(order[p])
        row_counts[c] = 0
        for k in range(n_sums):
            sums[c * n_sums + k] = 0
    return score, code, missing_left


@njit(nogil=True, cache=True, error_model="numpy")
def side_score(left: NDArray[Any], total: NDArray[Any], n_sums: int) -> float:
    """Return the score of a split from the sums on its left side."""
    left_square, right_square = 0.0, 0.0
    for k in range(1, n_sums):
        right = total[k] - left[k]
        left_square += left[k] * left[k]
        right_square += right * right
    return left_square / left[0] + right_square / (total[0] - left[0])


@njit(nogil=True, cache=True, error_model="numpy")
def scan_targets(
    n: int, n_codes: int, total: NDArray[Any], min_leaf: int, scratch: Scratch
) -> tuple[float, int]:
    """Go over ``order[:n_codes]``; return the best score and how many codes go left."""
    row_counts, sums, order, left = scratch.row_counts, scratch.sums, scratch.order, scratch.left
    n_sums = total.size
    left[:] = 0
    left_rows = 0
    best, place = NO_SPLIT, 1
    for p in range(n_codes - 1):
        c = np.int64(order[p])
        left_rows += row_counts[c]
        for k in range(n_sums):
            left[k] += sums[c * n_sums + k]
        if left_rows >= min_leaf and n - left_rows >= min_leaf:
            score = side_score(left, total, n_sums)
            if score > best:
                best, place = score, p + 1
    return best, place


@njit(nogil=True, cache=True, error_model="numpy")
def sorted_split_targets(
    codes: NDArray[np.uint8], node: Any, n: int, min_leaf: int, scratch: Scratch
) -> tuple[float, int]:
    """As ``best_split_targets``, for few rows and plain codes: sort the rows and go over them."""
    left, keys = scratch.left, scratch.keys
    n_sums = node.total.size
    for i in range(n):
        keys[i] = np.int32(codes[i]) << 8 | i
    sort_keys(keys, n)
    left[:] = 0
    best, code = NO_SPLIT, 0
    for j in range(n - 1):
        i = keys[j] & 255
        for k in range(n_sums):
            left[k] += node.value[i, k]
        c, following = keys[j] >> 8, keys[j + 1] >> 8
        if c != following and j + 1 >= min_leaf and n - j - 1 >= min_leaf:
            score = side_score(left, node.total, n_sums)
            if score > best:
                best, code = score, (c + following) >> 1
    return best, code


@njit(nogil=True, cache=True, error_model="numpy")
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
    codes, left = scratch.codes, scratch.left
    low, high = gather(flat, offset, node.address, n, codes)
    if low == high:
        return CONSTANT, 0, False
    code, missing_left, cut = 0, False, 0
    if is_categorical:
        draw_left_set(codes, n, scratch, state)
        for i in range(n):
            codes[i] = not in_set(scratch.left_set, codes[i])
    elif keeps_missing and high == MISSING:
        code, missing_left = draw_with_missing(codes, n, low, state)
        for i in range(n):
            codes[i] = not (missing_left if codes[i] == MISSING else codes[i] <= code)
    else:
        code = low + random_below(state, high - low)
        cut = code
    left[:] = 0
    left_rows = 0
    for i in range(n):
        if codes[i] <= cut:
            left_rows += 1
            for k in range(n_sums):
                left[k] += node.value[i, k]
    if left_rows < min_leaf or n - left_rows < min_leaf:
        return NO_SPLIT, 0, False
    return side_score(left, node.total, n_sums), code, missing_left


@njit(nogil=True, cache=True, error_model="numpy")
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

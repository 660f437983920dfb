# numpy's scalars are as good as int, float and bool here.
# mypy: disable-error-code="arg-type, assignment, no-any-return, return-value"
"""The search for one node's split on one feature, for real targets.

The formula is that of `splitting`, with ``S_k`` the weighted sum of target ``k``. Weights and
targets are read one after the other, each for all rows: row 0 of ``node.value`` and of
``scratch.sums`` is the weight.
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
from deepforest._engine.random import INLINED, KERNEL, RandomState
from deepforest._engine.splitting import choose_place, forbid_small_sides
from deepforest._engine.splitting_random import draw_split

ONE, TWO, THREE = np.uint64(1), np.uint64(2), np.uint64(3)


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
    codes = scratch.codes
    low, high = gather(flat, offset, node.address, n, codes)
    if low == high:
        return CONSTANT, 0, False
    has_missing = keeps_missing and high == MISSING
    if n < SORT_ROWS and not has_missing and not is_categorical:
        score, code = sorted_split_targets(codes, low, node, n, min_leaf, scratch)
        return score, code, False
    row_counts, sums, order = scratch.row_counts, scratch.sums, scratch.order
    count_targets(codes, n, node.value, scratch)
    if min_leaf > 1:
        for i in range(n):
            row_counts[codes[i]] += 1
    n_codes = list_codes(scratch.seen, low, high, order)
    if is_categorical:
        rank_targets(sums, order, n_codes, scratch.rank)
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
    for k in range(node.total.size):
        sums[k, low : high + 1] = 0
    if min_leaf > 1:
        row_counts[low : high + 1] = 0
    return score, code, missing_left


@njit(**INLINED)
def count_targets(
    codes: NDArray[np.uint8], n: int, value: NDArray[np.float64], scratch: Scratch
) -> None:
    """Add the weights and targets of the rows to ``scratch.sums``, and note the codes seen."""
    for i in range(n):
        scratch.seen[codes[i]] = 1
    for k in range(value.shape[0]):
        sums = scratch.sums[k]
        for i in range(n):
            sums[codes[i]] += value[k, i]


@njit(**INLINED)
def score_cells(
    cells: NDArray[np.float64],
    order: NDArray[np.int32],
    first: int,
    end: int,
    total: NDArray[np.float64],
    scratch: Scratch,
) -> None:
    """Write into ``scratch.score`` the score of the split after each of ``order[first:end]``.

    These are cells, and ``cells`` (K + 1, cells) has their sums.
    """
    square, left_square, weight = scratch.square, scratch.left_square, scratch.weight
    right = 0.0
    for p in range(first, end):
        right += cells[0, order[p]]
        weight[p] = right
        square[p] = 0
        left_square[p] = 0
    for k in range(1, total.size):
        right, whole = 0.0, total[k]
        for p in range(first, end):
            right += cells[k, order[p]]
            square[p] += right * right
            left_square[p] += (whole - right) * (whole - right)
    whole = total[0]
    for p in range(first, end):
        scratch.score[p] = square[p] / weight[p] + left_square[p] / (whole - weight[p])


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
    order, score = scratch.order, scratch.score
    score_cells(scratch.sums, order, first, n_codes - 1, total, scratch)
    if min_leaf > 1:
        forbid_small_sides(n, first, n_codes - 1, min_leaf, scratch)
    return choose_place(first, n_codes - 1, score)


@njit(**KERNEL)
def sorted_split_targets(
    codes: NDArray[np.uint8], low: int, node: Any, n: int, min_leaf: int, scratch: Scratch
) -> tuple[float, int]:
    """As ``best_split_targets``, for few rows and plain codes: sort the rows and go over them."""
    keys, order, score = scratch.keys, scratch.order, scratch.score
    m = 0
    for i in range(n):
        keys[m] = np.int32(codes[i]) << 8 | i
        m += codes[i] != low
    sort_keys(keys, m, order)
    order[m] = low << 8
    for j in range(m):
        keys[j] = order[j] & 255
    score_cells(node.value, keys, 0, m, node.total, scratch)
    for j in range(m):
        splits = (
            (order[j] >> 8 != order[j + 1] >> 8) & (j + 1 >= min_leaf) & (n - j - 1 >= min_leaf)
        )
        score[j] = score[j] if splits else NO_SPLIT
    best, place = choose_place(0, m, score)
    return best, np.int64((order[place - 1] >> 8) + (order[place] >> 8)) >> 1


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
    codes, total = scratch.codes, node.total
    low, high = gather(flat, offset, node.address, n, codes)
    if low == high:
        return CONSTANT, 0, False
    code, missing_left, cut = draw_split(
        codes, n, low, high, keeps_missing, is_categorical, scratch, state
    )
    if min_leaf > 1:
        left_rows = 0
        for i in range(n):
            left_rows += codes[i] <= cut
        if left_rows < min_leaf or n - left_rows < min_leaf:
            return NO_SPLIT, 0, False
    square, right_square = 0.0, 0.0
    for k in range(1, total.size):
        left = sum_up_to(cut, codes, n, node.value[k])
        square += left * left
        right_square += (total[k] - left) * (total[k] - left)
    weight = sum_up_to(cut, codes, n, node.value[0])
    return square / weight + right_square / (total[0] - weight), code, missing_left


@njit(**INLINED)
def sum_up_to(cut: int, codes: NDArray[np.uint8], n: int, value: NDArray[np.float64]) -> float:
    """Return the sum of the values at codes up to ``cut``.

    Four sums, none of which waits for another, in an order that is the same on every machine.
    """
    a = b = c = d = 0.0
    whole = np.uint64(n) & ~np.uint64(3)
    for i in range(np.uint64(0), whole, np.uint64(4)):
        # Products, because a load that depends on a condition becomes a branch.
        a += value[i] * np.float64(codes[i] <= cut)
        b += value[i + ONE] * np.float64(codes[i + ONE] <= cut)
        c += value[i + TWO] * np.float64(codes[i + TWO] <= cut)
        d += value[i + THREE] * np.float64(codes[i + THREE] <= cut)
    for i in range(whole, np.uint64(n)):
        a += value[i] * np.float64(codes[i] <= cut)
    return (a + b) + (c + d)


@njit(**KERNEL)
def rank_targets(
    sums: NDArray[Any], order: NDArray[np.int32], n_codes: int, rank: NDArray[np.float64]
) -> None:
    """Rank categories by their mean, in which the best of all sets is a prefix (Fisher 1958).

    Of several targets, which have been centred and scaled alike, the first principal component
    would be needed; the sum of the means takes its place.
    """
    for p in range(n_codes):
        c = np.int64(order[p])
        along = 0.0
        for k in range(1, sums.shape[0]):
            along += sums[k, c]
        rank[c] = along / sums[0, c]

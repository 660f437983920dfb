# numpy's scalars are as good as int, float and bool here.
# mypy: disable-error-code="arg-type, assignment, no-any-return, return-value"
"""The search for one node's split on one feature.

Gini impurity and variance are one formula. With ``S_k`` the weight of class ``k`` (or the weighted
sum of target ``k``) and ``N`` the weight on one side, the best split maximises

    sum_k S_k(left)^2 / N(left)  +  sum_k S_k(right)^2 / N(right).

Codes are gone over from the largest down, so what is summed is the right side ``R_k``, and the left
side is ``T_k - R_k`` with the totals ``T_k``. So rows at the smallest code, most of the rows in
sparse data, are never summed.

A node's rows stand grouped by class, so a class is a run ``starts[g]:starts[g + 1]`` and classes
that the node has not got cost nothing. Weights and their sums are float32: whole numbers below
2^24 are exact, and the choice among splits needs no more.
"""

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from deepforest._engine.candidate import (
    ANY_ORDER,
    CONSTANT,
    LANES,
    MISSING,
    NO_SPLIT,
    SORT_ROWS,
    Scratch,
    gather,
    list_codes,
    padded,
    sort_keys,
)
from deepforest._engine.categories import rank_classes, sort_by_rank, write_left_set
from deepforest._engine.random import INLINED, KERNEL

LANE_BITS = np.uint64(LANES - 1)
ONE = np.uint64(1)


class Node(NamedTuple):
    """The rows of the node at hand, grouped by class."""

    address: NDArray[np.int32]  # (rows,) base address of the row
    weight: NDArray[np.float32]  # (rows,)
    group: NDArray[np.int32]  # (rows,) the group of the row
    starts: NDArray[np.int32]  # (K + 1,) where each group begins
    classes: NDArray[np.int32]  # (K,) the class of each group
    total: NDArray[np.float32]  # (K padded,) weight of each group, then zeros


@njit(**INLINED)
def best_split_classes(
    flat: NDArray[np.uint8],
    offset: int,
    node: Node,
    n_groups: int,
    keeps_missing: bool,
    is_categorical: bool,
    min_leaf: int,
    scratch: Scratch,
) -> tuple[float, int, bool]:
    """Return the best split of a node on one feature: ``(score, code, missing_left)``.

    Codes up to ``code`` go left. For a categorical feature ``code`` is of no use and
    ``scratch.left_set`` holds the categories that go left.
    """
    n = node.starts[n_groups]
    codes = scratch.codes
    low, high = gather(flat, offset, node.address, n, codes)
    if low == high:
        return CONSTANT, 0, False
    has_missing = keeps_missing and high == MISSING
    if n < SORT_ROWS and not has_missing and not is_categorical:
        score, code = sorted_split_classes(codes, low, node, n, n_groups, min_leaf, scratch)
        return score, code, False
    sums, order, seen = scratch.sums, scratch.order, scratch.seen
    stride = n_groups if n_groups <= 2 else padded(n_groups)
    # Unsigned, so that no index is looked at for being negative.
    row = np.uint64(stride)
    waste = np.uint64(sums.size - LANES)
    skipped = np.uint64(256 if is_categorical else low)
    for g in range(n_groups):
        column = np.uint64(g)
        for i in range(np.uint64(node.starts[g]), np.uint64(node.starts[g + 1])):
            c = np.uint64(codes[i])
            seen[c] = 1
            # Rows at the smallest code go to waste, each to another cell than the one before: a
            # sum that waited for the last one to be written would be slow. As often as not a row
            # is at that code, so the choice is computed: a branch would be guessed wrong.
            other = waste + (np.uint64(i) & LANE_BITS)
            cell = other + np.uint64(c != skipped) * (c * row + column - other)
            sums[cell] += node.weight[i]
    if min_leaf > 1:
        for i in range(n):
            scratch.row_counts[codes[i]] += 1
    n_codes = list_codes(seen, low, high, order)
    if is_categorical:
        rank_classes(n_codes, n_groups, stride, node.total, scratch)
        sort_by_rank(order, n_codes, scratch.rank)
    score, place = scan_classes(n, 0, n_codes, stride, node.total, min_leaf, scratch)
    missing_left = False
    if is_categorical:
        write_left_set(order, place, n_codes, scratch.left_set)
    elif has_missing:
        # Once more with the missing values, the first of the order, on the left.
        score_2, place_2 = scan_classes(n, 1, n_codes, stride, node.total, min_leaf, scratch)
        if score_2 > score:
            score, place, missing_left = score_2, place_2, True
    code = (order[place] + order[place - 1]) >> 1
    if has_missing and place == 1:
        code = MISSING - 1
    sums[low * stride : (high + 1) * stride] = 0
    if min_leaf > 1:
        scratch.row_counts[low : high + 1] = 0
    return score, code, missing_left


@njit(**KERNEL, fastmath=ANY_ORDER)
def scan_two(first: int, n_codes: int, total: NDArray[np.float32], scratch: Scratch) -> None:
    """Do the part of ``scan_classes`` that sums, for two classes."""
    sums, order = scratch.sums, scratch.order
    t0, t1 = total[0], total[1]
    r0, r1 = np.float32(0), np.float32(0)
    for p in range(first, n_codes - 1):
        k = np.uint64(order[p]) << ONE
        r0 += sums[k]
        r1 += sums[k + ONE]
        scratch.square[p] = r0 * r0 + r1 * r1
        scratch.left_square[p] = (t0 - r0) * (t0 - r0) + (t1 - r1) * (t1 - r1)
        scratch.weight[p] = r0 + r1


@njit(**KERNEL, fastmath=ANY_ORDER)
def scan_block(
    first: int, n_codes: int, block: int, stride: int, total: NDArray[np.float32], scratch: Scratch
) -> None:
    """Do the part of ``scan_classes`` that sums, for the eight classes from ``block`` on.

    Written out, because the compiler makes vectors of eight variables, but not of eight elements
    of an array that might overlap with another one.
    """
    sums, order = scratch.sums, scratch.order
    t0 = total[block]
    t1 = total[block + 1]
    t2 = total[block + 2]
    t3 = total[block + 3]
    t4 = total[block + 4]
    t5 = total[block + 5]
    t6 = total[block + 6]
    t7 = total[block + 7]
    r0 = r1 = r2 = r3 = r4 = r5 = r6 = r7 = np.float32(0)
    row, column = np.uint64(stride), np.uint64(block)
    for p in range(first, n_codes - 1):
        k = np.uint64(order[p]) * row + column
        cells = sums[k : k + np.uint64(LANES)]
        r0 += cells[0]
        r1 += cells[1]
        r2 += cells[2]
        r3 += cells[3]
        r4 += cells[4]
        r5 += cells[5]
        r6 += cells[6]
        r7 += cells[7]
        square = r0 * r0 + r1 * r1 + r2 * r2 + r3 * r3 + r4 * r4 + r5 * r5 + r6 * r6 + r7 * r7
        l0 = t0 - r0
        l1 = t1 - r1
        l2 = t2 - r2
        l3 = t3 - r3
        l4 = t4 - r4
        l5 = t5 - r5
        l6 = t6 - r6
        l7 = t7 - r7
        left_square = l0 * l0 + l1 * l1 + l2 * l2 + l3 * l3 + l4 * l4 + l5 * l5 + l6 * l6 + l7 * l7
        weight = r0 + r1 + r2 + r3 + r4 + r5 + r6 + r7
        if block == 0:
            scratch.square[p] = square
            scratch.left_square[p] = left_square
            scratch.weight[p] = weight
        else:
            scratch.square[p] += square
            scratch.left_square[p] += left_square
            scratch.weight[p] += weight


@njit(**INLINED, fastmath=ANY_ORDER)
def score_places(
    first: int, end: int, n_groups: int, total: NDArray[np.float32], scratch: Scratch
) -> None:
    """Write the scores of the splits after each place from ``first`` to ``end - 1``."""
    square, left_square, weight = scratch.square, scratch.left_square, scratch.weight
    score = scratch.score
    total_weight = np.float32(0)
    for k in range(n_groups):
        total_weight += total[k]
    for p in range(first, end):
        score[p] = square[p] / weight[p] + left_square[p] / (total_weight - weight[p])


@njit(**INLINED, fastmath=ANY_ORDER)
def choose_place(first: int, end: int, score: NDArray[np.float32]) -> tuple[float, int]:
    """Return the best score and the place after it; of equal ones the one at the smallest code."""
    best = np.float32(NO_SPLIT)
    for p in range(first, end):
        best = max(best, score[p])
    place = end
    while place > first + 1 and score[place - 1] < best:
        place -= 1
    return np.float64(best), place


@njit(**INLINED, fastmath=ANY_ORDER)
def scan_classes(
    n: int,
    first: int,
    n_codes: int,
    stride: int,
    total: NDArray[np.float32],
    min_leaf: int,
    scratch: Scratch,
) -> tuple[float, int]:
    """Go over ``order[first:n_codes]``; return the best score and where the left side begins."""
    if stride == 2:
        scan_two(first, n_codes, total, scratch)
    else:
        for block in range(0, stride, LANES):
            scan_block(first, n_codes, block, stride, total, scratch)
    score_places(first, n_codes - 1, stride, total, scratch)
    if min_leaf > 1:
        forbid_small_sides(n, first, n_codes - 1, min_leaf, scratch)
    return choose_place(first, n_codes - 1, scratch.score)


@njit(**INLINED)
def forbid_small_sides(n: int, first: int, end: int, min_leaf: int, scratch: Scratch) -> None:
    """Take their scores from splits of counted codes that leave a side too few rows."""
    right_rows = 0
    for p in range(first, end):
        right_rows += scratch.row_counts[scratch.order[p]]
        if right_rows < min_leaf or n - right_rows < min_leaf:
            scratch.score[p] = NO_SPLIT


@njit(**INLINED)
def sorted_split_classes(
    codes: NDArray[np.uint8],
    low: int,
    node: Node,
    n: int,
    n_groups: int,
    min_leaf: int,
    scratch: Scratch,
) -> tuple[float, int]:
    """As ``best_split_classes``, for few rows and plain codes: sort the rows and go over them."""
    right, keys, order, total = scratch.right, scratch.keys, scratch.order, node.total
    m = 0
    for i in range(n):
        keys[m] = np.int32(codes[i]) << 8 | i
        m += codes[i] != low
    sort_keys(keys, m, order)
    order[m] = low << 8
    for g in range(n_groups):
        right[g] = 0
    total_square, total_weight = np.float32(0), np.float32(0)
    for g in range(n_groups):
        total_square += total[g] * total[g]
        total_weight += total[g]
    square, cross, weight = np.float32(0), np.float32(0), np.float32(0)
    best, place = np.float32(NO_SPLIT), 1
    for j in range(m):
        i = order[j] & 255
        g = node.group[i]
        x = node.weight[i]
        square += x * (np.float32(2) * right[g] + x)
        cross += x * total[g]
        right[g] += x
        weight += x
        left_square = total_square - np.float32(2) * cross + square
        score = square / weight + left_square / (total_weight - weight)
        # One condition, so that it becomes a selection and not branches to be guessed.
        better = (
            (score >= best)
            & (order[j] >> 8 != order[j + 1] >> 8)
            & (j + 1 >= min_leaf)
            & (n - j - 1 >= min_leaf)
        )
        best = score if better else best
        place = j + 1 if better else place
    return np.float64(best), np.int64((order[place - 1] >> 8) + (order[place] >> 8)) >> 1

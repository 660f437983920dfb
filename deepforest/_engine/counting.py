# numpy's scalars are as good as int, float and bool here.
# mypy: disable-error-code="arg-type, assignment, no-any-return, return-value"
"""The best split on one feature for classes, found by counting the weight per code and class.

Codes are gone over from the largest down, so what is summed is the right side ``R_k``, and the left
side is ``T_k - R_k`` with the totals ``T_k``. So rows at the smallest code, most of the rows in
sparse data, are never summed.
"""

import numpy as np
from numba import njit
from numpy.typing import NDArray

from deepforest._engine.block import Block
from deepforest._engine.candidate import (
    ANY_ORDER,
    MISSING,
    NO_SPLIT,
    Scratch,
    list_codes,
    padded,
)
from deepforest._engine.categories import rank_classes, sort_by_rank, write_left_set
from deepforest._engine.class_rows import Node
from deepforest._engine.dividing import Table
from deepforest._engine.lanes import LANES, WIDE, add_up, fill, load, store
from deepforest._engine.random import INLINED, KERNEL

LANE_BITS = np.uint64(LANES - 1)
ONE = np.uint64(1)


@njit(**INLINED)
def count_classes(
    table: Table,
    node: Node,
    n_groups: int,
    block: Block,
    lane: int,
    min_leaf: int,
    scratch: Scratch,
) -> None:
    """Find the best split on one candidate of a block by counting its codes, if they differ."""
    n = node.starts[n_groups]
    codes, low, high = block.codes, np.int64(block.low[lane]), np.int64(block.high[lane])
    if low == high:
        return
    is_categorical = table.is_categorical[block.feature[lane]]
    has_missing = table.keeps_missing[block.feature[lane]] and high == MISSING
    sums, order, seen = scratch.sums, scratch.order, scratch.seen
    stride = n_groups if n_groups <= 2 else padded(n_groups)
    # Unsigned, so that no index is looked at for being negative.
    row, place_in_row = np.uint64(stride), np.uint64(lane)
    waste = np.uint64(sums.size - LANES)
    skipped = np.uint64(256 if is_categorical else low)
    for g in range(n_groups):
        column = np.uint64(g)
        for i in range(np.uint64(node.starts[g]), np.uint64(node.starts[g + 1])):
            c = np.uint64(codes[i * WIDE + place_in_row])
            seen[c] = 1
            # Rows at the smallest code go to waste, each to another cell than the one before: a
            # sum that waited for the last one to be written would be slow. As often as not a row
            # is at that code, so the choice is computed: a branch would be guessed wrong.
            other = waste + (np.uint64(i) & LANE_BITS)
            cell = other + np.uint64(c != skipped) * (c * row + column - other)
            sums[cell] += node.weight[i]
    if min_leaf > 1:
        for i in range(np.uint64(n)):
            scratch.row_counts[codes[i * WIDE + place_in_row]] += 1
    n_codes = list_codes(seen, low, high, order)
    if is_categorical:
        rank_classes(n_codes, n_groups, stride, node.total, scratch)
        sort_by_rank(order, n_codes, scratch.rank)
    score, place = scan_classes(n, 0, n_codes, stride, node.total, min_leaf, scratch)
    missing_left = False
    if is_categorical:
        write_left_set(order, place, n_codes, block.left_set[lane])
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
    block.score[lane] = score
    block.code[lane] = code
    block.missing_left[lane] = missing_left


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


@njit(**INLINED)
def scan_lanes(
    first: int, n_codes: int, stride: int, total: NDArray[np.float32], scratch: Scratch
) -> None:
    """Do the part of ``scan_classes`` that sums, eight classes at a time."""
    sums, order, right = scratch.sums, scratch.order, scratch.right
    none = fill(np.float32(0))
    for column in range(0, stride, LANES):
        store(right, column, none)
    for p in range(first, n_codes - 1):
        row = np.int64(order[p]) * stride
        square, left_square, weight = none, none, none
        for column in range(0, stride, LANES):
            x = load(right, column) + load(sums, row + column)
            y = load(total, column) - x
            store(right, column, x)
            square, left_square, weight = square + x * x, left_square + y * y, weight + x
        scratch.square[p] = add_up(square)
        scratch.left_square[p] = add_up(left_square)
        scratch.weight[p] = add_up(weight)


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
        scan_lanes(first, n_codes, stride, total, scratch)
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

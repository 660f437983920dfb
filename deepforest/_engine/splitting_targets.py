# numpy's scalars are as good as int, float and bool here.
# mypy: disable-error-code="arg-type, assignment, no-any-return, return-value"
"""The search for a node's split on a block of features, for real targets.

The formula is that of `splitting`, with ``S_k`` the weighted sum of target ``k``. Weights and
targets are read one after the other, each for all rows: row 0 of ``node.value`` and of
``scratch.sums`` is the weight.
"""

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from deepforest._engine.block import Block
from deepforest._engine.candidate import MISSING, NO_SPLIT, Scratch, list_codes
from deepforest._engine.categories import sort_by_rank, write_left_set
from deepforest._engine.counting import choose_place, forbid_small_sides
from deepforest._engine.cuts import (
    all_cuts,
    allowed,
    is_counted,
    keep_better_cuts,
    keep_cuts,
    mark_missing,
    next_cut,
    plan_cuts,
    shift_codes,
)
from deepforest._engine.dividing import Table
from deepforest._engine.drawing import draw_cuts
from deepforest._engine.lanes import WIDE, fill, load, store, where
from deepforest._engine.random import INLINED, KERNEL, ONCE, RandomState


@njit(**INLINED)
def score_target_cuts(cut: Any, node: Any, n: int, block: Block) -> Any:
    """Return the score of the split after ``cut`` in each lane; without a right side any number."""
    none = fill(0.0)
    square, right_square = none, none
    for k in range(1, node.total.size):
        left = sum_up_to(cut, node.value[k], n, block)
        right = node.total[k] - left
        square, right_square = square + left * left, right_square + right * right
    weight, whole = sum_up_to(cut, node.value[0], n, block), fill(node.total[0])
    right_weight = where(weight < whole, whole - weight, whole)
    return square / weight + right_square / right_weight


@njit(**INLINED)
def sum_up_to(cut: Any, value: NDArray[np.float64], n: int, block: Block) -> Any:
    """Return the sum of the values of rows with a code up to ``cut`` in each lane."""
    none = fill(0.0)
    total = none
    for i in range(np.uint64(n)):
        total = total + where(load(block.codes, i * WIDE) <= cut, value[i], none)
    return total


@njit(**INLINED)
def find_target_cuts(
    node: Any, n: int, block: Block, n_cuts: int, by_rows: bool, least: Any, min_leaf: int
) -> tuple[Any, Any]:
    """Return the best score and its cut in each lane, as ``splitting.find_cuts`` does."""
    best, cut, tried = fill(NO_SPLIT), load(block.high, 0), load(block.low, 0)
    for i in range(np.uint64(n_cuts)):
        tried = next_cut(tried, i, by_rows, block)
        score = score_target_cuts(tried, node, n, block)
        better = (score > best) | ((score == best) & (tried < cut))
        better = better & (least <= tried) & allowed(tried, block, n, min_leaf)
        best, cut = where(better, score, best), where(better, tried, cut)
    return best, cut


@njit(**INLINED)
def best_splits_targets(
    table: Table, node: Any, n: int, block: Block, m: int, min_leaf: int, scratch: Scratch
) -> None:
    """Find the best split of a node on each of the first ``m`` candidates of the block."""
    n_cuts, by_rows, few = plan_cuts(table, block, m, n)
    any_missing = mark_missing(table, block)
    if n_cuts > 0:
        none = fill(np.uint8(0))
        best, cut = find_target_cuts(node, n, block, n_cuts, by_rows, none, min_leaf)
        keep_cuts(block, n, best, cut)
    for k in range(m):
        f = block.feature[k]
        if table.is_categorical[f] or (not few and is_counted(table, block, k)):
            count_targets(table, node, n, block, k, min_leaf, scratch)
    if few and any_missing:
        shift_codes(block, n)
        n_cuts, by_rows = all_cuts(table, block, m, n)
        one = fill(np.uint8(1))
        best, cut = find_target_cuts(node, n, block, n_cuts, by_rows, one, min_leaf)
        keep_better_cuts(block, n, best, cut)


@njit(**ONCE)
def random_splits_targets(
    table: Table,
    node: Any,
    n: int,
    block: Block,
    m: int,
    min_leaf: int,
    scratch: Scratch,
    state: RandomState,
) -> None:
    """Draw a split of a node on each of the first ``m`` candidates of the block."""
    draw_cuts(table, n, block, m, scratch, state)
    cut = load(block.cut, 0)
    score = score_target_cuts(cut, node, n, block)
    if min_leaf > 1:
        score = where(allowed(cut, block, n, min_leaf), score, fill(NO_SPLIT))
    store(block.score, 0, score)


@njit(**KERNEL)
def count_targets(
    table: Table,
    node: Any,
    n: int,
    block: Block,
    lane: int,
    min_leaf: int,
    scratch: Scratch,
) -> None:
    """Find the best split on one candidate of a block by counting its codes, if they differ."""
    codes, low, high = block.codes, np.int64(block.low[lane]), np.int64(block.high[lane])
    if low == high:
        return
    f = block.feature[lane]
    keeps_missing, is_categorical = table.keeps_missing[f], table.is_categorical[f]
    row_counts, seen, order = scratch.row_counts, scratch.seen, scratch.order
    column = np.uint64(lane)
    for i in range(np.uint64(n)):
        seen[codes[i * WIDE + column]] = 1
    for k in range(node.total.size):
        sums, value = scratch.sums[k], node.value[k]
        for i in range(np.uint64(n)):
            sums[codes[i * WIDE + column]] += value[i]
    if min_leaf > 1:
        for i in range(np.uint64(n)):
            row_counts[codes[i * WIDE + column]] += 1
    n_codes = list_codes(seen, low, high, order)
    if is_categorical:
        rank_targets(scratch.sums, order, n_codes, scratch.rank)
        sort_by_rank(order, n_codes, scratch.rank)
    score, place = scan_targets(n, 0, n_codes, node.total, min_leaf, scratch)
    missing_left = False
    has_missing = keeps_missing and high == MISSING
    if is_categorical:
        write_left_set(order, place, n_codes, block.left_set[lane])
    elif has_missing:
        score_2, place_2 = scan_targets(n, 1, n_codes, node.total, min_leaf, scratch)
        if score_2 > score:
            score, place, missing_left = score_2, place_2, True
    code = (order[place] + order[place - 1]) >> 1
    if has_missing and place == 1:
        code = MISSING - 1
    for k in range(node.total.size):
        scratch.sums[k, low : high + 1] = 0
    if min_leaf > 1:
        row_counts[low : high + 1] = 0
    block.score[lane] = score
    block.code[lane] = code
    block.missing_left[lane] = missing_left


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
    order, sums = scratch.order, scratch.sums
    square, left_square, weight = scratch.square, scratch.left_square, scratch.weight
    right, end = 0.0, n_codes - 1
    for p in range(first, end):
        right += sums[0, order[p]]
        weight[p] = right
        square[p] = 0
        left_square[p] = 0
    for k in range(1, total.size):
        right, whole = 0.0, total[k]
        for p in range(first, end):
            right += sums[k, order[p]]
            square[p] += right * right
            left_square[p] += (whole - right) * (whole - right)
    whole = total[0]
    for p in range(first, end):
        scratch.score[p] = square[p] / weight[p] + left_square[p] / (whole - weight[p])
    if min_leaf > 1:
        forbid_small_sides(n, first, end, min_leaf, scratch)
    return choose_place(first, end, scratch.score)


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

# numpy's scalars are as good as int, float and bool here.
# mypy: disable-error-code="arg-type, assignment, no-any-return, return-value"
"""The search for a node's split on a block of features, for classes.

Gini impurity and variance are one formula. With ``S_k`` the weight of class ``k`` (or the weighted
sum of target ``k``) and ``N`` the weight on one side, the best split maximises

    sum_k S_k(left)^2 / N(left)  +  sum_k S_k(right)^2 / N(right).

A small node tries all cuts on eight features at once: cuts times rows steps, but steps without a
branch. So are all codes tried of features that have few. With 13 rows and more eight cuts are tried
together. In a large node weights are added up per code and class (`counting`).
"""

from typing import Any

import numpy as np
from numba import njit

from deepforest._engine.block import Block
from deepforest._engine.categories import Ranking
from deepforest._engine.class_rows import Node
from deepforest._engine.constants import NO_SPLIT
from deepforest._engine.counting import Cells, add_up, best_counted_cuts, list_counted
from deepforest._engine.cuts import (
    allowed,
    is_wide,
    keep_cuts,
    list_cuts,
    mark_kinds,
    next_cut,
    plan_cuts,
    put_in_ranges,
    shift_codes,
    take_out_of_ranges,
)
from deepforest._engine.dividing import Table
from deepforest._engine.drawing import draw_cuts
from deepforest._engine.lanes import (
    LANES,
    MANY,
    WIDE,
    as_floats,
    fill,
    fill_many,
    load,
    load_many,
    repeated,
    store,
    where,
)
from deepforest._engine.random import INLINED, KERNEL, ONCE, RandomState
from deepforest._engine.splitting_sets import (
    impurity_of_classes,
    is_open_set,
    keep_sets,
    order_by_classes,
)

# Steps that adding up takes for each code, and more for each two classes: see `plan_cuts`.
STEPS = 7
STEPS_OF_TWO = 4
# Nodes of so many rows, repetitions counted, choose from cuts between ranges of a pixel's values.
LEAST_IN_RANGES = 64
# Nodes of so many rows try cuts together; a byte counts no more than 255.
LEAST_TOGETHER, MOST_TOGETHER = 13, 255


@njit(**INLINED)
def score_cuts(cut: Any, node: Node, n_groups: int, block: Block) -> Any:
    """Return the score of the split after ``cut`` in each lane; without a right side any number."""
    none = fill(np.float32(0))
    square, right_square, weight = none, none, none
    total_weight = np.float32(0)
    for g in range(n_groups):
        left = none
        for i in range(np.uint64(node.starts[g]), np.uint64(node.starts[g + 1])):
            left = left + where(load(block.codes, i * WIDE) <= cut, node.weight[i], none)
        right = node.total[g] - left
        square = square + left * left
        right_square = right_square + right * right
        weight = weight + left
        total_weight += node.total[g]
    whole = fill(total_weight)
    right_weight = where(weight < whole, whole - weight, whole)
    return square / weight + right_square / right_weight


@njit(**ONCE)
def tried_cuts(
    node: Node,
    n_groups: int,
    block: Block,
    n_cuts: int,
    by_rows: bool,
    least: Any,
    min_leaf: int,
) -> tuple[Any, Any]:
    """Return the best score of so many cuts and its cut in each lane; of equal ones the smallest.

    See `plan_cuts`. No cut is below ``least``.
    """
    n = node.starts[n_groups]
    best, cut, tried = fill(np.float32(NO_SPLIT)), load(block.high, 0), load(block.low, 0)
    for i in range(np.uint64(n_cuts)):
        tried = next_cut(tried, i, by_rows, block)
        score = score_cuts(tried, node, n_groups, block)
        better = (score > best) | ((score == best) & (tried < cut))
        better = better & (least <= tried) & allowed(tried, block, n, min_leaf)
        best, cut = where(better, score, best), where(better, tried, cut)
    return best, cut


@njit(**KERNEL)
def tried_together(
    node: Node, n_groups: int, block: Block, m: int, least: Any, min_leaf: int
) -> tuple[Any, Any]:
    """Return the same of all cuts of a node of at most 255 rows.

    Eight cuts of eight candidates are tried together, weights added up in bytes, in which they fit
    (`weights_fit`).
    """
    n = node.starts[n_groups]
    n_cuts = list_cuts(block, m, n)
    high = load(block.high, 0)
    best, cut = fill(np.float32(NO_SPLIT)), high
    none = fill_many(np.uint8(0))
    for first in range(0, n_cuts, LANES):
        cuts = load_many(block.listed, first * LANES)
        for g in range(n_groups):
            left = none
            for i in range(np.uint64(node.starts[g]), np.uint64(node.starts[g + 1])):
                row = repeated(load(block.codes, i * WIDE))
                left = left + where(row <= cuts, node.small[i], none)
            store(node.left, g * MANY, left)
        if min_leaf > 1:
            rows = none
            for i in range(np.uint64(n)):
                row = repeated(load(block.codes, i * WIDE))
                rows = rows + where(row <= cuts, np.uint8(1), none)
            store(block.rows, 0, rows)
        for place in range(0, LANES * min(LANES, n_cuts - first), LANES):
            tried = load(block.listed, first * LANES + place)
            score = score_left(node, n_groups, place)
            better = (score > best) | ((score == best) & (tried < cut))
            better = better & (least <= tried) & (tried < high)
            if min_leaf > 1:
                rows_left = load(block.rows, place)
                better = better & (fill(np.uint8(min_leaf)) <= rows_left)
                better = better & (rows_left <= fill(np.uint8(n - min_leaf)))
            best, cut = where(better, score, best), where(better, tried, cut)
    return best, cut


@njit(**ONCE)
def score_left(node: Node, n_groups: int, place: int) -> Any:
    """Return the scores of the splits whose left sides ``node.left`` has at a place."""
    none = fill(np.float32(0))
    square, right_square, weight = none, none, none
    total_weight = np.float32(0)
    for g in range(n_groups):
        left = as_floats(load(node.left, g * MANY + place))
        right = node.total[g] - left
        square = square + left * left
        right_square = right_square + right * right
        weight = weight + left
        total_weight += node.total[g]
    whole = fill(total_weight)
    left_weight = where(none < weight, weight, whole)
    right_weight = where(weight < whole, whole - weight, whole)
    return square / left_weight + right_square / right_weight


@njit(**KERNEL)
def counted_cuts(
    node: Node,
    n_groups: int,
    block: Block,
    m: int,
    least: Any,
    min_leaf: int,
    any_set: bool,
    cells: Cells,
) -> tuple[Any, Any]:
    """Return the same of wide candidates, from the weights per code and class."""
    n_counted, first, end = list_counted(block, m)
    none, total_weight = fill(np.float32(0)), np.float32(0)
    # Two classes at a time; totals behind the last class are zero.
    for g in range(0, n_groups, 2):
        middle, last = node.starts[g + 1], node.starts[min(g + 2, n_groups)]
        add_up(node.weight, node.starts[g], middle, block, n_counted, cells.sums)
        add_up(node.weight, middle, last, block, n_counted, cells.more_sums)
        left, more_left = none, none
        for c in range(first, end):
            p = c * WIDE
            left = left + load(cells.sums, p)
            more_left = more_left + load(cells.more_sums, p)
            store(cells.sums, p, none)
            store(cells.more_sums, p, none)
            right, more_right = node.total[g] - left, node.total[g + 1] - more_left
            store(cells.square, p, load(cells.square, p) + left * left + more_left * more_left)
            right_square = load(cells.right_square, p) + right * right + more_right * more_right
            store(cells.right_square, p, right_square)
            store(cells.weight, p, load(cells.weight, p) + left + more_left)
        total_weight += node.total[g] + node.total[g + 1]
    whole, n = fill(total_weight), node.starts[n_groups]
    return best_counted_cuts(
        whole, least, n, min_leaf, any_set, block, n_counted, first, end, cells
    )


@njit(**INLINED)
def best_splits_classes(
    table: Table,
    node: Node,
    n_groups: int,
    block: Block,
    m: int,
    min_leaf: int,
    together: bool,
    in_ranges: bool,
    ranking: Ranking,
    cells: Cells,
) -> None:
    """Find the best split of a node on each of the first ``m`` candidates of the block.

    ``together`` says that the weights of a small node fit in bytes, ``in_ranges`` that pixels are
    put in ranges.
    """
    n = node.starts[n_groups]
    any_missing, any_set = mark_kinds(table, block)
    for k in range(m if any_set else 0):
        if is_open_set(table, block, k):
            order_by_classes(node, n_groups, block, k, ranking)
    any_range = put_in_ranges(table, block, n, in_ranges)
    # A second time with missing values on the left.
    for turn in range(2 if any_missing else 1):
        if turn == 1:
            shift_codes(block, n)
        least = fill(np.uint8(turn))
        if together:
            best, cut = tried_together(node, n_groups, block, m, least, min_leaf)
        else:
            steps = STEPS + STEPS_OF_TWO * ((n_groups + 1) >> 1)
            n_cuts, by_rows, all_cuts = plan_cuts(block, m, n, steps)
            best, cut = tried_cuts(node, n_groups, block, n_cuts, by_rows, least, min_leaf)
            if not all_cuts:
                score, code = counted_cuts(
                    node, n_groups, block, m, least, min_leaf, any_set, cells
                )
                wide = is_wide(block)
                best, cut = where(wide, score, best), where(wide, code, cut)
        keep_cuts(block, n, turn, best, cut)
    if any_set:
        keep_sets(table, n, block, m, impurity_of_classes(node.total, n_groups), ranking)
    if any_range:
        take_out_of_ranges(block)


@njit(**ONCE)
def random_splits_classes(
    table: Table,
    node: Node,
    n_groups: int,
    block: Block,
    m: int,
    min_leaf: int,
    state: RandomState,
) -> None:
    """Draw a split of a node on each of the first ``m`` candidates of the block."""
    n = node.starts[n_groups]
    draw_cuts(table, n, block, m, state)
    cut = load(block.cut, 0)
    score = score_cuts(cut, node, n_groups, block)
    if min_leaf > 1:
        score = where(allowed(cut, block, n, min_leaf), score, fill(np.float32(NO_SPLIT)))
    store(block.score, 0, score)

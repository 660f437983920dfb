# numpy's scalars are as good as int, float and bool here.
# mypy: disable-error-code="arg-type, assignment, no-any-return, return-value"
"""The search for a node's split on a block of features, for classes.

Gini impurity and variance are one formula. With ``S_k`` the weight of class ``k`` (or the weighted
sum of target ``k``) and ``N`` the weight on one side, the best split maximises

    sum_k S_k(left)^2 / N(left)  +  sum_k S_k(right)^2 / N(right).

A small node tries the code of each of its rows as a cut, on eight features at once: rows times rows
steps, but steps without a branch. So are all codes of features that have few. Otherwise codes are
counted (`counting`).
"""

from typing import Any

import numpy as np
from numba import njit

from deepforest._engine.block import Block
from deepforest._engine.candidate import NO_SPLIT, Scratch
from deepforest._engine.class_rows import Node
from deepforest._engine.counting import count_classes
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
from deepforest._engine.random import INLINED, ONCE, RandomState


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


@njit(**INLINED)
def find_cuts(
    node: Node,
    n_groups: int,
    block: Block,
    n_cuts: int,
    by_rows: bool,
    least: Any,
    min_leaf: int,
) -> tuple[Any, Any]:
    """Return the best score of so many cuts and its cut in each lane; of equal ones the smallest.

    See `all_cuts`. No cut is below ``least``.
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


@njit(**INLINED)
def best_splits_classes(
    table: Table,
    node: Node,
    n_groups: int,
    block: Block,
    m: int,
    min_leaf: int,
    scratch: Scratch,
) -> None:
    """Find the best split of a node on each of the first ``m`` candidates of the block."""
    n = node.starts[n_groups]
    n_cuts, by_rows, few = plan_cuts(table, block, m, n)
    any_missing = mark_missing(table, block)
    if n_cuts > 0:
        none = fill(np.uint8(0))
        best, cut = find_cuts(node, n_groups, block, n_cuts, by_rows, none, min_leaf)
        keep_cuts(block, n, best, cut)
    for k in range(m):
        f = block.feature[k]
        if table.is_categorical[f] or (not few and is_counted(table, block, k)):
            count_classes(table, node, n_groups, block, k, min_leaf, scratch)
    if few and any_missing:
        shift_codes(block, n)
        n_cuts, by_rows = all_cuts(table, block, m, n)
        one = fill(np.uint8(1))
        best, cut = find_cuts(node, n_groups, block, n_cuts, by_rows, one, min_leaf)
        keep_better_cuts(block, n, best, cut)


@njit(**ONCE)
def random_splits_classes(
    table: Table,
    node: Node,
    n_groups: int,
    block: Block,
    m: int,
    min_leaf: int,
    scratch: Scratch,
    state: RandomState,
) -> None:
    """Draw a split of a node on each of the first ``m`` candidates of the block."""
    n = node.starts[n_groups]
    draw_cuts(table, n, block, m, scratch, state)
    cut = load(block.cut, 0)
    score = score_cuts(cut, node, n_groups, block)
    if min_leaf > 1:
        score = where(allowed(cut, block, n, min_leaf), score, fill(np.float32(NO_SPLIT)))
    store(block.score, 0, score)

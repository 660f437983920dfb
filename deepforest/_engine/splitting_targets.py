# numpy's scalars are as good as int, float and bool here.
# mypy: disable-error-code="arg-type, assignment, no-any-return, return-value"
"""The search for a node's split on a block of features, for real targets.

The formula is that of `splitting`, with ``S_k`` the weighted sum of target ``k``. Weights and
targets are read one after the other, each for all rows: row 0 of ``node.value`` is the weight.
"""

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from deepforest._engine.block import Block
from deepforest._engine.categories import Ranking
from deepforest._engine.constants import NO_SPLIT
from deepforest._engine.counting import Cells, add_up, best_counted_cuts, list_counted
from deepforest._engine.cuts import (
    allowed,
    is_wide,
    keep_cuts,
    mark_kinds,
    next_cut,
    plan_cuts,
    shift_codes,
)
from deepforest._engine.dividing import Table
from deepforest._engine.drawing import draw_cuts
from deepforest._engine.lanes import WIDE, fill, load, store, where
from deepforest._engine.random import INLINED, KERNEL, ONCE, RandomState
from deepforest._engine.splitting_sets import (
    impurity_of_targets,
    is_open_set,
    keep_sets,
    order_by_targets,
)

# Steps that adding up takes for each code: see `plan_cuts`.
STEPS = 17


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


@njit(**ONCE)
def tried_target_cuts(
    node: Any, n: int, block: Block, n_cuts: int, by_rows: bool, least: Any, min_leaf: int
) -> tuple[Any, Any]:
    """Return the best score and its cut in each lane, as ``splitting.tried_cuts`` does."""
    best, cut, tried = fill(NO_SPLIT), load(block.high, 0), load(block.low, 0)
    for i in range(np.uint64(n_cuts)):
        tried = next_cut(tried, i, by_rows, block)
        score = score_target_cuts(tried, node, n, block)
        better = (score > best) | ((score == best) & (tried < cut))
        better = better & (least <= tried) & allowed(tried, block, n, min_leaf)
        best, cut = where(better, score, best), where(better, tried, cut)
    return best, cut


@njit(**KERNEL)
def counted_target_cuts(
    node: Any,
    n: int,
    block: Block,
    m: int,
    least: Any,
    min_leaf: int,
    any_set: bool,
    cells: Cells,
) -> tuple[Any, Any]:
    """Return the same of wide candidates, from the weight and the sums of targets per code."""
    n_counted, first, end = list_counted(block, m)
    none = fill(0.0)
    for k in range(node.total.size):
        add_up(node.value[k], 0, n, block, n_counted, cells.sums)
        left = none
        for c in range(first, end):
            p = c * WIDE
            left = left + load(cells.sums, p)
            store(cells.sums, p, none)
            if k == 0:
                store(cells.weight, p, left)
            else:
                right = node.total[k] - left
                store(cells.square, p, load(cells.square, p) + left * left)
                store(cells.right_square, p, load(cells.right_square, p) + right * right)
    whole = fill(node.total[0])
    return best_counted_cuts(
        whole, least, n, min_leaf, any_set, block, n_counted, first, end, cells
    )


@njit(**INLINED)
def best_splits_targets(
    table: Table,
    node: Any,
    n: int,
    block: Block,
    m: int,
    min_leaf: int,
    ranking: Ranking,
    cells: Cells,
) -> None:
    """Find the best split of a node on each of the first ``m`` candidates of the block."""
    any_missing, any_set = mark_kinds(table, block)
    for k in range(m if any_set else 0):
        if is_open_set(table, block, k):
            order_by_targets(node, n, block, k, ranking)
    # A second time with missing values on the left.
    for turn in range(2 if any_missing else 1):
        if turn == 1:
            shift_codes(block, n)
        least = fill(np.uint8(turn))
        n_cuts, by_rows, all_cuts = plan_cuts(block, m, n, STEPS)
        best, cut = tried_target_cuts(node, n, block, n_cuts, by_rows, least, min_leaf)
        if not all_cuts:
            score, code = counted_target_cuts(node, n, block, m, least, min_leaf, any_set, cells)
            wide = is_wide(block)
            best, cut = where(wide, score, best), where(wide, code, cut)
        keep_cuts(block, n, turn, best, cut)
    if any_set:
        keep_sets(table, n, block, m, impurity_of_targets(node, n), ranking)


@njit(**ONCE)
def random_splits_targets(
    table: Table,
    node: Any,
    n: int,
    block: Block,
    m: int,
    min_leaf: int,
    state: RandomState,
) -> None:
    """Draw a split of a node on each of the first ``m`` candidates of the block."""
    draw_cuts(table, n, block, m, state)
    cut = load(block.cut, 0)
    score = score_target_cuts(cut, node, n, block)
    if min_leaf > 1:
        score = where(allowed(cut, block, n, min_leaf), score, fill(NO_SPLIT))
    store(block.score, 0, score)

# numpy's scalars are as good as int, float and bool here.
# mypy: disable-error-code="arg-type, assignment, no-any-return, return-value"
"""Categorical candidates of a block, made into numbers for the search and back into sets.

A category's place in the order of categories stands for it; the best set is a prefix of the order.

Categories of few rows gain much where they say nothing. Had the k categories of n rows no bearing
on the target, they would take (k - 1) / (n - 1) of its impurity in the mean: so much is taken off
the score of their best set.
"""

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from deepforest._engine.block import Block, list_codes
from deepforest._engine.categories import (
    Ranking,
    rank_classes,
    rank_targets,
    sort_by_rank,
    write_left_set,
)
from deepforest._engine.class_rows import Node
from deepforest._engine.dividing import Table
from deepforest._engine.lanes import LANES
from deepforest._engine.random import KERNEL, ONCE


@njit(**ONCE)
def is_open_set(table: Table, block: Block, lane: int) -> bool:
    """Say whether a candidate is categorical and not constant."""
    return table.is_categorical[block.feature[lane]] and block.low[lane] != block.high[lane]


@njit(**KERNEL)
def order_by_classes(node: Node, n_groups: int, block: Block, lane: int, ranking: Ranking) -> None:
    """Order the categories of a candidate for classes, and put their places for them."""
    n = node.starts[n_groups]
    codes, order = block.codes[lane::LANES], ranking.order[lane::LANES]
    n_codes = list_codes(block, lane, n, ranking.order)
    for g in range(n_groups):
        for i in range(node.starts[g], node.starts[g + 1]):
            ranking.sums[codes[i], g] += node.weight[i]
    rank_classes(order, n_codes, n_groups, node.total, ranking)
    put_places(n, n_codes, block, lane, ranking)


@njit(**KERNEL)
def order_by_targets(node: Any, n: int, block: Block, lane: int, ranking: Ranking) -> None:
    """Order the categories of a candidate for targets, and put their places for them."""
    codes, order = block.codes[lane::LANES], ranking.order[lane::LANES]
    n_codes = list_codes(block, lane, n, ranking.order)
    for k in range(node.total.size):
        for i in range(n):
            ranking.sums[codes[i], k] += node.value[k, i]
    rank_targets(order, n_codes, ranking)
    put_places(n, n_codes, block, lane, ranking)


@njit(**KERNEL)
def put_places(n: int, n_codes: int, block: Block, lane: int, ranking: Ranking) -> None:
    """Sort categories by rank and put their places for them."""
    codes, order, rank = block.codes[lane::LANES], ranking.order[lane::LANES], ranking.rank
    sort_by_rank(order, n_codes, rank)
    for p in range(n_codes):
        ranking.sums[order[p]] = 0
        rank[order[p]] = p
    for i in range(n):
        codes[i] = np.uint8(rank[codes[i]])
    block.low[lane], block.high[lane] = 0, n_codes - 1


@njit(**ONCE)
def impurity_of_classes(total: NDArray[np.float32], n_groups: int) -> float:
    """Return the weight of a node times its Gini impurity."""
    weight, square = 0.0, 0.0
    for g in range(n_groups):
        weight += total[g]
        square += np.float64(total[g]) * total[g]
    return weight - square / weight


@njit(**ONCE)
def impurity_of_targets(node: Any, n: int) -> float:
    """Return the weight of a node times the variance of its targets, summed over them."""
    impurity = 0.0
    for k in range(1, node.total.size):
        for i in range(n):
            impurity += node.value[k, i] * node.value[k, i] / node.value[0, i]
        impurity -= node.total[k] * node.total[k] / node.total[0]
    return impurity


@njit(**ONCE)
def keep_sets(
    table: Table, n: int, block: Block, m: int, impurity: float, ranking: Ranking
) -> None:
    """Make sets of the cuts that were found between places, and take off what chance gains."""
    for k in range(m):
        # Where no cut leaves both sides rows enough, there is none.
        if is_open_set(table, block, k) and block.code[k] < block.high[k]:
            by_chance = impurity * np.float64(block.high[k]) / (n - 1)
            block.score[k] = max(block.score[k] - by_chance, 0.0)
            order = ranking.order[k::LANES]
            write_left_set(order, np.int64(block.code[k]) + 1, block.left_set[k])

# numpy's scalars are as good as int, float and bool here.
# mypy: disable-error-code="arg-type, assignment, no-any-return, return-value"
"""Categorical candidates of a block, made into numbers for the search and back into sets.

A category's place in the order of categories stands for it; the best set is a prefix of the order.
"""

from typing import Any

import numpy as np
from numba import njit

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
def keep_sets(table: Table, block: Block, m: int, ranking: Ranking) -> None:
    """Make sets of the cuts that were found between places."""
    for k in range(m):
        # Where no cut leaves both sides rows enough, there is none.
        if is_open_set(table, block, k) and block.code[k] < block.high[k]:
            order = ranking.order[k::LANES]
            write_left_set(order, np.int64(block.code[k]) + 1, block.left_set[k])

# numpy's scalars are as good as int, float and bool here.
# mypy: disable-error-code="arg-type, assignment, no-any-return, return-value"
"""The draw of a node's splits on a block of candidates, for extra-trees.

A threshold is drawn between the smallest and the largest code, so uniformly in codes and not in
values.
"""

import numpy as np
from numba import njit

from deepforest._engine.block import Block, list_codes
from deepforest._engine.categories import draw_left_set, in_set
from deepforest._engine.constants import MISSING
from deepforest._engine.dividing import Table
from deepforest._engine.lanes import LANES, load, store
from deepforest._engine.random import KERNEL, ONCE, RandomState, random_below


@njit(**ONCE)
def draw_cuts(table: Table, n: int, block: Block, m: int, state: RandomState) -> None:
    """Draw a split on each of ``m`` candidates, and write into ``block.cut`` what goes left.

    Where the split is not one of codes, they are replaced by 0 for left and 1 for right.
    """
    store(block.cut, 0, load(block.high, 0))
    for k in range(m):
        f, low, high = block.feature[k], np.int64(block.low[k]), np.int64(block.high[k])
        if low == high:
            continue
        if table.is_categorical[f]:
            draw_sets(n, block, k, state)
        elif table.keeps_missing[f] and high == MISSING:
            draw_with_missing(n, block, k, state)
        else:
            code = low + random_below(state, high - low)
            block.code[k], block.missing_left[k] = code, False
            block.cut[k] = code


@njit(**KERNEL)
def draw_sets(n: int, block: Block, lane: int, state: RandomState) -> None:
    """Draw a set of categories, and replace them by 0 where they are in the set, otherwise by 1."""
    codes, left_set = block.codes[lane : n * LANES : LANES], block.left_set[lane]
    n_codes = list_codes(block, lane, n, block.listed)
    draw_left_set(block.listed[lane::LANES], n_codes, left_set, state)
    for i in range(n):
        codes[i] = not in_set(left_set, codes[i])
    block.cut[lane] = 0


@njit(**KERNEL)
def draw_with_missing(n: int, block: Block, lane: int, state: RandomState) -> None:
    """Draw a code and the side of missing values, and replace codes by 0 for left, 1 for right."""
    codes, low = block.codes[lane : n * LANES : LANES], np.int64(block.low[lane])
    high = low
    for c in codes:
        if c != MISSING:
            high = max(high, np.int64(c))
    code, missing_left = MISSING - 1, False
    if low < high:
        code = low + random_below(state, high - low)
        missing_left = random_below(state, 2) == 0
    for i in range(n):
        codes[i] = not (missing_left if codes[i] == MISSING else codes[i] <= code)
    block.code[lane], block.missing_left[lane], block.cut[lane] = code, missing_left, 0

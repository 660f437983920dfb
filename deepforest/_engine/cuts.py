# numpy's scalars are as good as int, float and bool here.
# mypy: disable-error-code="arg-type, assignment, no-any-return, return-value"
"""Cuts of a block of candidates, one in each lane: codes up to it are on the left side.

Searches for classes (`splitting`) and for real targets (`splitting_targets`) share it.
"""

from typing import Any

import numpy as np
from numba import njit

from deepforest._engine.block import Block
from deepforest._engine.candidate import MISSING
from deepforest._engine.dividing import Table
from deepforest._engine.lanes import LANES, WIDE, fill, larger, load, smaller, store, where
from deepforest._engine.random import INLINED, ONCE

MISSING_CODE = np.uint8(MISSING)
LAST_CODE = np.uint8(MISSING - 1)


@njit(**ONCE)
def rows_up_to(cut: Any, block: Block, n: int) -> Any:
    """Return how many rows have a code up to ``cut``, in lanes."""
    none = fill(np.float32(0))
    rows = none
    for i in range(np.uint64(n)):
        rows = rows + where(load(block.codes, i * WIDE) <= cut, np.float32(1), none)
    return rows


@njit(**INLINED)
def following_code(cut: Any, block: Block, n: int) -> Any:
    """Return the next larger code that a row has, or 255, in lanes."""
    last = fill(np.uint8(255))
    following = last
    for i in range(np.uint64(n)):
        row = load(block.codes, i * WIDE)
        following = smaller(following, where(cut < row, row, last))
    return following


@njit(**INLINED)
def allowed(cut: Any, block: Block, n: int, min_leaf: int) -> Any:
    """Say in lanes whether both sides of a cut have rows enough."""
    if min_leaf == 1:
        return cut < load(block.high, 0)
    rows = rows_up_to(cut, block, n)
    return (fill(np.float32(min_leaf)) <= rows) & (rows <= fill(np.float32(n - min_leaf)))


@njit(**ONCE)
def mark_missing(table: Table, block: Block) -> bool:
    """Note in ``block.shift`` which candidates have missing values and others; say if any has."""
    any_missing = False
    for k in range(LANES):
        f = block.feature[k]
        has_missing = (
            table.keeps_missing[f]
            and block.high[k] == MISSING
            and block.low[k] != MISSING
            and not table.is_categorical[f]
        )
        block.shift[k] = has_missing
        any_missing |= has_missing
    return any_missing


@njit(**ONCE)
def middle(cut: Any, following: Any) -> Any:
    """Return the code in the middle of two."""
    return cut + ((following - cut) >> 1)


@njit(**ONCE)
def keep_cuts(block: Block, n: int, best: Any, cut: Any) -> None:
    """Make the best cuts the splits of the block. Missing values, the largest code, go right."""
    following = following_code(cut, block, n)
    to_missing = (load(block.shift, 0) == fill(np.uint8(1))) & (following == fill(MISSING_CODE))
    store(block.score, 0, best)
    store(block.code, 0, where(to_missing, LAST_CODE, middle(cut, following)))
    store(block.missing_left, 0, fill(np.uint8(0)))


@njit(**ONCE)
def shift_codes(block: Block, n: int) -> None:
    """Raise the codes that ``block.shift`` says by one, which makes 255 the smallest, 0."""
    shift, high = load(block.shift, 0), fill(np.uint8(0))
    for i in range(np.uint64(n)):
        row = load(block.codes, i * WIDE) + shift
        store(block.codes, i * WIDE, row)
        high = larger(high, row)
    store(block.high, 0, high)


@njit(**ONCE)
def keep_better_cuts(block: Block, n: int, best: Any, cut: Any) -> None:
    """Take cuts of shifted codes where they are better: there missing values go left."""
    one = fill(np.uint8(1))
    better = (load(block.score, 0) < best) & (load(block.shift, 0) == one)
    code = middle(cut - one, following_code(cut, block, n) - one)
    store(block.score, 0, where(better, best, load(block.score, 0)))
    store(block.code, 0, where(better, code, load(block.code, 0)))
    store(block.missing_left, 0, where(better, one, fill(np.uint8(0))))

# numpy's scalars are as good as int, float and bool here.
# mypy: disable-error-code="arg-type, assignment, no-any-return, return-value"
"""Cuts of a block of candidates, one in each lane: codes up to it are on the left side.

Searches for classes (`splitting`) and for real targets (`splitting_targets`) share it.
"""

from typing import Any

import numpy as np
from numba import njit

from deepforest._engine.block import Block
from deepforest._engine.candidate import MISSING, NARROW, STEPS, STEPS_A_ROW
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


@njit(**INLINED)
def all_cuts(table: Table, block: Block, m: int, n: int) -> tuple[int, bool]:
    """Return how many cuts there are to try, and whether they are the codes of the rows.

    Otherwise they are all codes from the smallest on, where these are fewer than the rows.
    """
    widest = 0
    for k in range(m):
        if not table.is_categorical[block.feature[k]]:
            widest = max(widest, np.int64(block.high[k]) - np.int64(block.low[k]))
    return min(n, widest), n < widest


@njit(**INLINED)
def narrow_cuts(table: Table, block: Block, m: int) -> int:
    """Return how many cuts there are to try, if wide features are counted."""
    widest = 0
    for k in range(m):
        if not is_counted(table, block, k):
            widest = max(widest, np.int64(block.high[k]) - np.int64(block.low[k]))
    return widest


@njit(**INLINED)
def is_counted(table: Table, block: Block, lane: int) -> bool:
    """Say whether the codes of a feature are counted where not all cuts are tried."""
    f, width = block.feature[lane], np.int64(block.high[lane]) - np.int64(block.low[lane])
    has_missing = table.keeps_missing[f] and block.high[lane] == MISSING
    return width > NARROW or (has_missing and width > 0) or table.is_categorical[f]


@njit(**INLINED)
def tries_all(n_cuts: int, block: Block, m: int, n: int) -> bool:
    """Say whether all cuts of all candidates are tried, for it takes few steps."""
    n_open = 0
    for k in range(m):
        n_open += block.low[k] != block.high[k]
    return n_cuts * n <= n_open * (STEPS + STEPS_A_ROW * n)


@njit(**INLINED)
def plan_cuts(table: Table, block: Block, m: int, n: int) -> tuple[int, bool, bool]:
    """Return how many cuts there are to try, whether by rows, and whether of all candidates.

    Otherwise those of narrow features only, and the codes of the others are counted.
    """
    n_cuts, by_rows = all_cuts(table, block, m, n)
    few = tries_all(n_cuts, block, m, n)
    if not few:
        n_cuts, by_rows = narrow_cuts(table, block, m), False
    return n_cuts, by_rows, few


@njit(**INLINED)
def next_cut(tried: Any, i: Any, by_rows: bool, block: Block) -> Any:
    """Return the cut to try after the first ``i``."""
    if by_rows:
        return load(block.codes, i * WIDE)
    return where(tried < load(block.high, 0), tried + np.uint8(i > np.uint64(0)), tried)


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
    shift, low, high = load(block.shift, 0), fill(np.uint8(255)), fill(np.uint8(0))
    for i in range(np.uint64(n)):
        row = load(block.codes, i * WIDE) + shift
        store(block.codes, i * WIDE, row)
        low, high = smaller(low, row), larger(high, row)
    store(block.low, 0, low)
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

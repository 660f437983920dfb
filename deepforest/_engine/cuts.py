# numpy's scalars are as good as int, float and bool here.
# mypy: disable-error-code="arg-type, assignment, no-any-return, return-value"
"""Cuts of a block of candidates, one in each lane: codes up to it are on the left side.

Searches for classes (`splitting`) and for real targets (`splitting_targets`) share it.
"""

from typing import Any

import numpy as np
from numba import njit

from deepforest._engine.block import Block, list_codes
from deepforest._engine.constants import MISSING
from deepforest._engine.dividing import Table
from deepforest._engine.lanes import LANES, WIDE, fill, larger, load, smaller, store, where
from deepforest._engine.random import INLINED, ONCE

MISSING_CODE = np.uint8(MISSING)
LAST_CODE = np.uint8(MISSING - 1)

# docs/engine.md has the figures.
STEPS_A_ROW = 7  # see `plan_cuts`
NARROW = 3  # the largest difference of a candidate's codes that is not counted
LISTED = 64  # nodes of so many rows list the codes that occur, smaller ones those of all rows
RANGES = 32  # see `put_in_ranges`
FEW = 32  # or all between the smallest and the largest, if these are few


@njit(**ONCE)
def rows_up_to(cut: Any, block: Block, n: int) -> Any:
    """Return how many rows have a code up to ``cut``, in lanes."""
    none = fill(np.int32(0))
    rows = none
    for i in range(np.uint64(n)):
        rows = rows + where(load(block.codes, i * WIDE) <= cut, np.int32(1), none)
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
    return (fill(np.int32(min_leaf)) <= rows) & (rows <= fill(np.int32(n - min_leaf)))


@njit(**INLINED)
def widest_range(block: Block, m: int, most: int) -> int:
    """Return the largest difference of a candidate's codes, of those up to ``most``."""
    widest = 0
    for k in range(m):
        width = np.int64(block.high[k]) - np.int64(block.low[k])
        if width <= most:
            widest = max(widest, width)
    return widest


@njit(**ONCE)
def plan_cuts(block: Block, m: int, n: int, steps_a_code: int) -> tuple[int, bool, bool]:
    """Return how many cuts to try, whether they are the codes of the rows, and if these are all.

    Otherwise they are all codes from the smallest on. Cuts are tried one after the other, each on
    all rows of eight candidates. Where it takes fewer steps, ``steps_a_code`` for each code and
    `STEPS_A_ROW` for each row, only narrow candidates are tried, and values of the others counted.
    """
    widest = widest_range(block, m, 255)
    n_cuts = min(n, widest)
    if n_cuts * n <= steps_a_code * widest + STEPS_A_ROW * n:
        return n_cuts, n < widest, True
    return widest_range(block, m, NARROW), False, False


@njit(**ONCE)
def list_cuts(block: Block, m: int, n: int) -> int:
    """List in ``block.listed`` all cuts of a small node's candidates; return their number."""
    widest, listed = widest_range(block, m, 255), block.listed
    if widest <= min(n, FEW) or (widest < n and n < LISTED):
        low, high = load(block.low, 0), load(block.high, 0)
        cut = low
        for i in range(np.uint64(widest)):
            store(listed, i * WIDE, cut)
            cut = where(cut < high, cut + np.uint8(1), cut)
        return widest
    if n < LISTED:
        for i in range(np.uint64(n)):
            store(listed, i * WIDE, load(block.codes, i * WIDE))
        return n
    most = 0
    for k in range(m):
        block.n_codes[k] = list_codes(block, k, n, listed)
        most = max(most, block.n_codes[k])
    for k in range(m):
        # The largest code is no cut.
        for i in range(block.n_codes[k], most):
            listed[i * LANES + k] = block.high[k]
    return most - 1


@njit(**ONCE)
def is_wide(block: Block) -> Any:
    """Say in lanes whether candidates are not narrow."""
    return fill(np.uint8(NARROW)) < load(block.high, 0) - load(block.low, 0)


@njit(**ONCE)
def next_cut(tried: Any, i: Any, by_rows: bool, block: Block) -> Any:
    """Return the cut to try after the first ``i``."""
    if by_rows:
        return load(block.codes, i * WIDE)
    return where(tried < load(block.high, 0), tried + np.uint8(i > np.uint64(0)), tried)


@njit(**ONCE)
def mark_kinds(table: Table, block: Block) -> tuple[bool, bool]:
    """Note in ``block.shift`` which candidates have missing values and others.

    Say if any has, and if any is categorical.
    """
    any_missing, any_set = False, False
    if table.any_kinds:
        for k in range(LANES):
            f = block.feature[k]
            is_set = table.is_categorical[f]
            has_missing = (
                table.keeps_missing[f]
                and block.high[k] == MISSING
                and block.low[k] != MISSING
                and not is_set
            )
            block.shift[k] = has_missing
            any_missing |= has_missing
            any_set |= is_set
    return any_missing, any_set


@njit(**ONCE)
def put_in_ranges(table: Table, block: Block, n: int, in_ranges: bool) -> bool:
    """Put the codes of pixels in at most `RANGES` ranges of equal width; say if any have more.

    Pixels are values that are their own codes and spread over the ranges. Whether a split sends
    this or the next of 256 left seldom matters to a forest; thresholds of tables are not put in
    ranges, nor are small counts.
    """
    any_range = False
    for k in range(LANES):
        whole, width = np.int64(block.high[k]) - np.int64(block.low[k]), 0
        if in_ranges and table.has_ranges[block.feature[k]]:
            while whole >> width >= RANGES:
                width += 1
        block.width[k] = width
        block.first[k] = block.low[k] if width > 0 else 0
        any_range |= width > 0
    if any_range:
        first, width = load(block.first, 0), load(block.width, 0)
        for i in range(np.uint64(n)):
            store(block.codes, i * WIDE, (load(block.codes, i * WIDE) - first) >> width)
        store(block.low, 0, (load(block.low, 0) - first) >> width)
        store(block.high, 0, (load(block.high, 0) - first) >> width)
    return any_range


@njit(**ONCE)
def take_out_of_ranges(block: Block) -> None:
    """Make cuts between ranges cuts between codes."""
    for k in range(LANES):
        following = (np.int64(block.code[k]) + 1) << np.int64(block.width[k])
        block.code[k] = np.int64(block.first[k]) + following - 1


@njit(**ONCE)
def middle(cut: Any, following: Any) -> Any:
    """Return the code in the middle of two."""
    return cut + ((following - cut) >> 1)


@njit(**ONCE)
def keep_cuts(block: Block, n: int, turn: int, best: Any, cut: Any) -> None:
    """Make the best cuts the splits of the block, in the second turn where they are better."""
    if turn == 0:
        keep_first_cuts(block, n, best, cut)
    else:
        keep_better_cuts(block, n, best, cut)


@njit(**INLINED)
def keep_first_cuts(block: Block, n: int, best: Any, cut: Any) -> None:
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


@njit(**INLINED)
def keep_better_cuts(block: Block, n: int, best: Any, cut: Any) -> None:
    """Take cuts of shifted codes where they are better: there missing values go left."""
    one = fill(np.uint8(1))
    better = (load(block.score, 0) < best) & (load(block.shift, 0) == one)
    code = middle(cut - one, following_code(cut, block, n) - one)
    store(block.score, 0, where(better, best, load(block.score, 0)))
    store(block.code, 0, where(better, code, load(block.code, 0)))
    store(block.missing_left, 0, where(better, one, fill(np.uint8(0))))

# numpy's scalars are as good as int, float and bool here.
# mypy: disable-error-code="arg-type, assignment, no-any-return, return-value"
"""The best cuts of a block of candidates, found by adding up values per code, in lanes.

A table of sums has a row for each code and a lane for each candidate. Going over the codes from the
smallest up, all eight candidates have their left sides' sums at once. Searches for classes
(`splitting`) and for real targets (`splitting_targets`) share it.
"""

from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from deepforest._engine.block import Block
from deepforest._engine.constants import NO_SPLIT
from deepforest._engine.cuts import NARROW, allowed
from deepforest._engine.lanes import LANES, WIDE, fill, largest, load, store, where
from deepforest._engine.random import INLINED, ONCE

# Where more candidates are wide all lanes are counted: eight steps without a loop.
FEW_WIDE = 4


class Cells(NamedTuple):
    """Tables of 256 codes times 8 lanes. All cells are zero between blocks."""

    sums: NDArray[Any]  # of what is added up at the time
    more_sums: NDArray[Any]  # and of what is added up along with it
    square: NDArray[Any]  # sum S_k^2 on the left side
    right_square: NDArray[Any]  # sum (T_k - S_k)^2
    weight: NDArray[Any]  # of the left side


def make_cells(dtype: Any) -> Cells:
    """Return cells of zeros."""
    return Cells(*(np.zeros(256 * LANES, dtype) for _ in Cells._fields))


@njit(**ONCE)
def list_counted(block: Block, m: int) -> tuple[int, Any, Any]:
    """List the lanes to be counted; return their number, the smallest code, behind the largest.

    These are the wide candidates', or all.
    """
    n_counted, first, last = 0, np.uint64(255), np.uint64(0)
    for k in range(m):
        low, high = np.uint64(block.low[k]), np.uint64(block.high[k])
        if high - low > np.uint64(NARROW):
            block.counted[n_counted] = k
            n_counted += 1
            first, last = min(first, low), max(last, high)
    if n_counted > FEW_WIDE:
        n_counted = LANES
        for k in range(LANES):
            first, last = min(first, np.uint64(block.low[k])), max(last, np.uint64(block.high[k]))
    return n_counted, first, last + np.uint64(1)


@njit(**INLINED)
def add_to_cells(x: Any, row: Any, block: Block, n_counted: int, sums: NDArray[Any]) -> None:
    """Add a row's value to the cells of its codes."""
    if n_counted == LANES:
        for lane in range(WIDE):
            sums[np.uint64(block.codes[row * WIDE + lane]) * WIDE + lane] += x
    else:
        for j in range(n_counted):
            lane = block.counted[j]
            sums[np.uint64(block.codes[row * WIDE + lane]) * WIDE + lane] += x


@njit(**INLINED)
def add_up(
    value: NDArray[Any], start: int, end: int, block: Block, n_counted: int, sums: NDArray[Any]
) -> None:
    """Add up the values of the rows from ``start`` to ``end`` per code."""
    for i in range(np.uint64(start), np.uint64(end)):
        add_to_cells(value[i], i, block, n_counted, sums)


@njit(**ONCE)
def best_counted_cuts(
    whole: Any,
    least: Any,
    n: int,
    min_leaf: int,
    any_set: bool,
    block: Block,
    n_counted: int,
    first: Any,
    end: Any,
    cells: Cells,
) -> tuple[Any, Any]:
    """Return the best score and its cut in each lane, of equal ones the smallest; empty the cells.

    A lane that cannot be the best of the block may have none, unless sets of categories are among
    them, from whose scores something is taken off later. ``cells`` has all but the numbers of
    rows, ``whole`` is the weight of all rows, in lanes. No cut is below ``least``.
    """
    none = whole - whole
    fewest = 0
    while True:
        best, cut = best_of_cells(whole, least, n, fewest, block, first, end, cells)
        if min_leaf == 1 or fewest > 0:
            break
        # Rows are counted only where the best cut of all has too few of them on a side.
        kept = where(allowed(cut, block, n, min_leaf), best, none + NO_SPLIT)
        if not any_set and largest(kept) == largest(best):
            best = kept
            break
        for i in range(np.uint64(n)):
            add_to_cells(1, i, block, n_counted, cells.sums)
        fewest = min_leaf
    for c in range(first, end):
        p = c * WIDE
        store(cells.sums, p, none)
        store(cells.square, p, none)
        store(cells.right_square, p, none)
        store(cells.weight, p, none)
    return best, cut


@njit(**ONCE)
def best_of_cells(
    whole: Any, least: Any, n: int, fewest: int, block: Block, first: Any, end: Any, cells: Cells
) -> tuple[Any, Any]:
    """Return the best score and its cut in each lane, with ``fewest`` rows on both sides."""
    none = whole - whole
    high = load(block.high, 0)
    best, cut, rows, tried = none + NO_SPLIT, high, none, fill(np.uint8(first))
    for c in range(first, end):
        p = c * WIDE
        rows = rows + load(cells.sums, p)
        weight = load(cells.weight, p)
        left_weight = where(none < weight, weight, whole)
        right_weight = where(weight < whole, whole - weight, whole)
        score = load(cells.square, p) / left_weight + load(cells.right_square, p) / right_weight
        # Candidates that are not counted have no weight anywhere.
        better = (score > best) & (least <= tried) & (none < weight) & (tried < high)
        better = better & (none + fewest <= rows) & (rows <= none + (n - fewest))
        best, cut = where(better, score, best), where(better, tried, cut)
        tried = tried + np.uint8(1)
    return best, cut

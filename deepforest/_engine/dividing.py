# numpy's scalars are as good as int, float and bool here.
# mypy: disable-error-code="arg-type, assignment, no-any-return, return-value"
"""Dividing the rows of a node between its children."""

from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from deepforest._engine.categories import BIT, in_set
from deepforest._engine.constants import MISSING
from deepforest._engine.lanes import (
    MANY,
    ONE,
    WIDE,
    as_bytes,
    bits,
    fill_many,
    load_many,
    store,
    summed,
)
from deepforest._engine.random import INLINED

SQUARE = np.uint64(MANY)
LOWEST_BITS = np.uint64(0x0101010101010101)  # of eight bytes


class Table(NamedTuple):
    """Codes and how to find them: ``flat[base[i] + offset[f]]``.

    A table, where ``flat`` goes column by column and ``base[i]`` is ``i``, has a copy row by row,
    ``near[i * near_step + f]``. Rows of a small node stand far apart in a column, each in a cache
    line of its own; in the copy a line serves many features. Windows have ``near_rows`` 0 and no
    copy.
    """

    flat: NDArray[np.uint8]
    offset: NDArray[np.int64]  # (n_features,)
    near: NDArray[np.uint8]
    near_step: int
    near_rows: int  # nodes of fewer rows read `near`
    keeps_missing: NDArray[np.bool_]  # (n_features,) code 255 means missing
    is_categorical: NDArray[np.bool_]  # (n_features,)
    has_ranges: NDArray[np.bool_]  # (n_features,) see `cuts.put_in_ranges`; no code means missing
    any_kinds: bool  # whether any feature keeps missing values or is categorical


class Bag(NamedTuple):
    """The rows that one tree for real targets sees; for classes see `class_rows.class_bag`."""

    base: NDArray[np.int32]  # (rows,) base address of the row
    y: NDArray[np.float64]  # (rows, K) targets
    weight: NDArray[np.float64]  # (rows,)


class Split(NamedTuple):
    """The split that was found for the node at hand."""

    feature: NDArray[np.int32]  # (1,) -1 where there is none
    lane: NDArray[np.int32]  # (1,) where it stands in the last block of candidates, or -1
    code: NDArray[np.uint8]  # (1,)
    missing_left: NDArray[np.bool_]  # (1,)
    left_set: NDArray[np.uint32]  # (8,)
    seen: NDArray[np.uint32]  # (8,) the codes that the node's rows have


def make_split() -> Split:
    """Return room for a split."""
    return Split(
        np.full(1, -1, np.int32),
        np.full(1, -1, np.int32),
        np.zeros(1, np.uint8),
        np.zeros(1, np.bool_),
        np.zeros(8, np.uint32),
        np.zeros(8, np.uint32),
    )


@njit(**INLINED)
def choose_sides(
    table: Table,
    address: NDArray[np.int32],
    n: int,
    block: Any,
    split: Split,
    goes_left: NDArray[np.uint8],
) -> int:
    """Write into ``goes_left`` the side of each of the rows; return how many go left.

    ``block`` is the last `block.Block` of candidates: where the split is one of them, its codes
    need not be read again.
    Also settle the side of missing values where none was seen: the one with more rows. Categories
    that were not seen go there too, and ``split.left_set`` says so afterwards.
    """
    feature, code = split.feature[0], split.code[0]
    near = n < table.near_rows
    flat = table.near if near else table.flat
    offset = np.int64(feature) if near else table.offset[feature]
    n_left = 0
    is_categorical = table.is_categorical[feature]
    if not is_categorical and not table.keeps_missing[feature]:
        if split.lane[0] >= 0:
            lane = np.uint64(split.lane[0])
            cut = np.uint8((code - block.first[lane]) >> block.width[lane])
            cuts, eights = fill_many(cut), np.uint64(n) // WIDE
            for e in range(eights):
                # Of the 64 codes of eight rows, one bit in each byte is about this lane.
                below = bits(load_many(block.codes, e * SQUARE) <= cuts)
                sides = as_bytes((below >> lane) & LOWEST_BITS)
                store(goes_left, e * WIDE, sides)
                n_left += np.int64(summed(sides))
            for i in range(eights * WIDE, np.uint64(n)):
                left = block.codes[i * WIDE + lane] <= cut
                goes_left[i] = left
                n_left += left
        else:
            for i in range(np.uint64(n)):
                left = flat[np.uint64(address[i] + offset)] <= code
                goes_left[i] = left
                n_left += left
        split.missing_left[0] = 2 * n_left > n
        return n_left
    left_set, seen, missing_left = split.left_set, split.seen, split.missing_left[0]
    for word in range(8):
        seen[word] = 0
    for i in range(np.uint64(n)):
        c = np.int64(flat[np.uint64(address[i] + offset)])
        seen[c >> 5] |= BIT << np.uint32(c & 31)
        if is_categorical:
            left = in_set(left_set, c)
        elif c == MISSING:
            left = missing_left
        else:
            left = c <= code
        goes_left[i] = left
        n_left += left
    if not in_set(seen, MISSING):
        split.missing_left[0] = 2 * n_left > n
    elif is_categorical:
        split.missing_left[0] = in_set(left_set, MISSING)
    if is_categorical and split.missing_left[0]:
        for word in range(8):
            left_set[word] |= ~seen[word]
    return n_left


@njit(**INLINED)
def divide(
    rows: NDArray[Any],
    start: int,
    end: int,
    goes_left: NDArray[np.uint8],
    buffer: NDArray[Any],
) -> None:
    """Move the rows that go left to the front of ``rows[start:end]``.

    Both sides keep their order, so rows stay grouped by class.
    """
    first, n = np.uint64(start), np.uint64(end - start)
    middle, m = first, np.uint64(0)
    for i in range(n):
        r = rows[first + i]
        left = np.uint64(goes_left[i])
        rows[middle] = r
        buffer[m] = r
        middle += left
        m += ONE - left
    for i in range(m):
        rows[middle + i] = buffer[i]

# numpy's scalars are as good as int, float and bool here.
# mypy: disable-error-code="arg-type, assignment, no-any-return, return-value"
"""What a search knows of one candidate feature of a node: its codes, and room to count them.

Searches for classes (`splitting`) and for real targets (`splitting_targets`) share it.
"""

from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from deepforest._engine.random import INLINED

# Scores of features that offer no split. Any real score is larger.
NO_SPLIT = -1e30
CONSTANT = -2e30

# The code of missing values, in features that keep one.
MISSING = 255

# Nodes of fewer rows sort their codes, larger ones count them (docs/engine.md has the measurement).
SORT_ROWS = 48

# Classes stand in blocks of so many lanes, which the compiler turns into vectors.
LANES = 8

# Sums may be added up in any order, which lets the compiler use vectors.
ANY_ORDER = {"reassoc", "nsz", "contract"}


class Scratch(NamedTuple):
    """Room that one tree uses again for every candidate.

    ``row_counts``, ``seen`` and ``sums`` are zero between candidates.
    """

    codes: NDArray[np.uint8]  # (rows,) codes of the node's rows
    keys: NDArray[np.int32]  # (SORT_ROWS,) code << 8 | position
    row_counts: NDArray[np.int32]  # (256,) rows per code
    seen: NDArray[np.uint8]  # (256,) whether a code occurs
    sums: NDArray[Any]  # weight per code and class, or (K + 1, 256) weight and targets per code
    right: NDArray[Any]  # (K padded,) sums on the right side
    order: NDArray[np.int32]  # (256,) the codes that occur, from right to left
    square: NDArray[Any]  # (256,) sum R_k^2 up to each place of the order
    left_square: NDArray[Any]  # (256,) sum (T_k - R_k)^2
    weight: NDArray[Any]  # (256,) weight of the right side
    score: NDArray[Any]  # (256,)
    rank: NDArray[np.float64]  # (256,) what categories are ordered by
    left_set: NDArray[np.uint32]  # (8,) categories on the left side, one bit each
    axis: NDArray[np.float64]  # (K,) the direction categories are ordered along
    following: NDArray[np.float64]  # (K,)


@njit(nogil=True, cache=True)
def padded(n: int) -> int:
    """Return the next multiple of ``LANES``."""
    return (n + LANES - 1) // LANES * LANES


def make_scratch(n_rows: int, n_sums: int, sums: NDArray[Any]) -> Scratch:
    """Return scratch for nodes of up to ``n_rows`` rows, with the dtype of ``sums`` for others."""
    return Scratch(
        np.empty(n_rows, np.uint8),
        np.empty(SORT_ROWS, np.int32),
        np.zeros(256, np.int32),
        np.zeros(256, np.uint8),
        sums,
        np.zeros(padded(n_sums), sums.dtype),
        np.empty(256, np.int32),
        np.empty(256, sums.dtype),
        np.empty(256, sums.dtype),
        np.empty(256, sums.dtype),
        np.empty(256, sums.dtype),
        np.empty(256, np.float64),
        np.zeros(8, np.uint32),
        np.empty(n_sums, np.float64),
        np.empty(n_sums, np.float64),
    )


@njit(**INLINED)
def gather(
    flat: NDArray[np.uint8],
    offset: int,
    address: NDArray[np.int32],
    n: int,
    codes: NDArray[np.uint8],
) -> tuple[int, int]:
    """Copy the codes of one feature into ``codes``; return the smallest and the largest."""
    for i in range(n):
        codes[i] = flat[np.uint64(address[i] + offset)]
    low = codes[0]
    high = codes[0]
    for i in range(n):
        low = min(low, codes[i])
        high = max(high, codes[i])
    return np.int64(low), np.int64(high)


@njit(**INLINED)
def list_codes(seen: NDArray[np.uint8], low: int, high: int, order: NDArray[np.int32]) -> int:
    """List the codes that are ``seen`` from the largest down, forget them, return their number."""
    n_codes = 0
    for down in range(high - low + 1):
        # Without a branch, which would be guessed wrong at every other code.
        order[n_codes] = high - down
        n_codes += seen[high - down]
    seen[low : high + 1] = 0
    return n_codes


@njit(**INLINED)
def sort_keys(keys: NDArray[np.int32], m: int, out: NDArray[np.int32]) -> None:
    """Write ``keys[:m]``, all positive and different, into ``out`` from the largest down."""
    # A key's place is the number of larger ones: more comparisons than a sort takes, but side by
    # side and none to be guessed. Up to 16 keys the loop is of one length, which unrolls it.
    if m <= 16:
        for i in range(m, 16):
            keys[i] = 0
        for i in range(m):
            key = keys[i]
            place = np.int32(0)
            for j in range(16):
                place += keys[j] > key
            out[place] = key
        return
    for i in range(m):
        key = keys[i]
        place = np.int32(0)
        for j in range(m):
            place += keys[j] > key
        out[place] = key

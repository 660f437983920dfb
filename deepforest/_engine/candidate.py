# numpy's scalars are as good as int, float and bool here.
# mypy: disable-error-code="arg-type, assignment, no-any-return, return-value"
"""What counting the codes of one candidate feature takes, and when they are counted.

Searches for classes (`splitting`) and for real targets (`splitting_targets`) share it.
"""

from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from deepforest._engine.lanes import LANES
from deepforest._engine.random import INLINED

# The score of features that offer no split. Any real score is larger.
NO_SPLIT = -1e30

# The code of missing values, in features that keep one.
MISSING = 255

# Cuts are tried one after the other, each for all rows of eight candidates, if these steps are at
# most so many for each candidate and so many more for each of its rows. Otherwise codes are
# counted, unless their range is at most NARROW (docs/engine.md has the figures).
STEPS = 500
STEPS_A_ROW = 3
NARROW = 3

# Sums may be added up in any order, which lets the compiler use vectors.
ANY_ORDER = {"reassoc", "nsz", "contract"}


class Scratch(NamedTuple):
    """Room that one tree uses again for every candidate.

    ``row_counts``, ``seen`` and ``sums`` are zero between candidates.
    """

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
    axis: NDArray[np.float64]  # (K,) the direction categories are ordered along
    following: NDArray[np.float64]  # (K,)


@njit(nogil=True, cache=True)
def padded(n: int) -> int:
    """Return the next multiple of ``LANES``."""
    return (n + LANES - 1) // LANES * LANES


def make_scratch(n_sums: int, sums: NDArray[Any]) -> Scratch:
    """Return scratch, with the dtype of ``sums`` for others."""
    return Scratch(
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
        np.empty(n_sums, np.float64),
        np.empty(n_sums, np.float64),
    )


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

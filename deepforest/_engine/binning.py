"""From values to codes."""

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from deepforest._engine.constants import MISSING

# So many values take each step of the bisection together: enough that none waits for another.
TOGETHER = 256


@njit(nogil=True, cache=True, error_model="numpy")
def code_values(x: NDArray[Any], thresholds: NDArray[np.float32], codes: NDArray[np.uint8]) -> None:
    """Write into ``codes`` how many of the ascending ``thresholds`` each value exceeds.

    Missing values (NaN) get code 255.
    """
    # Bisection, a step of many values at a time: alone, each step of a value waits for the one
    # before, and where it goes on is guessed wrong as often as not.
    low = np.empty(TOGETHER, np.int32)
    for start in range(0, x.size, TOGETHER):
        values = x[start : start + TOGETHER]
        low[:] = 0
        length = thresholds.size
        while length > 0:
            half = (length + 1) >> 1
            for i in range(values.size):
                low[i] += half if thresholds[low[i] + half - 1] < values[i] else 0
            length -= half
        for i in range(values.size):
            codes[start + i] = MISSING if values[i] != values[i] else low[i]


@njit(nogil=True, cache=True, error_model="numpy")
def code_categories(
    x: NDArray[Any], categories: NDArray[np.float32], codes: NDArray[np.uint8]
) -> None:
    """Write into ``codes`` the place of each value in the ascending ``categories``.

    Missing values (NaN) and values that are not among them get code 255.
    """
    for i in range(x.size):
        place = np.searchsorted(categories, x[i])
        known = place < categories.size and categories[place] == x[i]
        codes[i] = place if known else MISSING

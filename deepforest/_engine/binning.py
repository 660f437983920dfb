"""From values to codes."""

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from deepforest._engine.candidate import MISSING


@njit(nogil=True, cache=True, error_model="numpy")
def code_values(x: NDArray[Any], thresholds: NDArray[np.float32], codes: NDArray[np.uint8]) -> None:
    """Write into ``codes`` how many of the ascending ``thresholds`` each value exceeds.

    Missing values (NaN) get code 255.
    """
    for i in range(x.size):
        value = x[i]
        if value != value:
            codes[i] = MISSING
            continue
        # Bisection without branches on the data: the interval halves the same way for all values.
        low, length = 0, thresholds.size
        while length > 0:
            half = (length + 1) >> 1
            low += half if thresholds[low + half - 1] < value else 0
            length -= half
        codes[i] = low


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

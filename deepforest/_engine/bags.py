# numpy's scalars are as good as int, float and bool here.
# mypy: disable-error-code="arg-type, assignment, no-any-return, return-value"
"""Drawing the bag of one tree: rows with replacement."""

import numpy as np
from numba import njit
from numpy.typing import NDArray

from deepforest._engine.random import random_below, tree_state


@njit(nogil=True, cache=True)
def draw_bag(n_draws: int, n: int, seed: int, tree: int) -> NDArray[np.int32]:
    """Return how often each of ``n`` rows is drawn in ``n_draws`` draws with replacement."""
    state = tree_state(seed, 2 * tree)
    counts = np.zeros(n, np.int32)
    for _ in range(n_draws):
        counts[random_below(state, n)] += 1
    return counts


@njit(nogil=True, cache=True)
def draw_weighted_bag(
    n_draws: int, cumulated: NDArray[np.float64], seed: int, tree: int
) -> NDArray[np.int32]:
    """As ``draw_bag``, with probabilities whose running sum is ``cumulated``."""
    state = tree_state(seed, 2 * tree)
    n = cumulated.size
    counts = np.zeros(n, np.int32)
    scale = cumulated[n - 1] / 4294967296.0
    for _ in range(n_draws):
        # `right` never lands on a row of weight zero.
        place = np.searchsorted(cumulated, random_below(state, 4294967296) * scale, side="right")
        counts[min(place, n - 1)] += 1
    return counts

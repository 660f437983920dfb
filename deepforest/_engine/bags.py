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
    n_draws: int, weight: NDArray[np.float64], seed: int, tree: int
) -> tuple[NDArray[np.int32], NDArray[np.bool_]]:
    """Return how often each row is drawn by weight, and which rows are in the bag.

    The bag are the rows of a draw as in ``draw_bag``, of all rows with weight, whatever it is.
    Out of them as many as they are, are drawn by weight. Where all weights are the same, the first
    draw is taken as it is.
    """
    state = tree_state(seed, 2 * tree)
    rows = np.flatnonzero(weight)
    counts = np.zeros(weight.size, np.int32)
    for _ in range(n_draws):
        counts[rows[random_below(state, rows.size)]] += 1
    in_bag = counts > 0
    if np.all(weight[rows] == weight[rows[0]]):
        return counts, in_bag
    bag = np.flatnonzero(in_bag)
    cumulated = np.cumsum(weight[bag])
    scale = cumulated[bag.size - 1] / 4294967296.0
    counts[:] = 0
    for _ in range(bag.size):
        place = np.searchsorted(cumulated, random_below(state, 4294967296) * scale, side="right")
        counts[bag[min(place, bag.size - 1)]] += 1
    return counts, in_bag

# numpy's scalars are as good as int, float and bool here.
# mypy: disable-error-code="arg-type, assignment, no-any-return, return-value"
"""Sets of categories: 256 bits in eight words, and the order in which a best set is looked for."""

from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from deepforest._engine.lanes import LANES
from deepforest._engine.random import KERNEL, RandomState, next_random, random_below

BIT = np.uint32(1)


class Ranking(NamedTuple):
    """Room for the order of categories, which one tree uses again for every block.

    ``sums`` are zero between candidates.
    """

    order: NDArray[np.uint8]  # (256 * 8,) the categories of each candidate that occur
    sums: NDArray[Any]  # (256, K) weight per category and class, or weight and sums of targets
    rank: NDArray[np.float64]  # (256,) what categories are ordered by
    axis: NDArray[np.float64]  # (K,) the direction categories are ordered along
    following: NDArray[np.float64]  # (K,)


def make_ranking(n_sums: int, dtype: Any) -> Ranking:
    """Return room for categories of ``n_sums`` classes, or of weight and targets."""
    return Ranking(
        np.zeros(256 * LANES, np.uint8),
        np.zeros((256, n_sums), dtype),
        np.empty(256, np.float64),
        np.empty(n_sums, np.float64),
        np.empty(n_sums, np.float64),
    )


@njit(**KERNEL)
def in_set(left_set: NDArray[np.uint32], code: int) -> bool:
    """Say whether ``code`` is in the set of 256 bits."""
    return (left_set[code >> 5] >> np.uint32(code & 31)) & BIT == BIT


@njit(**KERNEL)
def write_left_set(order: NDArray[np.uint8], end: int, left_set: NDArray[np.uint32]) -> None:
    """Make the set that of the codes ``order[:end]``."""
    for word in range(8):
        left_set[word] = 0
    for p in range(end):
        c = order[p]
        left_set[c >> 5] |= BIT << np.uint32(c & 31)


@njit(**KERNEL)
def draw_left_set(
    order: NDArray[np.uint8], n_codes: int, left_set: NDArray[np.uint32], state: RandomState
) -> None:
    """Send each category of ``order`` to a side by the toss of a coin; neither side is empty."""
    n_left = 0
    bits = np.uint64(0)
    for p in range(n_codes):
        if p & 63 == 0:
            bits = next_random(state)
        # Left categories move to the front of the order.
        if (bits >> np.uint64(p & 63)) & np.uint64(1) == np.uint64(1):
            order[p], order[n_left] = order[n_left], order[p]
            n_left += 1
    if n_left == 0 or n_left == n_codes:
        p = random_below(state, n_codes)
        order[0], order[p] = order[p], order[0]
        n_left = 1
    write_left_set(order, n_left, left_set)


@njit(**KERNEL)
def sort_by_rank(order: NDArray[np.uint8], n_codes: int, rank: NDArray[np.float64]) -> None:
    """Sort the codes that occur by ``rank[code]``, from the smallest up."""
    for i in range(1, n_codes):
        c = order[i]
        j = i
        while j > 0 and rank[order[j - 1]] > rank[c]:
            order[j] = order[j - 1]
            j -= 1
        order[j] = c


@njit(**KERNEL)
def rank_classes(
    order: NDArray[np.uint8],
    n_codes: int,
    n_groups: int,
    total: NDArray[np.float32],
    ranking: Ranking,
) -> None:
    """Rank the categories ``order[:n_codes]`` by their class shares along a principal component.

    For two classes this is the order by the share of one class, in which the best of all sets is a
    prefix (Fisher 1958); for more classes it is the heuristic of Coppersmith, Hong and Hosking
    (1999). The component comes from a few steps of the power method, which is enough for an order.
    """
    sums, rank = ranking.sums, ranking.rank
    axis, following = ranking.axis, ranking.following
    total_weight = 0.0
    for g in range(n_groups):
        total_weight += total[g]
    for g in range(n_groups):
        # Any start will do that is not orthogonal to the component, and one with entries that
        # differ seldom is.
        axis[g] = total[g] / total_weight + 0.01 * g
    for _ in range(8):
        for g in range(n_groups):
            following[g] = 0.0
        for p in range(n_codes):
            c = order[p]
            weight, along = 0.0, 0.0
            for g in range(n_groups):
                weight += sums[c, g]
            for g in range(n_groups):
                along += axis[g] * (sums[c, g] / weight - total[g] / total_weight)
            for g in range(n_groups):
                following[g] += weight * along * (sums[c, g] / weight - total[g] / total_weight)
        length = 0.0
        for g in range(n_groups):
            length += following[g] * following[g]
        length = np.sqrt(length)
        if length <= 1e-6 * total_weight:
            break
        for g in range(n_groups):
            axis[g] = following[g] / length
    for p in range(n_codes):
        c = order[p]
        weight, along = 0.0, 0.0
        for g in range(n_groups):
            weight += sums[c, g]
            along += axis[g] * sums[c, g]
        rank[c] = along / weight


@njit(**KERNEL)
def rank_targets(order: NDArray[np.uint8], n_codes: int, ranking: Ranking) -> None:
    """Rank the categories ``order[:n_codes]`` by mean, in which the best of all sets is a prefix.

    So Fisher (1958). Of several targets, which have been centred and scaled alike, the first
    principal component would be needed; the sum of the means takes its place.
    """
    sums = ranking.sums
    for p in range(n_codes):
        c = order[p]
        along = 0.0
        for k in range(1, sums.shape[1]):
            along += sums[c, k]
        ranking.rank[c] = along / sums[c, 0]

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
    mean: NDArray[np.float64]  # (K,) of all rows: class shares, or targets


def make_ranking(n_sums: int, dtype: Any) -> Ranking:
    """Return room for categories of ``n_sums`` classes, or of weight and targets."""
    return Ranking(
        np.zeros(256 * LANES, np.uint8),
        np.zeros((256, n_sums), dtype),
        np.empty(256, np.float64),
        np.empty(n_sums, np.float64),
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
def turn_to_component(
    order: NDArray[np.uint8], n_codes: int, first: int, n: int, least: float, ranking: Ranking
) -> None:
    """Turn ``axis`` towards the first principal component of the means of ``order[:n_codes]``.

    The means of category ``c`` are ``n`` of ``sums[c, first:]`` over the weight ``rank[c]``;
    ``mean`` are those of all rows. A few steps of the power method are enough for an order. Where a
    step is not longer than ``least``, there is nothing to turn to.
    """
    sums, weight = ranking.sums, ranking.rank
    axis, following, mean = ranking.axis, ranking.following, ranking.mean
    for _ in range(8):
        for g in range(n):
            following[g] = 0.0
        for p in range(n_codes):
            c = order[p]
            along = 0.0
            for g in range(n):
                along += axis[g] * (sums[c, first + g] / weight[c] - mean[g])
            for g in range(n):
                following[g] += weight[c] * along * (sums[c, first + g] / weight[c] - mean[g])
        length = 0.0
        for g in range(n):
            length += following[g] * following[g]
        length = np.sqrt(length)
        if length <= least:
            break
        for g in range(n):
            axis[g] = following[g] / length


@njit(**KERNEL)
def rank_along_axis(
    order: NDArray[np.uint8], n_codes: int, first: int, n: int, ranking: Ranking
) -> None:
    """Put for the weights in ``rank`` where the means of ``order[:n_codes]`` lie along ``axis``."""
    for p in range(n_codes):
        c = order[p]
        along = 0.0
        for g in range(n):
            along += ranking.axis[g] * ranking.sums[c, first + g]
        ranking.rank[c] = along / ranking.rank[c]


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
    (1999).
    """
    sums = ranking.sums
    total_weight = 0.0
    for g in range(n_groups):
        total_weight += total[g]
    for g in range(n_groups):
        ranking.mean[g] = total[g] / total_weight
        # Any start will do that is not orthogonal to the component, and one with entries that
        # differ seldom is.
        ranking.axis[g] = ranking.mean[g] + 0.01 * g
    for p in range(n_codes):
        c = order[p]
        weight = 0.0
        for g in range(n_groups):
            weight += sums[c, g]
        ranking.rank[c] = weight
    turn_to_component(order, n_codes, 0, n_groups, 1e-6 * total_weight, ranking)
    rank_along_axis(order, n_codes, 0, n_groups, ranking)


@njit(**KERNEL)
def rank_targets(order: NDArray[np.uint8], n_codes: int, ranking: Ranking) -> None:
    """Rank the categories ``order[:n_codes]`` by mean, in which the best of all sets is a prefix.

    So Fisher (1958). Several targets, which have been scaled alike, are ranked along the first
    principal component of their means, from that of the category that is farthest off.
    """
    sums, axis, mean, weight = ranking.sums, ranking.axis, ranking.mean, ranking.rank
    n_targets = sums.shape[1] - 1
    total_weight = 0.0
    for p in range(n_codes):
        weight[order[p]] = sums[order[p], 0]
        total_weight += sums[order[p], 0]
    axis[0] = 1.0
    if n_targets > 1:
        for k in range(n_targets):
            mean[k] = 0.0
            for p in range(n_codes):
                mean[k] += sums[order[p], 1 + k] / total_weight
        most = -1.0
        for p in range(n_codes):
            c = order[p]
            moved = 0.0
            for k in range(n_targets):
                moved += weight[c] * (sums[c, 1 + k] / weight[c] - mean[k]) ** 2
            if moved > most:
                most = moved
                for k in range(n_targets):
                    axis[k] = sums[c, 1 + k] / weight[c] - mean[k]
        turn_to_component(order, n_codes, 1, n_targets, 0.0, ranking)
    rank_along_axis(order, n_codes, 1, n_targets, ranking)

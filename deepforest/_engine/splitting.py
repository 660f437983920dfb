# numpy's scalars are as good as int, float and bool here.
# mypy: disable-error-code="arg-type, assignment, no-any-return, return-value"
"""The search for one node's split on one feature.

Gini impurity and variance are one formula. With ``S_k`` the weight of class ``k`` (or the weighted
sum of target ``k``) and ``N`` the weight on one side, the best split maximises

    sum_k S_k(left)^2 / N(left)  +  sum_k S_k(right)^2 / N(right).

Going over the codes from left to right, a cell of weight ``x`` changes ``sum_k S_k(left)^2`` by
``x (2 S_k + x)``; the right side follows from the totals ``T_k``, because
``sum_k (T_k - S_k)^2 = sum_k T_k^2 - 2 sum_k T_k S_k + sum_k S_k^2``.

A node's rows stand grouped by class, so a class is a run ``starts[g]:starts[g + 1]`` and classes
that the node has not got cost nothing. Integer weights give integer sums, which are exact.
"""

from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from deepforest._engine.random import RandomState, next_random, random_below

# Scores of features that offer no split. Any real score is larger.
NO_SPLIT = -1e300
CONSTANT = -2e300

# The code of missing values, in features that keep one.
MISSING = 255

# Nodes of fewer rows sort their codes, larger ones count them (docs/engine.md has the measurement).
SORT_ROWS = 40

BIT = np.uint32(1)


class Scratch(NamedTuple):
    """Room that one tree uses again for every candidate. ``row_counts`` and ``sums`` stay zero."""

    codes: NDArray[np.uint8]  # (rows,) codes of the node's rows
    keys: NDArray[np.int32]  # (SORT_ROWS,) code << 8 | position
    row_counts: NDArray[np.int32]  # (256,) rows per code
    sums: NDArray[Any]  # (256 * K,) weight per code and class
    left: NDArray[Any]  # (K,) sums on the left side
    order: NDArray[np.int32]  # (256,) the codes that occur, from left to right
    rank: NDArray[np.float64]  # (256,) what categories are ordered by
    left_set: NDArray[np.uint32]  # (8,) categories on the left side, one bit each


@njit(nogil=True, cache=True)
def make_scratch(n_rows: int, n_sums: int, weight: NDArray[Any], total: NDArray[Any]) -> Scratch:
    """Return scratch for nodes of up to ``n_rows`` rows.

    Cells have the dtype of ``weight``; sums over cells have the dtype of ``total``, which is wider.
    """
    return Scratch(
        np.empty(n_rows, np.uint8),
        np.empty(SORT_ROWS, np.int32),
        np.zeros(256, np.int32),
        np.zeros(256 * n_sums, weight.dtype),
        np.zeros(n_sums, total.dtype),
        np.empty(256, np.int32),
        np.empty(256, np.float64),
        np.zeros(8, np.uint32),
    )


@njit(nogil=True, cache=True, error_model="numpy")
def gather(
    flat: NDArray[np.uint8],
    offset: int,
    address: NDArray[np.int64],
    n: int,
    codes: NDArray[np.uint8],
) -> tuple[int, int]:
    """Copy the codes of one feature into ``codes``; return the smallest and the largest."""
    for i in range(n):
        codes[i] = flat[address[i] + offset]
    low = codes[0]
    high = codes[0]
    for i in range(n):
        low = min(low, codes[i])
        high = max(high, codes[i])
    return np.int64(low), np.int64(high)


@njit(nogil=True, cache=True, error_model="numpy")
def best_split_classes(
    flat: NDArray[np.uint8],
    offset: int,
    address: NDArray[np.int64],
    weight: NDArray[Any],
    starts: NDArray[np.int32],
    n_groups: int,
    total: NDArray[Any],
    keeps_missing: bool,
    is_categorical: bool,
    min_leaf: int,
    scratch: Scratch,
) -> tuple[float, int, bool]:
    """Return the best split of a node on one feature: ``(score, code, missing_left)``.

    Codes up to ``code`` go left. For a categorical feature ``code`` is of no use and
    ``scratch.left_set`` holds the categories that go left.
    """
    n = starts[n_groups]
    codes = scratch.codes
    low, high = gather(flat, offset, address, n, codes)
    if low == high:
        return CONSTANT, 0, False
    has_missing = keeps_missing and high == MISSING
    if n < SORT_ROWS and not has_missing and not is_categorical:
        score, code = sorted_split_classes(
            codes, low, weight, starts, n_groups, total, min_leaf, scratch
        )
        return score, code, False
    row_counts, sums, order = scratch.row_counts, scratch.sums, scratch.order
    for g in range(n_groups):
        for i in range(starts[g], starts[g + 1]):
            c = np.int64(codes[i])
            row_counts[c] += 1
            sums[c * n_groups + g] += weight[i]
    n_codes = 0
    for c in range(low, high + 1):
        order[n_codes] = c
        n_codes += row_counts[c] > 0
    if is_categorical:
        rank_classes(sums, order, n_codes, n_groups, total, scratch.rank)
        sort_by_rank(order, n_codes, scratch.rank)
    score, place = scan_classes(n, n_codes, n_groups, total, min_leaf, scratch)
    missing_left = False
    code = 0
    if is_categorical:
        write_left_set(order, place, scratch.left_set)
    elif has_missing:
        code = MISSING - 1 if place == n_codes - 1 else (order[place - 1] + order[place]) >> 1
        # Once more with the missing values on the left.
        for p in range(n_codes - 1, 0, -1):
            order[p] = order[p - 1]
        order[0] = MISSING
        score_2, place_2 = scan_classes(n, n_codes, n_groups, total, min_leaf, scratch)
        if score_2 > score and place_2 > 1:
            score = score_2
            code = (order[place_2 - 1] + order[place_2]) >> 1
            missing_left = True
    else:
        code = (order[place - 1] + order[place]) >> 1
    for p in range(n_codes):
        c = np.int64(order[p])
        row_counts[c] = 0
        for g in range(n_groups):
            sums[c * n_groups + g] = 0
    return score, code, missing_left


@njit(nogil=True, cache=True, error_model="numpy")
def scan_classes(
    n: int, n_codes: int, n_groups: int, total: NDArray[Any], min_leaf: int, scratch: Scratch
) -> tuple[float, int]:
    """Go over ``order[:n_codes]``; return the best score and how many codes go left."""
    row_counts, sums, order, left = scratch.row_counts, scratch.sums, scratch.order, scratch.left
    zero = left[0] * 0
    total_square = zero
    total_weight = zero
    for g in range(n_groups):
        left[g] = 0
        total_square += total[g] * total[g]
        total_weight += total[g]
    left_square, cross, left_weight = zero, zero, zero
    left_rows = 0
    best, place = NO_SPLIT, 1
    for p in range(n_codes - 1):
        c = np.int64(order[p])
        left_rows += row_counts[c]
        for g in range(n_groups):
            x = sums[c * n_groups + g]
            left_square += x * (2 * left[g] + x)
            cross += x * total[g]
            left[g] += x
            left_weight += x
        if left_rows >= min_leaf and n - left_rows >= min_leaf:
            right_square = total_square - 2 * cross + left_square
            score = left_square / left_weight + right_square / (total_weight - left_weight)
            if score > best:
                best, place = score, p + 1
    return best, place


@njit(nogil=True, cache=True, error_model="numpy")
def sort_keys(keys: NDArray[np.int32], m: int) -> None:
    """Sort ``keys[:m]`` in place; ``m`` is small."""
    for i in range(1, m):
        key = keys[i]
        j = i
        while j > 0 and keys[j - 1] > key:
            keys[j] = keys[j - 1]
            j -= 1
        keys[j] = key


@njit(nogil=True, cache=True, error_model="numpy")
def sorted_split_classes(
    codes: NDArray[np.uint8],
    low: int,
    weight: NDArray[Any],
    starts: NDArray[np.int32],
    n_groups: int,
    total: NDArray[Any],
    min_leaf: int,
    scratch: Scratch,
) -> tuple[float, int]:
    """As ``best_split_classes``, for few rows and plain codes: sort the rows and go over them.

    Rows at the smallest code, most of the rows in sparse data, are counted and not sorted.
    """
    left, keys, group_of = scratch.left, scratch.keys, scratch.order
    n = starts[n_groups]
    zero = left[0] * 0
    total_square, total_weight = zero, zero
    left_square, cross, left_weight = zero, zero, zero
    m = 0
    for g in range(n_groups):
        total_square += total[g] * total[g]
        total_weight += total[g]
        x = zero
        for i in range(starts[g], starts[g + 1]):
            group_of[i] = g
            if codes[i] == low:
                x += weight[i]
            else:
                keys[m] = np.int32(codes[i]) << 8 | i
                m += 1
        left[g] = x
        left_square += x * x
        cross += x * total[g]
        left_weight += x
    sort_keys(keys, m)
    best, code = NO_SPLIT, 0
    previous = low
    left_rows = n - m
    for j in range(m):
        c = np.int64(keys[j] >> 8)
        if c != previous:
            if left_rows >= min_leaf and n - left_rows >= min_leaf:
                right_square = total_square - 2 * cross + left_square
                score = left_square / left_weight + right_square / (total_weight - left_weight)
                if score > best:
                    best, code = score, (previous + c) >> 1
            previous = c
        i = keys[j] & 255
        g = group_of[i]
        x = weight[i]
        left_square += x * (2 * left[g] + x)
        cross += x * total[g]
        left[g] += x
        left_weight += x
        left_rows += 1
    return best, code


@njit(nogil=True, cache=True, error_model="numpy")
def random_split_classes(
    flat: NDArray[np.uint8],
    offset: int,
    address: NDArray[np.int64],
    weight: NDArray[Any],
    starts: NDArray[np.int32],
    n_groups: int,
    total: NDArray[Any],
    keeps_missing: bool,
    is_categorical: bool,
    min_leaf: int,
    scratch: Scratch,
    state: RandomState,
) -> tuple[float, int, bool]:
    """Draw one split of a node on one feature and return it as ``best_split_classes`` does."""
    n = starts[n_groups]
    codes = scratch.codes
    low, high = gather(flat, offset, address, n, codes)
    if low == high:
        return CONSTANT, 0, False
    has_missing = keeps_missing and high == MISSING
    if is_categorical:
        draw_left_set(codes, n, scratch, state)
        for i in range(n):
            codes[i] = not in_set(scratch.left_set, codes[i])
        code, missing_left, cut = 0, False, 0
    elif has_missing:
        code, missing_left = draw_with_missing(codes, n, low, state)
        for i in range(n):
            codes[i] = not ((codes[i] == MISSING and missing_left) or codes[i] <= code)
        cut = 0
    else:
        code = low + random_below(state, high - low)
        missing_left = False
        cut = code
    cut = np.uint8(cut)
    zero = total[0] * 0
    left_square, right_square, left_weight, right_weight = zero, zero, zero, zero
    for g in range(n_groups):
        x = zero
        for i in range(starts[g], starts[g + 1]):
            x += weight[i] if codes[i] <= cut else zero
        y = total[g] - x
        left_square += x * x
        right_square += y * y
        left_weight += x
        right_weight += y
    if min_leaf > 1:
        left_rows = 0
        for i in range(n):
            left_rows += codes[i] <= cut
        if left_rows < min_leaf or n - left_rows < min_leaf:
            return NO_SPLIT, 0, False
    return left_square / left_weight + right_square / right_weight, code, missing_left


@njit(nogil=True, cache=True, error_model="numpy")
def draw_with_missing(
    codes: NDArray[np.uint8], n: int, low: int, state: RandomState
) -> tuple[int, bool]:
    """Draw a code and the side of the missing values, where some codes are missing."""
    high = low
    for i in range(n):
        if codes[i] != MISSING:
            high = max(high, np.int64(codes[i]))
    if low == high:
        return MISSING - 1, False
    code = low + random_below(state, high - low)
    return code, random_below(state, 2) == 0


@njit(nogil=True, cache=True, error_model="numpy")
def in_set(left_set: NDArray[np.uint32], code: int) -> bool:
    """Say whether ``code`` is in the set of 256 bits."""
    return (left_set[code >> 5] >> np.uint32(code & 31)) & BIT == BIT


@njit(nogil=True, cache=True, error_model="numpy")
def write_left_set(order: NDArray[np.int32], place: int, left_set: NDArray[np.uint32]) -> None:
    """Put the first ``place`` codes of ``order`` into the set."""
    left_set[:] = 0
    for p in range(place):
        c = order[p]
        left_set[c >> 5] |= BIT << np.uint32(c & 31)


@njit(nogil=True, cache=True, error_model="numpy")
def draw_left_set(codes: NDArray[np.uint8], n: int, scratch: Scratch, state: RandomState) -> None:
    """Send each category that occurs to a side by the toss of a coin; neither side is empty."""
    row_counts, order = scratch.row_counts, scratch.order
    for i in range(n):
        row_counts[codes[i]] += 1
    n_codes = 0
    for c in range(256):
        if row_counts[c] > 0:
            order[n_codes] = c
            n_codes += 1
            row_counts[c] = 0
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
    write_left_set(order, n_left, scratch.left_set)


@njit(nogil=True, cache=True, error_model="numpy")
def sort_by_rank(order: NDArray[np.int32], n_codes: int, rank: NDArray[np.float64]) -> None:
    """Sort the codes that occur by ``rank[code]``."""
    for i in range(1, n_codes):
        c = order[i]
        j = i
        while j > 0 and rank[order[j - 1]] > rank[c]:
            order[j] = order[j - 1]
            j -= 1
        order[j] = c


@njit(nogil=True, cache=True, error_model="numpy")
def rank_classes(
    sums: NDArray[Any],
    order: NDArray[np.int32],
    n_codes: int,
    n_groups: int,
    total: NDArray[Any],
    rank: NDArray[np.float64],
) -> None:
    """Rank categories by their class shares along the first principal component.

    For two classes this is the order by the share of one class, in which the best of all sets is a
    prefix (Fisher 1958); for more classes it is the heuristic of Coppersmith, Hong and Hosking
    (1999). The component comes from a few steps of the power method, which is enough for an order.
    """
    total_weight = 0.0
    for g in range(n_groups):
        total_weight += total[g]
    axis = np.empty(n_groups, np.float64)
    following = np.empty(n_groups, np.float64)
    for g in range(n_groups):
        # The class most unlike the others starts the search: any start that is not orthogonal will
        # do, and a start with distinct entries seldom is.
        axis[g] = total[g] / total_weight + 0.01 * g
    for _ in range(8):
        following[:] = 0.0
        for p in range(n_codes):
            row = np.int64(order[p]) * n_groups
            weight = 0.0
            for g in range(n_groups):
                weight += sums[row + g]
            along = 0.0
            for g in range(n_groups):
                along += axis[g] * (sums[row + g] / weight - total[g] / total_weight)
            for g in range(n_groups):
                following[g] += weight * along * (sums[row + g] / weight - total[g] / total_weight)
        length = np.sqrt((following * following).sum())
        if length <= 1e-12 * total_weight:
            break
        for g in range(n_groups):
            axis[g] = following[g] / length
    for p in range(n_codes):
        c = np.int64(order[p])
        weight, along = 0.0, 0.0
        for g in range(n_groups):
            weight += sums[c * n_groups + g]
            along += axis[g] * sums[c * n_groups + g]
        rank[c] = along / weight

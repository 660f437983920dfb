# numpy's scalars are as good as int, float and bool here.
# mypy: disable-error-code="arg-type, assignment, no-any-return, return-value"
"""The search for one node's split on one feature.

Gini impurity and variance are one formula. With ``S_k`` the weight of class ``k`` (or the weighted
sum of target ``k``) and ``N`` the weight on one side, the best split maximises

    sum_k S_k(left)^2 / N(left)  +  sum_k S_k(right)^2 / N(right).

Codes are gone over from the largest down, so what is summed is the right side ``R_k``, and the left
side is ``T_k - R_k`` with the totals ``T_k``. So rows at the smallest code, most of the rows in
sparse data, are never summed.

A node's rows stand grouped by class, so a class is a run ``starts[g]:starts[g + 1]`` and classes
that the node has not got cost nothing. Weights and their sums are float32: whole numbers below
2^24 are exact, and the choice among splits needs no more.
"""

from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from deepforest._engine.random import INLINED, KERNEL, RandomState, next_random, random_below

# Scores of features that offer no split. Any real score is larger.
NO_SPLIT = -1e30
CONSTANT = -2e30

# The code of missing values, in features that keep one.
MISSING = 255

# Nodes of fewer rows sort their codes, larger ones count them (docs/engine.md has the measurement).
SORT_ROWS = 48

# Classes stand in blocks of so many lanes, which the compiler turns into vectors.
LANES = 8
LANE_BITS = np.uint64(LANES - 1)
ONE = np.uint64(1)

BIT = np.uint32(1)

# Sums may be added up in any order, which lets the compiler use vectors.
ANY_ORDER = {"reassoc", "nsz", "contract"}


class Node(NamedTuple):
    """The rows of the node at hand, grouped by class."""

    address: NDArray[np.int32]  # (rows,) base address of the row
    weight: NDArray[np.float32]  # (rows,)
    group: NDArray[np.int32]  # (rows,) the group of the row
    starts: NDArray[np.int32]  # (K + 1,) where each group begins
    classes: NDArray[np.int32]  # (K,) the class of each group
    total: NDArray[np.float32]  # (K padded,) weight of each group, then zeros


class Scratch(NamedTuple):
    """Room that one tree uses again for every candidate.

    ``row_counts``, ``seen`` and ``sums`` are zero between candidates.
    """

    codes: NDArray[np.uint8]  # (rows,) codes of the node's rows
    keys: NDArray[np.int32]  # (SORT_ROWS,) code << 8 | position
    row_counts: NDArray[np.int32]  # (256,) rows per code
    seen: NDArray[np.uint8]  # (256,) whether a code occurs
    sums: NDArray[Any]  # (256 * K padded + LANES,) weight per code and class, then waste
    right: NDArray[Any]  # (K padded,) sums on the right side
    order: NDArray[np.int32]  # (256,) the codes that occur, from right to left
    square: NDArray[np.float32]  # (256,) sum R_k^2 up to each place of the order
    left_square: NDArray[np.float32]  # (256,) sum (T_k - R_k)^2
    weight: NDArray[np.float32]  # (256,) sum R_k
    score: NDArray[np.float32]  # (256,)
    rank: NDArray[np.float64]  # (256,) what categories are ordered by
    left_set: NDArray[np.uint32]  # (8,) categories on the left side, one bit each
    axis: NDArray[np.float64]  # (K,) the direction categories are ordered along
    following: NDArray[np.float64]  # (K,)


@njit(nogil=True, cache=True)
def padded(n: int) -> int:
    """Return the next multiple of ``LANES``."""
    return (n + LANES - 1) // LANES * LANES


def make_scratch(n_rows: int, n_sums: int, like: NDArray[Any]) -> Scratch:
    """Return scratch for nodes of up to ``n_rows`` rows; sums have the dtype of ``like``."""
    return Scratch(
        np.empty(n_rows, np.uint8),
        np.empty(SORT_ROWS, np.int32),
        np.zeros(256, np.int32),
        np.zeros(256, np.uint8),
        np.zeros(256 * padded(n_sums) + LANES, like.dtype),
        np.zeros(padded(n_sums), like.dtype),
        np.empty(256, np.int32),
        np.empty(256, np.float32),
        np.empty(256, np.float32),
        np.empty(256, np.float32),
        np.empty(256, np.float32),
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
def best_split_classes(
    flat: NDArray[np.uint8],
    offset: int,
    node: Node,
    n_groups: int,
    keeps_missing: bool,
    is_categorical: bool,
    min_leaf: int,
    scratch: Scratch,
) -> tuple[float, int, bool]:
    """Return the best split of a node on one feature: ``(score, code, missing_left)``.

    Codes up to ``code`` go left. For a categorical feature ``code`` is of no use and
    ``scratch.left_set`` holds the categories that go left.
    """
    n = node.starts[n_groups]
    codes = scratch.codes
    low, high = gather(flat, offset, node.address, n, codes)
    if low == high:
        return CONSTANT, 0, False
    has_missing = keeps_missing and high == MISSING
    if n < SORT_ROWS and not has_missing and not is_categorical:
        score, code = sorted_split_classes(codes, low, node, n, n_groups, min_leaf, scratch)
        return score, code, False
    sums, order, seen = scratch.sums, scratch.order, scratch.seen
    stride = n_groups if n_groups <= 2 else padded(n_groups)
    # Unsigned, so that no index is looked at for being negative.
    row = np.uint64(stride)
    waste = np.uint64(sums.size - LANES)
    skipped = np.uint64(256 if is_categorical else low)
    for g in range(n_groups):
        column = np.uint64(g)
        for i in range(np.uint64(node.starts[g]), np.uint64(node.starts[g + 1])):
            c = np.uint64(codes[i])
            seen[c] = 1
            # Rows at the smallest code go to waste, each to another cell than the one before: a
            # sum that waited for the last one to be written would be slow. As often as not a row
            # is at that code, so the choice is computed: a branch would be guessed wrong.
            other = waste + (np.uint64(i) & LANE_BITS)
            cell = other + np.uint64(c != skipped) * (c * row + column - other)
            sums[cell] += node.weight[i]
    if min_leaf > 1:
        for i in range(n):
            scratch.row_counts[codes[i]] += 1
    n_codes = list_codes(seen, low, high, order)
    if is_categorical:
        rank_classes(n_codes, n_groups, stride, node.total, scratch)
        sort_by_rank(order, n_codes, scratch.rank)
    score, place = scan_classes(n, 0, n_codes, stride, node.total, min_leaf, scratch)
    missing_left = False
    if is_categorical:
        write_left_set(order, place, n_codes, scratch.left_set)
    elif has_missing:
        # Once more with the missing values, the first of the order, on the left.
        score_2, place_2 = scan_classes(n, 1, n_codes, stride, node.total, min_leaf, scratch)
        if score_2 > score:
            score, place, missing_left = score_2, place_2, True
    code = (order[place] + order[place - 1]) >> 1
    if has_missing and place == 1:
        code = MISSING - 1
    sums[low * stride : (high + 1) * stride] = 0
    if min_leaf > 1:
        scratch.row_counts[low : high + 1] = 0
    return score, code, missing_left


@njit(**KERNEL, fastmath=ANY_ORDER)
def scan_two(first: int, n_codes: int, total: NDArray[np.float32], scratch: Scratch) -> None:
    """Do the part of ``scan_classes`` that sums, for two classes."""
    sums, order = scratch.sums, scratch.order
    t0, t1 = total[0], total[1]
    r0, r1 = np.float32(0), np.float32(0)
    for p in range(first, n_codes - 1):
        k = np.uint64(order[p]) << ONE
        r0 += sums[k]
        r1 += sums[k + ONE]
        scratch.square[p] = r0 * r0 + r1 * r1
        scratch.left_square[p] = (t0 - r0) * (t0 - r0) + (t1 - r1) * (t1 - r1)
        scratch.weight[p] = r0 + r1


@njit(**KERNEL, fastmath=ANY_ORDER)
def scan_block(
    first: int, n_codes: int, block: int, stride: int, total: NDArray[np.float32], scratch: Scratch
) -> None:
    """Do the part of ``scan_classes`` that sums, for the eight classes from ``block`` on.

    Written out, because the compiler makes vectors of eight variables, but not of eight elements
    of an array that might overlap with another one.
    """
    sums, order = scratch.sums, scratch.order
    t0 = total[block]
    t1 = total[block + 1]
    t2 = total[block + 2]
    t3 = total[block + 3]
    t4 = total[block + 4]
    t5 = total[block + 5]
    t6 = total[block + 6]
    t7 = total[block + 7]
    r0 = r1 = r2 = r3 = r4 = r5 = r6 = r7 = np.float32(0)
    row, column = np.uint64(stride), np.uint64(block)
    for p in range(first, n_codes - 1):
        k = np.uint64(order[p]) * row + column
        cells = sums[k : k + np.uint64(LANES)]
        r0 += cells[0]
        r1 += cells[1]
        r2 += cells[2]
        r3 += cells[3]
        r4 += cells[4]
        r5 += cells[5]
        r6 += cells[6]
        r7 += cells[7]
        square = r0 * r0 + r1 * r1 + r2 * r2 + r3 * r3 + r4 * r4 + r5 * r5 + r6 * r6 + r7 * r7
        l0 = t0 - r0
        l1 = t1 - r1
        l2 = t2 - r2
        l3 = t3 - r3
        l4 = t4 - r4
        l5 = t5 - r5
        l6 = t6 - r6
        l7 = t7 - r7
        left_square = l0 * l0 + l1 * l1 + l2 * l2 + l3 * l3 + l4 * l4 + l5 * l5 + l6 * l6 + l7 * l7
        weight = r0 + r1 + r2 + r3 + r4 + r5 + r6 + r7
        if block == 0:
            scratch.square[p] = square
            scratch.left_square[p] = left_square
            scratch.weight[p] = weight
        else:
            scratch.square[p] += square
            scratch.left_square[p] += left_square
            scratch.weight[p] += weight


@njit(**INLINED, fastmath=ANY_ORDER)
def score_places(
    first: int, end: int, n_groups: int, total: NDArray[np.float32], scratch: Scratch
) -> None:
    """Write the scores of the splits after each place from ``first`` to ``end - 1``."""
    square, left_square, weight = scratch.square, scratch.left_square, scratch.weight
    score = scratch.score
    total_weight = np.float32(0)
    for k in range(n_groups):
        total_weight += total[k]
    for p in range(first, end):
        score[p] = square[p] / weight[p] + left_square[p] / (total_weight - weight[p])


@njit(**INLINED, fastmath=ANY_ORDER)
def choose_place(first: int, end: int, score: NDArray[np.float32]) -> tuple[float, int]:
    """Return the best score and the place after it; of equal ones the one at the smallest code."""
    best = np.float32(NO_SPLIT)
    for p in range(first, end):
        best = max(best, score[p])
    place = end
    while place > first + 1 and score[place - 1] < best:
        place -= 1
    return np.float64(best), place


@njit(**INLINED, fastmath=ANY_ORDER)
def scan_classes(
    n: int,
    first: int,
    n_codes: int,
    stride: int,
    total: NDArray[np.float32],
    min_leaf: int,
    scratch: Scratch,
) -> tuple[float, int]:
    """Go over ``order[first:n_codes]``; return the best score and where the left side begins."""
    if stride == 2:
        scan_two(first, n_codes, total, scratch)
    else:
        for block in range(0, stride, LANES):
            scan_block(first, n_codes, block, stride, total, scratch)
    score_places(first, n_codes - 1, stride, total, scratch)
    score = scratch.score
    if min_leaf > 1:
        right_rows = 0
        for p in range(first, n_codes - 1):
            right_rows += scratch.row_counts[scratch.order[p]]
            if right_rows < min_leaf or n - right_rows < min_leaf:
                score[p] = NO_SPLIT
    return choose_place(first, n_codes - 1, score)


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


@njit(**INLINED)
def sorted_split_classes(
    codes: NDArray[np.uint8],
    low: int,
    node: Node,
    n: int,
    n_groups: int,
    min_leaf: int,
    scratch: Scratch,
) -> tuple[float, int]:
    """As ``best_split_classes``, for few rows and plain codes: sort the rows and go over them."""
    right, keys, order, total = scratch.right, scratch.keys, scratch.order, node.total
    m = 0
    for i in range(n):
        keys[m] = np.int32(codes[i]) << 8 | i
        m += codes[i] != low
    sort_keys(keys, m, order)
    order[m] = low << 8
    for g in range(n_groups):
        right[g] = 0
    total_square, total_weight = np.float32(0), np.float32(0)
    for g in range(n_groups):
        total_square += total[g] * total[g]
        total_weight += total[g]
    square, cross, weight = np.float32(0), np.float32(0), np.float32(0)
    best, place = np.float32(NO_SPLIT), 1
    for j in range(m):
        i = order[j] & 255
        g = node.group[i]
        x = node.weight[i]
        square += x * (np.float32(2) * right[g] + x)
        cross += x * total[g]
        right[g] += x
        weight += x
        left_square = total_square - np.float32(2) * cross + square
        score = square / weight + left_square / (total_weight - weight)
        # One condition, so that it becomes a selection and not branches to be guessed.
        better = (
            (score >= best)
            & (order[j] >> 8 != order[j + 1] >> 8)
            & (j + 1 >= min_leaf)
            & (n - j - 1 >= min_leaf)
        )
        best = score if better else best
        place = j + 1 if better else place
    return np.float64(best), np.int64((order[place - 1] >> 8) + (order[place] >> 8)) >> 1


@njit(**INLINED, fastmath=ANY_ORDER)
def random_split_classes(
    flat: NDArray[np.uint8],
    offset: int,
    node: Node,
    n_groups: int,
    keeps_missing: bool,
    is_categorical: bool,
    min_leaf: int,
    scratch: Scratch,
    state: RandomState,
) -> tuple[float, int, bool]:
    """Draw one split of a node on one feature and return it as ``best_split_classes`` does."""
    n = node.starts[n_groups]
    codes = scratch.codes
    low, high = gather(flat, offset, node.address, n, codes)
    if low == high:
        return CONSTANT, 0, False
    code, missing_left, cut = draw_split(
        codes, n, low, high, keeps_missing, is_categorical, scratch, state
    )
    left = scratch.right
    if n < SORT_ROWS:
        # One loop of a length that is the same for all candidates, whatever the groups.
        for g in range(n_groups):
            left[g] = 0
        for i in range(n):
            left[node.group[i]] += node.weight[i] * np.float32(codes[i] <= cut)
    else:
        for g in range(n_groups):
            x = np.float32(0)
            for i in range(np.uint64(node.starts[g]), np.uint64(node.starts[g + 1])):
                x += node.weight[i] if codes[i] <= cut else np.float32(0)
            left[g] = x
    left_square, right_square = np.float32(0), np.float32(0)
    left_weight, right_weight = np.float32(0), np.float32(0)
    for g in range(n_groups):
        x = left[g]
        y = node.total[g] - x
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
    score = np.float64(left_square / left_weight + right_square / right_weight)
    return score, code, missing_left


@njit(**INLINED)
def draw_split(
    codes: NDArray[np.uint8],
    n: int,
    low: int,
    high: int,
    keeps_missing: bool,
    is_categorical: bool,
    scratch: Scratch,
    state: RandomState,
) -> tuple[int, bool, np.uint8]:
    """Draw a split; return ``(code, missing_left, cut)``, where ``codes`` up to ``cut`` go left.

    Where the split is not one of codes, ``codes`` are replaced by 0 for left and 1 for right.
    """
    if is_categorical:
        draw_left_set(codes, n, scratch, state)
        for i in range(n):
            codes[i] = not in_set(scratch.left_set, codes[i])
        return 0, False, np.uint8(0)
    if keeps_missing and high == MISSING:
        code, missing_left = draw_with_missing(codes, n, low, state)
        for i in range(n):
            codes[i] = not (missing_left if codes[i] == MISSING else codes[i] <= code)
        return code, missing_left, np.uint8(0)
    code = low + random_below(state, high - low)
    return code, False, np.uint8(code)


@njit(**KERNEL)
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


@njit(**KERNEL)
def in_set(left_set: NDArray[np.uint32], code: int) -> bool:
    """Say whether ``code`` is in the set of 256 bits."""
    return (left_set[code >> 5] >> np.uint32(code & 31)) & BIT == BIT


@njit(**KERNEL)
def write_left_set(
    order: NDArray[np.int32], start: int, end: int, left_set: NDArray[np.uint32]
) -> None:
    """Put the codes ``order[start:end]`` into the set."""
    for word in range(8):
        left_set[word] = 0
    for p in range(start, end):
        c = order[p]
        left_set[c >> 5] |= BIT << np.uint32(c & 31)


@njit(**KERNEL)
def draw_left_set(codes: NDArray[np.uint8], n: int, scratch: Scratch, state: RandomState) -> None:
    """Send each category that occurs to a side by the toss of a coin; neither side is empty."""
    seen, order = scratch.seen, scratch.order
    for i in range(n):
        seen[codes[i]] = 1
    n_codes = list_codes(seen, 0, 255, order)
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
    write_left_set(order, 0, n_left, scratch.left_set)


@njit(**KERNEL)
def sort_by_rank(order: NDArray[np.int32], n_codes: int, rank: NDArray[np.float64]) -> None:
    """Sort the codes that occur by ``rank[code]``, from the largest down."""
    for i in range(1, n_codes):
        c = order[i]
        j = i
        while j > 0 and rank[order[j - 1]] < rank[c]:
            order[j] = order[j - 1]
            j -= 1
        order[j] = c


@njit(**KERNEL)
def rank_classes(
    n_codes: int, n_groups: int, stride: int, total: NDArray[np.float32], scratch: Scratch
) -> None:
    """Rank categories by their class shares along the first principal component.

    For two classes this is the order by the share of one class, in which the best of all sets is a
    prefix (Fisher 1958); for more classes it is the heuristic of Coppersmith, Hong and Hosking
    (1999). The component comes from a few steps of the power method, which is enough for an order.
    """
    sums, order, rank = scratch.sums, scratch.order, scratch.rank
    axis, following = scratch.axis, scratch.following
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
            row = np.int64(order[p]) * stride
            weight, along = 0.0, 0.0
            for g in range(n_groups):
                weight += sums[row + g]
            for g in range(n_groups):
                along += axis[g] * (sums[row + g] / weight - total[g] / total_weight)
            for g in range(n_groups):
                following[g] += weight * along * (sums[row + g] / weight - total[g] / total_weight)
        length = 0.0
        for g in range(n_groups):
            length += following[g] * following[g]
        length = np.sqrt(length)
        if length <= 1e-6 * total_weight:
            break
        for g in range(n_groups):
            axis[g] = following[g] / length
    for p in range(n_codes):
        c = np.int64(order[p])
        weight, along = 0.0, 0.0
        for g in range(n_groups):
            weight += sums[c * stride + g]
            along += axis[g] * sums[c * stride + g]
        rank[c] = along / weight

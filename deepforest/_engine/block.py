# numpy's scalars are as good as int, float and bool here.
# mypy: disable-error-code="arg-type, assignment, no-any-return, return-value"
"""Eight candidate features of a node, side by side: their draw, their codes, the best of them."""

from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from deepforest._engine.dividing import Split, Table
from deepforest._engine.lanes import (
    LANES,
    MANY,
    ONE,
    WIDE,
    bits,
    fill,
    fill_many,
    gather,
    larger,
    load_many,
    lowest_bit,
    smaller,
    store,
)
from deepforest._engine.random import INLINED, KERNEL, ONCE, RandomState, random_below

NO_BITS = np.uint64(0)

# How far the draw of a node's features has come: constants known, those of the constants known
# before that may still be drawn, where the features begin that were drawn, how many were, whether
# any was not constant.
KNOWN, UNSEEN, END, DRAWN, VARIED = range(5)


class Block(NamedTuple):
    """The candidates of a node that are searched together, each in a lane.

    A split sends codes up to ``code`` left, of a category those in ``left_set``.
    """

    feature: NDArray[np.int32]  # (8,)
    offset: NDArray[np.int64]  # (8,) from a row's address to its code
    codes: NDArray[np.uint8]  # (rows * 8,) those of a row side by side; a search may change them
    low: NDArray[np.uint8]  # (8,) the smallest code; where it is the largest there is no split
    high: NDArray[np.uint8]  # (8,) the largest code
    cut: NDArray[np.uint8]  # (8,) of drawn splits: codes up to it go left
    seen: NDArray[np.uint8]  # (256,) whether a code occurs; zero between uses
    listed: NDArray[np.uint8]  # (256 * 8,) the codes of each candidate that occur
    n_codes: NDArray[np.int64]  # (8,) how many these are
    rows: NDArray[np.uint8]  # (64,) how many rows are left of eight cuts, in eight lanes
    counted: NDArray[np.uint64]  # (8,) the lanes of candidates whose values are counted
    first: NDArray[np.uint8]  # (8,) where codes were put in ranges, the first code of all
    width: NDArray[np.uint8]  # (8,) log2 of how many codes a range has, see `cuts.put_in_ranges`
    shift: NDArray[np.uint8]  # (8,) what was added to the codes, 1 where missing values become 0
    score: NDArray[Any]  # (8,) of the split that was found, or NO_SPLIT
    code: NDArray[np.uint8]  # (8,)
    missing_left: NDArray[np.uint8]  # (8,) whether missing values go left
    left_set: NDArray[np.uint32]  # (8, 8)
    progress: NDArray[np.int64]  # (5,) of the draw, see KNOWN and the others


def make_block(n_rows: int, dtype: Any) -> Block:
    """Return a block for nodes of up to ``n_rows`` rows, with scores of a dtype."""
    return Block(
        np.zeros(LANES, np.int32),
        np.zeros(LANES, np.int64),
        np.empty(n_rows * LANES, np.uint8),
        np.zeros(LANES, np.uint8),
        np.zeros(LANES, np.uint8),
        np.zeros(LANES, np.uint8),
        np.zeros(256, np.uint8),
        np.zeros(256 * LANES, np.uint8),
        np.zeros(LANES, np.int64),
        np.zeros(MANY, np.uint8),
        np.zeros(LANES, np.uint64),
        np.zeros(LANES, np.uint8),
        np.zeros(LANES, np.uint8),
        np.zeros(LANES, np.uint8),
        np.zeros(LANES, dtype),
        np.zeros(LANES, np.uint8),
        np.zeros(LANES, np.uint8),
        np.zeros((LANES, 8), np.uint32),
        np.zeros(5, np.int64),
    )


@njit(**ONCE)
def begin_draw(block: Block, n_constant: int, n_features: int) -> None:
    """Prepare the draw of features in a node where ``n_constant`` are known to be constant."""
    progress = block.progress
    progress[KNOWN], progress[UNSEEN], progress[END] = n_constant, n_constant, n_features
    progress[DRAWN], progress[VARIED] = 0, 0


@njit(**INLINED)
def next_candidates(
    table: Table,
    address: NDArray[np.int32],
    n: int,
    max_features: int,
    features: NDArray[np.int32],
    block: Block,
    state: RandomState,
) -> int:
    """Put the next candidates of a node of ``n`` rows into the block; return how many, at most 8.

    As in scikit-learn, ``max_features`` features are drawn, constant ones included, and more as
    long as all were constant. ``features`` is a permutation: constants, those not drawn yet, those
    that were. The order of the constants known before stays as it is, because nodes that wait rely
    on it.
    """
    progress, feature = block.progress, block.feature
    known, unseen, end = progress[KNOWN], progress[UNSEEN], progress[END]
    drawn, m = progress[DRAWN], 0
    while m < LANES and unseen + end - known > 0:
        if drawn >= max_features and (m > 0 or progress[VARIED] == 1):
            break
        drawn += 1
        d = random_below(state, unseen + end - known)
        if d < unseen:
            unseen -= 1  # one of the known constants
            continue
        d += known - unseen
        end -= 1
        feature[m] = features[d]
        features[d] = features[end]
        m += 1
    if m > 0:
        for k in range(m, LANES):
            feature[k] = feature[0]  # lanes without a use must not read anywhere
        gather_codes(table, address, n, m, block)
        # Constants go behind the constants known before, the others behind the end.
        for k in range(m):
            if block.low[k] == block.high[k]:
                features[end] = features[known]
                features[known] = feature[k]
                known += 1
                end += 1
        place = end
        for k in range(m):
            if block.low[k] != block.high[k]:
                features[place] = feature[k]
                place += 1
                progress[VARIED] = 1
    progress[KNOWN], progress[UNSEEN], progress[END], progress[DRAWN] = known, unseen, end, drawn
    return m


@njit(**ONCE)
def gather_codes(table: Table, address: NDArray[np.int32], n: int, m: int, block: Block) -> None:
    """Read the codes of a node's rows, the smallest and the largest of each feature."""
    near = n < table.near_rows
    flat = table.near if near else table.flat
    for k in range(LANES):
        f = block.feature[k]
        block.offset[k] = np.int64(f) if near else table.offset[f]
    o = block.offset
    if m <= 4:
        low, high = read_codes(flat, address, n, (o[0], o[1], o[2], o[3]), block.codes)
    else:
        low, high = read_codes(
            flat, address, n, (o[0], o[1], o[2], o[3], o[4], o[5], o[6], o[7]), block.codes
        )
    store(block.low, 0, low)
    store(block.high, 0, high)


@njit(**KERNEL)
def read_codes(
    flat: NDArray[np.uint8],
    address: NDArray[np.int32],
    n: int,
    offsets: tuple[int, ...],
    codes: NDArray[np.uint8],
) -> tuple[Any, Any]:
    """Write into ``codes`` those of each row side by side; return the smallest and the largest."""
    low, high = fill(np.uint8(255)), fill(np.uint8(0))
    for i in range(np.uint64(n)):
        row = gather(flat, address[i], offsets)
        store(codes, i * WIDE, row)
        low, high = smaller(low, row), larger(high, row)
    return low, high


@njit(**KERNEL)
def list_codes(block: Block, lane: int, n: int, listed: NDArray[np.uint8]) -> int:
    """List the codes of a candidate that occur, from the smallest up; return their number."""
    codes, seen = block.codes, block.seen
    for i in range(np.uint64(n)):
        seen[codes[i * WIDE + np.uint64(lane)]] = 1
    place = np.uint64(lane)
    none = fill_many(np.uint8(0))
    for word in range(0, 256, MANY):
        found = bits(load_many(seen, word) != none)
        store(seen, word, none)
        while found != NO_BITS:
            listed[place] = word + lowest_bit(found)
            place += WIDE
            found &= found - ONE
    return np.int64(place // WIDE)


@njit(**ONCE)
def take_best(
    block: Block, m: int, best_score: float, is_categorical: NDArray[np.bool_], split: Split
) -> float:
    """Make the best split of the block the node's if it beats ``best_score``; return the better."""
    best = -1
    for k in range(m):
        if block.low[k] != block.high[k] and block.score[k] > best_score:
            best_score = np.float64(block.score[k])
            best = k
    split.lane[0] = best
    if best >= 0:
        split.feature[0] = block.feature[best]
        split.code[0] = block.code[best]
        split.missing_left[0] = block.missing_left[best]
        if is_categorical[block.feature[best]]:
            for word in range(8):
                split.left_set[word] = block.left_set[best, word]
    return best_score

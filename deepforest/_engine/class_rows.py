# numpy's scalars are as good as int, float and bool here.
# mypy: disable-error-code="arg-type, assignment, no-any-return, return-value"
"""The rows of the node at hand, grouped by class.

So a class is a run ``starts[g]:starts[g + 1]``, and classes that the node has not got cost nothing.
Weights and their sums are float32: whole numbers below 2^24 are exact, and the choice among splits
needs no more.
"""

from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from deepforest._engine.dividing import Table
from deepforest._engine.lanes import (
    ONE,
    WIDE,
    as_floats,
    fill,
    load,
    low_halves,
    padded,
    store,
    summed,
)
from deepforest._engine.random import INLINED, ONCE, U32


class Node(NamedTuple):
    """The rows of the node at hand, grouped by class."""

    address: NDArray[np.int32]  # (rows,) base address of the row
    weight: NDArray[np.float32]  # (rows,)
    starts: NDArray[np.int32]  # (K + 1,) where each group begins
    total: NDArray[np.float32]  # (K padded,) weight of each group, then zeros
    small: NDArray[np.uint8]  # (255,) the weights of a small node, see `weights_fit`
    left: NDArray[np.uint8]  # (K * 64,) weight of each group left of eight cuts in eight lanes


# A row of the bag, in one place because a node's rows lie apart.
ROW = np.dtype([("base", np.int32), ("weight", np.float32), ("y", np.int32)])

# The same in 64 bits, which move from node to node, where weights are whole. See `row_at`.
SMALL_ROW = np.dtype([("base", "<i4"), ("y", "<u2"), ("weight", "<u2")])
LOW_16, LOW_32 = np.uint64(2**16 - 1), np.uint64(2**32 - 1)
U48, LAST = np.uint64(48), WIDE - ONE


def class_bag(
    base: NDArray[np.int32], y: NDArray[np.int32], weight: NDArray[Any]
) -> tuple[NDArray[np.uint64], NDArray[Any] | None]:
    """Return rows, given one class after the other, as `row_at` reads them.

    Returns
    -------
    rows : array of uint64, shape (n,)
        What is moved when nodes are divided: the rows themselves, or their numbers in ``bag``.
    bag : array of dtype ``ROW``, shape (n,), or None
        None where weights are whole numbers of 16 bits.
    """
    if weight.dtype.kind == "i" and max(weight.max(), y.max()) <= LOW_16:
        small = np.empty(base.size, SMALL_ROW)
        small["base"], small["y"], small["weight"] = base, y, weight
        return small.view(np.uint64), None
    # Squares of very large or small sums are no numbers of float32. Only ratios of weights count,
    # but for counts, which are not that large.
    exponent = np.round(np.log2(weight.mean()))
    if weight.dtype.kind == "f" and abs(exponent) > 10:
        weight = np.ldexp(weight, -int(exponent))
    bag = np.empty(base.size, ROW)
    bag["base"], bag["y"] = base, y
    bag["weight"] = np.maximum(weight, np.finfo(np.float32).tiny)  # a leaf's is not 0
    return np.arange(base.size, dtype=np.uint64), bag


@njit(**INLINED)
def row_at(rows: NDArray[np.uint64], bag: Any, i: Any) -> tuple[Any, Any, Any]:
    """Return the base address, weight and class of a row of a bag."""
    if bag is None:
        small = rows[i]
        return np.int32(small & LOW_32), np.int64(small >> U48), np.int32((small >> U32) & LOW_16)
    row = bag[rows[i]]
    return row["base"], row["weight"], row["y"]


@njit(**INLINED)
def load_classes(
    table: Table,
    rows: NDArray[np.uint64],
    bag: Any,
    start: int,
    end: int,
    node: Node,
    totals: NDArray[np.float64],
) -> int:
    """Read a node's rows into ``node``; return the number of its classes.

    ``totals`` get the weight of each group, in full precision.
    """
    first, n, i = np.uint64(start), np.uint64(end - start), np.uint64(0)
    step = np.int32(table.near_step if end - start < table.near_rows else 1)
    label, g, total, none = np.int32(-1), 0, 0, fill(np.uint64(0))
    of_eights = none
    while i < n:
        base, weight, y = row_at(rows, bag, first + i)
        node.address[i] = base * step
        node.weight[i] = weight
        if y != label:
            label = y
            node.starts[g] = i
            if g > 0:
                totals[g - 1] = total + summed(of_eights)
            g += 1
            total, of_eights = 0, none
        total += weight
        i += ONE
        if bag is None:
            # Eight at a time, as long as the last of them is of this class.
            while i + WIDE <= n and row_at(rows, bag, first + i + LAST)[2] == label:
                eight = load(rows, first + i)
                weights = eight >> U48
                store(node.address, i, low_halves(eight) * step)
                store(node.weight, i, as_floats(low_halves(weights)))
                of_eights = of_eights + weights
                i += WIDE
    totals[g - 1] = total + summed(of_eights)
    node.starts[g] = end - start
    for k in range(padded(g)):
        node.total[k] = totals[k] if k < g else 0.0
    return g


@njit(**ONCE)
def thin_out(node: Node, n_groups: int, step: int, some: Node) -> None:
    """Make every ``step``-th row of the node at hand the rows of ``some``.

    For windows: the address of a table's row depends on how many rows a node has.
    """
    kept = 0
    for g in range(n_groups):
        row, total = kept * step, np.float32(0)
        some.starts[g] = kept
        while row < node.starts[g + 1]:
            some.address[kept], some.weight[kept] = node.address[row], node.weight[row]
            total += node.weight[row]
            kept += 1
            row += step
        some.total[g] = total
    some.starts[n_groups] = kept
    for k in range(n_groups, padded(n_groups)):
        some.total[k] = 0


@njit(**ONCE)
def weights_fit(node: Node, n_groups: int) -> bool:
    """Write a node's weights as bytes; say if these and each group's weight are whole and fit."""
    for i in range(np.uint64(node.starts[n_groups])):
        node.small[i] = np.uint8(min(node.weight[i], np.float32(255)))
    for g in range(n_groups):
        whole = np.int64(0)
        for i in range(np.uint64(node.starts[g]), np.uint64(node.starts[g + 1])):
            whole += np.int64(node.small[i])
        # Where a weight is not whole or does not fit, bytes are less.
        if whole > 255 or np.float32(whole) != node.total[g]:
            return False
    return True


@njit(**ONCE)
def purity(totals: NDArray[np.float64], n_groups: int) -> float:
    """Return the score of a node that is not split: the sum of the squares over the weight."""
    square, weight = 0.0, 0.0
    for g in range(n_groups):
        square += totals[g] * totals[g]
        weight += totals[g]
    return square / weight

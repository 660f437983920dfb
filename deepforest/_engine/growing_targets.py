# numpy's scalars are as good as int, float and bool here.
# mypy: disable-error-code="arg-type, assignment, no-any-return, return-value"
"""Growing one tree for real targets: the steps of `growing`, with sums in place of classes."""

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from deepforest._engine.block import (
    KNOWN,
    Block,
    begin_draw,
    make_block,
    next_candidates,
    take_best,
)
from deepforest._engine.categories import Ranking, make_ranking
from deepforest._engine.constants import NO_SPLIT
from deepforest._engine.counting import Cells, make_cells
from deepforest._engine.dividing import (
    Bag,
    Split,
    Table,
    choose_sides,
    divide,
    make_split,
)
from deepforest._engine.growing import Rules
from deepforest._engine.nodes import (
    Nodes,
    Tree,
    make_nodes,
    make_tree,
    most_leaves,
    push,
    write_leaf,
    write_split,
)
from deepforest._engine.random import KERNEL, ONCE, RandomState, tree_state
from deepforest._engine.splitting_targets import best_splits_targets, random_splits_targets


class TargetNode(NamedTuple):
    """The rows of the node at hand."""

    address: NDArray[np.int32]  # (rows,) base address of the row
    value: NDArray[np.float64]  # (K + 1, rows) weight, weight times each target
    total: NDArray[np.float64]  # (K + 1,) sums of the rows of ``value``


@njit(**KERNEL)
def load_targets(
    table: Table, bag: Bag, rows: NDArray[np.int32], start: int, end: int, node: TargetNode
) -> bool:
    """Read a node's rows into ``node``; say whether all have the same targets."""
    for k in range(node.total.size):
        node.total[k] = 0
    step = np.int32(table.near_step if end - start < table.near_rows else 1)
    first = rows[start]
    same = True
    for i in range(end - start):
        r = rows[start + i]
        node.address[i] = bag.base[r] * step
        weight = bag.weight[r]
        node.value[0, i] = weight
        node.total[0] += weight
        for k in range(bag.y.shape[1]):
            same &= bag.y[r, k] == bag.y[first, k]
            node.value[k + 1, i] = weight * bag.y[r, k]
            node.total[k + 1] += weight * bag.y[r, k]
    return same


@njit(**KERNEL)
def target_purity(total: NDArray[np.float64]) -> float:
    """Return the score of a node that is not split."""
    square = 0.0
    for k in range(1, total.size):
        square += total[k] * total[k]
    return square / total[0]


@njit(**ONCE)
def search_targets(
    table: Table,
    node: TargetNode,
    n: int,
    rules: Rules,
    features: NDArray[np.int32],
    n_constant: int,
    block: Block,
    ranking: Ranking,
    cells: Cells,
    split: Split,
    state: RandomState,
) -> int:
    """Find the best split over a random choice of features, as ``growing.search_classes``."""
    min_leaf = rules.min_samples_leaf
    best_score = NO_SPLIT
    split.feature[0] = -1
    begin_draw(block, n_constant, features.size)
    while True:
        m = next_candidates(table, node.address, n, rules.max_features, features, block, state)
        if m == 0:
            break
        if rules.random_splits:
            random_splits_targets(table, node, n, block, m, min_leaf, state)
        else:
            best_splits_targets(table, node, n, block, m, min_leaf, ranking, cells)
        best_score = take_best(block, m, best_score, table.is_categorical, split)
    return block.progress[KNOWN]


@njit(**KERNEL)
def grow_target_nodes(
    table: Table,
    bag: Bag,
    rows: NDArray[np.int32],
    rules: Rules,
    features: NDArray[np.int32],
    node_rows: TargetNode,
    leaf_values: NDArray[np.float64],
    block: Block,
    ranking: Ranking,
    cells: Cells,
    split: Split,
    goes_left: NDArray[np.uint8],
    buffer: NDArray[np.int32],
    nodes: Nodes,
    state: RandomState,
) -> tuple[int, int, int]:
    """Grow all nodes; return the numbers of nodes, leaves and category sets."""
    importances, stack, total = nodes.importances, nodes.stack, node_rows.total
    n_nodes, n_leaves, n_left_sets = 1, 0, 0
    push(nodes, 0, 0, 0, rows.size, 0, 0, -1)
    n_stack = 1
    while n_stack > 0:
        n_stack -= 1
        node, start, end = stack[n_stack, 0], stack[n_stack, 1], stack[n_stack, 2]
        depth, n_constant, parent_feature = stack[n_stack, 3], stack[n_stack, 4], stack[n_stack, 5]
        n = end - start
        same = load_targets(table, bag, rows, start, end, node_rows)
        node_purity = target_purity(total)
        if parent_feature >= 0:
            importances[parent_feature] += node_purity
        split.feature[0] = -1
        if not same and depth < rules.max_depth and n >= rules.min_samples_split:
            n_constant = search_targets(
                table,
                node_rows,
                n,
                rules,
                features,
                n_constant,
                block,
                ranking,
                cells,
                split,
                state,
            )
        feature, n_left = split.feature[0], 0
        if feature >= 0:
            n_left = choose_sides(table, node_rows.address, n, block, split, goes_left)
        # As in ``growing.grow_nodes``.
        if min(n_left, n - n_left) < rules.min_samples_leaf:
            write_leaf(nodes, node, ~n_leaves)
            for k in range(1, total.size):
                leaf_values[n_leaves, k - 1] = total[k] / total[0]
            n_leaves += 1
            continue
        divide(rows, start, end, goes_left, buffer)
        importances[feature] -= node_purity
        n_left_sets = write_split(
            nodes, node, split, n_nodes, table.is_categorical[feature], n_left_sets
        )
        middle = start + n_left
        push(nodes, n_stack, n_nodes + 1, middle, end, depth + 1, n_constant, feature)
        push(nodes, n_stack + 1, n_nodes, start, middle, depth + 1, n_constant, feature)
        n_stack += 2
        n_nodes += 2
    return n_nodes, n_leaves, n_left_sets


def grow_targets(
    table: Table,
    bag: Bag,
    rules: Rules,
    seed: int,
    tree_number: int,
) -> Tree:
    """Grow one tree on a bag whose targets are best centred.

    All leaves hold a row of ``leaf_values``.
    """
    state = tree_state(seed, 2 * tree_number + 1)
    n_rows, n_outputs = bag.y.shape
    node_rows = TargetNode(
        np.empty(n_rows, np.int32),
        np.empty((n_outputs + 1, n_rows), np.float64),
        np.zeros(n_outputs + 1),
    )
    n_leaves = most_leaves(n_rows, rules.min_samples_leaf)
    nodes = make_nodes(n_leaves, table.offset.size, table.is_categorical.any())
    leaf_values = np.empty((n_leaves, n_outputs), np.float64)
    n_nodes, n_leaves, n_left_sets = grow_target_nodes(
        table,
        bag,
        np.arange(n_rows, dtype=np.int32),
        rules,
        np.arange(table.offset.size, dtype=np.int32),
        node_rows,
        leaf_values,
        make_block(n_rows, np.float64),
        make_ranking(n_outputs + 1, np.float64),
        make_cells(np.float64),
        make_split(),
        np.empty(n_rows, np.uint8),
        np.empty(n_rows, np.int32),
        nodes,
        state,
    )
    return make_tree(nodes, n_nodes, n_left_sets, leaf_values[:n_leaves].copy())

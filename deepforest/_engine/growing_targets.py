# numpy's scalars are as good as int, float and bool here.
# mypy: disable-error-code="arg-type, assignment, no-any-return, return-value"
"""Growing one tree for real targets: the steps of `growing`, with sums in place of classes."""

from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from deepforest._engine.candidate import CONSTANT, NO_SPLIT, Scratch, make_scratch
from deepforest._engine.dividing import (
    Bag,
    Split,
    Table,
    choose_sides,
    divide,
    fill_bag,
    make_split,
)
from deepforest._engine.growing import Rules
from deepforest._engine.nodes import (
    Nodes,
    Tree,
    make_nodes,
    make_tree,
    push,
    write_leaf,
    write_split,
)
from deepforest._engine.random import KERNEL, RandomState, random_below, tree_state
from deepforest._engine.splitting_targets import best_split_targets, random_split_targets


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
    step = np.int32(table.offset.size if end - start < table.near_rows else 1)
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


@njit(**KERNEL)
def search_targets(
    table: Table,
    node: TargetNode,
    n: int,
    rules: Rules,
    features: NDArray[np.int32],
    n_constant: int,
    scratch: Scratch,
    split: Split,
    state: RandomState,
) -> int:
    """Find the best split over a random choice of features, as ``growing.search_classes``."""
    n_known = n_constant
    unseen_known = n_constant
    end = features.size
    drawn = 0
    best_score = NO_SPLIT
    split.feature[0] = -1
    varied = False
    near = n < table.near_rows
    flat = table.near if near else table.flat
    while (drawn < rules.max_features or not varied) and unseen_known + end - n_known > 0:
        drawn += 1
        d = random_below(state, unseen_known + end - n_known)
        if d < unseen_known:
            unseen_known -= 1
            continue
        d += n_known - unseen_known
        f = features[d]
        offset = np.int64(f) if near else table.offset[f]
        if rules.random_splits:
            score, code, missing_left = random_split_targets(
                flat,
                offset,
                node,
                n,
                table.keeps_missing[f],
                table.is_categorical[f],
                rules.min_samples_leaf,
                scratch,
                state,
            )
        else:
            score, code, missing_left = best_split_targets(
                flat,
                offset,
                node,
                n,
                table.keeps_missing[f],
                table.is_categorical[f],
                rules.min_samples_leaf,
                scratch,
            )
        if score == CONSTANT:
            features[d] = features[n_known]
            features[n_known] = f
            n_known += 1
            continue
        varied = True
        end -= 1
        features[d] = features[end]
        features[end] = f
        if score > best_score:
            best_score = score
            split.feature[0] = f
            split.code[0] = code
            split.missing_left[0] = missing_left
            if table.is_categorical[f]:
                for word in range(8):
                    split.left_set[word] = scratch.left_set[word]
    return n_known


@njit(**KERNEL)
def grow_target_nodes(
    table: Table,
    bag: Bag,
    rows: NDArray[np.int32],
    rules: Rules,
    features: NDArray[np.int32],
    node_rows: TargetNode,
    leaf_values: NDArray[np.float64],
    scratch: Scratch,
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
                table, node_rows, n, rules, features, n_constant, scratch, split, state
            )
        feature = split.feature[0]
        if feature < 0:
            write_leaf(nodes, node, ~n_leaves)
            for k in range(1, total.size):
                leaf_values[n_leaves, k - 1] = total[k] / total[0]
            n_leaves += 1
            continue
        n_left = choose_sides(table, node_rows.address, n, split, goes_left)
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
    y: NDArray[np.float64],
    weight: NDArray[Any],
    order: NDArray[np.int64],
    rules: Rules,
    seed: int,
    tree_number: int,
) -> Tree:
    """Grow one tree for the targets ``y`` (n, K), best centred.

    ``order`` are the rows of the table, and ``weight`` has one entry for each; rows of weight 0
    take no part. All leaves hold a row of ``leaf_values``.
    """
    state = tree_state(seed, 2 * tree_number + 1)
    bag = fill_bag(table, y, weight, order)
    n_rows, n_outputs = bag.y.shape
    node_rows = TargetNode(
        np.empty(n_rows, np.int32),
        np.empty((n_outputs + 1, n_rows), np.float64),
        np.zeros(n_outputs + 1),
    )
    nodes = make_nodes(n_rows, table.offset.size, table.is_categorical.any())
    leaf_values = np.empty((n_rows, n_outputs), np.float64)
    n_nodes, n_leaves, n_left_sets = grow_target_nodes(
        table,
        bag,
        np.arange(n_rows, dtype=np.int32),
        rules,
        np.arange(table.offset.size, dtype=np.int32),
        node_rows,
        leaf_values,
        make_scratch(n_rows, n_outputs + 1, np.zeros((n_outputs + 1, 256))),
        make_split(),
        np.empty(n_rows, np.uint8),
        np.empty(n_rows, np.int32),
        nodes,
        state,
    )
    return make_tree(nodes, n_nodes, n_left_sets, leaf_values[:n_leaves].copy())

# numpy's scalars are as good as int, float and bool here.
# mypy: disable-error-code="arg-type, assignment, no-any-return, return-value"
"""Growing one tree for real targets: the steps of `growing`, with sums in place of classes."""

from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from deepforest._engine.growing import (
    Bag,
    Rules,
    Table,
    Tree,
    add_row,
    choose_sides,
    divide,
    fill_bag,
)
from deepforest._engine.random import RandomState, random_below, tree_state
from deepforest._engine.splitting import CONSTANT, NO_SPLIT, Scratch, make_scratch
from deepforest._engine.splitting_targets import best_split_targets, random_split_targets


class TargetNode(NamedTuple):
    """The rows of the node at hand."""

    address: NDArray[np.int32]  # (rows,) base address of the row
    value: NDArray[np.float64]  # (rows, K + 1) weight, weight times each target
    total: NDArray[np.float64]  # (K + 1,) sums of the columns of ``value``


@njit(nogil=True, cache=True, error_model="numpy", _nrt=False)
def load_targets(bag: Bag, rows: NDArray[np.int32], start: int, end: int, node: TargetNode) -> bool:
    """Read a node's rows into ``node``; say whether all have the same targets."""
    for k in range(node.total.size):
        node.total[k] = 0
    first = rows[start]
    same = True
    for i in range(end - start):
        r = rows[start + i]
        node.address[i] = bag.base[r]
        weight = bag.weight[r]
        node.value[i, 0] = weight
        node.total[0] += weight
        for k in range(bag.y.shape[1]):
            same &= bag.y[r, k] == bag.y[first, k]
            node.value[i, k + 1] = weight * bag.y[r, k]
            node.total[k + 1] += weight * bag.y[r, k]
    return same


@njit(nogil=True, cache=True, error_model="numpy")
def target_purity(total: NDArray[Any]) -> float:
    """Return the score of a node that is not split."""
    square = 0.0
    for k in range(1, total.size):
        square += total[k] * total[k]
    return float(square / total[0])


@njit(nogil=True, cache=True, error_model="numpy")
def search_targets(
    table: Table,
    node: TargetNode,
    n: int,
    rules: Rules,
    features: NDArray[np.int32],
    n_constant: int,
    scratch: Scratch,
    best_set: NDArray[np.uint32],
    state: RandomState,
) -> tuple[int, int, bool, int]:
    """Return the best split over a random choice of features, as ``growing.search_classes``."""
    n_known = n_constant
    unseen_known = n_constant
    end = features.size
    drawn = 0
    best_score, best_feature, best_code, best_missing_left = NO_SPLIT, -1, 0, False
    varied = False
    while (drawn < rules.max_features or not varied) and unseen_known + end - n_known > 0:
        drawn += 1
        d = random_below(state, unseen_known + end - n_known)
        if d < unseen_known:
            unseen_known -= 1
            continue
        d += n_known - unseen_known
        f = features[d]
        if rules.random_splits:
            score, code, missing_left = random_split_targets(
                table.flat,
                table.offset[f],
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
                table.flat,
                table.offset[f],
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
            best_score, best_feature, best_code = score, f, code
            best_missing_left = missing_left
            if table.is_categorical[f]:
                best_set[:] = scratch.left_set
    return best_feature, best_code, best_missing_left, n_known


@njit(nogil=True, cache=True, error_model="numpy")
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
    n_rows = bag.base.size
    rows = np.arange(n_rows).astype(np.int32)
    n_features = table.offset.size
    n_sums = y.shape[1] + 1
    children_left = np.empty(2 * n_rows, np.int32)
    feature_of = np.empty(2 * n_rows, np.int32)
    code_of = np.empty(2 * n_rows, np.uint8)
    missing_left_of = np.empty(2 * n_rows, np.bool_)
    leaf_of = np.empty(2 * n_rows, np.int32)
    leaf_values = np.empty((n_rows, n_sums - 1), np.float64)
    left_sets = np.empty((0, 8), np.uint32)
    importances = np.zeros(n_features, np.float64)
    n_nodes, n_leaf_values, n_left_sets = 1, 0, 0

    node_rows = TargetNode(
        np.empty(n_rows, np.int32), np.empty((n_rows, n_sums), np.float64), np.zeros(n_sums)
    )
    total = node_rows.total
    scratch = make_scratch(n_rows, n_sums, total)
    goes_left = np.empty(n_rows, np.bool_)
    buffer = np.empty(n_rows, np.int32)
    best_set = np.zeros(8, np.uint32)
    features = np.arange(n_features).astype(np.int32)

    # Nodes that wait: number, start, end, depth, known constants, feature of the parent's split.
    stack = np.empty((64, 6), np.int64)
    stack[0] = np.array([0, 0, n_rows, 0, 0, -1])
    n_stack = 1
    while n_stack > 0:
        n_stack -= 1
        node, start, end, depth, n_constant, parent_feature = stack[n_stack]
        n = end - start
        same = load_targets(bag, rows, start, end, node_rows)
        node_purity = target_purity(total)
        if parent_feature >= 0:
            importances[parent_feature] += node_purity
        feature = -1
        if not same and depth < rules.max_depth and n >= rules.min_samples_split:
            feature, code, missing_left, n_constant = search_targets(
                table, node_rows, n, rules, features, n_constant, scratch, best_set, state
            )
        if feature < 0:
            children_left[node] = node
            feature_of[node] = -1
            code_of[node] = 255
            missing_left_of[node] = True
            leaf_of[node] = ~n_leaf_values
            leaf_values[n_leaf_values] = total[1:] / total[0]
            n_leaf_values += 1
            continue
        n_left, missing_left = choose_sides(
            table,
            bag.base,
            rows[start:end],
            feature,
            code,
            missing_left,
            best_set,
            goes_left,
        )
        divide(rows[start:end], goes_left, buffer)
        importances[feature] -= node_purity
        children_left[node] = n_nodes
        feature_of[node] = feature
        code_of[node] = code
        missing_left_of[node] = missing_left
        leaf_of[node] = n_left_sets
        if table.is_categorical[feature]:
            left_sets = add_row(left_sets, n_left_sets, best_set)
            n_left_sets += 1
        if n_stack + 2 > stack.shape[0]:
            longer = np.empty((2 * stack.shape[0], 6), np.int64)
            longer[:n_stack] = stack[:n_stack]
            stack = longer
        middle = start + n_left
        stack[n_stack] = (n_nodes + 1, middle, end, depth + 1, n_constant, feature)
        stack[n_stack + 1] = (n_nodes, start, middle, depth + 1, n_constant, feature)
        n_stack += 2
        n_nodes += 2
    return Tree(
        children_left[:n_nodes].copy(),
        feature_of[:n_nodes].copy(),
        code_of[:n_nodes].copy(),
        missing_left_of[:n_nodes].copy(),
        leaf_of[:n_nodes].copy(),
        leaf_values[:n_leaf_values].copy(),
        left_sets[:n_left_sets].copy(),
        importances,
    )

# numpy's scalars are as good as int, float and bool here.
# mypy: disable-error-code="arg-type, assignment, no-any-return, return-value"
"""Growing one tree for classes: choose a node, search its features, divide its rows, go on.

Nodes are grown depth first, and features known to be constant in a node are not looked at again
below it.
"""

from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from deepforest._engine.candidate import (
    ANY_ORDER,
    CONSTANT,
    LANES,
    NO_SPLIT,
    Scratch,
    make_scratch,
    padded,
)
from deepforest._engine.dividing import (
    Bag,
    Split,
    Table,
    choose_sides,
    divide,
    fill_bag,
    make_split,
)
from deepforest._engine.nodes import (
    Nodes,
    Tree,
    make_nodes,
    make_tree,
    push,
    write_leaf,
    write_split,
)
from deepforest._engine.random import INLINED, KERNEL, RandomState, random_below, tree_state
from deepforest._engine.splitting import Node, best_split_classes
from deepforest._engine.splitting_random import random_split_classes


class Rules(NamedTuple):
    """When and how nodes are split."""

    random_splits: bool
    max_features: int
    max_depth: int
    min_samples_split: int
    min_samples_leaf: int


@njit(**INLINED)
def end_of_class(y: NDArray[np.int32], rows: NDArray[np.int32], first: int, end: int) -> int:
    """Return where the run of rows of the class of ``rows[first]`` ends, at most ``end``."""
    label = y[rows[first]]
    # Steps twice as long each time, then bisection: in a run of m rows 2 log2(m) looks.
    step = 1
    while first + step < end and y[rows[first + step]] == label:
        step += step
    low, high = first + (step >> 1), min(first + step, end)
    while high - low > 1:
        middle = (low + high) >> 1
        if y[rows[middle]] == label:
            low = middle
        else:
            high = middle
    return high


@njit(**INLINED, fastmath=ANY_ORDER)
def load_classes(
    table: Table,
    bag: Bag,
    rows: NDArray[np.int32],
    start: int,
    end: int,
    node: Node,
    totals: NDArray[np.float64],
) -> int:
    """Read a node's rows into ``node``; return the number of its classes.

    ``totals`` get the weight of each group, in full precision.
    """
    first = np.uint64(start)
    step = np.int32(table.offset.size if end - start < table.near_rows else 1)
    for i in range(np.uint64(end - start)):
        r = np.uint64(rows[first + i])
        node.address[i] = bag.base[r] * step
        node.weight[i] = bag.weight[r]
    g, place = 0, start
    while place < end:
        following = end_of_class(bag.y, rows, place, end)
        node.starts[g] = place - start
        node.classes[g] = bag.y[rows[place]]
        total = 0.0
        for i in range(np.uint64(place - start), np.uint64(following - start)):
            node.group[i] = g
            total += node.weight[i]
        totals[g] = total
        g += 1
        place = following
    node.starts[g] = end - start
    for k in range(padded(g)):
        node.total[k] = totals[k] if k < g else 0.0
    return g


@njit(**INLINED)
def purity(totals: NDArray[np.float64], n_groups: int) -> float:
    """Return the score of a node that is not split: the sum of the squares over the weight."""
    square, weight = 0.0, 0.0
    for g in range(n_groups):
        square += totals[g] * totals[g]
        weight += totals[g]
    return square / weight


@njit(**INLINED)
def search_classes(
    table: Table,
    node: Node,
    n_groups: int,
    rules: Rules,
    features: NDArray[np.int32],
    n_constant: int,
    min_leaf: int,
    scratch: Scratch,
    split: Split,
    state: RandomState,
) -> int:
    """Find the best split over a random choice of features; return the number of constants known.

    As in scikit-learn, ``max_features`` features are drawn, constant ones included, and more as
    long as all were constant. ``features`` is a permutation whose first ``n_constant`` entries are
    constant in this node; their order stays as it is, because nodes that wait rely on it.
    """
    total_weight = np.float32(0)
    for g in range(n_groups):
        total_weight += node.total[g]
    n_known = n_constant
    unseen_known = n_constant
    end = features.size
    drawn = 0
    best_score = NO_SPLIT
    split.feature[0] = -1
    varied = False
    near = node.starts[n_groups] < table.near_rows
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
            score, code, missing_left = random_split_classes(
                flat,
                offset,
                node,
                n_groups,
                table.keeps_missing[f],
                table.is_categorical[f],
                min_leaf,
                scratch,
                state,
            )
        else:
            score, code, missing_left = best_split_classes(
                flat,
                offset,
                node,
                n_groups,
                table.keeps_missing[f],
                table.is_categorical[f],
                min_leaf,
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
            if score >= total_weight:
                break  # both sides are pure: no split can be better
    return n_known


@njit(**KERNEL)
def grow_nodes(
    table: Table,
    bag: Bag,
    rows: NDArray[np.int32],
    rules: Rules,
    features: NDArray[np.int32],
    node_rows: Node,
    totals: NDArray[np.float64],
    scratch: Scratch,
    split: Split,
    goes_left: NDArray[np.uint8],
    buffer: NDArray[np.int32],
    nodes: Nodes,
    state: RandomState,
) -> tuple[int, int, int]:
    """Grow all nodes; return the numbers of nodes, mixed leaves and category sets."""
    importances, stack = nodes.importances, nodes.stack
    n_nodes, n_mixed, n_left_sets = 1, 0, 0
    push(nodes, 0, 0, 0, rows.size, 0, 0, -1)
    n_stack = 1
    while n_stack > 0:
        n_stack -= 1
        node, start, end = stack[n_stack, 0], stack[n_stack, 1], stack[n_stack, 2]
        depth, n_constant, parent_feature = stack[n_stack, 3], stack[n_stack, 4], stack[n_stack, 5]
        n = end - start
        label = bag.y[rows[start]]
        if label == bag.y[rows[end - 1]]:
            # Rows are grouped by class: first and last are the same, so all are.
            write_leaf(nodes, node, label)
            if parent_feature >= 0:
                for i in range(start, end):
                    importances[parent_feature] += bag.weight[rows[i]]
            continue
        n_groups = load_classes(table, bag, rows, start, end, node_rows, totals)
        node_purity = purity(totals, n_groups)
        if parent_feature >= 0:
            importances[parent_feature] += node_purity
        split.feature[0] = -1
        if depth < rules.max_depth and n >= rules.min_samples_split:
            n_constant = search_classes(
                table,
                node_rows,
                n_groups,
                rules,
                features,
                n_constant,
                rules.min_samples_leaf,
                scratch,
                split,
                state,
            )
        feature = split.feature[0]
        if feature < 0:
            write_leaf(nodes, node, ~n_mixed)
            nodes.mixed[n_mixed, 0] = start
            nodes.mixed[n_mixed, 1] = end
            n_mixed += 1
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
    return n_nodes, n_mixed, n_left_sets


@njit(**KERNEL)
def fill_leaves(
    bag: Bag,
    rows: NDArray[np.int32],
    mixed: NDArray[np.int32],
    totals: NDArray[np.float64],
    leaf_values: NDArray[np.float32],
) -> None:
    """Write into ``leaf_values`` the shares of the classes in each mixed leaf.

    ``totals`` are room for the sums, in full precision.
    """
    for leaf in range(mixed.shape[0]):
        totals[:] = 0
        for i in range(mixed[leaf, 0], mixed[leaf, 1]):
            totals[bag.y[rows[i]]] += bag.weight[rows[i]]
        total_weight = totals.sum()
        for k in range(totals.size):
            leaf_values[leaf, k] = totals[k] / total_weight


def grow_classes(
    table: Table,
    y: NDArray[np.int32],
    weight: NDArray[Any],
    order: NDArray[np.int64],
    n_classes: int,
    rules: Rules,
    seed: int,
    tree_number: int,
) -> Tree:
    """Grow one tree for the classes ``y`` (0 to ``n_classes - 1``).

    ``order`` are the rows of the table grouped by class, and ``weight`` has one entry for each;
    rows of weight 0 take no part.
    """
    state = tree_state(seed, 2 * tree_number + 1)
    bag = fill_bag(table, y, weight, order)
    n_rows = bag.base.size
    rows = np.arange(n_rows, dtype=np.int32)
    node_rows = Node(
        np.empty(n_rows, np.int32),
        np.empty(n_rows, np.float32),
        np.empty(n_rows, np.int32),
        np.empty(n_classes + 1, np.int32),
        np.empty(n_classes, np.int32),
        np.zeros(padded(n_classes), np.float32),
    )
    totals = np.empty(n_classes, np.float64)
    nodes = make_nodes(n_rows, table.offset.size, table.is_categorical.any())
    n_nodes, n_mixed, n_left_sets = grow_nodes(
        table,
        bag,
        rows,
        rules,
        np.arange(table.offset.size, dtype=np.int32),
        node_rows,
        totals,
        # A row of cells for each code, then the waste cells of `splitting.best_split_classes`.
        make_scratch(n_rows, n_classes, np.zeros(256 * padded(n_classes) + LANES, np.float32)),
        make_split(),
        np.empty(n_rows, np.uint8),
        np.empty(n_rows, np.int32),
        nodes,
        state,
    )
    leaf_values = np.empty((n_mixed, n_classes), np.float32)
    fill_leaves(bag, rows, nodes.mixed[:n_mixed], totals, leaf_values)
    return make_tree(nodes, n_nodes, n_left_sets, leaf_values)

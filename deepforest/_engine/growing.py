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

from deepforest._engine.block import (
    KNOWN,
    Block,
    begin_draw,
    make_block,
    next_candidates,
    take_best,
)
from deepforest._engine.categories import Ranking, make_ranking
from deepforest._engine.class_rows import Node, load_classes, purity, row_at, thin_out, weights_fit
from deepforest._engine.constants import NO_SPLIT
from deepforest._engine.counting import Cells, make_cells
from deepforest._engine.dividing import (
    Split,
    Table,
    choose_sides,
    divide,
    make_split,
)
from deepforest._engine.lanes import MANY, padded
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
from deepforest._engine.splitting import (
    LEAST_IN_RANGES,
    LEAST_TOGETHER,
    MOST_TOGETHER,
    best_splits_classes,
    random_splits_classes,
)

# A side of fewer rows of those that are searched says too little of the others.
LEAST_SEEN = 10


class Rules(NamedTuple):
    """When and how nodes are split."""

    random_splits: bool
    max_features: int
    max_depth: int
    min_samples_split: int
    min_samples_leaf: int
    most_searched: int  # for classes, nodes of at least twice so many rows are searched on some


@njit(**ONCE)
def search_classes(
    table: Table,
    node: Node,
    n_groups: int,
    are_counts: bool,
    rules: Rules,
    min_leaf: int,
    features: NDArray[np.int32],
    n_constant: int,
    block: Block,
    ranking: Ranking,
    cells: Cells,
    split: Split,
    state: RandomState,
) -> int:
    """Find the best split over a random choice of features; return the number of constants known.

    ``features`` is a permutation whose first ``n_constant`` entries are constant in this node.
    """
    n = node.starts[n_groups]
    total_weight = 0.0
    for g in range(n_groups):
        total_weight += node.total[g]
    best_score = NO_SPLIT
    split.feature[0] = -1
    small = max(LEAST_TOGETHER, 2 * min_leaf) <= n <= MOST_TOGETHER
    # A weight that is whole stands for so many equal rows.
    in_ranges = (total_weight if are_counts else n) >= LEAST_IN_RANGES
    together = small and not rules.random_splits and weights_fit(node, n_groups)
    begin_draw(block, n_constant, features.size)
    # A split with pure sides has the whole weight as its score: no other can be better.
    while best_score < total_weight:
        m = next_candidates(table, node.address, n, rules.max_features, features, block, state)
        if m == 0:
            break
        if rules.random_splits:
            random_splits_classes(table, node, n_groups, block, m, min_leaf, state)
        else:
            best_splits_classes(
                table, node, n_groups, block, m, min_leaf, together, in_ranges, ranking, cells
            )
        best_score = take_best(block, m, best_score, table.is_categorical, split)
    return block.progress[KNOWN]


@njit(**KERNEL)
def grow_nodes(
    table: Table,
    rows: NDArray[np.uint64],
    bag: Any,
    are_counts: bool,
    rules: Rules,
    features: NDArray[np.int32],
    node_rows: Node,
    some_rows: Node,
    totals: NDArray[np.float64],
    block: Block,
    ranking: Ranking,
    cells: Cells,
    split: Split,
    goes_left: NDArray[np.uint8],
    buffer: NDArray[np.uint64],
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
        label = row_at(rows, bag, start)[2]
        if label == row_at(rows, bag, end - 1)[2]:
            # Rows are grouped by class: first and last are the same, so all are.
            write_leaf(nodes, node, label)
            if parent_feature >= 0:
                for i in range(start, end):
                    importances[parent_feature] += row_at(rows, bag, i)[1]
            continue
        n_groups = load_classes(table, rows, bag, start, end, node_rows, totals)
        node_purity = purity(totals, n_groups)
        if parent_feature >= 0:
            importances[parent_feature] += node_purity
        n_left, min_leaf = 0, rules.min_samples_leaf
        if depth < rules.max_depth and n >= rules.min_samples_split:
            step = max(1, n // rules.most_searched)
            while True:
                searched = node_rows
                if step > 1:
                    thin_out(node_rows, n_groups, step, some_rows)
                    searched = some_rows
                known = search_classes(
                    table,
                    searched,
                    n_groups,
                    are_counts,
                    rules,
                    max((min_leaf + step - 1) // step, min(min_leaf, LEAST_SEEN)),
                    features,
                    n_constant,
                    block,
                    ranking,
                    cells,
                    split,
                    state,
                )
                if step == 1:
                    n_constant = known  # what is constant in some rows need not be so in all
                else:
                    split.lane[0] = -1  # the block has the codes of some rows
                if split.feature[0] >= 0:
                    n_left = choose_sides(table, node_rows.address, n, block, split, goes_left)
                if step == 1 or min(n_left, n - n_left) >= min_leaf:
                    break
                step = 1
        feature = split.feature[0]
        # Tables of codes count rows in float32, exact up to 2^24: a side may have too few.
        if min(n_left, n - n_left) < min_leaf:
            write_leaf(nodes, node, ~n_mixed)
            nodes.mixed[n_mixed, 0] = start
            nodes.mixed[n_mixed, 1] = end
            n_mixed += 1
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
    return n_nodes, n_mixed, n_left_sets


@njit(**KERNEL)
def fill_leaves(
    rows: NDArray[np.uint64],
    bag: Any,
    mixed: NDArray[np.int32],
    totals: NDArray[np.float64],
    leaf_values: NDArray[Any],
    most: float,
) -> None:
    """Write into ``leaf_values`` the weight of each class in each mixed leaf.

    ``totals`` are room for the sums, in full precision. With ``most`` weights are whole numbers up
    to it; leaves of more are scaled down to that and rounded. With 0 they are shares.
    """
    half = 0.5 if most > 0 else 0.0
    for leaf in range(mixed.shape[0]):
        totals[:] = 0
        for i in range(mixed[leaf, 0], mixed[leaf, 1]):
            _, weight, y = row_at(rows, bag, i)
            totals[y] += weight
        scale = min(1.0, most / totals.sum()) if most > 0 else 1.0 / totals.sum()
        for k in range(totals.size):
            leaf_values[leaf, k] = totals[k] * scale + half


def make_node(n_rows: int, n_classes: int) -> Node:
    """Return room for the rows of any node of up to ``n_rows`` rows."""
    return Node(
        np.empty(n_rows, np.int32),
        np.empty(n_rows, np.float32),
        np.empty(n_classes + 1, np.int32),
        np.zeros(padded(n_classes), np.float32),
        np.empty(MOST_TOGETHER, np.uint8),
        np.empty(n_classes * MANY, np.uint8),
    )


def grow_classes(
    table: Table,
    rows: NDArray[np.uint64],
    bag: NDArray[Any] | None,
    n_classes: int,
    are_counts: bool,
    rules: Rules,
    seed: int,
    tree_number: int,
) -> Tree:
    """Grow one tree on the rows of ``class_rows.class_bag``, of classes below ``n_classes``.

    The rows are moved. ``are_counts`` says that all weights are whole: leaves then hold those of
    their classes.
    """
    state = tree_state(seed, 2 * tree_number + 1)
    n_rows = rows.size
    totals = np.empty(n_classes, np.float64)
    n_leaves = most_leaves(n_rows, rules.min_samples_leaf)
    # Fewer rows than this are searched where not all are.
    n_some = 2 * rules.most_searched if n_rows >= 2 * rules.most_searched else 0
    nodes = make_nodes(n_leaves, table.offset.size, table.is_categorical.any())
    n_nodes, n_mixed, n_left_sets = grow_nodes(
        table,
        rows,
        bag,
        are_counts,
        rules,
        np.arange(table.offset.size, dtype=np.int32),
        make_node(n_rows, n_classes),
        make_node(n_some, n_classes),
        totals,
        make_block(n_rows, np.float32),
        make_ranking(n_classes, np.float32),
        make_cells(np.float32),
        make_split(),
        np.empty(n_rows, np.uint8),
        np.empty_like(rows),
        nodes,
        state,
    )
    leaf_values = np.empty((n_mixed, n_classes), np.uint16 if are_counts else np.float32)
    most = 65535.0 if are_counts else 0.0
    fill_leaves(rows, bag, nodes.mixed[:n_mixed], totals, leaf_values, most)
    return make_tree(nodes, n_nodes, n_left_sets, leaf_values)

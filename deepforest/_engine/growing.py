# numpy's scalars are as good as int, float and bool here.
# mypy: disable-error-code="arg-type, assignment, no-any-return, return-value"
"""Growing one tree: choose a node, search its features, divide its rows, go on.

A tree is a struct of arrays (`Tree`). Siblings stand side by side, so ``children_left`` says where
both are; a leaf is its own left child. Nodes are grown depth first, and features known to be
constant in a node are not looked at again below it.
"""

from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from deepforest._engine.random import RandomState, random_below, tree_state
from deepforest._engine.splitting import (
    BIT,
    CONSTANT,
    MISSING,
    NO_SPLIT,
    Node,
    Scratch,
    best_split_classes,
    in_set,
    make_scratch,
    padded,
    random_split_classes,
)


class Table(NamedTuple):
    """Codes and how to find them: ``flat[base[i] + offset[f]]``."""

    flat: NDArray[np.uint8]
    base: NDArray[np.int32]  # (n_samples,)
    offset: NDArray[np.int64]  # (n_features,)
    keeps_missing: NDArray[np.bool_]  # (n_features,) code 255 means missing
    is_categorical: NDArray[np.bool_]  # (n_features,)


class Rules(NamedTuple):
    """When and how nodes are split."""

    random_splits: bool
    max_features: int
    max_depth: int
    min_samples_split: int
    min_samples_leaf: int
    search_rows: int  # nodes of twice as many rows are searched on a strided sample of them


class Tree(NamedTuple):
    """Nodes of one tree; node 0 is the root.

    ``leaf`` says what a leaf holds: a class ``k >= 0`` if all its rows are of that class,
    otherwise ``~r`` for row ``r`` of ``leaf_values``. Of a leaf, ``feature`` is -1.
    A split on a categorical feature has in ``leaf`` its row of ``left_sets``.
    """

    children_left: NDArray[np.int32]  # (nodes,) the right child follows the left one
    feature: NDArray[np.int32]  # (nodes,)
    code: NDArray[np.uint8]  # (nodes,) codes up to this one go left
    missing_left: NDArray[np.bool_]  # (nodes,)
    leaf: NDArray[np.int32]  # (nodes,)
    leaf_values: NDArray[np.float64]  # (impure leaves, K)
    left_sets: NDArray[np.uint32]  # (splits on categories, 8)
    importances: NDArray[np.float64]  # (n_features,) decrease of impurity times weight


@njit(nogil=True, cache=True)
def draw_bag(n_draws: int, n: int, seed: int, tree: int) -> NDArray[np.int32]:
    """Return how often each of ``n`` rows is drawn in ``n_draws`` draws with replacement."""
    state = tree_state(seed, 2 * tree)
    counts = np.zeros(n, np.int32)
    for _ in range(n_draws):
        counts[random_below(state, n)] += 1
    return counts


@njit(nogil=True, cache=True)
def draw_weighted_bag(
    n_draws: int, cumulated: NDArray[np.float64], seed: int, tree: int
) -> NDArray[np.int32]:
    """As ``draw_bag``, with probabilities whose running sum is ``cumulated``."""
    state = tree_state(seed, 2 * tree)
    n = cumulated.size
    counts = np.zeros(n, np.int32)
    scale = cumulated[n - 1] / 4294967296.0
    for _ in range(n_draws):
        # `right` never lands on a row of weight zero.
        place = np.searchsorted(cumulated, random_below(state, 4294967296) * scale, side="right")
        counts[min(place, n - 1)] += 1
    return counts


class Bag(NamedTuple):
    """The rows that one tree sees, in the order of their classes."""

    base: NDArray[np.int32]  # (rows,) base address of the row
    y: NDArray[Any]  # (rows,) class, or (rows, K) targets
    weight: NDArray[np.float64]  # (rows,)


@njit(nogil=True, cache=True)
def fill_bag(table: Table, y: NDArray[Any], weight: NDArray[Any], order: NDArray[np.int64]) -> Bag:
    """Return the rows of positive weight in the order of ``order``."""
    rows = np.empty(order.size, np.int64)
    n = 0
    for i in range(order.size):
        rows[n] = order[i]
        n += weight[order[i]] > 0
    rows = rows[:n]
    return Bag(table.base[rows], y[rows], weight[rows].astype(np.float64))


@njit(nogil=True, cache=True, error_model="numpy")
def choose_sides(
    table: Table,
    base: NDArray[np.int32],
    rows: NDArray[np.int32],
    feature: int,
    code: int,
    missing_left: bool,
    left_set: NDArray[np.uint32],
    goes_left: NDArray[np.bool_],
) -> tuple[int, bool]:
    """Write into ``goes_left`` the side of each of ``rows``; return how many go left.

    Also return the side of missing values: where none was seen, the side with more rows. Categories
    that were not seen go there too, and ``left_set`` says so afterwards.
    """
    offset = table.offset[feature]
    flat = table.flat
    n, n_left = rows.size, 0
    is_categorical = table.is_categorical[feature]
    if not is_categorical and not table.keeps_missing[feature]:
        for i in range(n):
            left = flat[base[rows[i]] + offset] <= code
            goes_left[i] = left
            n_left += left
        return n_left, 2 * n_left > n
    seen = np.zeros(8, np.uint32)
    for i in range(n):
        c = np.int64(flat[base[rows[i]] + offset])
        seen[c >> 5] |= BIT << np.uint32(c & 31)
        if is_categorical:
            left = in_set(left_set, c)
        elif c == MISSING:
            left = missing_left
        else:
            left = c <= code
        goes_left[i] = left
        n_left += left
    if not in_set(seen, MISSING):
        missing_left = 2 * n_left > n
    elif is_categorical:
        missing_left = in_set(left_set, MISSING)
    if is_categorical and missing_left:
        left_set |= ~seen
    return n_left, missing_left


@njit(nogil=True, cache=True, error_model="numpy")
def divide(
    rows: NDArray[np.int32], goes_left: NDArray[np.bool_], buffer: NDArray[np.int32]
) -> None:
    """Move the rows that go left to the front of ``rows``.

    Both sides keep their order, so rows stay grouped by class.
    """
    middle, m = 0, 0
    for i in range(rows.size):
        r = rows[i]
        rows[middle] = r
        buffer[m] = r
        middle += goes_left[i]
        m += not goes_left[i]
    rows[middle:] = buffer[:m]


@njit(nogil=True, cache=True)
def add_row(table: NDArray[Any], n: int, row: NDArray[Any]) -> NDArray[Any]:
    """Return ``table`` with ``row`` as its n-th row, twice as long where it was full."""
    if n == table.shape[0]:
        longer = np.empty((2 * n + 8, table.shape[1]), table.dtype)
        longer[:n] = table
        table = longer
    table[n] = row
    return table


@njit(nogil=True, cache=True, error_model="numpy", _nrt=False)
def load_classes(
    bag: Bag,
    rows: NDArray[np.int32],
    start: int,
    end: int,
    step: int,
    node: Node,
    totals: NDArray[np.float64],
) -> int:
    """Read every ``step``-th of a node's rows into ``node``; return the number of its classes.

    ``totals`` get the weight of each group, in full precision.
    """
    g = -1
    current = -1
    i = 0
    for j in range(start, end, step):
        r = rows[j]
        if bag.y[r] != current:
            current = bag.y[r]
            g += 1
            node.starts[g] = i
            node.classes[g] = current
            totals[g] = 0.0
        node.address[i] = bag.base[r]
        node.weight[i] = bag.weight[r]
        node.group[i] = g
        totals[g] += bag.weight[r]
        i += 1
    n_groups = g + 1
    node.starts[n_groups] = i
    for k in range(padded(n_groups)):
        node.total[k] = totals[k] if k < n_groups else 0.0
    return n_groups


@njit(nogil=True, cache=True, error_model="numpy")
def purity(totals: NDArray[np.float64], n_groups: int) -> float:
    """Return the score of a node that is not split: the sum of the squares over the weight."""
    square, weight = 0.0, 0.0
    for g in range(n_groups):
        square += totals[g] * totals[g]
        weight += totals[g]
    return square / weight


@njit(nogil=True, cache=True, error_model="numpy")
def search_classes(
    table: Table,
    node: Node,
    n_groups: int,
    rules: Rules,
    features: NDArray[np.int32],
    n_constant: int,
    min_leaf: int,
    scratch: Scratch,
    best_set: NDArray[np.uint32],
    state: RandomState,
) -> tuple[int, int, bool, int]:
    """Return the best split over a random choice of features, and the number of constants known.

    As in scikit-learn, ``max_features`` features are drawn, constant ones included, and more as
    long as all were constant. ``features`` is a permutation whose first ``n_constant`` entries are
    constant in this node; their order stays as it is, because nodes that wait rely on it.
    """
    total_weight = 0.0
    for g in range(n_groups):
        total_weight += node.total[g]
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
            score, code, missing_left = random_split_classes(
                table.flat,
                table.offset[f],
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
                table.flat,
                table.offset[f],
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
            best_score, best_feature, best_code = score, f, code
            best_missing_left = missing_left
            if table.is_categorical[f]:
                best_set[:] = scratch.left_set
            if score >= total_weight:
                break  # both sides are pure: no split can be better
    return best_feature, best_code, best_missing_left, n_known


@njit(nogil=True, cache=True, error_model="numpy")
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
    rows = np.arange(n_rows).astype(np.int32)
    n_features = table.offset.size
    children_left = np.empty(2 * n_rows, np.int32)
    feature_of = np.empty(2 * n_rows, np.int32)
    code_of = np.empty(2 * n_rows, np.uint8)
    missing_left_of = np.empty(2 * n_rows, np.bool_)
    leaf_of = np.empty(2 * n_rows, np.int32)
    leaf_values = np.empty((0, n_classes), np.float64)
    left_sets = np.empty((0, 8), np.uint32)
    importances = np.zeros(n_features, np.float64)
    n_nodes, n_leaf_values, n_left_sets = 1, 0, 0

    node_rows = Node(
        np.empty(n_rows, np.int32),
        np.empty(n_rows, np.float32),
        np.empty(n_rows, np.int32),
        np.empty(n_classes + 1, np.int32),
        np.empty(n_classes, np.int32),
        np.zeros(padded(n_classes), np.float32),
    )
    totals = np.empty(n_classes, np.float64)
    sample_totals = np.empty(n_classes, np.float64)
    scratch = make_scratch(n_rows, n_classes, node_rows.weight)
    goes_left = np.empty(n_rows, np.bool_)
    buffer = np.empty(n_rows, np.int32)
    best_set = np.zeros(8, np.uint32)
    features = np.arange(n_features).astype(np.int32)
    value = np.empty(n_classes, np.float64)

    # Nodes that wait: number, start, end, depth, known constants, feature of the parent's split.
    stack = np.empty((64, 6), np.int64)
    stack[0] = np.array([0, 0, n_rows, 0, 0, -1])
    n_stack = 1
    while n_stack > 0:
        n_stack -= 1
        node, start, end, depth, n_constant, parent_feature = stack[n_stack]
        n = end - start
        n_groups = load_classes(bag, rows, start, end, 1, node_rows, totals)
        node_purity = purity(totals, n_groups)
        if parent_feature >= 0:
            importances[parent_feature] += node_purity
        feature, n_left = -1, 0
        if n_groups > 1 and depth < rules.max_depth and n >= rules.min_samples_split:
            if n >= 2 * rules.search_rows:
                # A large node: its best split is looked for in a sample of its rows. Features that
                # are constant in the sample need not be so in the node.
                step = n // rules.search_rows
                first = start + random_below(state, step)
                sample_groups = load_classes(bag, rows, first, end, step, node_rows, sample_totals)
                feature, code, missing_left, _ = search_classes(
                    table,
                    node_rows,
                    sample_groups,
                    rules,
                    features,
                    n_constant,
                    (rules.min_samples_leaf + step - 1) // step,
                    scratch,
                    best_set,
                    state,
                )
                if feature >= 0:
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
                if n_left < rules.min_samples_leaf or n - n_left < rules.min_samples_leaf:
                    feature = -1
                    load_classes(bag, rows, start, end, 1, node_rows, totals)
            if feature < 0:
                feature, code, missing_left, n_constant = search_classes(
                    table,
                    node_rows,
                    n_groups,
                    rules,
                    features,
                    n_constant,
                    rules.min_samples_leaf,
                    scratch,
                    best_set,
                    state,
                )
                if feature >= 0:
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
        if feature < 0:
            children_left[node] = node
            feature_of[node] = -1
            code_of[node] = 255
            missing_left_of[node] = True
            if n_groups == 1:
                leaf_of[node] = node_rows.classes[0]
            else:
                value[:] = 0.0
                for g in range(n_groups):
                    value[node_rows.classes[g]] = totals[g] / totals[:n_groups].sum()
                leaf_values = add_row(leaf_values, n_leaf_values, value)
                leaf_of[node] = ~n_leaf_values
                n_leaf_values += 1
            continue
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

# numpy's scalars are as good as int, float and bool here.
# mypy: disable-error-code="arg-type, assignment, no-any-return, return-value"
"""Nodes of one tree as a struct of arrays: `Tree` when it is grown, `Nodes` while it grows.

Siblings stand side by side, so ``children_left`` says where both are; a leaf is its own left
child.
"""

from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from deepforest._engine.dividing import Split
from deepforest._engine.random import KERNEL


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
    leaf_values: NDArray[Any]  # (mixed leaves, K) see `deepforest.trees.Trees`
    left_sets: NDArray[np.uint32]  # (splits on categories, 8)
    importances: NDArray[np.float64]  # (n_features,) decrease of impurity times weight


class Nodes(NamedTuple):
    """Room for the nodes of a tree that grows; see `Tree`."""

    children_left: NDArray[np.int32]
    feature: NDArray[np.int32]
    code: NDArray[np.uint8]
    missing_left: NDArray[np.bool_]
    leaf: NDArray[np.int32]
    left_sets: NDArray[np.uint32]
    importances: NDArray[np.float64]
    mixed: NDArray[np.int32]  # (mixed leaves, 2) where in `rows` the rows of such a leaf stand
    stack: NDArray[np.int64]  # (waiting nodes, STACK_FIELDS)


# Of a waiting node: number, start and end of its rows, depth, constants known, parent's feature.
STACK_FIELDS = 6


def most_leaves(n_rows: int, min_samples_leaf: int) -> int:
    """Return how many leaves a tree has at most."""
    return max(1, n_rows // min_samples_leaf)


def make_nodes(n_leaves: int, n_features: int, any_sets: bool) -> Nodes:
    """Return room for any tree of ``n_leaves`` leaves."""
    return Nodes(
        np.empty(2 * n_leaves, np.int32),
        np.empty(2 * n_leaves, np.int32),
        np.empty(2 * n_leaves, np.uint8),
        np.empty(2 * n_leaves, np.bool_),
        np.empty(2 * n_leaves, np.int32),
        np.empty((n_leaves if any_sets else 0, 8), np.uint32),
        np.zeros(n_features, np.float64),
        np.empty((n_leaves, 2), np.int32),
        np.empty((n_leaves + 1, STACK_FIELDS), np.int64),
    )


@njit(**KERNEL)
def push(
    nodes: Nodes,
    n_stack: int,
    node: int,
    start: int,
    end: int,
    depth: int,
    n_constant: int,
    feature: int,
) -> None:
    """Put a node on the stack."""
    stack = nodes.stack
    stack[n_stack, 0] = node
    stack[n_stack, 1] = start
    stack[n_stack, 2] = end
    stack[n_stack, 3] = depth
    stack[n_stack, 4] = n_constant
    stack[n_stack, 5] = feature


@njit(**KERNEL)
def write_leaf(nodes: Nodes, node: int, leaf: int) -> None:
    """Make a node a leaf."""
    nodes.children_left[node] = node
    nodes.feature[node] = -1
    nodes.code[node] = 255
    nodes.missing_left[node] = True
    nodes.leaf[node] = leaf


@njit(**KERNEL)
def write_split(
    nodes: Nodes, node: int, split: Split, left_child: int, is_categorical: bool, n_left_sets: int
) -> int:
    """Make a node a split; return the number of category sets."""
    nodes.children_left[node] = left_child
    nodes.feature[node] = split.feature[0]
    nodes.code[node] = split.code[0]
    nodes.missing_left[node] = split.missing_left[0]
    nodes.leaf[node] = n_left_sets
    if is_categorical:
        for word in range(8):
            nodes.left_sets[n_left_sets, word] = split.left_set[word]
        n_left_sets += 1
    return n_left_sets


def make_tree(nodes: Nodes, n_nodes: int, n_left_sets: int, leaf_values: NDArray[Any]) -> Tree:
    """Return the nodes that were grown, without the room left over."""
    return Tree(
        nodes.children_left[:n_nodes].copy(),
        nodes.feature[:n_nodes].copy(),
        nodes.code[:n_nodes].copy(),
        nodes.missing_left[:n_nodes].copy(),
        nodes.leaf[:n_nodes].copy(),
        leaf_values,
        nodes.left_sets[:n_left_sets].copy(),
        nodes.importances,
    )

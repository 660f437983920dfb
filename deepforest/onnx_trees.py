"""Trees as ONNX operators: what forests and boosted trees say of the rows of a table.

What they say becomes features of the next layer, where the last bit may decide on which side of a
threshold a row goes: values that are zero but for rounding, say. So sums are those of our own code
bit for bit, float64 and in the order of the trees. ONNX's operator for trees, which adds up in an
order of its own and gives float32, says only which leaf of each tree a row falls into.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator

from deepforest.boosted import BoostedTrees
from deepforest.onnx_graph import Graph
from deepforest.tree_nodes import Nodes, nodes_of_boosted, nodes_of_forest, refuse_categories

LARGEST_TABLE = 2**24
"""Numbers of leaves come as float32, which holds whole numbers up to this."""


def forest_votes(graph: Graph, forest: BaseEstimator, rows: str, where: str) -> str:
    """Return the mean votes (N, K), float64, of one of the engine's forests.

    Parameters
    ----------
    graph : Graph
    forest : HistForestClassifier or HistForestRegressor
    rows : str
        A table of float64, which the forest rounds to float32.
    where : str
        What an error calls the forest.
    """
    refuse_categories(forest._encoder, where)
    rows = graph.cast(graph.cast(rows, np.float32), np.float64)
    nodes = nodes_of_forest(forest.trees_, forest._n_columns)
    sums = _sums(graph, _leaves(graph, nodes, rows, where), nodes.table, forest._n_columns)
    votes = graph.add("Div", sums, np.array(float(len(forest.trees_.roots))))
    if hasattr(forest, "classes_"):
        return votes
    return graph.add("Add", votes, np.atleast_1d(np.asarray(forest._center, dtype=np.float64)))


def boosted_outputs(graph: Graph, trees: BoostedTrees, rows: str, where: str) -> str:
    """Return the predictions (N, n_outputs), float64, of boosted trees; see `forest_votes`."""
    nodes = nodes_of_boosted(trees, where)
    leaves = _leaves(graph, nodes, rows, where)
    rounds = graph.add("Reshape", leaves, np.array([0, -1, trees.n_outputs]))
    out = _sums(graph, rounds, nodes.table, trees.n_outputs)
    if trees.average:
        out = graph.add("Div", out, np.array(float(len(trees.roots) // trees.n_outputs)))
    one = np.array(1.0)
    if trees.link == "sigmoid":
        falling = graph.add("Exp", graph.add("Mul", out, np.array(-trees.scale)))
        return graph.add("Div", one, graph.add("Add", one, falling))
    if trees.link == "softmax":
        largest = graph.add("ReduceMax", out, np.array([1]))
        raised = graph.add("Exp", graph.add("Sub", out, largest))
        return graph.normalised(raised)
    if trees.link == "exp":
        return graph.add("Exp", out)
    if trees.link == "square":
        return graph.add("Mul", out, graph.add("Abs", out))
    return out


def _leaves(graph: Graph, nodes: Nodes, rows: str, where: str) -> str:
    """Return what the leaves say that rows fall into, (N, trees) rows of the table."""
    if len(nodes.table) > LARGEST_TABLE:
        raise NotImplementedError(
            f"{where} has {len(nodes.table)} leaves, and ONNX's trees can number {LARGEST_TABLE}: "
            "fit fewer or smaller trees, by n_estimators or min_samples_leaf."
        )
    tensor = graph.onnx.numpy_helper.from_array
    leaf_tree = nodes.tree[nodes.is_leaf].tolist()
    leaves = graph.add(
        "TreeEnsembleRegressor",
        rows,
        domain="ai.onnx.ml",
        n_targets=leaf_tree[-1] + 1,
        nodes_treeids=nodes.tree.tolist(),
        nodes_nodeids=nodes.number.tolist(),
        nodes_modes=np.where(nodes.is_leaf, "LEAF", "BRANCH_LEQ").tolist(),
        nodes_featureids=nodes.feature.tolist(),
        nodes_values_as_tensor=tensor(nodes.threshold, "thresholds"),
        nodes_missing_value_tracks_true=nodes.missing_left.astype(int).tolist(),
        nodes_truenodeids=nodes.left.tolist(),
        nodes_falsenodeids=nodes.right.tolist(),
        target_treeids=leaf_tree,
        target_nodeids=nodes.number[nodes.is_leaf].tolist(),
        target_ids=leaf_tree,
        target_weights_as_tensor=tensor(nodes.row.astype(np.float64), "rows"),
    )
    return graph.cast(leaves, np.int64)


def _sums(graph: Graph, leaves: str, table: NDArray[np.float64], n_outputs: int) -> str:
    """Return the sums (N, n_outputs), float64, over the second axis of `leaves`.

    Of leaves (N, trees) each says a row of the table (rows, n_outputs); of leaves
    (N, rounds, n_outputs) each a value of the table (rows,).
    """
    zeros = graph.rows_of(np.zeros(n_outputs), leaves)
    axes = [1, 0] if table.ndim == 2 else [1, 0, 2]
    return graph.sum_in_turn(zeros, graph.add("Transpose", leaves, perm=axes), table)

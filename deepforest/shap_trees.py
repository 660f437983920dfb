"""Forests as shap's TreeExplainer takes them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from deepforest.forest import HistForestClassifier, HistForestRegressor
from deepforest.tree_nodes import nodes_of_forest, refuse_categories
from deepforest.trees import Trees


def to_shap(forest: BaseEstimator, X: ArrayLike | None = None) -> dict[str, Any]:
    """Return the trees of a fitted forest for ``shap.TreeExplainer``.

    Parameters
    ----------
    forest : HistForestClassifier or HistForestRegressor
        Fitted, without splits on categories.
    X : array-like of shape (n_samples, n_features), default=None
        Rows by which nodes are weighted, best those that `forest` was fitted on:
        ``shap.TreeExplainer(to_shap(forest, X))`` follows the paths of the trees. None: weights
        are NaN, and the explainer needs background rows instead, as in
        ``shap.TreeExplainer(to_shap(forest), background)``.

    Returns
    -------
    dict
        SHAP values and the expected value sum to ``predict_proba``, or to ``predict`` of a
        regressor.

    Raises
    ------
    TypeError
        For another estimator. A cascade is explained as any other function, by
        ``shap.Explainer(cascade.predict_proba, background)``.
    NotImplementedError
        If the forest splits on categories.
    ValueError
        If there is a node that no row of `X` reaches, whose weight would be zero.

    References
    ----------
    .. [1] S. M. Lundberg et al., "From local explanations to global understanding with explainable
       AI for trees", Nature Machine Intelligence 2, 2020.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from deepforest import HistForestClassifier, to_shap
    >>> X, y = load_iris(return_X_y=True)
    >>> forest = HistForestClassifier(10, random_state=0).fit(X, y)
    >>> trees = to_shap(forest, X)  # shap.TreeExplainer(trees).shap_values(X[:1])
    >>> len(trees["trees"])
    10
    """
    if not isinstance(forest, HistForestClassifier | HistForestRegressor):
        raise TypeError(
            f"{type(forest).__name__} is no single forest, which is what shap.TreeExplainer takes: "
            "use shap.Explainer(model.predict_proba, background), or model.predict."
        )
    check_is_fitted(forest)
    refuse_categories(forest._encoder, type(forest).__name__)
    trees = forest.trees_
    nodes = nodes_of_forest(trees, forest._n_columns)
    values = np.zeros((len(nodes.tree), forest._n_columns))
    values[nodes.is_leaf] = nodes.table[nodes.row] / len(trees.roots)
    arrays = {
        "children_left": np.where(nodes.is_leaf, -1, nodes.left),
        "children_right": np.where(nodes.is_leaf, -1, nodes.right),
        "children_default": np.where(
            nodes.is_leaf, -1, np.where(nodes.missing_left, nodes.left, nodes.right)
        ),
        "features": np.where(nodes.is_leaf, -2, nodes.feature),
        "thresholds": nodes.threshold,
        "values": values,
        "node_sample_weight": _node_weights(trees, None if X is None else forest.apply(X)),
    }
    is_classifier = isinstance(forest, HistForestClassifier)
    return {
        "trees": [
            {name: array[start:end] for name, array in arrays.items()}
            for start, end in zip(trees.roots, [*trees.roots[1:], len(nodes.tree)], strict=True)
        ],
        "base_offset": np.zeros(forest._n_columns) if is_classifier else forest._center,
        "input_dtype": np.float32,
        "internal_dtype": np.float64,
        "objective": "binary_crossentropy" if is_classifier else "squared_error",
        "tree_output": "probability" if is_classifier else "raw_value",
    }


def _node_weights(trees: Trees, leaves: NDArray[np.int32] | None) -> NDArray[np.float64]:
    """Return how many rows reach each node, by the leaves (n, n_trees) that they fall into."""
    if leaves is None:
        return np.full(len(trees.feature), np.nan)
    weights = np.bincount((leaves + trees.roots).ravel(), minlength=len(trees.feature))
    levels, front = [], trees.roots
    while len(front):
        front = front[trees.feature[front] >= 0]
        levels.append(front)
        left = trees.children_left[front]
        front = np.concatenate([left, left + 1])
    for splits in reversed(levels):
        left = trees.children_left[splits]
        weights[splits] = weights[left] + weights[left + 1]
    if not weights.all():
        raise ValueError(
            f"X has {len(leaves)} rows, of which none reaches some nodes of the forest: pass the "
            "rows that it was fitted on, or no X here and background rows to shap.TreeExplainer."
        )
    return weights.astype(np.float64)

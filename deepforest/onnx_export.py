"""Fitted estimators as ONNX graphs."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from deepforest.cascade_base import CascadeForestBase
from deepforest.combine import of_library
from deepforest.forest import HistForestClassifier, HistForestRegressor
from deepforest.onnx_graph import Graph
from deepforest.onnx_models import class_vectors, mean
from deepforest.onnx_scanning import scanned
from deepforest.onnx_trees import forest_votes
from deepforest.scanning import MultiGrainedScanner
from deepforest.target import Vectors, vector_dtype
from deepforest.tree_nodes import refuse_categories


def to_onnx(estimator: BaseEstimator) -> Any:
    """Return a fitted estimator as an ONNX model, which predicts without Python.

    The whole model is one graph: windows, forests, boosted trees, layers and their combination.
    Thresholds and sums are float64 and sums are taken in the same order, so that each row finds the
    leaves that it finds in `estimator`, in every layer. Outputs are the same up to the rounding of
    probabilities, which may choose another of two classes that are equally probable. With
    `screening` all rows go through all layers, and rows that are sure get what was said of them
    where they would have left.

    Parameters
    ----------
    estimator : fitted estimator
        Any public one but `Binner`. What stands in its layers and scanner must be forests of this
        library, its linear model, LightGBM's estimators, or constants.

    Returns
    -------
    onnx.ModelProto
        Its input ``X`` is float32, (N, n_features) or for arrays (N, *input_shape_); NaN is a
        missing value. The outputs of classifiers are ``label`` (N,) and ``probabilities``, float32
        (N, n_classes); of regressors ``variable``, float64 (N, n_outputs); of a scanner
        ``variable``, its features (N, n_features_out).

    Raises
    ------
    ImportError
        Where onnx is missing, which ``pip install 'gcforest[onnx]'`` installs.
    NotImplementedError
        If a part has no counterpart in ONNX: splits on categories, and estimators of other
        libraries. The message names the part and what to do.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from deepforest import HistForestClassifier, to_onnx
    >>> forest = HistForestClassifier(10, random_state=0).fit(*load_iris(return_X_y=True))
    >>> model = to_onnx(forest)  # onnx.save(model, "iris.onnx") writes it
    >>> [output.name for output in model.graph.output]
    ['label', 'probabilities']
    """
    check_is_fitted(estimator)
    graph = Graph()
    X = graph.cast("X", np.float64)
    shape = (estimator.n_features_in_,)
    if isinstance(estimator, MultiGrainedScanner):
        features = graph.side_by_side(scanned(graph, estimator, X))
        dtype = np.float64 if estimator.classes_ is None else np.float32
        return graph.model(estimator.input_shape_, {"variable": (features, dtype, 2)})
    if isinstance(estimator, HistForestClassifier | HistForestRegressor):
        said = forest_votes(graph, estimator, X, type(estimator).__name__)
    elif isinstance(estimator, CascadeForestBase):
        grains = [X]
        if hasattr(estimator, "scanner_"):
            shape = estimator.input_shape_
            grains = [
                graph.cast(grain, np.float64) for grain in scanned(graph, estimator.scanner_, X)
            ]
            if estimator.grains == "concatenate":
                grains = [graph.side_by_side(grains)]
        else:
            refuse_categories(estimator._encoder, type(estimator).__name__)
        said = _walked(graph, estimator, grains)
    else:
        raise NotImplementedError(
            f"{type(estimator).__name__} cannot become an ONNX model: pass a fitted forest, "
            "cascade or scanner."
        )
    if not hasattr(estimator, "classes_"):
        return graph.model(shape, {"variable": (said, np.float64, 2)})
    labels = _label_array(estimator.classes_)
    best = graph.add("ArgMax", said, axis=1, keepdims=0)
    return graph.model(
        shape,
        {
            "label": (graph.add("Gather", labels, best), labels.dtype, 1),
            "probabilities": (graph.cast(said, np.float32), np.float32, 2),
        },
    )


def _walked(graph: Graph, cascade: CascadeForestBase, grains: list[str]) -> str:
    """Return the prediction (N, K), float64, for the rows of the grains: as `walk.walked`.

    All rows walk to the end. What was said of those that left on the way is put in its place.
    """
    classes = cascade._classes()
    n_classes = None if classes is None else len(classes)
    width = n_classes or cascade.n_outputs_
    dtype = vector_dtype(n_classes)
    library: list[str] = []  # class vectors (N, K) of all estimators of all layers so far
    sizes: list[int] = []  # of them in each layer
    last: list[str] = []  # those of the last layer
    left: list[tuple[str, str]] = []  # of each screen which rows left (N, 1), and what was said
    for depth, layer in enumerate(cascade.layers_):
        augmented = [graph.cast(vectors, np.float64) for vectors in last]
        rows = graph.side_by_side([grains[depth % len(grains)], *augmented])
        last = []
        for name, models in zip(layer.names, layer.models, strict=True):
            where = f"the estimator {name!r} of layers_[{depth}]"
            said = [class_vectors(graph, model, rows, n_classes, where) for model in models]
            zeros: Vectors = np.zeros(width, dtype)
            last.append(mean(graph, said, dtype) if said else graph.rows_of(zeros, rows))
        library += last
        sizes.append(len(last))
        for screen in cascade.screens_:
            if len(screen.weights) == depth + 1:
                weights = of_library(screen.weights, sizes)
                vectors = _combined(graph, library, weights, dtype)
                sureness = graph.add("ReduceMax", vectors, np.array([1]))
                sure = graph.add("GreaterOrEqual", sureness, np.array(screen.threshold, dtype))
                left.append((sure, _sharpened(graph, vectors, screen.power)))
    vectors = _combined(graph, library, of_library(cascade.estimator_weights_, sizes), dtype)
    if cascade.power_ != 1:
        vectors = _sharpened(graph, vectors, cascade.power_)
    for sure, said_there in reversed(left):
        vectors = graph.add("Where", sure, said_there, vectors)
    vectors = graph.cast(vectors, np.float64)
    return vectors if n_classes is None else graph.normalised(vectors)


def _combined(graph: Graph, library: list[str], weights: NDArray[np.float64], dtype: type) -> str:
    """Return the weighted mean (N, K) of a library: as `combine.combined`."""
    parts = [
        graph.add("Mul", graph.cast(vectors, np.float64), np.array(weight))
        for vectors, weight in zip(library, weights, strict=True)
        if weight
    ]
    total = parts[0]
    for part in parts[1:]:
        total = graph.add("Add", total, part)
    return graph.cast(total, dtype)


def _sharpened(graph: Graph, vectors: str, power: float) -> str:
    """Return class vectors raised to a power: as `screening.sharpened`."""
    raised = graph.add("Pow", graph.cast(vectors, np.float64), np.array(power))
    return graph.cast(graph.normalised(raised), np.float32)


def _label_array(classes: NDArray[Any]) -> NDArray[Any]:
    """Return labels as ONNX knows them: whole numbers, floats, truth values or strings."""
    labels = np.array(classes.tolist())  # of objects whatever they are
    return labels.astype(object) if labels.dtype.kind == "U" else labels

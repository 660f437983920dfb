"""Single models as parts of an ONNX graph: what they say of rows.

Class vectors are float32 and the values of a regression float64, as they are in `crossfit` and
`models`; tables are float64. Sums and means are taken in the same precision and order as there,
because what comes out is compared with thresholds.
"""

from __future__ import annotations

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.dummy import DummyClassifier, DummyRegressor

from deepforest.boosted import BoostedClassifier, BoostedRegressor, is_lightgbm, read_model
from deepforest.linear import ScaledLinearModel, ScaledLogisticRegression, ScaledRidge
from deepforest.models import is_engine_forest
from deepforest.multioutput import ModelPerTarget
from deepforest.onnx_graph import Graph
from deepforest.onnx_trees import boosted_outputs, forest_votes
from deepforest.target import Vectors


def class_vectors(
    graph: Graph, model: BaseEstimator, rows: str, n_classes: int | None, where: str
) -> str:
    """Return what a fitted model says of a table: as `models.class_vectors`.

    `where` is what an error calls the model.
    """
    if n_classes is None:
        return _values(graph, model, rows, where)
    said = _probabilities(graph, model, rows, where)
    return of_all_classes(graph, model, said, n_classes, np.float32)


def of_all_classes(
    graph: Graph, model: BaseEstimator, said: str, n_classes: int, dtype: type
) -> str:
    """Return probabilities (n, classes of the model) as class vectors (n, K)."""
    vectors = graph.cast(said, dtype)
    if len(model.classes_) == n_classes:
        return vectors
    places: Vectors = np.eye(n_classes, dtype=dtype)[np.asarray(model.classes_, dtype=np.intp)]
    return graph.add("MatMul", vectors, places)


def mean(graph: Graph, vectors: list[str], dtype: type) -> str:
    """Return the mean over fold models."""
    total = vectors[0]
    for one in vectors[1:]:
        total = graph.add("Add", total, one)
    if len(vectors) == 1:
        return total
    return graph.add("Div", total, np.array(len(vectors), dtype=dtype))


def _probabilities(graph: Graph, model: BaseEstimator, rows: str, where: str) -> str:
    if is_engine_forest(model):
        return forest_votes(graph, model, rows, where)
    if isinstance(model, DummyClassifier):
        if model.strategy == "stratified":
            raise NotImplementedError(
                f"{where} is a DummyClassifier that draws what it says: use another strategy."
            )
        return graph.rows_of(np.asarray(model.predict_proba([[0]])[0], dtype=np.float64), rows)
    if isinstance(model, ScaledLogisticRegression):
        said = _linear_sums(graph, model, rows)
        if len(model.intercept_) > 1:
            return graph.add("Softmax", said, axis=1)
        of_second = graph.add("Sigmoid", said)
        return graph.side_by_side([graph.add("Sub", np.array(1.0), of_second), of_second])
    trees = _boosted(model, where).trees
    said = boosted_outputs(graph, trees, rows, where)
    if trees.n_outputs == 1:
        return graph.side_by_side([graph.add("Sub", np.array(1.0), said), said])
    return said


def _linear_sums(graph: Graph, model: ScaledLinearModel, rows: str) -> str:
    """Return the sums of a linear model, whose terms `linear` explains."""
    values = graph.add("Gather", rows, model.columns_, axis=1)
    numbers = graph.add("Mul", graph.add("Sub", values, model.center_), model.scale_)
    numbers = graph.add("Where", graph.add("IsNaN", numbers), np.array(0.0), numbers)
    alike = graph.cast(graph.add("Equal", values, model.values_.astype(np.float64)), np.float64)
    terms = graph.add("Where", np.isnan(model.values_), numbers, alike)
    return graph.add("Add", graph.add("MatMul", terms, model.coef_.T), model.intercept_)


def _values(graph: Graph, model: BaseEstimator, rows: str, where: str) -> str:
    if is_engine_forest(model):
        return forest_votes(graph, model, rows, where)
    if isinstance(model, ModelPerTarget):
        return graph.side_by_side([_values(graph, one, rows, where) for one in model.models])
    if isinstance(model, ScaledRidge):
        least, most = model.range_
        return graph.add("Clip", _linear_sums(graph, model, rows), np.array(least), np.array(most))
    if isinstance(model, DummyRegressor):
        return graph.rows_of(np.asarray(model.constant_, dtype=np.float64)[0], rows)
    return boosted_outputs(graph, _boosted(model, where).trees, rows, where)


def _boosted(model: BaseEstimator, where: str) -> BoostedClassifier | BoostedRegressor:
    """Return a model of LightGBM as arrays."""
    if isinstance(model, BoostedClassifier | BoostedRegressor):
        return model
    kind = type(model).__name__
    if not is_lightgbm(model):
        raise NotImplementedError(
            f"{where} is a {kind}, which cannot become a part of an ONNX graph: use forests of "
            "deepforest and LightGBM in its place ('random_forest', 'extra_trees', 'lightgbm')."
        )
    try:
        return read_model(model)
    except ValueError as error:
        raise NotImplementedError(
            f"{where} is a {kind} that cannot become a part of an ONNX graph, because {error}: "
            "leave that setting out and fit again."
        ) from error

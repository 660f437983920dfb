"""What a fitted deep forest is made of, and how well it does on new rows."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, is_classifier
from sklearn.metrics import (
    accuracy_score,
    log_loss,
    mean_absolute_error,
    r2_score,
    recall_score,
    roc_auc_score,
    root_mean_squared_error,
)

from deepforest.boosted import BoostedClassifier, BoostedRegressor
from deepforest.cascade_base import CascadeForestBase
from deepforest.models import is_engine_forest
from deepforest.multioutput import ModelPerTarget
from deepforest.scoring import score_name


def summary(estimator: CascadeForestBase) -> dict[str, Any]:
    """Return what a fitted estimator is made of: numbers, strings and lists only.

    Parameters
    ----------
    estimator : GCForestClassifier, GCForestRegressor, CascadeForestClassifier or \
CascadeForestRegressor
        Fitted.

    Returns
    -------
    dict
        ``grains`` (of a scanner), ``layers`` (each with the score of the cascade up to it and
        its estimators: name, kind, models, trees, nodes, weight in the prediction),
        ``layer_scores`` (of layers that were cut off too) and ``importances`` (by falling
        importance; None where they are not known).
    """
    scores = [float(score) for score in estimator.layer_scores_]
    layers = [
        {
            "layer": number,
            "score": scores[number - 1],
            "estimators": [
                {"name": name, **_size(models), "weight": float(weight)}
                for name, models, weight in zip(layer.names, layer.models, weights, strict=False)
            ],
        }
        for number, (layer, weights) in enumerate(
            zip(estimator.layers_, estimator.estimator_weights_, strict=True), start=1
        )
    ]
    result: dict[str, Any] = {
        "estimator": type(estimator).__name__,
        "n_features": int(estimator.n_features_in_),
        "n_layers": int(estimator.n_layers_),
        "score": score_name(estimator.scoring, classification=is_classifier(estimator)),
        "layer_scores": scores,
        "layers": layers,
    }
    if is_classifier(estimator):
        result["classes"] = estimator.classes_.tolist()
        result["screens"] = [
            {"behind_layer": len(screen.weights), "share": float(screen.share)}
            for screen in estimator.screens_
        ]
    if hasattr(estimator, "scanner_"):
        result["input_shape"] = [int(side) for side in estimator.input_shape_]
        result["grains"] = _grains(estimator.scanner_)
    result["importances"] = _importances(estimator)
    return result


def _grains(scanner: Any) -> list[dict[str, Any]]:
    names = [name for name, _ in scanner.estimators or ()]
    return [
        {
            "window": list(grain.layout.grid.window),
            "stride": list(grain.layout.grid.stride),
            "positions": list(grain.layout.grid.positions),
            "pooled": list(grain.layout.pooled_shape),
            "estimators": [
                {"name": names[e] if names else f"default {e + 1}", **_size(models)}
                for e, models in enumerate(grain.models)
            ],
        }
        for grain in scanner.grains_
    ]


def _size(models: Sequence[BaseEstimator]) -> dict[str, Any]:
    """Return the kind of some models of an estimator, how many, and their trees and nodes."""
    trees, nodes = 0, 0
    models = [
        one
        for model in models
        for one in (model.models if isinstance(model, ModelPerTarget) else [model])
    ]
    for model in models:
        if is_engine_forest(model):
            trees += len(model.trees_.roots)
            nodes += len(model.trees_.feature)
        elif type(model).__module__.startswith("lightgbm."):
            trees += model.booster_.num_trees()
        elif isinstance(model, BoostedClassifier | BoostedRegressor):
            trees += len(model.trees.roots)
            nodes += len(model.trees.left) + len(model.trees.leaf_values)
    kind = type(models[0]).__name__ if models else None
    return {"kind": kind, "models": len(models), "trees": trees, "nodes": nodes}


def _importances(estimator: CascadeForestBase) -> list[dict[str, Any]] | None:
    try:
        importances = estimator.feature_importances_
    except AttributeError:  # of windows, or of estimators that have none
        return None
    names = getattr(estimator, "feature_names_in_", None)
    if names is None:  # by their place
        shape = getattr(estimator, "input_shape_", importances.shape)
        names = ["value_" + "_".join(map(str, place)) for place in np.ndindex(shape)]
    order = np.argsort(-importances, kind="stable")
    return [{"feature": names[f], "importance": float(importances[f])} for f in order]


def new_scores(estimator: CascadeForestBase, X: Any, y: NDArray[Any]) -> dict[str, float]:
    """Return the usual scores of rows that the estimator was not fitted on.

    Accuracy, balanced accuracy, and, where no label is unknown to the model, log loss and
    (with every class present) the area under the ROC curve, one against the rest; for values
    R2, root mean squared error and mean absolute error.
    """
    if not is_classifier(estimator):
        said = estimator.predict(X)
        return {
            "r2": float(r2_score(y, said)),
            "rmse": float(root_mean_squared_error(y, said)),
            "mae": float(mean_absolute_error(y, said)),
        }
    classes = estimator.classes_
    probability = estimator.predict_proba(X)
    said = classes[np.argmax(probability, axis=1)]
    present = np.unique(y)
    scores = {
        "accuracy": float(accuracy_score(y, said)),
        # The mean of the recalls of the classes that are there.
        "balanced_accuracy": float(recall_score(y, said, labels=present, average="macro")),
    }
    if len(classes) > 1 and np.isin(present, classes).all():
        scores["log_loss"] = float(log_loss(y, probability, labels=classes))
        if len(present) == len(classes):
            of_one = probability[:, 1] if len(classes) == 2 else probability
            scores["roc_auc"] = float(roc_auc_score(y, of_one, multi_class="ovr", labels=classes))
    return scores

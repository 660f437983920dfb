"""Weights of classes, which multiply the weights of rows."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.utils.class_weight import compute_class_weight

ClassWeight = dict[Any, float] | str | None


def check_class_weight(class_weight: ClassWeight) -> None:
    """Raise a ValueError unless `class_weight` is None, "balanced" or a dict."""
    if class_weight is None or isinstance(class_weight, dict):
        return
    if not isinstance(class_weight, str) or class_weight != "balanced":
        raise ValueError(
            f"class_weight={class_weight!r} must be 'balanced', a dict with a weight for each "
            "class, such as {0: 1, 1: 5}, or None."
        )


def check_member_weights(
    estimators: Sequence[tuple[str, BaseEstimator]], classes: NDArray[Any]
) -> None:
    """Raise a ValueError where an estimator of a layer weighs labels by a dict that is not right.

    Estimators are trained on the numbers 0 to K-1 of the classes (K,): a dict is right where these
    are the labels.
    """
    are_numbers = np.array_equal(classes, np.arange(len(classes)))
    for name, estimator in estimators:
        for parameter, value in estimator.get_params(deep=True).items():
            if not _weighs_labels(parameter, value):
                continue
            unknown = [label for label in value if label not in range(len(classes))]
            if unknown and are_numbers:
                raise ValueError(
                    f"estimators: class_weight={value!r} of {name!r} names {unknown!r}, but the "
                    f"classes are 0 to {len(classes) - 1}."
                )
            if not are_numbers:
                raise ValueError(
                    f"estimators: class_weight={value!r} of {name!r} cannot be used, because "
                    f"estimators are trained on the numbers 0 to {len(classes) - 1} of the "
                    "classes: use the class_weight of a cascade, or sample_weight."
                )


def without_absent_classes(estimator: BaseEstimator, y: NDArray[np.intp]) -> None:
    """Take classes that y (n,) lacks out of the dicts by which an unfitted estimator weighs them.

    scikit-learn refuses a weight of a class that it does not see, and a fold may lack a rare one.
    """
    for parameter, value in estimator.get_params(deep=True).items():
        if _weighs_labels(parameter, value):
            present = {label: weight for label, weight in value.items() if np.any(y == label)}
            estimator.set_params(**{parameter: present})


def _weighs_labels(parameter: str, value: Any) -> bool:
    return parameter.rpartition("__")[2] == "class_weight" and isinstance(value, dict)


def class_weights(
    class_weight: ClassWeight, y: NDArray[Any], sample_weight: NDArray[np.float64] | None
) -> NDArray[np.float64]:
    """Return the weight of each class (K,) of the labels y (n,), in their sorted order.

    As scikit-learn's `compute_class_weight`: "balanced" is n / (K * rows of the class), and
    a class that a dict leaves out has weight 1. Rows of weight zero are not counted.

    Raises
    ------
    ValueError
        For a dict that leaves out a class of y and names one that y does not hold, and for a
        weight that is negative, infinite or NaN.
    """
    check_class_weight(class_weight)
    classes = np.unique(y)
    if class_weight is None:
        return np.ones(len(classes))
    seen = y
    if class_weight == "balanced" and sample_weight is not None:
        seen = y[sample_weight > 0]
    present = np.unique(seen)
    weights = np.zeros(len(classes))
    weights[np.isin(classes, present)] = compute_class_weight(class_weight, classes=present, y=seen)
    if not np.all(np.isfinite(weights)) or np.any(weights < 0):
        raise ValueError(f"class_weight={class_weight!r} must hold finite weights of zero or more.")
    return weights


def weighted_by_class(
    sample_weight: NDArray[np.float64] | None, of_rows: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the weights of rows (n,) times the weights of their classes (n,).

    Raises a ValueError where no row is left with a weight.
    """
    weight = of_rows if sample_weight is None else sample_weight * of_rows
    if not np.any(weight > 0):
        raise ValueError(
            "class_weight leaves no row with a weight: give a class of weighted rows a weight."
        )
    return weight

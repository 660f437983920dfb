"""Scores of held-out class vectors by the names of scikit-learn's scorers."""

from collections.abc import Callable
from inspect import Parameter, signature
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.metrics import get_scorer

Scorer = Callable[..., float]
Scoring = str | Scorer | None


class _HeldOutClassifier(ClassifierMixin, BaseEstimator):
    """Stands in for the cascade before a scorer: its X are the class vectors themselves."""

    def __init__(self, classes: NDArray[Any]) -> None:
        self.classes = classes
        self.classes_ = classes

    def __sklearn_is_fitted__(self) -> bool:
        return True

    def predict_proba(self, X: NDArray[Any]) -> NDArray[Any]:
        # float32 class vectors sum to 1 within 1e-6 only, which some metrics refuse.
        probability = X.astype(np.float64)
        return np.asarray(probability / probability.sum(axis=1, keepdims=True))

    def predict(self, X: NDArray[Any]) -> NDArray[Any]:
        return np.asarray(self.classes_[np.argmax(X, axis=1)])


class _HeldOutRegressor(RegressorMixin, BaseEstimator):
    """Stands in for the cascade before a scorer: its X are the predictions themselves."""

    def __sklearn_is_fitted__(self) -> bool:
        return True

    def predict(self, X: NDArray[Any]) -> NDArray[Any]:
        return X[:, 0]


def score_name(scoring: Scoring, *, classification: bool) -> str:
    """Return what the score is called in a line of progress."""
    if scoring is None:
        return "accuracy" if classification else "R2"
    return scoring if isinstance(scoring, str) else getattr(scoring, "__name__", "score")


def check_scoring(scoring: Scoring, *, classification: bool) -> Scorer:
    """Return a scorer `scorer(estimator, X, y)`; None is accuracy, or R2 for regression."""
    if scoring is None:
        scoring = "accuracy" if classification else "r2"
    if isinstance(scoring, str):
        try:
            scoring = get_scorer(scoring)
        except ValueError as error:
            raise ValueError(
                f"scoring={scoring!r} is no scorer of scikit-learn: choose one of "
                "sklearn.metrics.get_scorer_names()."
            ) from error
    if not callable(scoring):
        raise ValueError(f"scoring={scoring!r} must be a scorer's name, a callable or None.")
    return scoring


def held_out_score(
    scorer: Scorer,
    y: NDArray[Any],
    vectors: NDArray[np.floating[Any]],
    *,
    classes: NDArray[Any] | None,
    sample_weight: NDArray[np.float64] | None = None,
) -> float:
    """Return the score of class vectors (n, K).

    Parameters
    ----------
    scorer : callable
        From `check_scoring`.
    y : ndarray (n,)
        The user's labels or values.
    vectors : ndarray (n, K)
    classes : ndarray (K,) or None
        The user's labels in the order of the class vectors; None for regression.
    sample_weight : ndarray (n,), optional
        Not passed on to a callable that has no such argument.
    """
    stand_in = _HeldOutRegressor() if classes is None else _HeldOutClassifier(classes)
    # A function of your own need not know of weights.
    weighted = sample_weight is not None and _takes_weights(scorer)
    arguments = {"sample_weight": sample_weight} if weighted else {}
    try:
        return float(scorer(stand_in, vectors, y, **arguments))
    except ValueError as error:
        raise ValueError(
            f"scoring={scorer!r} cannot score these {len(y)} held-out rows, which may lack some of "
            f"the classes; choose another score or other rows. It said: {error}"
        ) from error


def _takes_weights(scorer: Scorer) -> bool:
    parameters = signature(scorer).parameters
    return "sample_weight" in parameters or any(
        p.kind is Parameter.VAR_KEYWORD for p in parameters.values()
    )

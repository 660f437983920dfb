"""Scores of held-out class vectors by the names of scikit-learn's scorers."""

import warnings
from collections.abc import Callable
from inspect import Parameter, isfunction, signature
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.metrics import get_scorer, log_loss

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
        return X[:, 0] if X.shape[1] == 1 else X


class _ScorerByName:
    """One of scikit-learn's scorers, made to fit class vectors."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.scorer = get_scorer(name)

    def __call__(
        self,
        estimator: BaseEstimator,
        X: NDArray[Any],
        y: NDArray[Any],
        sample_weight: NDArray[np.float64] | None = None,
    ) -> float:
        if isinstance(estimator, _HeldOutClassifier) and estimator.classes.dtype.kind not in "biuf":
            # Scores of two classes take 1 for the positive one: of words it is the second.
            y = np.searchsorted(estimator.classes, y)
            estimator = _HeldOutClassifier(np.arange(len(estimator.classes)))
        if self.name == "neg_log_loss":
            # Rows that lack a class have a log loss, but the scorer would not know the class.
            probability, labels = estimator.predict_proba(X), estimator.classes_
            unknown = np.setdiff1d(y, labels)
            if len(unknown):  # tuning's first rows may lack a class
                probability = np.hstack([probability, np.zeros((len(y), len(unknown)))])
                labels = np.concatenate([labels, unknown])
                order = np.argsort(labels)
                probability, labels = probability[:, order], labels[order]
            return -float(log_loss(y, probability, labels=labels, sample_weight=sample_weight))
        if sample_weight is not None:
            try:
                return float(self.scorer(estimator, X, y, sample_weight=sample_weight))
            except (TypeError, ValueError) as error:
                # A largest error knows no weights, nor does the area of one class against another.
                if "sample_weight" not in str(error):
                    raise
        return float(self.scorer(estimator, X, y))

    def __repr__(self) -> str:
        return repr(self.name)


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
            scorer = _ScorerByName(scoring)
        except ValueError as error:
            raise ValueError(
                f"scoring={scoring!r} is no scorer of scikit-learn: choose one of "
                "sklearn.metrics.get_scorer_names()."
            ) from error
        if _scores_values(scorer) == classification:
            scored, task, other = (
                ("values", "classification", "accuracy")
                if classification
                else ("classes", "regression", "r2")
            )
            raise ValueError(
                f"scoring={scoring!r} scores {scored}, but this is {task}: choose a score such as "
                f"{other!r}."
            )
        return scorer
    if getattr(scoring, "__module__", "").startswith("sklearn.metrics._") and isfunction(scoring):
        raise ValueError(
            f"scoring={scoring.__name__} is a metric, which takes labels and predictions: pass a "
            f"scorer, such as sklearn.metrics.make_scorer({scoring.__name__}), or its name."
        )
    if not callable(scoring):
        raise ValueError(f"scoring={scoring!r} must be a scorer's name, a callable or None.")
    return scoring


def _scores_values(scorer: Scorer) -> bool:
    """Return whether a scorer is for regression: it takes numbers that are no classes."""
    said, y = np.array([[1.5], [2.0], [3.5]]), np.array([1.0, 2.5, 4.0])
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            warnings.simplefilter("error", UserWarning)  # scores of clusters warn of numbers
            scorer(_HeldOutRegressor(), said, y)
    except (ValueError, AttributeError, UserWarning):
        return False
    return True


def check_scores_classes(scorer: Scorer, classes: NDArray[Any]) -> None:
    """Raise a ValueError if a scorer from `check_scoring` is not for that many classes.

    So it is known before a layer is trained. Only scikit-learn's scorers are asked.
    """
    if not isinstance(scorer, _ScorerByName):
        return
    some = classes[:3]  # scores of many classes take any number of them
    said = np.eye(len(some), dtype=np.float32)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            scorer(_HeldOutClassifier(some), np.vstack([said, said]), np.tile(some, 2))
    except ValueError as error:
        raise ValueError(
            f"scoring={scorer!r} does not fit the {len(classes)} class(es) of y: choose another "
            f"one, such as 'accuracy' or, for more than two, 'roc_auc_ovr'. It said: {error}"
        ) from error


def check_scores_targets(scorer: Scorer, n_targets: int) -> None:
    """Raise a ValueError if a scorer from `check_scoring` does not take that many targets.

    So it is known before a layer is trained. Only scikit-learn's scorers are asked.
    """
    if n_targets == 1 or not isinstance(scorer, _ScorerByName):
        return
    y = np.arange(1.0, 4.0)[:, None] + np.arange(n_targets)
    try:
        scorer(_HeldOutRegressor(), y + 0.5, y)
    except ValueError as error:
        raise ValueError(
            f"scoring={scorer!r} does not take the {n_targets} targets of y: choose another one, "
            f"such as 'r2'. It said: {error}"
        ) from error


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
    y : ndarray (n,) or (n, m)
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
        score = scorer(stand_in, vectors, y, **arguments)
    except (ValueError, AttributeError) as error:
        raise ValueError(
            f"scoring={scorer!r} cannot score these {len(y)} held-out rows, which may lack some of "
            f"the classes; choose another score or other rows. It said: {error}"
        ) from error
    if np.ndim(score) or not np.issubdtype(np.asarray(score).dtype, np.number):
        raise ValueError(f"scoring={scorer!r} gave {score!r}: a scorer must return a number.")
    return float(score)


def _takes_weights(scorer: Scorer) -> bool:
    parameters = signature(scorer).parameters
    return "sample_weight" in parameters or any(
        p.kind is Parameter.VAR_KEYWORD for p in parameters.values()
    )

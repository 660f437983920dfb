"""One model: how an estimator is fitted and what its class vectors are.

A *class vector* is what an estimator says of a row: its K class probabilities,
or for regression the values that it predicts, one for each target (mostly K = 1).
"""

from collections.abc import Sequence
from contextlib import suppress
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn import get_config
from sklearn.base import BaseEstimator, clone
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.ensemble import BaggingClassifier
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import has_fit_parameter

from deepforest.boosted import is_lightgbm, read_model
from deepforest.categories import NONE_CATEGORICAL, Columns, tell_categories
from deepforest.class_weights import without_absent_classes
from deepforest.coding import CodedTable
from deepforest.column_parameters import add_entries
from deepforest.estimators import import_lightgbm
from deepforest.forest import HistForestClassifier, HistForestRegressor
from deepforest.multioutput import ModelPerTarget, takes_several_targets
from deepforest.target import Rows, Target, Vectors

STEADY_ROUNDS = 150
"""LightGBM's steps grow after so many rounds (docs/default.md)."""
LONGEST_STEP = 3
"""To so many times the learning rate at most."""


class Sample(NamedTuple):
    """Rows to fit a model on."""

    X: NDArray[Any]  # (n, d), dense or a CSR matrix
    target: Target
    codes: CodedTable | None = None  # the same rows, coded once for all engine forests
    categorical: Columns = NONE_CATEGORICAL

    def take(self, rows: Rows) -> "Sample":
        """Return some of the rows."""
        codes = None if self.codes is None else self.codes.take(rows)
        return Sample(self.X[rows], self.target.take(rows), codes, self.categorical)

    def of_output(self, k: int) -> "Sample":
        """Return the rows with one of several targets."""
        return Sample(self.X, self.target.of_output(k), self.codes, self.categorical)


def stops_early(estimator: BaseEstimator) -> bool:
    """Return whether this is a LightGBM estimator that is to stop its rounds early."""
    return type(estimator).__module__.startswith("lightgbm.") and bool(_patience(estimator))


def _patience(estimator: BaseEstimator) -> dict[str, int]:
    """Return by which of its names LightGBM's patience is set, and to how many rounds."""
    names = ("early_stopping_round", "early_stopping_rounds", "early_stopping", "n_iter_no_change")
    parameters = estimator.get_params(deep=False)
    return {name: parameters[name] for name in names if (parameters.get(name) or 0) > 0}


def gives_out_of_bag_votes(
    estimator: BaseEstimator, weight: NDArray[np.float64] | None = None
) -> bool:
    """Return whether the estimator bootstraps rows and can vote for those it left out.

    scikit-learn's forests draw rows by weight, so how many trees leave a row out tells its
    weight, and that may tell its class. Where weights (n,) differ they are not asked.
    """
    parameters = estimator.get_params(deep=False)
    if parameters.get("bootstrap") is not True or "oob_score" not in parameters:
        return False
    if is_engine_forest(estimator):
        return True  # see `bags.rows_in_bag`
    if isinstance(estimator, BaggingClassifier):
        return False  # it adds up votes without asking which classes a bag had
    if parameters.get("class_weight") not in (None, "balanced_subsample"):
        return False
    return weight is None or bool(np.ptp(weight[weight > 0]) == 0)


def is_engine_forest(estimator: BaseEstimator) -> bool:
    """Return whether the estimator grows its trees on codes, with threads of its own."""
    return isinstance(estimator, HistForestClassifier | HistForestRegressor)


def takes_shared_codes(estimator: BaseEstimator) -> bool:
    """Return whether the estimator would code a table as `code_table` does."""
    if not is_engine_forest(estimator):
        return False
    categorical = estimator.categorical_features
    return estimator.max_bins == 255 and (categorical is None or isinstance(categorical, str))


def fit_model(
    estimator: BaseEstimator, sample: Sample, stopping: Sample | None = None
) -> BaseEstimator:
    """Fit `estimator` in place and return it, or a constant where there is one class only.

    `stopping` is what the rounds of a LightGBM estimator are watched on. Where there are several
    targets and the estimator takes one, each gets a model of its own.
    """
    X, (y, weight, n_classes) = sample.X, sample.target
    weight_argument = _weight_argument(estimator)
    if weight is not None and weight_argument is None:
        raise ValueError(
            f"sample_weight or class_weight was passed, but {type(estimator).__name__} takes no "
            "sample_weight: leave that estimator out, or fit without weights."
        )
    if n_classes is not None and np.all(y == y[0]):
        return DummyClassifier(strategy="prior").fit(X, y)
    if sample.target.y.ndim > 1 and not takes_several_targets(estimator):
        return ModelPerTarget(
            [
                fit_model(clone(estimator), sample.of_output(k), stopping and stopping.of_output(k))
                for k in range(sample.target.width)
            ]
        )
    if n_classes is not None:
        without_absent_classes(estimator, y)
    if sample.codes is not None and takes_shared_codes(estimator):
        return estimator._fit_coded(sample.codes, y, weight)
    add_entries(estimator, X.shape[1])
    arguments = tell_categories(estimator, sample.categorical)
    if _numbers_classes(estimator) and weight_argument is not None:
        sample = _with_every_class(sample)
    if weight_argument is not None and sample.target.sample_weight is not None:
        arguments[weight_argument] = _not_small(sample.target.sample_weight)
    if stops_early(estimator):
        if stopping is None:
            raise ValueError(
                f"{type(estimator).__name__} stops early, but there are no held-out rows to "
                "stop on here: set early_stopping_round=None."
            )
        return _fit_watched(estimator, sample, stopping, arguments)
    return estimator.fit(sample.X, sample.target.y, **arguments)


def _not_small(weight: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return weights of which those above zero have a mean of 1 at least.

    Beside weights that sum to 1, limits such as `min_child_weight` and penalties such as `C` would
    leave little of a model. Numbers of times that rows count have such a mean and stay.
    """
    seen = weight[weight > 0]
    return weight / min(seen.mean(), 1.0) if len(seen) else weight


def _weight_argument(estimator: BaseEstimator) -> str | None:
    """Return what `fit` calls the weights of rows: in a pipeline they go to its last step."""
    if isinstance(estimator, Pipeline):
        name, last = estimator.steps[-1]
        # Where scikit-learn routes what `fit` is given, the pipeline asks for it by itself.
        known = last not in (None, "passthrough") and not get_config()["enable_metadata_routing"]
        within = _weight_argument(last) if known else None
        return None if within is None else f"{name}__{within}"
    return "sample_weight" if has_fit_parameter(estimator, "sample_weight") else None


def _numbers_classes(estimator: BaseEstimator) -> bool:
    """Return whether the estimator goes wrong where the classes that it sees are not 0 to K-1.

    XGBoost refuses them. LightGBM numbers them anew, but takes the numbers of `eval_y` as they are
    (4.7, its issue 7400), but not in a pipeline, where it is given none.
    """
    if isinstance(estimator, Pipeline):
        last = estimator.steps[-1][1]
        return _numbers_classes(last) and not is_lightgbm(last)
    return type(estimator).__module__.partition(".")[0] in ("lightgbm", "xgboost")


def _with_every_class(sample: Sample) -> Sample:
    """Return the rows, and of each class that they lack one more, of no weight."""
    target = sample.target
    lacking = np.setdiff1d(np.arange(target.n_classes or 0), target.y)
    if len(lacking) == 0:
        return sample
    n = len(target.y)
    more = sample.take(np.append(np.arange(n), np.zeros(len(lacking), dtype=np.intp)))
    weight = np.ones(n) if target.sample_weight is None else target.sample_weight
    return more._replace(
        target=target._replace(
            y=np.append(target.y, lacking),
            sample_weight=np.append(weight, np.zeros(len(lacking))),
        )
    )


class _Watch:
    """LightGBM's early stopping, except that the model keeps all rounds that were grown.

    LightGBM itself cuts a model back to its best round. A fold's rounds are chosen by
    the other folds (`share_rounds`), which may ask for more.
    """

    def __init__(self, estimator: BaseEstimator) -> None:
        parameters = estimator.get_params(deep=False)
        self.lightgbm = import_lightgbm()
        self.early_stopping = self.lightgbm.early_stopping(
            max(_patience(estimator).values()),
            first_metric_only=parameters.get("first_metric_only", False),
            verbose=False,
            min_delta=parameters.get("early_stopping_min_delta") or 0.0,
        )
        self.order = self.early_stopping.order  # LightGBM sorts its callbacks by it
        self.best_iteration: int | None = None

    def __call__(self, env: Any) -> None:
        try:
            self.early_stopping(env)
        except self.lightgbm.EarlyStopException as stop:
            self.best_iteration = stop.best_iteration + 1
            raise self.lightgbm.EarlyStopException(env.iteration, stop.best_score) from None


def _fit_watched(
    estimator: BaseEstimator, sample: Sample, stopping: Sample, arguments: dict[str, Any]
) -> BaseEstimator:
    """Fit a LightGBM estimator until the held-out rows' loss no longer falls."""
    watch = _Watch(estimator)
    patience = _patience(estimator)
    estimator.set_params(**dict.fromkeys(patience))
    estimator.fit(
        sample.X,
        sample.target.y,
        callbacks=[watch, *_longer_steps(estimator)],
        **arguments,
        **_stopping_arguments(sample, stopping),
    )
    estimator.set_params(**patience)
    booster = estimator.booster_
    # LightGBM stops no boosting that drops trees ("dart"): all its rounds count.
    best = watch.best_iteration
    booster.best_iteration = booster.current_iteration() if best is None else best
    return estimator


def _longer_steps(estimator: BaseEstimator) -> list[Any]:
    """Return the callback by which LightGBM's rate grows with the rounds, after the first ones.

    Where the loss still falls by then, the classes have little noise, and at a steady rate it
    falls for thousands of rounds (docs/default.md). A rate that is not LightGBM's own was chosen
    and stays.
    """
    parameters = estimator.get_params(deep=False)
    rate = 0.1
    boosting = {parameters.get(name, "gbdt") for name in ("boosting_type", "boosting", "boost")}
    if boosting != {"gbdt"} or parameters["learning_rate"] != rate:
        return []
    grown = import_lightgbm().reset_parameter(
        learning_rate=lambda r: rate * min(max(1.0, r / STEADY_ROUNDS), LONGEST_STEP)
    )
    return [grown]


def _stopping_arguments(sample: Sample, stopping: Sample) -> dict[str, Any]:
    """Return LightGBM's fit arguments for watching the held-out rows."""
    X, target = stopping.X, stopping.target
    if target.n_classes is not None:
        # The loss of classes that no row of weight has is of no use.
        weight = sample.target.sample_weight
        y = sample.target.y if weight is None else sample.target.y[weight > 0]
        known = np.flatnonzero(np.isin(target.y, y))
        X, target = X[known], target.take(known)
    if X.shape[0] == 0:
        X, target = sample.X.copy(), sample.target  # LightGBM warns of the training rows themselves
    arguments: dict[str, Any] = {"eval_X": X, "eval_y": target.y}
    if target.sample_weight is not None:
        arguments["eval_sample_weight"] = [target.sample_weight]
    return arguments


def share_rounds(models: Sequence[BaseEstimator]) -> None:
    """Cut each LightGBM fold model to a number of rounds that the other folds have chosen.

    A fold's own best round was found on the rows that it is about to give class
    vectors for, which would flatter them. The median of the other folds' best rounds
    has not seen those rows held out, and no training row is given up for it. A fold
    without others keeps its own; splits that hold a row out more than once share it.
    """
    boosted = [model for model in models if not isinstance(model, DummyClassifier | DummyRegressor)]
    if boosted and isinstance(boosted[0], ModelPerTarget):
        for of_one_target in zip(*(model.models for model in boosted), strict=True):
            share_rounds(of_one_target)
        return
    best = np.array([model.booster_.best_iteration for model in boosted])
    for i, model in enumerate(boosted):
        others = np.delete(best, i)
        rounds = max(1, round(float(np.median(others if len(others) else best))))
        model.booster_.best_iteration = min(rounds, model.booster_.current_iteration())


def quick_to_predict(model: BaseEstimator) -> BaseEstimator:
    """Return a fitted LightGBM model as arrays that say the same several times faster.

    Any other model is returned as it is, and so is one of LightGBM's that arrays cannot hold.
    """
    if isinstance(model, ModelPerTarget):
        return ModelPerTarget([quick_to_predict(of_one) for of_one in model.models])
    if is_lightgbm(model):
        with suppress(ValueError):
            return read_model(model)
    if stops_early(model):
        # Rounds behind the best one are dropped: a deep copy would predict with them.
        model.booster_.model_from_string(model.booster_.model_to_string())
    return model


def class_vectors(model: BaseEstimator, X: NDArray[Any], n_classes: int | None) -> Vectors:
    """Return the model's class vectors (n, K), zero for classes that it did not see."""
    if n_classes is None:
        values = np.asarray(model.predict(X), dtype=np.float64)
        return values[:, None] if values.ndim == 1 else values
    return _of_all_classes(model, model.predict_proba(X), n_classes)


def _of_all_classes(model: BaseEstimator, votes: NDArray[Any], n_classes: int) -> Vectors:
    """Return votes (n, classes of the model) as class vectors (n, K)."""
    vectors = np.zeros((len(votes), n_classes), dtype=np.float32)
    vectors[:, np.asarray(model.classes_, dtype=np.intp)] = votes
    return vectors


def out_of_bag_vectors(forest: BaseEstimator, target: Target) -> Vectors:
    """Return the out-of-bag class vectors (n, K); the prior for rows in every tree's bag."""
    if isinstance(forest, ModelPerTarget):
        votes_of_each = [
            out_of_bag_vectors(model, target.of_output(k)) for k, model in enumerate(forest.models)
        ]
        return np.hstack(votes_of_each)
    name = "oob_prediction_" if target.n_classes is None else "oob_decision_function_"
    votes = np.array(getattr(forest, name), dtype=target.dtype).reshape(len(target.y), -1)
    if target.n_classes is not None:
        votes = _of_all_classes(forest, votes, target.n_classes)
    if is_engine_forest(forest):
        return votes
    # scikit-learn's forests say zero there.
    in_every_bag = np.ones(len(votes), dtype=bool)
    for bag in forest.estimators_samples_:
        out_of_bag = np.ones(len(votes), dtype=bool)
        out_of_bag[bag] = False
        in_every_bag &= ~out_of_bag
        if not in_every_bag.any():
            break
    votes[in_every_bag] = target.prior()
    return votes

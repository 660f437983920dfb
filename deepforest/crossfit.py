"""Cross-fitting: held-out class vectors for training rows, out-of-bag or out-of-fold.

A training row's class vector never comes from a tree or a fold model that saw the row.
"""

from collections.abc import Callable, Sequence
from copy import copy
from functools import partial
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray
from sklearn import config_context, get_config
from sklearn.base import BaseEstimator
from sklearn.dummy import DummyClassifier

from deepforest.coding import CodedTable, CodedWindows
from deepforest.deadline import Deadline, TimeUp
from deepforest.estimators import NamedEstimators, seeded_clone
from deepforest.models import (
    Sample,
    class_vectors,
    fit_model,
    gives_out_of_bag_votes,
    is_engine_forest,
    out_of_bag_vectors,
    quick_to_predict,
    share_rounds,
    stops_early,
)
from deepforest.splits import Splits
from deepforest.target import Rows, Target, Vectors
from deepforest.threads import in_threads, one_blas_thread


class Instances(Protocol):
    """What is cross-fitted: the rows of a table, or arrays with all their windows."""

    @property
    def target(self) -> Target:
        """One entry an instance."""

    @property
    def codes(self) -> CodedTable | CodedWindows | None:
        """The instances as the engine's forests take them."""

    @property
    def n_columns(self) -> int:
        """Columns of the rows that a model is fitted on."""

    def gives_out_of_bag_votes(self, estimator: BaseEstimator) -> bool:
        """Return whether the estimator can vote for the instances that its bags left out."""

    def fit(self, estimator: BaseEstimator, train: Rows, test: Rows, seed: int) -> BaseEstimator:
        """Fit on the instances `train`; early stopping may look at `test`."""

    def fit_out_of_bag(self, forest: BaseEstimator) -> tuple[BaseEstimator, Vectors]:
        """Fit on all instances; return the model and its out-of-bag votes (n, W)."""

    def vectors(self, model: BaseEstimator, instances: Rows | None) -> Vectors:
        """Return what a fitted model says of the instances (n, W); None is all of them."""

    def prior(self) -> NDArray[np.float64]:
        """Return what is said (W,) of an instance of which nothing is known."""


class Table(Sample):
    """The rows of a table as instances: one class vector each, W = K."""

    @property
    def n_columns(self) -> int:
        """Columns of the table."""
        return int(self.X.shape[1])

    def gives_out_of_bag_votes(self, estimator: BaseEstimator) -> bool:
        """Return whether the estimator bootstraps and can vote for the rows it left out."""
        return gives_out_of_bag_votes(estimator, self.target.sample_weight)

    def fit(self, estimator: BaseEstimator, train: Rows, test: Rows, seed: int) -> BaseEstimator:
        """Fit on the rows `train`."""
        stopping = self.take(test) if stops_early(estimator) else None
        return fit_model(estimator, self.take(train), stopping)

    def fit_out_of_bag(self, forest: BaseEstimator) -> tuple[BaseEstimator, Vectors]:
        """Fit on all rows; return the model and its out-of-bag votes (n, K)."""
        model = fit_model(forest.set_params(oob_score=True), self)
        if isinstance(model, DummyClassifier):
            return model, self.vectors(model, None)
        return model, out_of_bag_vectors(model, self.target)

    def vectors(self, model: BaseEstimator, instances: Rows | None) -> Vectors:
        """Return the class vectors (n, K) of some of the rows."""
        X = self.X if instances is None else self.X[instances]
        return class_vectors(model, X, self.target.n_classes)

    def prior(self) -> NDArray[np.float64]:
        """Return the class prior (K,)."""
        return self.target.prior()


class CrossFitted(NamedTuple):
    """One estimator after cross-fitting."""

    models: list[BaseEstimator]  # one where votes are out-of-bag, else one a fold
    held_out: Vectors  # (n, W)


# Takes a name, the instances and what cross-fits them; returns what that returns.
Keep = Callable[[str, Instances, Callable[[], list[CrossFitted]]], list[CrossFitted]]


def keep_nothing(
    name: str, data: Instances, cross_fitted: Callable[[], list[CrossFitted]]
) -> list[CrossFitted]:
    """Return what was cross-fitted; a checkpoint keeps it under the name, and does it once."""
    return cross_fitted()


def cross_fit(
    estimators: NamedEstimators,
    data: Instances,
    splits: Splits,
    *,
    seeds: Sequence[int],
    n_jobs: int | None,
    deadline: Deadline | None = None,
) -> list[CrossFitted]:
    """Cross-fit several estimators on the same instances, spread over `n_jobs` threads.

    Parameters
    ----------
    estimators : list of (str, estimator), unfitted
    data : Instances
    splits : Splits
    seeds : one int per estimator
        The seeds of an estimator's models are made from it.
    n_jobs : int or None
    deadline : Deadline, optional
        No model is begun after it.

    Returns
    -------
    list of CrossFitted
        In the order of `estimators`. Instances that no split holds out, and rows that
        no tree left out of its bag, have the prior as class vector.

    Raises
    ------
    TimeUp
        If the deadline passed before all models were begun.
    ValueError
        If an estimator says NaN or infinity of a held-out row.
    """
    tasks: list[_Task] = []
    for i, (_, estimator) in enumerate(estimators):
        if splits.allow_out_of_bag and data.gives_out_of_bag_votes(estimator):
            tasks.append(_Task(i, seeded_clone(estimator, seeds[i]), None, seeds[i]))
            continue
        for k, fold in enumerate(splits.folds):
            # LightGBM takes seeds of 31 bits.
            seed = int(np.random.SeedSequence((seeds[i], k)).generate_state(1)[0] >> 1)
            tasks.append(_Task(i, seeded_clone(estimator, seed), fold, seed))

    with one_blas_thread():
        fits = [(task.model, partial(_fit, task, data, deadline)) for task in tasks]
        fitted = spread(fits, n_jobs)
    if any(model is None for model in fitted):
        raise TimeUp
    for i, (_, estimator) in enumerate(estimators):
        if stops_early(estimator):
            share_rounds([m for task, m in zip(tasks, fitted, strict=True) if task.estimator == i])
    fitted = list(
        in_threads(
            lambda i: fitted[i] if tasks[i].fold is None else quick_to_predict(fitted[i]),
            range(len(tasks)),
            n_jobs,
        )
    )
    by_estimator = [
        [(task, model) for task, model in zip(tasks, fitted, strict=True) if task.estimator == i]
        for i in range(len(estimators))
    ]
    said = iter(
        spread(
            [
                (model, partial(data.vectors, instances=task.fold[1]))
                for task, model in zip(tasks, fitted, strict=True)
                if task.fold is not None
            ],
            n_jobs,
        )
    )
    result = []
    for own in by_estimator:
        if own[0][0].fold is None:
            model, held_out = own[0][1]
            result.append(CrossFitted([model], held_out))
        else:
            parts = [(task.fold[1], next(said)) for task, _ in own if task.fold is not None]
            result.append(CrossFitted([model for _, model in own], _assembled(data, parts)))
    for (name, _), (_, held_out) in zip(estimators, result, strict=True):
        # By their extremes: a mask of all numbers would take a scanner memory again.
        if not (np.isfinite(held_out.min()) and np.isfinite(held_out.max())):
            raise ValueError(
                f"estimators: what {name!r} says of held-out rows is not finite. Scale what it is "
                "given in a pipeline, or leave it out."
            )
    return result


def _assembled(data: Instances, parts: list[tuple[Rows, Vectors]]) -> Vectors:
    """Return the held-out vectors (n, W) of all instances from those of each fold.

    The mean where an instance was held out more than once, the prior where never.
    """
    n, prior = len(data.target.y), data.prior()
    total = np.zeros((n, len(prior)), dtype=data.target.dtype)
    times = np.zeros((n, 1), dtype=data.target.dtype)
    for rows, vectors in parts:
        total[rows] += vectors
        times[rows] += 1
    total /= np.maximum(times, 1)
    total[times[:, 0] == 0] = prior
    return total


def mean_vectors(
    models: Sequence[Sequence[BaseEstimator]], data: Instances, *, n_jobs: int | None
) -> Vectors:
    """Return what m estimators say of new instances (m, n, W): the mean over fold models.

    An estimator without models says zero.
    """
    ask = partial(data.vectors, instances=None)
    said = spread([(model, ask) for of_one in models for model in of_one], n_jobs)
    result = np.zeros((len(models), *said[0].shape), dtype=said[0].dtype)
    vectors = iter(said)
    for mean, of_one in zip(result, models, strict=True):
        for _ in of_one:
            mean += next(vectors)
        mean /= max(len(of_one), 1)
    return result


def spread(
    calls: Sequence[tuple[BaseEstimator, Callable[[BaseEstimator], Any]]], n_jobs: int | None
) -> list[Any]:
    """Return what each function returns of its model, in order.

    Threads at one level only: the engine's forests come one after the other, each
    spreading its trees over `n_jobs` threads; all others are spread over the threads,
    each with one. scikit-learn's configuration is passed on to them, its warning filters are not,
    as its own `Parallel` does it: before Python 3.14 these are one for all threads, and get lost.
    """
    configuration = get_config()

    def configured(i: int) -> Any:
        model, call = calls[i]
        with config_context(**configuration):
            return call(model)

    results: list[Any] = [None] * len(calls)
    others = []
    for i, (model, call) in enumerate(calls):
        if is_engine_forest(model):
            threaded = copy(model)  # prediction must not change the model itself
            threaded.n_jobs = n_jobs
            results[i] = call(threaded)
        else:
            others.append(i)
    for i, output in zip(others, in_threads(configured, others, n_jobs), strict=True):
        results[i] = output
    return results


class _Task(NamedTuple):
    """One model to fit: in a fold, or (None) on all instances with out-of-bag votes."""

    estimator: int  # its place among the estimators
    model: BaseEstimator  # unfitted
    fold: tuple[Rows, Rows] | None
    seed: int


def _fit(task: _Task, data: Instances, deadline: Deadline | None, model: BaseEstimator) -> Any:
    """Return the fitted model, with its votes if they are out-of-bag; None after the deadline."""
    if deadline is not None and deadline.passed():
        return None
    if task.fold is None:
        return data.fit_out_of_bag(model)
    return data.fit(model, *task.fold, task.seed)

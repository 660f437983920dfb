"""Cross-fitting: held-out class vectors for training rows, out-of-bag or out-of-fold.

A training row's class vector never comes from a tree or a fold model that saw the row.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np
from joblib import parallel_config
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.dummy import DummyClassifier
from sklearn.utils.parallel import Parallel, delayed

from deepforest.estimators import NamedEstimators, seeded_clone
from deepforest.models import (
    Sample,
    class_vectors,
    fit_model,
    gives_out_of_bag_votes,
    is_engine_forest,
    out_of_bag_vectors,
    share_rounds,
    stops_early,
)
from deepforest.splits import Splits
from deepforest.target import Rows, Target, Vectors


class Instances(Protocol):
    """What cross-fitting splits: the rows of a table, or arrays with all their windows."""

    @property
    def target(self) -> Target:
        """One entry an instance."""

    def training(self, instances: Rows | None, seed: int) -> Sample:
        """Return what an estimator is trained on; None is all instances."""

    def vectors(self, model: BaseEstimator, instances: Rows | None) -> Vectors:
        """Return what a fitted model says of the instances, shape (n, W)."""

    def prior(self) -> NDArray[np.float64]:
        """Return what is said (W,) of an instance of which nothing is known."""


class Table(Sample):
    """The rows of a table as instances: one class vector each, W = K."""

    def training(self, instances: Rows | None, seed: int) -> Sample:
        """Return some of the rows; None is all of them, without a copy."""
        if instances is None:
            return self
        codes = None if self.codes is None else self.codes.take(instances)
        return Sample(self.X[instances], self.target.take(instances), codes)

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


def cross_fit(
    estimators: NamedEstimators,
    data: Instances,
    splits: Splits,
    *,
    seeds: Sequence[int],
    n_jobs: int | None,
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

    Returns
    -------
    list of CrossFitted
        In the order of `estimators`. Instances that no split holds out, and rows that
        no tree left out of its bag, have the prior as class vector.
    """
    tasks: list[_Task] = []
    for i, (_, estimator) in enumerate(estimators):
        if splits.allow_out_of_bag and gives_out_of_bag_votes(estimator):
            tasks.append(_Task(i, seeded_clone(estimator, seeds[i]), None, None, seeds[i]))
            continue
        for k, (train, test) in enumerate(splits.folds):
            # LightGBM takes seeds of 31 bits.
            seed = int(np.random.SeedSequence((seeds[i], k)).generate_state(1)[0] >> 1)
            tasks.append(_Task(i, seeded_clone(estimator, seed), train, test, seed))

    models = _spread([(_fit, task.model, (task, data)) for task in tasks], n_jobs)
    for i, (_, estimator) in enumerate(estimators):
        if stops_early(estimator):
            share_rounds([models[t] for t, task in enumerate(tasks) if task.estimator == i])
    vectors = _spread(
        [(_held_out, model, (t, model, data)) for t, model in zip(tasks, models, strict=True)],
        n_jobs,
    )

    n, prior = len(data.target.y), data.prior()
    result = []
    for i in range(len(estimators)):
        own = [t for t, task in enumerate(tasks) if task.estimator == i]
        total = np.zeros((n, len(prior)), dtype=data.target.dtype)
        times = np.zeros((n, 1), dtype=data.target.dtype)
        for t in own:
            rows = slice(None) if tasks[t].test is None else tasks[t].test
            total[rows] += vectors[t]
            times[rows] += 1
            vectors[t] = None
        total /= np.maximum(times, 1)
        total[times[:, 0] == 0] = prior
        result.append(CrossFitted([models[t] for t in own], total))
    return result


def mean_vectors(
    models: Sequence[Sequence[BaseEstimator]], data: Instances, *, n_jobs: int | None
) -> Vectors:
    """Return what m estimators say of new instances (m, n, W): the mean over fold models.

    An estimator without models says zero.
    """
    said = _spread(
        [(data.vectors, model, (model, None)) for of_one in models for model in of_one], n_jobs
    )
    result = np.zeros((len(models), *said[0].shape), dtype=said[0].dtype)
    vectors = iter(said)
    for mean, of_one in zip(result, models, strict=True):
        for _ in of_one:
            mean += next(vectors)
        mean /= max(len(of_one), 1)
    return result


def _spread(
    calls: Sequence[tuple[Callable[..., Any], BaseEstimator, tuple[Any, ...]]], n_jobs: int | None
) -> list[Any]:
    """Return the results of calls (function, the model it works on, arguments), in order.

    Threads at one level only: the engine's forests come one after the other, each
    spreading its trees; all others are spread over the threads, each with one.
    """
    results: list[Any] = [None] * len(calls)
    own = [i for i, (_, model, _) in enumerate(calls) if is_engine_forest(model)]
    with parallel_config(n_jobs=n_jobs):
        for i in own:
            function, _, arguments = calls[i]
            results[i] = function(*arguments)
    others = [i for i in range(len(calls)) if i not in own]
    outputs = Parallel(n_jobs=n_jobs, prefer="threads")(
        delayed(calls[i][0])(*calls[i][2]) for i in others
    )
    for i, output in zip(others, outputs, strict=True):
        results[i] = output
    return results


class _Task(NamedTuple):
    """One model to fit: on the instances `train`, or on all of them with out-of-bag votes."""

    estimator: int  # its place among the estimators
    model: BaseEstimator  # unfitted
    train: Rows | None
    test: Rows | None
    seed: int


def _fit(task: _Task, data: Instances) -> BaseEstimator:
    sample = data.training(task.train, task.seed)
    if task.train is None:
        return fit_model(task.model.set_params(oob_score=True), sample)
    stopping = data.training(task.test, task.seed) if stops_early(task.model) else None
    return fit_model(task.model, sample, stopping)


def _held_out(task: _Task, model: BaseEstimator, data: Instances) -> Vectors:
    if task.train is None and not isinstance(model, DummyClassifier):
        return out_of_bag_vectors(model, data.target)
    return data.vectors(model, task.test)

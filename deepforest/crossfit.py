"""Cross-fitting: held-out class vectors for training rows, out-of-bag or out-of-fold.

A *class vector* is what an estimator says of a row: its K class probabilities,
or for regression its predicted value (K = 1). A training row's class vector
never comes from a tree or a fold model that saw the row.
"""

from collections.abc import Iterable, Sequence
from itertools import chain
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator
from sklearn.dummy import DummyClassifier
from sklearn.model_selection import GroupKFold, StratifiedGroupKFold, check_cv
from sklearn.utils.parallel import Parallel, delayed
from sklearn.utils.validation import has_fit_parameter

from deepforest._validation import check_integer
from deepforest.estimators import NamedEstimators, Task, seeded_clone

Rows = NDArray[np.intp]
Vectors = NDArray[np.floating[Any]]


class Target(NamedTuple):
    """What is learned: encoded classes 0..K-1, or values."""

    y: NDArray[Any]  # (n,) int64 classes or float64 values
    sample_weight: NDArray[np.float64] | None  # (n,)
    n_classes: int | None  # None for regression

    @property
    def task(self) -> Task:
        """The task that the estimators are made for."""
        return "regression" if self.n_classes is None else "classification"

    @property
    def width(self) -> int:
        """Length of a class vector."""
        return 1 if self.n_classes is None else self.n_classes

    @property
    def dtype(self) -> type[np.floating[Any]]:
        """Of class vectors: probabilities need 7 digits, values may need more."""
        return np.float64 if self.n_classes is None else np.float32

    def take(self, rows: Rows) -> "Target":
        """Return the target of some of the rows."""
        weight = None if self.sample_weight is None else self.sample_weight[rows]
        return Target(self.y[rows], weight, self.n_classes)

    def prior(self) -> NDArray[np.float64]:
        """Return the class vector (K,) of a row of which nothing is known."""
        if self.n_classes is None:
            return np.atleast_1d(np.average(self.y, weights=self.sample_weight))
        counts = np.bincount(self.y, weights=self.sample_weight, minlength=self.n_classes)
        return np.asarray(counts / counts.sum(), dtype=np.float64)


class Instances(Protocol):
    """What cross-fitting splits: the rows of a table, or arrays with all their windows."""

    @property
    def target(self) -> Target:
        """One entry an instance."""

    def training(self, instances: Rows | None, seed: int) -> tuple[NDArray[Any], Target]:
        """Return what an estimator is trained on: rows (r, d) and their target."""

    def vectors(self, model: BaseEstimator, instances: Rows | None) -> Vectors:
        """Return what a fitted model says of the instances, shape (n, W)."""

    def prior(self) -> NDArray[np.float64]:
        """Return what is said (W,) of an instance of which nothing is known."""


class Table(NamedTuple):
    """The rows of a table as instances: one class vector each, W = K."""

    X: NDArray[Any]  # (n, d)
    target: Target

    def training(self, instances: Rows | None, seed: int) -> tuple[NDArray[Any], Target]:
        """Return some of the rows; None is all of them, without a copy."""
        if instances is None:
            return self.X, self.target
        return self.X[instances], self.target.take(instances)

    def vectors(self, model: BaseEstimator, instances: Rows | None) -> Vectors:
        """Return the class vectors (n, K) of some of the rows."""
        X = self.X if instances is None else self.X[instances]
        return class_vectors(model, X, self.target.n_classes)

    def prior(self) -> NDArray[np.float64]:
        """Return the class prior (K,)."""
        return self.target.prior()


class Splits(NamedTuple):
    """How the training rows are split into training and held-out parts."""

    folds: list[tuple[Rows, Rows]]
    # An explicit splitter says which rows belong together; a bootstrap does not know it.
    allow_out_of_bag: bool


class CrossFitted(NamedTuple):
    """One estimator after cross-fitting."""

    models: list[BaseEstimator]  # one where votes are out-of-bag, else one a fold
    held_out: Vectors  # (n, K)


def make_splits(
    cv: Any, X: NDArray[Any], target: Target, groups: ArrayLike | None, seed: int
) -> Splits:
    """Return the splits that `cv` stands for.

    An integer gives that many folds, stratified by class, with at most as many
    folds as rows (or groups). A splitter or a list of (train, test) index pairs is
    taken as it is and need not hold out every row; it and `groups` rule out
    out-of-bag votes. Rows without weight are in no fold.
    """
    n = len(target.y)
    if cv is None:
        cv = 5
    used = np.ones(n, dtype=bool) if target.sample_weight is None else target.sample_weight > 0
    if used.sum() < 2:
        raise ValueError("sample_weight is positive for one row only: at least 2 are needed.")
    if isinstance(cv, (int, np.integer, bool)):
        k = check_integer("cv", cv, at_least=2)
        if groups is None:
            rows = np.flatnonzero(used)
            folds = stratified_folds(target.take(rows), k, seed)
            return Splits([(rows[a], rows[b]) for a, b in folds], allow_out_of_bag=True)
        n_groups = len(np.unique(np.asarray(groups)))
        if n_groups < 2:
            raise ValueError("groups holds one group only: at least 2 are needed to hold rows out.")
        if target.n_classes is None:
            cv = GroupKFold(min(k, n_groups))
        else:
            cv = StratifiedGroupKFold(min(k, n_groups), shuffle=True, random_state=seed)
    splitter = check_cv(cv, target.y, classifier=target.n_classes is not None)
    folds = [
        (np.asarray(train, dtype=np.intp), np.asarray(test, dtype=np.intp))
        for train, test in _as_indices(splitter.split(X, target.y, groups))
    ]
    for train, test in folds:
        rows = np.concatenate([train, test])
        if len(rows) and (rows.min() < 0 or rows.max() >= n):
            raise ValueError(f"cv={cv!r} names rows that X, with {n} rows, does not have.")
        if len(np.intersect1d(train, test)):
            raise ValueError(
                f"cv={cv!r} holds out rows that it also trains on: their class vectors would "
                "leak the labels. Make training and held-out rows disjoint."
            )
    # StratifiedGroupKFold may leave a fold empty.
    folds = [(train[used[train]], test[used[test]]) for train, test in folds]
    folds = [(train, test) for train, test in folds if len(train) and len(test)]
    if len(folds) < 2:
        raise ValueError(
            f"cv={cv!r} gives {len(folds)} split(s) with rows on both sides: at least 2 are needed."
        )
    return Splits(folds, allow_out_of_bag=False)


def _as_indices(splits: Iterable[Any]) -> Iterable[tuple[NDArray[Any], NDArray[Any]]]:
    for train, test in splits:
        train, test = np.asarray(train), np.asarray(test)
        yield (
            np.flatnonzero(train) if train.dtype == bool else train,
            np.flatnonzero(test) if test.dtype == bool else test,
        )


def stratified_folds(target: Target, k: int, seed: int) -> list[tuple[Rows, Rows]]:
    """Return min(k, n) folds: rows in random order, sorted by class, dealt out in turn.

    Unlike StratifiedKFold it takes classes with fewer members than folds: these are
    held out in as many folds as they have members.
    """
    n = len(target.y)
    k = min(k, n)
    order = np.random.default_rng(seed).permutation(n)
    if target.n_classes is not None:
        order = order[np.argsort(target.y[order], kind="stable")]
    fold = np.empty(n, dtype=np.intp)
    fold[order] = np.arange(n) % k
    return [(np.flatnonzero(fold != i), np.flatnonzero(fold == i)) for i in range(k)]


def held_out_rows(splits: Splits, n: int) -> NDArray[np.bool_]:
    """Return which rows (n,) are held out at least once."""
    covered = np.zeros(n, dtype=bool)
    for _, test in splits.folds:
        covered[test] = True
    return covered


def gives_out_of_bag_votes(estimator: BaseEstimator) -> bool:
    """Return whether the estimator bootstraps and can vote for the rows it left out."""
    parameters = estimator.get_params(deep=False)
    return parameters.get("bootstrap") is True and "oob_score" in parameters


def stops_early(estimator: BaseEstimator) -> bool:
    """Return whether this is a LightGBM estimator that is to stop its rounds early."""
    if not type(estimator).__module__.startswith("lightgbm."):
        return False
    names = ("early_stopping_round", "early_stopping_rounds", "early_stopping", "n_iter_no_change")
    parameters = estimator.get_params(deep=False)
    return any((parameters.get(name) or 0) > 0 for name in names)


def fit_model(
    estimator: BaseEstimator,
    X: NDArray[Any],
    target: Target,
    stopping: tuple[NDArray[Any], Target] | None = None,
) -> BaseEstimator:
    """Fit `estimator` in place and return it, or a constant where there is one class only.

    `stopping` is what the rounds of a LightGBM estimator are watched on.
    """
    y, weight = target.y, target.sample_weight
    if weight is not None and not has_fit_parameter(estimator, "sample_weight"):
        raise ValueError(
            f"sample_weight was passed, but {type(estimator).__name__} does not take it: leave "
            "that estimator out, or fit without weights."
        )
    if target.n_classes is not None and np.all(y == y[0]):
        return DummyClassifier(strategy="prior").fit(X, y)
    arguments: dict[str, Any] = {} if weight is None else {"sample_weight": weight}
    if stops_early(estimator):
        if stopping is None:
            raise ValueError(
                f"{type(estimator).__name__} stops early, but there are no held-out rows to "
                "stop on here: set early_stopping_round=None."
            )
        arguments |= _stopping_arguments(estimator, stopping, X, target)
    return estimator.fit(X, y, **arguments)


def _stopping_arguments(
    estimator: BaseEstimator,
    stopping: tuple[NDArray[Any], Target],
    X: NDArray[Any],
    target: Target,
) -> dict[str, Any]:
    """Return LightGBM's fit arguments for watching the held-out rows."""
    X_stop, held_out = stopping
    if target.n_classes is not None:
        # LightGBM refuses classes that it was not trained on.
        known = np.flatnonzero(np.isin(held_out.y, target.y))
        X_stop, held_out = X_stop[known], held_out.take(known)
    if len(held_out.y) == 0 or (
        held_out.sample_weight is not None and not held_out.sample_weight.any()
    ):
        X_stop, held_out = X, target
    arguments: dict[str, Any]
    if has_fit_parameter(estimator, "eval_X"):  # LightGBM 4.7 deprecates eval_set
        arguments = {"eval_X": X_stop, "eval_y": held_out.y}
    else:
        arguments = {"eval_set": [(X_stop, held_out.y)]}
    if held_out.sample_weight is not None:
        arguments["eval_sample_weight"] = [held_out.sample_weight]
    return arguments


def share_rounds(models: Sequence[BaseEstimator]) -> None:
    """Set each LightGBM fold model's number of rounds from the other folds.

    A fold's own best round was found on the rows that it is about to give class
    vectors for, which would flatter them. The median of the other folds' best rounds
    has not seen those rows held out, and no training row is given up for it.
    """
    boosted = [model for model in models if not isinstance(model, DummyClassifier)]
    best = np.array([model.booster_.best_iteration for model in boosted])
    for i, model in enumerate(boosted):
        others = np.delete(best, i)
        if len(others):
            rounds = max(1, round(float(np.median(others))))
            model.booster_.best_iteration = min(rounds, model.booster_.current_iteration())


def class_vectors(model: BaseEstimator, X: NDArray[Any], n_classes: int | None) -> Vectors:
    """Return the model's class vectors (n, K), zero for classes that it did not see."""
    if n_classes is None:
        return np.asarray(model.predict(X), dtype=np.float64).reshape(len(X), 1)
    vectors = np.zeros((len(X), n_classes), dtype=np.float32)
    vectors[:, np.asarray(model.classes_, dtype=np.intp)] = model.predict_proba(X)
    return vectors


def out_of_bag_vectors(forest: BaseEstimator, target: Target) -> Vectors:
    """Return the out-of-bag class vectors (n, K); the prior for rows in every tree's bag."""
    name = "oob_prediction_" if target.n_classes is None else "oob_decision_function_"
    votes = np.asarray(getattr(forest, name), dtype=target.dtype).reshape(-1, target.width).copy()
    in_every_bag = np.ones(len(votes), dtype=bool)
    for bag in forest.estimators_samples_:
        out_of_bag = np.ones(len(votes), dtype=bool)
        out_of_bag[bag] = False
        in_every_bag &= ~out_of_bag
        if not in_every_bag.any():
            break
    votes[in_every_bag] = target.prior()
    return votes


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

    parallel = Parallel(n_jobs=n_jobs, prefer="threads")
    models = parallel(delayed(_fit)(task, data) for task in tasks)
    for i, (_, estimator) in enumerate(estimators):
        if stops_early(estimator):
            share_rounds([models[t] for t, task in enumerate(tasks) if task.estimator == i])
    vectors = parallel(delayed(_held_out)(t, m, data) for t, m in zip(tasks, models, strict=True))

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
    said = Parallel(n_jobs=n_jobs, prefer="threads", return_as="generator")(
        delayed(data.vectors)(model, None) for of_one in models for model in of_one
    )
    first = next(said)
    result = np.zeros((len(models), *first.shape), dtype=first.dtype)
    said = chain([first], said)
    for mean, of_one in zip(result, models, strict=True):
        for _ in of_one:
            mean += next(said)
        mean /= max(len(of_one), 1)
    return result


class _Task(NamedTuple):
    """One model to fit: on the instances `train`, or on all of them with out-of-bag votes."""

    estimator: int  # its place among the estimators
    model: BaseEstimator  # unfitted
    train: Rows | None
    test: Rows | None
    seed: int


def _fit(task: _Task, data: Instances) -> BaseEstimator:
    X, target = data.training(task.train, task.seed)
    if task.train is None:
        return fit_model(task.model.set_params(oob_score=True), X, target)
    stopping = data.training(task.test, task.seed) if stops_early(task.model) else None
    return fit_model(task.model, X, target, stopping)


def _held_out(task: _Task, model: BaseEstimator, data: Instances) -> Vectors:
    if task.train is None and not isinstance(model, DummyClassifier):
        return out_of_bag_vectors(model, data.target)
    return data.vectors(model, task.test)

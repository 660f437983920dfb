"""Splits of the training rows into training and held-out parts."""

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.model_selection import GroupKFold, StratifiedGroupKFold, check_cv

from deepforest._validation import check_integer
from deepforest.target import Rows, Target


class Splits(NamedTuple):
    """How the training rows are split into training and held-out parts."""

    folds: list[tuple[Rows, Rows]]
    # An explicit splitter says which rows belong together; a bootstrap does not know it.
    allow_out_of_bag: bool

    def take(self, rows: Rows) -> "Splits":
        """Return the splits of some of the rows: each stays in its folds.

        Folds that hold out none of the rows are left out; one may be left with no row to train on.
        """
        n = 1 + max(max(train.max(initial=-1), test.max(initial=-1)) for train, test in self.folds)
        place = np.full(max(n, rows.max(initial=-1) + 1), -1)
        place[rows] = np.arange(len(rows))
        folds = [(place[train], place[test]) for train, test in self.folds]
        taken = [(train[train >= 0], test[test >= 0]) for train, test in folds]
        return Splits([fold for fold in taken if len(fold[1])], self.allow_out_of_bag)


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
    check_cv_type(cv)
    if isinstance(cv, (int, np.integer)):
        k = int(cv)
        if groups is None:
            rows = np.flatnonzero(used)
            folds = stratified_folds(target.take(rows), k, seed)
            return Splits([(rows[a], rows[b]) for a, b in folds], allow_out_of_bag=True)
        n_groups = len(np.unique(np.asarray(groups)))
        if n_groups < 2:
            raise ValueError("groups holds one group only: at least 2 are needed to hold rows out.")
        k = min(k, n_groups)
        # StratifiedGroupKFold refuses to work where every class has fewer members than folds.
        if target.n_classes is None or np.bincount(target.y).max() < k:
            cv = GroupKFold(k)
        else:
            cv = StratifiedGroupKFold(k, shuffle=True, random_state=seed)
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


def check_cv_type(cv: Any) -> None:
    """Raise a ValueError unless `cv` is a number of folds, a splitter, splits or None."""
    if isinstance(cv, (int, float, np.number)):
        check_integer("cv", cv, at_least=2)
    elif cv is not None and (
        isinstance(cv, str) or not (hasattr(cv, "split") or isinstance(cv, Iterable))
    ):
        raise ValueError(
            f"cv={cv!r} must be a number of folds, a splitter of scikit-learn, or a list of "
            "(train, test) index arrays."
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

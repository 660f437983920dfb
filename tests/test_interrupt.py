"""A fit that is interrupted leaves the estimator as it was: unfitted, or as fitted before."""

from typing import ClassVar

import joblib
import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.ensemble import RandomForestClassifier
from sklearn.utils.validation import check_is_fitted

from deepforest import (
    CascadeForestClassifier,
    CascadeForestRegressor,
    GCForestClassifier,
    GCForestRegressor,
)

X = np.random.default_rng(0).normal(size=(24, 4)).astype(np.float32)
Y = np.arange(24) % 2
LAYERS, FOLDS = 2, 2


class _Interrupted(BaseEstimator):
    """Counts calls, and is interrupted at one of them."""

    calls: ClassVar[int] = 0
    interrupt_at: ClassVar[int | None] = None

    def fit(self, X, y):
        self._call()
        if isinstance(self, ClassifierMixin):
            self.classes_ = np.unique(y)
        self.n_features_in_ = X.shape[1]
        return self

    def _call(self):
        if _Interrupted.calls == _Interrupted.interrupt_at:
            raise KeyboardInterrupt
        _Interrupted.calls += 1


class InterruptedClassifier(ClassifierMixin, _Interrupted):
    def predict_proba(self, X):
        self._call()
        share = 1 / (1 + np.exp(-X[:, 0]))
        return np.column_stack([1 - share, share])


class InterruptedRegressor(RegressorMixin, _Interrupted):
    def predict(self, X):
        self._call()
        return X[:, 0].astype(float)


def cascade(kind, n_jobs=None):
    one = InterruptedClassifier if "Classifier" in kind.__name__ else InterruptedRegressor
    settings = {}
    if kind in (GCForestClassifier, GCForestRegressor):
        settings = {"windows": [2], "scan_estimators": [("scan", one())]}
    return kind(
        estimators=[("a", one()), ("b", one())],
        max_layers=LAYERS,
        n_iter_no_change=LAYERS,
        cv=FOLDS,
        n_jobs=n_jobs,
        random_state=0,
        **settings,
    )


def calls_of(estimator):
    """How many calls a fit makes that nothing interrupts."""
    _Interrupted.calls, _Interrupted.interrupt_at = 0, None
    estimator.fit(X, Y)
    return _Interrupted.calls


def interrupt(estimator, at, **arguments):
    _Interrupted.calls, _Interrupted.interrupt_at = 0, at
    try:
        with pytest.raises(KeyboardInterrupt):
            estimator.fit(X[:, ::-1], 1 - Y, **arguments)
    finally:
        _Interrupted.interrupt_at = None


KINDS = [
    CascadeForestClassifier,
    CascadeForestRegressor,
    GCForestClassifier,
    GCForestRegressor,
]


@pytest.mark.parametrize("n_jobs", [None, 2])
@pytest.mark.parametrize("kind", KINDS)
def test_an_interrupted_fit_leaves_the_estimator_as_it_was(kind, n_jobs):
    fitted = cascade(kind, n_jobs)
    n_calls = calls_of(fitted)
    # Fitting and asking: layers, estimators, folds; the scanner has one estimator more.
    assert n_calls >= LAYERS * 2 * FOLDS * 2
    state = joblib.hash(fitted)
    for at in range(n_calls):
        unfitted = cascade(kind, n_jobs)
        before = dict(vars(unfitted))
        interrupt(unfitted, at)
        assert vars(unfitted) == before
        with pytest.raises(ValueError, match="not fitted"):
            check_is_fitted(unfitted)
        interrupt(fitted, at)
        assert joblib.hash(fitted) == state
    fitted.predict(X)


@pytest.mark.parametrize("at", ["first score", "second score", "selection", "cutting back"])
def test_an_interrupt_between_layers_leaves_the_estimator_as_it_was(at, monkeypatch):
    scores = [0.5]

    def score(estimator, X, y):
        if at == "first score" or (at == "second score" and not scores):
            raise KeyboardInterrupt
        return scores.pop() if scores else 1.0

    def raising(*arguments, **more):
        raise KeyboardInterrupt

    if at == "selection":
        monkeypatch.setattr("deepforest.training_rows.select", raising)
    if at == "cutting back":
        monkeypatch.setattr("deepforest.growth.cut_back", raising)
    estimator = cascade(CascadeForestClassifier).set_params(scoring=score)
    before = dict(vars(estimator))
    interrupt(estimator, None)
    assert vars(estimator) == before


def test_an_interrupt_while_validation_rows_are_asked():
    estimator = cascade(CascadeForestClassifier)
    without = calls_of(cascade(CascadeForestClassifier))
    before = dict(vars(estimator))
    for at in range(without, without + 2):
        interrupt(estimator, at, X_val=X, y_val=Y)
        assert vars(estimator) == before


def test_an_interrupted_forest_of_scikit_learn_leaves_the_cascade_as_it_was(monkeypatch):
    forest = RandomForestClassifier(5)
    estimator = CascadeForestClassifier([("forest", forest)], max_layers=1)
    before = dict(vars(estimator))

    def raising(self, *arguments, **more):
        self.half_ = True
        raise KeyboardInterrupt

    monkeypatch.setattr(RandomForestClassifier, "fit", raising)
    with pytest.raises(KeyboardInterrupt):
        estimator.fit(X, Y)
    assert vars(estimator) == before
    assert not hasattr(forest, "half_")

"""The growth ends by time between models, and what is complete is kept."""

import logging
from time import perf_counter, sleep
from typing import ClassVar

import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.naive_bayes import GaussianNB

from deepforest import CascadeForestClassifier, GCForestClassifier
from deepforest.deadline import Deadline

X = np.random.default_rng(0).normal(size=(30, 4))
Y = (X[:, 0] + X[:, 1] > 0).astype(int)


class Clock:
    """A clock that moves only when it is told to."""

    now = 100.0

    def __call__(self):
        return self.now


class Slow(GaussianNB):
    """A fit takes one second of the clock."""

    clock: ClassVar[Clock] = Clock()
    fits: ClassVar[int] = 0

    def fit(self, X, y):
        Slow.fits += 1
        Slow.clock.now += 1
        return super().fit(X, y)


@pytest.fixture
def clock(monkeypatch):
    Slow.clock, Slow.fits = Clock(), 0
    monkeypatch.setattr("deepforest.deadline.perf_counter", Slow.clock)
    return Slow.clock


def cascade(kind=CascadeForestClassifier, **parameters):
    settings = {"max_layers": 4, "n_iter_no_change": 4, "cv": 2, "random_state": 0}
    # A layer takes 4 seconds: 2 estimators in 2 folds.
    return kind(estimators=[("a", Slow()), ("b", Slow())], **(settings | parameters))


def test_a_deadline_passes_at_its_moment(clock):
    deadline = Deadline(2.5)
    clock.now += 2.4
    assert not deadline.passed()
    clock.now += 0.1
    assert deadline.passed()
    assert not Deadline(None).passed()


@pytest.mark.parametrize(
    ("max_time", "layers", "fits"),
    [
        (None, 4, 16),
        (16, 4, 16),
        (15.5, 4, 16),  # the last model was begun in time
        (15, 3, 15),
        (8, 2, 8),
        (7, 1, 7),  # an unfinished layer is dropped
        (4.5, 1, 5),
        (4, 1, 4),
        (3, 1, 4),  # the first layer is completed
        (0, 1, 4),
    ],
)
def test_growth_ends_between_models_and_keeps_complete_layers(clock, max_time, layers, fits):
    timed = cascade(max_time=max_time).fit(X, Y)
    assert (len(timed.layer_scores_), Slow.fits) == (layers, fits)
    whole = cascade(max_layers=layers).fit(X, Y)
    np.testing.assert_array_equal(timed.layer_scores_, whole.layer_scores_)
    np.testing.assert_array_equal(timed.predict_proba(X), whole.predict_proba(X))


def test_scanning_takes_of_the_time(clock):
    forest = cascade(
        GCForestClassifier, windows=[2], scan_estimators=[("scan", Slow())], max_time=6
    ).fit(X, Y)
    assert len(forest.layer_scores_) == 1
    assert Slow.fits == 2 + 4  # two folds of the scanner, one layer


def test_progress_says_that_the_time_is_up(clock, caplog):
    with caplog.at_level(logging.INFO, logger="deepforest"):
        cascade(max_time=6, verbose=1).fit(X, Y)
    lines = [record.getMessage() for record in caplog.records]
    assert len(lines) == 2
    assert lines[1] == "time is up: layer 2 is left out"


@pytest.mark.parametrize("max_time", [-1, "60", float("nan"), float("inf"), True])
def test_max_time_must_be_seconds(max_time):
    with pytest.raises(ValueError, match="max_time="):
        cascade(max_time=max_time).fit(X, Y)


class Sleeping(ClassifierMixin, BaseEstimator):
    def fit(self, X, y):
        sleep(0.05)
        self.classes_ = np.unique(y)
        return self

    def predict_proba(self, X):
        return np.full((len(X), len(self.classes_)), 1 / len(self.classes_))


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_a_real_clock_ends_the_growth(n_jobs):
    start = perf_counter()
    timed = CascadeForestClassifier(
        [("sleeping", Sleeping())],
        max_layers=1000,
        n_iter_no_change=1000,
        cv=4,
        max_time=0.6,
        n_jobs=n_jobs,
    ).fit(X, Y)
    assert perf_counter() - start < 20  # 1000 layers would take 100 s or more
    assert 1 <= len(timed.layer_scores_) < 100

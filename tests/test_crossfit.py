"""Cross-fitting: nobody votes on a row that it saw."""

import warnings

import naive
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from recording import MeanRegressor, RecordingClassifier, RecordingRegressor
from sklearn import config_context, get_config
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.ensemble import ExtraTreesClassifier, RandomForestClassifier, RandomForestRegressor
from sklearn.model_selection import RepeatedKFold, TimeSeriesSplit
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier

from deepforest.crossfit import Table, cross_fit, mean_vectors
from deepforest.forest import HistForestClassifier
from deepforest.splits import Splits, make_splits
from deepforest.target import Target


def numbered(n, n_features=2):
    X = np.random.default_rng(0).normal(size=(n, n_features)).astype(np.float32)
    X[:, 0] = np.arange(n)
    return X


def table_of(labels, weight=None):
    labels = np.asarray(labels)
    return Table(numbered(len(labels)), Target(labels, weight, int(labels.max()) + 1))


def table_of_values(y, weight=None):
    return Table(numbered(len(y)), Target(np.asarray(y, dtype=float), weight, None))


def fit_one(estimator, table, cv=3, groups=None, n_jobs=None):
    splits = make_splits(cv, table.X, table.target, groups, 0)
    return cross_fit([("one", estimator)], table, splits, seeds=[0], n_jobs=n_jobs)[0]


CVS = [
    2,
    5,
    RepeatedKFold(n_splits=3, n_repeats=2, random_state=0),
    [([0, 1, 2, 3], [4, 5]), ([4, 5, 6, 7], [0, 1]), ([0, 1, 4, 5], [2, 3])],
]


@pytest.mark.parametrize("cv", CVS)
def test_no_class_vector_comes_from_a_model_that_saw_the_row(cv):
    table = table_of([0, 1] * 6)
    held_out = fit_one(RecordingClassifier(), table, cv).held_out
    prior = table.target.prior()
    for vector in held_out:
        assert vector.tolist() in ([0, 1], prior.tolist())
    assert (held_out == [0, 1]).all(axis=1).any()


@pytest.mark.parametrize("cv", [2, 5, RepeatedKFold(n_splits=3, n_repeats=2, random_state=0)])
def test_no_value_comes_from_a_model_that_saw_the_row(cv):
    held_out = fit_one(RecordingRegressor(), table_of_values(np.arange(10)), cv).held_out
    assert held_out.ravel().tolist() == [0] * 10


def test_the_recorder_would_tell():
    # Otherwise the tests above could not fail.
    fitted = fit_one(RecordingClassifier(), table_of([0, 1] * 6), 3)
    X = numbered(12)
    assert sum(model.saw(X).sum() for model in fitted.models) == 2 * 12  # 2 of 3 folds saw a row


def test_a_row_never_held_out_gets_the_prior():
    y = [0, 1, 1, 1, 0, 1, 1, 1]
    fitted = fit_one(RecordingClassifier(), table_of(y), TimeSeriesSplit(3))
    assert fitted.held_out[:2].tolist() == [[0.25, 0.75]] * 2
    assert fitted.held_out[2:].tolist() == [[0, 1]] * 6


def test_a_value_never_held_out_gets_the_mean():
    fitted = fit_one(
        RecordingRegressor(), table_of_values([1, 2, 3, 6]), [([0, 1], [2]), ([2], [1])]
    )
    assert fitted.held_out.ravel().tolist() == [3, 0, 0, 3]


def test_the_prior_counts_rows_by_their_weight():
    weight = np.array([3.0, 1, 1, 1])
    cv = [([0, 1], [2]), ([2, 3], [1])]
    fitted = fit_one(RecordingClassifier(), table_of([0, 1, 0, 1], weight), cv)
    np.testing.assert_allclose(fitted.held_out[0], [4 / 6, 2 / 6], rtol=1e-6)


def test_a_row_held_out_twice_gets_the_mean_of_both_models():
    y = [0, 2, 4, 8]
    cv = [([0, 1], [2, 3]), ([1, 2], [3, 0]), ([0, 2], [1, 3])]
    held_out = fit_one(MeanRegressor(), table_of_values(y), cv).held_out
    assert held_out.ravel().tolist() == [3, 2, 1, 2]  # row 3: the mean of 1, 3 and 2


@settings(deadline=None, max_examples=30)
@given(st.data())
def test_held_out_values_are_assembled_as_by_the_loop(data):
    n = data.draw(st.integers(2, 8))
    y = np.array(data.draw(st.lists(st.integers(-5, 5), min_size=n, max_size=n)), dtype=float)
    folds = []
    for _ in range(data.draw(st.integers(1, 4))):
        side = np.array(data.draw(st.lists(st.integers(0, 2), min_size=n, max_size=n)))
        side[data.draw(st.integers(0, n - 1))] = 0
        folds.append((np.flatnonzero(side == 0), np.flatnonzero(side == 1)))
    table = table_of_values(y)
    [fitted] = cross_fit(
        [("mean", MeanRegressor())], table, Splits(folds, False), seeds=[0], n_jobs=None
    )
    expected = naive.held_out_means(n, folds, lambda k, row: y[folds[k][0]].mean(), y.mean())
    np.testing.assert_allclose(fitted.held_out[:, 0], expected, rtol=1e-12, atol=1e-12)


def test_estimators_that_bootstrap_vote_out_of_bag_and_others_out_of_fold():
    table = table_of([0, 1] * 10)
    splits = make_splits(4, table.X, table.target, None, 0)
    estimators = [
        ("bootstraps", RandomForestClassifier(30, bootstrap=True)),
        ("does_not", ExtraTreesClassifier(5)),
        ("engine", HistForestClassifier(30)),
        ("neighbours", KNeighborsClassifier(1)),
    ]
    fitted = cross_fit(estimators, table, splits, seeds=[1, 2, 3, 4], n_jobs=None)
    assert [len(f.models) for f in fitted] == [1, 4, 1, 4]


def test_an_explicit_splitter_takes_the_place_of_out_of_bag_votes():
    fitted = fit_one(
        RandomForestClassifier(5), table_of([0, 1] * 6), RepeatedKFold(n_splits=2, n_repeats=2)
    )
    assert len(fitted.models) == 4


def in_no_tree(forest, n):
    bags = [set(bag.tolist()) for bag in forest.estimators_samples_]
    return [[t for t, bag in enumerate(bags) if row not in bag] for row in range(n)]


@pytest.mark.filterwarnings("ignore:Some inputs do not have OOB scores")  # few trees on purpose
def test_out_of_bag_votes_are_those_of_the_trees_that_did_not_see_the_row():
    n = 12
    table = table_of([0, 1, 1] * 4)
    fitted = fit_one(RandomForestClassifier(4, random_state=0), table)
    [forest] = fitted.models
    outside = in_no_tree(forest, n)
    assert any(not trees for trees in outside) and any(trees for trees in outside)
    for row, trees in enumerate(outside):
        if trees:
            votes = [forest.estimators_[t].predict_proba(table.X[row : row + 1])[0] for t in trees]
            expected = np.mean(votes, axis=0)
        else:
            expected = [1 / 3, 2 / 3]
        np.testing.assert_allclose(fitted.held_out[row], expected, rtol=1e-6)


@pytest.mark.filterwarnings("ignore:Some inputs do not have OOB scores")  # few trees on purpose
def test_a_value_in_every_bag_gets_the_mean():
    y = np.arange(10.0) + 100
    table = table_of_values(y)
    fitted = fit_one(RandomForestRegressor(2), table)
    never = [row for row, trees in enumerate(in_no_tree(fitted.models[0], 10)) if not trees]
    assert never
    assert fitted.held_out[never].ravel().tolist() == [y.mean()] * len(never)


def test_new_rows_get_the_mean_of_the_fold_models():
    table = table_of_values([0, 2, 4, 8])
    fitted = fit_one(MeanRegressor(), table, [([0, 1], [2, 3]), ([2, 3], [0, 1])])
    new = Table(numbered(3), Target(np.zeros(3), None, None))
    said = mean_vectors([fitted.models, []], new, n_jobs=None)
    assert said[0].ravel().tolist() == [3.5] * 3  # of 1 and 6
    assert said[1].ravel().tolist() == [0] * 3  # an estimator without models


def test_each_estimator_has_models_of_its_own_and_the_users_stay_unfitted():
    mine = RecordingClassifier()
    table = table_of([0, 1] * 6)
    fitted = fit_one(mine, table)
    assert not hasattr(mine, "classes_")
    assert len({id(model) for model in fitted.models}) == 3


def test_fold_models_and_estimators_have_seeds_of_their_own():
    table = table_of([0, 1] * 6)
    splits = make_splits(3, table.X, table.target, None, 0)
    trees = [(name, ExtraTreesClassifier(2)) for name in "ab"]
    fitted = cross_fit(trees, table, splits, seeds=[1, 2], n_jobs=None)
    seeds = [model.random_state for f in fitted for model in f.models]
    assert len(set(seeds)) == 6


@pytest.mark.filterwarnings("ignore:Some inputs do not have OOB scores")  # few trees on purpose
def test_threads_change_nothing():
    table = table_of([0, 1, 2] * 20)
    splits = make_splits(3, table.X, table.target, None, 0)
    estimators = [
        ("forest", RandomForestClassifier(20)),
        ("trees", ExtraTreesClassifier(20)),
        ("engine", HistForestClassifier(20)),
    ]
    one, two = (
        cross_fit(estimators, table, splits, seeds=[1, 2, 3], n_jobs=n_jobs) for n_jobs in (1, 2)
    )
    for a, b in zip(one, two, strict=True):
        np.testing.assert_array_equal(a.held_out, b.held_out)


class Configured(ClassifierMixin, BaseEstimator):
    """Keeps scikit-learn's configuration, and sets the warning filters as many libraries do."""

    def fit(self, X, y):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self.configuration_ = get_config()
        self.classes_ = np.unique(y)
        return self

    def predict_proba(self, X):
        return np.full((len(X), len(self.classes_)), 1 / len(self.classes_))


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_threads_take_scikit_learns_configuration_with_them(n_jobs):
    table = table_of(np.arange(40) % 2)
    splits = make_splits(4, table.X, table.target, None, 0)
    with config_context(assume_finite=True):
        [fitted] = cross_fit(
            [("configured", Configured())], table, splits, seeds=[0], n_jobs=n_jobs
        )
    assert all(model.configuration_["assume_finite"] for model in fitted.models)


def test_forests_leave_the_warning_filters_as_they_were():
    before = list(warnings.filters)
    X, y = numbered(60), np.arange(60) % 2
    for _ in range(5):
        HistForestClassifier(20, n_jobs=2, oob_score=True, random_state=0).fit(X, y).predict(X)
    assert warnings.filters == before


def test_class_vectors_that_are_not_finite_are_an_error_with_the_estimators_name():
    X, y = np.ones((30, 1)), np.arange(30) % 2  # no variance, by which GaussianNB divides
    table = Table(X, Target(y, None, 2))
    splits = make_splits(3, X, table.target, None, 0)
    layer = [("naive", GaussianNB())]
    with pytest.raises(ValueError, match=r"'naive'.*not finite"), np.errstate(all="ignore"):
        cross_fit(layer, table, splits, seeds=[0], n_jobs=None)

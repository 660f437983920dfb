"""One layer: names, class vectors and augmented features."""

import numpy as np
from recording import MeanRegressor, RecordingClassifier
from sklearn.linear_model import LogisticRegression

from deepforest.forest import HistForestClassifier
from deepforest.layer import (
    augmented,
    augmented_table,
    fit_layer,
    grain_table,
)
from deepforest.splits import make_splits
from deepforest.target import Target

X = np.arange(12, dtype=np.float32).reshape(6, 2)
TARGET = Target(np.array([0, 1, 0, 1, 0, 1]), None, 2)
VALUES = Target(np.array([0.0, 0, 0, 3, 3, 3]), None, None)
HALVES = [([0, 1, 2], [3, 4, 5]), ([3, 4, 5], [0, 1, 2])]


def fit_means(seed=0):
    estimators = [("first", MeanRegressor()), ("second", MeanRegressor())]
    table = grain_table(X, VALUES, estimators)
    splits = make_splits(HALVES, X, VALUES, None, 0)
    return fit_layer(estimators, table, splits, seed=seed, n_jobs=None)


def test_a_layer_gives_held_out_vectors_and_says_the_mean_of_its_folds_of_new_rows():
    layer, held_out = fit_means()
    assert layer.names == ["first", "second"]
    assert held_out.shape == (2, 6, 1)
    assert held_out[0].ravel().tolist() == [3, 3, 3, 0, 0, 0]
    assert layer.transform(X[:2]).tolist() == [[[1.5], [1.5]]] * 2


def test_an_estimator_that_is_not_used_keeps_no_models_and_says_zero():
    layer, _ = fit_means()
    kept = layer.keep(np.array([False, True]))
    assert [len(models) for models in kept.models] == [0, 2]
    assert kept.transform(X[:1]).tolist() == [[[0]], [[1.5]]]
    assert [len(models) for models in layer.models] == [2, 2]  # the layer itself is as it was


def test_class_vectors_stand_side_by_side_as_further_columns():
    vectors = np.array([[[1, 2], [3, 4]], [[5, 6], [7, 8]]], dtype=np.float32)  # (m, n, K)
    assert augmented(X[:2], vectors).tolist() == [[0, 1, 1, 2, 5, 6], [2, 3, 3, 4, 7, 8]]


def test_the_first_layer_sees_the_grain_alone():
    table = grain_table(X, TARGET, [("linear", LogisticRegression())])
    assert augmented_table(table, None) is table
    assert augmented(X, None) is X


def test_only_engine_forests_have_a_grain_coded():
    assert grain_table(X, TARGET, [("linear", LogisticRegression())]).codes is None
    table = grain_table(X, TARGET, [("forest", HistForestClassifier())])
    assert table.codes.codes.shape == X.shape
    vectors = np.zeros((3, 6, 2), dtype=np.float32)
    wider = augmented_table(table, vectors)
    assert wider.X.shape == wider.codes.codes.shape == (6, 2 + 3 * 2)


def test_training_rows_and_new_rows_have_the_same_columns():
    vectors = np.random.default_rng(0).random((3, 6, 2)).astype(np.float32)
    table = augmented_table(grain_table(X, TARGET, []), vectors)
    np.testing.assert_array_equal(table.X, augmented(X, vectors))


def test_layers_of_other_seeds_have_estimators_of_other_seeds():
    class Seeded(RecordingClassifier):
        def __init__(self, random_state=None):
            self.random_state = random_state

    estimators = [("a", Seeded()), ("b", Seeded())]
    table = grain_table(X, TARGET, estimators)
    splits = make_splits(3, X, TARGET, None, 0)
    seeds = [
        model.random_state
        for seed in (0, 1)
        for models in fit_layer(estimators, table, splits, seed=seed, n_jobs=None)[0].models
        for model in models
    ]
    assert len(set(seeds)) == len(seeds) == 12

"""Scanner and cascade in one."""

import pickle

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import GroupKFold
from sklearn.tree import DecisionTreeClassifier

from deepforest import GCForestClassifier, GCForestRegressor

SMALL = {"n_scan_estimators": 5, "n_estimators": 20, "max_layers": 1, "cv": 3, "random_state": 0}
TREE = DecisionTreeClassifier(max_depth=3)


def digits(n=150):
    pixels, y = load_digits(n_class=3, return_X_y=True)
    return pixels[:n].reshape(-1, 8, 8), y[:n]


def trees(windows, **parameters):
    """Trees everywhere: fitted in no time."""
    settings = {"cv": 2, "random_state": 0} | parameters
    return GCForestClassifier(
        windows, scan_estimators=[("scan", TREE)], estimators=[("tree", TREE)], **settings
    )


def test_layer_i_sees_grain_i_mod_g():
    rising = iter(range(9))

    def ever_better(estimator, X, y):
        return float(next(rising))

    X, y = np.random.default_rng(0).normal(size=(24, 8)), np.arange(24) % 2
    forest = trees([2, 4, 7], stride=1, pool=1, max_layers=5, scoring=ever_better, combine="mean")
    forest.fit(X, y)
    widths = [layer.models[0][0].n_features_in_ for layer in forest.layers_]
    # 7, 5 and 2 positions of 2 classes; from the second layer on, 2 class probabilities more.
    assert widths == [14, 10 + 2, 4 + 2, 14 + 2, 10 + 2]
    assert forest.predict(X).shape == (24,)


def test_raw_values_are_one_more_grain():
    rising = iter(range(9))

    def ever_better(estimator, X, y):
        return float(next(rising))

    X, y = np.random.default_rng(0).normal(size=(24, 4, 2)), np.arange(24) % 2
    forest = trees(
        [(2,), (4,)],
        stride=1,
        pool=1,
        passthrough=True,
        max_layers=4,
        scoring=ever_better,
        combine="mean",
    ).fit(X, y)
    widths = [layer.models[0][0].n_features_in_ for layer in forest.layers_]
    assert widths == [3 * 2, 1 * 2 + 2, 8 + 2, 3 * 2 + 2]
    assert forest.predict(X).shape == (24,)


def test_every_layer_sees_concatenated_grains():
    rising = iter(range(9))

    def ever_better(estimator, X, y):
        return float(next(rising))

    X, y = np.random.default_rng(0).normal(size=(24, 8)), np.arange(24) % 2
    X = X.astype(np.float32)
    parameters = {"stride": 1, "pool": 1, "passthrough": True, "scoring": ever_better}
    forest = trees([2, 4], grains="concatenate", max_layers=3, combine="mean", **parameters)
    forest.fit(X, y)
    widths = [layer.models[0][0].n_features_in_ for layer in forest.layers_]
    assert widths == [14 + 10 + 8, 14 + 10 + 8 + 2, 14 + 10 + 8 + 2]
    assert forest.predict(X).shape == (24,)
    # Scanner and cascade one after the other.
    [grain] = forest._transform_grains(X)
    np.testing.assert_array_equal(grain, forest.scanner_.transform(X))


@pytest.mark.parametrize("grains", ["cycle", "concatenate"])
def test_arranged_grains_learn_sequences_with_channels_and_missing_ends(grains):
    rng = np.random.default_rng(0)
    y = rng.permutation(np.arange(90) % 2)
    t = np.arange(20) + rng.uniform(0, 6, size=(90, 1))
    wave = np.sin(np.where(y == 1, 2.0, 0.7)[:, None] * t)
    X = np.stack([rng.normal(size=wave.shape), wave], axis=2)
    for x in X:
        x[rng.integers(8, 21) :] = np.nan
    forest = GCForestClassifier([(4,), (6,)], grains=grains, passthrough=True, **SMALL)
    assert forest.fit(X[:60], y[:60]).score(X[60:], y[60:]) > 0.8


def test_another_arrangement_is_an_error():
    with pytest.raises(ValueError, match="grains='both' must be one of 'cycle', 'concatenate'"):
        trees([3], grains="both").fit(*digits(30))


def test_images_passed_through_stay_uint8_for_the_cascade():
    X, y = digits(60)
    forest = trees([3], passthrough=True, max_layers=2).fit(X.astype(np.uint8), y)
    grains = forest._transform_grains(X.astype(np.uint8))
    assert [grain.dtype for grain in grains] == [np.float32, np.uint8]
    np.testing.assert_array_equal(grains[1], X.reshape(60, -1))


def test_estimators_of_the_cascade_meet_nan_in_raw_values_only():
    X, y = digits(60)
    X[0] = np.nan
    parameters = {
        "scan_estimators": [("tree", TREE)],
        "estimators": [("l", LogisticRegression(max_iter=1000))],
        "cv": 2,
        "max_layers": 1,
    }
    forest = GCForestClassifier([3], **parameters).fit(X, y)
    assert not np.isnan(forest.predict_proba(X)).any()
    assert forest.__sklearn_tags__().input_tags.allow_nan
    forest.set_params(passthrough=True)
    assert not forest.__sklearn_tags__().input_tags.allow_nan
    with pytest.raises(ValueError, match="X contains NaN, which 'l' of estimators"):
        forest.fit(X, y)


def test_images():
    X, y = digits()
    forest = GCForestClassifier([3, 5], **SMALL).fit(X[:100], y[:100])
    assert forest.input_shape_ == (8, 8)
    assert forest.score(X[100:], y[100:]) > 0.9


def test_sequences_with_labels_of_text():
    rng = np.random.default_rng(0)
    y = np.array(["slow", "fast"] * 30)
    speed = np.where(y == "fast", 2.0, 0.7)
    X = np.sin(speed[:, None] * np.arange(24) + rng.uniform(0, 6, size=(60, 1)))
    forest = GCForestClassifier([6], **SMALL).fit(X[:40], y[:40])
    assert forest.score(X[40:], y[40:]) > 0.9
    assert forest.scanner_.get_feature_names_out()[0].endswith("_fast")


def test_values_of_sequences():
    rng = np.random.default_rng(0)
    y = rng.uniform(0.5, 2, size=90)
    X = np.sin(y[:, None] * np.arange(16) + rng.uniform(0, 6, size=(90, 1)))
    forest = GCForestRegressor([5], **SMALL).fit(X[:60], y[:60])
    assert forest.score(X[60:], y[60:]) > 0.5


def test_whole_numbers_are_values_for_the_regressor():
    X = np.random.default_rng(0).normal(size=(30, 6))
    forest = GCForestRegressor(
        [3], scan_estimators=[("scan", Ridge())], estimators=[("ridge", Ridge())], cv=2
    ).fit(X, np.arange(30) % 3)
    assert forest.scanner_.classes_ is None
    assert not hasattr(forest, "classes_")


def test_rows_with_a_shape_are_the_same_as_images():
    X, y = digits(60)
    of_images = trees([3]).fit(X, y)
    of_rows = trees([3], input_shape=(8, 8)).fit(X.reshape(60, -1), y)
    np.testing.assert_array_equal(of_rows.predict_proba(X), of_images.predict_proba(X))
    np.testing.assert_array_equal(
        of_images.predict_proba(X.reshape(60, -1)), of_images.predict_proba(X)
    )


@pytest.mark.parametrize("shape", [(4, 16), (7, 8), (8, 8, 1), (64, 1)])
def test_another_image_shape_at_predict_is_an_error_that_says_both(shape):
    X, y = digits(60)
    forest = trees([3], max_layers=1).fit(X, y)
    with pytest.raises(ValueError) as error:
        forest.predict(np.zeros((2, *shape)))
    assert str(shape) in str(error.value)
    assert "(8, 8)" in str(error.value)


def test_rows_of_another_length_at_predict_are_an_error():
    X, y = digits(60)
    forest = trees([3], max_layers=1).fit(X, y)
    with pytest.raises(ValueError, match=r"63 features.*64"):
        forest.predict(np.zeros((2, 63)))


def test_the_scanner_inside_takes_new_images_and_checks_them():
    X, y = digits(60)
    forest = trees([3], max_layers=1).fit(X, y)
    features = forest.scanner_.transform(X)
    assert features.shape == (60, len(forest.scanner_.get_feature_names_out()))
    np.testing.assert_array_equal(forest.scanner_.transform(X.reshape(60, -1)), features)
    with pytest.raises(ValueError, match=r"63 features.*64"):
        forest.scanner_.transform(np.zeros((2, 63)))


def test_nested_parameters_of_both_lists():
    forest = trees([3])
    assert forest.get_params()["scan__max_depth"] == 3
    forest = clone(forest).set_params(scan__max_depth=1, tree__max_depth=2)
    X, y = digits(60)
    forest.set_params(max_layers=1).fit(X, y)
    assert forest.scanner_.grains_[0].models[0][0].max_depth == 1
    assert forest.layers_[0].models[0][0].max_depth == 2
    assert TREE.max_depth == 3


def test_a_name_in_both_lists_is_an_error_that_says_it():
    forest = GCForestClassifier(scan_estimators=[("same", TREE)], estimators=[("same", TREE)])
    with pytest.raises(ValueError, match="scan_estimators and estimators share the name 'same'"):
        forest.fit(*digits(30))


def test_groups_and_an_explicit_splitter_reach_scanner_and_cascade():
    X, y = digits(60)
    groups = np.arange(60) // 5
    forest = GCForestClassifier([4], **SMALL | {"cv": GroupKFold(2), "combine": "mean"})
    forest.fit(X, y, groups=groups)
    assert {len(models) for models in forest.scanner_.grains_[0].models} == {2}
    assert {len(models) for models in forest.layers_[0].models} == {2}


def test_validation_images_choose_the_depth():
    X, y = digits(90)
    forest = trees([3], max_layers=2, n_iter_no_change=2).fit(
        X[:60], y[:60], X_val=X[60:], y_val=y[60:]
    )
    assert forest.layer_scores_.max() == forest.score(X[60:], y[60:])


def test_threads_and_pickling_change_nothing():
    X, y = digits(60)
    one, two = (GCForestClassifier([3, 5], **SMALL, n_jobs=j).fit(X, y) for j in (1, 2))
    np.testing.assert_array_equal(one.predict_proba(X), two.predict_proba(X))
    again = pickle.loads(pickle.dumps(one))
    np.testing.assert_array_equal(again.predict_proba(X), one.predict_proba(X))

"""Scanning against models on copied windows: padding, channels, sequences of unequal length."""

import naive
import numpy as np
import pytest
from sklearn.base import clone
from sklearn.linear_model import Ridge
from sklearn.model_selection import KFold
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from deepforest import MultiGrainedScanner
from deepforest.bins import window_bins
from deepforest.coding import CodedTable
from deepforest.estimators import lightgbm
from deepforest.forest import HistForestClassifier, HistForestRegressor
from deepforest.models import is_engine_forest

FOLDS = KFold(3)
# Explicit splits and no bootstrap: every model sees all windows of its fold.
CLASSIFIERS = [HistForestClassifier(4, bootstrap=False), DecisionTreeClassifier(max_depth=4)]
REGRESSORS = [HistForestRegressor(4, bootstrap=False), DecisionTreeRegressor(max_depth=4)]


def instances(shape, n=18, missing=False, seed=0):
    """Whole numbers, few enough for a code each, and for `missing` the ends of all axes NaN."""
    rng = np.random.default_rng(seed)
    X = rng.integers(1, 40, (n, *shape)).astype(np.float32)
    if missing:
        for x in X:
            x[rng.integers(0, shape[0] + 1) :] = np.nan
        X[3] = np.nan
        X[4].ravel()[rng.random(X[4].size) < 0.3] = np.nan
    return X, rng.permutation(np.arange(n) % 3)


def expected(scanner, grain, X, y, n_axes):
    layout, models = grain.layout, grain.models
    grid = layout.grid
    folds = list(FOLDS.split(X))
    classes = scanner.classes_

    def fit(model, copies, labels):
        if is_engine_forest(model):
            # Thresholds are those of the whole arrays.
            bins = window_bins(scanner._bins, len(grid.offset))
            model._fit_coded(CodedTable(bins.code(copies), bins), labels)
        else:
            model.fit(copies, labels)

    def said(model, windows):
        if classes is None:
            return model.predict(windows)[:, None]
        vectors = np.zeros((len(windows), len(classes)))
        vectors[:, np.searchsorted(classes, model.classes_)] = model.predict_proba(windows)
        return vectors

    prior = [y.mean()] if classes is None else np.bincount(y) / len(y)
    return np.hstack(
        [
            naive.scanned(
                X,
                y,
                folds,
                [clone(model) for model in of_one],
                fit,
                said,
                layout.pool,
                layout.pool_method,
                prior,
                lambda x: naive.windows(x, n_axes, grid.window, grid.stride, grid.padding),
            )
            for of_one in models
        ]
    )


@pytest.mark.parametrize("missing", [False, True])
@pytest.mark.parametrize("regression", [False, True])
@pytest.mark.parametrize(
    ("shape", "windows"),
    [
        ((9,), [3, {"size": 4, "padding": 2, "pool": 3, "pool_method": "max"}]),
        ((9, 2), [(3,), {"size": (2,), "stride": 2, "padding": 1}]),
        ((6, 5), [{"size": (3, 2), "padding": (0, 1)}, 0.5]),
        ((4, 4, 2), [{"size": 3, "padding": 1, "pool": (1, 2)}]),
        ((3, 3, 4), [{"size": (2, 2, 2), "padding": 1, "stride": (2, 1, 2)}]),
    ],
)
def test_held_out_features_are_those_of_models_on_copied_windows(
    shape, windows, regression, missing
):
    X, y = instances(shape, missing=missing)
    kinds = REGRESSORS if regression else CLASSIFIERS
    scanner = MultiGrainedScanner(
        windows,
        stride=1,
        estimators=[("engine", kinds[0]), ("tree", kinds[1])],
        target_type="continuous" if regression else "classes",
        cv=FOLDS,
        max_windows=10**6,
        random_state=0,
    )
    features = scanner.fit_transform(X, y)
    assert not np.isnan(features).any()
    n_axes = len(scanner.grains_[0].layout.grid.window)
    naively = np.hstack([expected(scanner, grain, X, y, n_axes) for grain in scanner.grains_])
    np.testing.assert_allclose(features, naively, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("cv", [3, FOLDS])
def test_pooled_positions_without_a_window_hold_the_prior_at_fit_and_at_transform(cv):
    X = np.random.default_rng(0).normal(size=(30, 8))
    X[:, 4:] = np.nan
    X[7] = np.nan
    y = np.array([0, 0, 1] * 10)
    scanner = MultiGrainedScanner([2], stride=2, pool=1, n_estimators=3, cv=cv, random_state=0)
    for features in (scanner.fit_transform(X, y), scanner.transform(X)):
        assert features.dtype == np.float32
        vectors = features.reshape(30, 2, 4, 2)  # estimator, position, class
        prior = np.float32([2 / 3, 1 / 3])
        np.testing.assert_array_equal(vectors[:, :, 2:], np.broadcast_to(prior, (30, 2, 2, 2)))
        np.testing.assert_array_equal(vectors[7], np.broadcast_to(prior, (2, 4, 2)))
        assert np.ptp(vectors[:, :, 0, 0]) > 0.1


@pytest.mark.parametrize("regression", [False, True])
@pytest.mark.parametrize("kind", ["engine", "generic"])
def test_nothing_but_nan_says_the_prior(kind, regression):
    y = np.array([0, 0, 1] * 4)
    tree = DecisionTreeRegressor() if regression else DecisionTreeClassifier()
    scanner = MultiGrainedScanner(
        [2],
        estimators=None if kind == "engine" else [("tree", tree)],
        target_type="continuous" if regression else "classes",
        cv=2,
        random_state=0,
    )
    features = scanner.fit_transform(np.full((12, 5), np.nan), y)
    prior = [1 / 3] if regression else [2 / 3, 1 / 3]
    np.testing.assert_allclose(
        features.reshape(-1, len(prior)), [prior] * (features.size // len(prior))
    )
    # What is said of windows that are there has nothing else to go by.
    assert not np.isnan(scanner.transform(np.ones((2, 5)))).any()


def test_instances_of_nan_may_be_all_that_a_bag_holds():
    X = np.full((8, 6), np.nan)
    X[:2] = np.random.default_rng(0).normal(size=(2, 6))
    y = np.array([0, 1] * 4)
    scanner = MultiGrainedScanner([3], n_estimators=20, random_state=0)
    assert not np.isnan(scanner.fit_transform(X, y)).any()


def test_early_stopping_may_find_no_windows_to_stop_on():
    X = np.random.default_rng(0).normal(size=(12, 4))
    X[:6] = np.nan
    boosted = lightgbm("regression", n_estimators=3)
    scanner = MultiGrainedScanner(
        [2], estimators=[("b", boosted)], cv=KFold(2), target_type="continuous", random_state=0
    )
    assert np.isfinite(scanner.fit_transform(X, np.arange(12))).all()


def test_class_vectors_sum_to_one_where_a_class_has_no_windows():
    X = np.random.default_rng(0).normal(size=(30, 6))
    y = np.arange(30) % 3
    X[y == 2] = np.nan
    # With one tree, half of the instances are in every bag.
    scanner = MultiGrainedScanner([3], n_estimators=1, random_state=0)
    features = scanner.fit_transform(X, y).reshape(30, -1, 3)
    np.testing.assert_allclose(features.sum(axis=2), 1, rtol=1e-6)
    assert (np.abs(features[:2] - 1 / 3) > 0.1).any()


def test_features_of_whole_instances_do_not_depend_on_those_with_nan_beside_them():
    X, y = instances((9,), missing=True)
    whole = ~np.isnan(X).any(axis=1)
    assert whole.sum() > 1
    scanner = MultiGrainedScanner([3], stride=1, pool=3, n_estimators=5, random_state=0).fit(X, y)
    np.testing.assert_array_equal(scanner.transform(X[whole]), scanner.transform(X)[whole])


def test_uint8_images_are_padded_with_zeros_too():
    X, y = instances((5, 5))
    settings = {"windows": [3], "padding": 1, "n_estimators": 4, "cv": FOLDS, "random_state": 0}
    by_hand = {**settings, "padding": 0}
    padded = np.pad(X.astype(np.uint8), ((0, 0), (1, 1), (1, 1)))
    np.testing.assert_array_equal(
        MultiGrainedScanner(**settings).fit_transform(X.astype(np.uint8), y),
        MultiGrainedScanner(**by_hand).fit_transform(padded, y),
    )


def test_estimators_that_refuse_nan_are_named():
    X, y = instances((9,), missing=True)
    scanner = MultiGrainedScanner([3], estimators=[("ridge", Ridge())], target_type="continuous")
    with pytest.raises(ValueError, match="X contains NaN, which 'ridge' of estimators"):
        scanner.fit(X, y)

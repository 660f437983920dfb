"""LightGBM's trees as arrays of our own: the same predictions, bit for bit."""

import math
from dataclasses import replace

import lightgbm
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_matrix

from deepforest._engine.boosting import FEW_ROWS, MOST_SETS
from deepforest.boosted import BoostedTrees, read_lightgbm, read_model
from deepforest.tree_checks import check_boosted

SETTINGS = {
    "plain": {},
    "zeros are missing": {"zero_as_missing": True},
    "nothing is missing": {"use_missing": False},
    "random forest": {"boosting_type": "rf", "bagging_freq": 1, "bagging_fraction": 0.5},
    "dart": {"boosting_type": "dart"},
    "sets of categories": {"max_cat_to_onehot": 1, "min_data_per_group": 2, "cat_smooth": 1},
    "stumps": {"num_leaves": 2},
    "many leaves": {"num_leaves": 80, "min_child_samples": 1},
    "no splits": {"min_child_samples": 10_000},
    "steep sigmoid": {"sigmoid": 2.0},
}

OBJECTIVES = (
    "regression",
    "regression_l1",
    "huber",
    "fair",
    "quantile",
    "mape",
    "poisson",
    "gamma",
    "tweedie",
)


def rows(seed, n=400):
    """Numbers and categories, with NaN, zeros, what counts as zero, and values never seen."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 4)).astype(np.float32)
    X[rng.random((n, 4)) < 0.1] = np.nan
    X[:, 1] = rng.integers(-1, 60, n)
    X[:, 2] = rng.choice(np.array([0, 1e-36, -1e-36, 1e-20, 2, -0.0], np.float32), n)
    X[rng.random(n) < 0.2, 0] = 0
    X[::50, 1] = np.nan
    return X


def strange(X):
    X = X.copy()
    large = [1e10, -5, np.inf, -np.inf, 2**31, -(2**31), 2**31 - 200, 1e38]
    X[:17, 1] = [*large, 2.7, -0.5, 31, 32, 63, 64, 200, np.nan, -0.0]
    X[20:26, 0] = [np.inf, -np.inf, 1e-38, -1e-38, 1e-35, np.nan]
    return X


def target(X, rng):
    X = np.nan_to_num(X)
    return X[:, 0] + (X[:, 1] % 3 == 0) + X[:, 2] + rng.normal(size=len(X)) * 0.1


def fitted(kind, y, X, **parameters):
    model = kind(n_estimators=6, min_child_samples=5, verbosity=-1, n_jobs=1)
    return model.set_params(**parameters).fit(X, y, categorical_feature=[1])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("name", SETTINGS)
def test_classifier_is_lightgbm_to_the_bit(name, n_classes, dtype):
    X = rows(0)
    z = target(X, np.random.default_rng(0))
    y = np.digitize(z, np.quantile(z, [0.4, 0.8])[: n_classes - 1])
    model = fitted(lightgbm.LGBMClassifier, y, X.astype(dtype), **SETTINGS[name])
    ours = read_model(model)
    check_boosted(ours.trees)
    new = strange(rows(1)).astype(dtype)
    if dtype == np.float64:
        new[:, 0] += 1e-12  # what float32 would round away
    assert np.array_equal(model.predict_proba(new), ours.predict_proba(new))
    assert np.array_equal(model.predict(new), ours.predict(new))
    gain = model.booster_.feature_importance(importance_type="gain")
    assert np.array_equal(gain, ours.feature_importances_)


def test_one_against_all():
    X = rows(0)
    y = np.digitize(target(X, np.random.default_rng(0)), [0.2, 1.5])
    model = fitted(lightgbm.LGBMClassifier, y, X, objective="multiclassova")
    assert np.array_equal(model.predict_proba(X), read_model(model).predict_proba(X))


@pytest.mark.parametrize("name", SETTINGS)
def test_sparse_rows(name, monkeypatch):
    X = csr_matrix(rows(0))
    y = target(rows(0), np.random.default_rng(0))
    new = csr_matrix(strange(rows(1)))
    monkeypatch.setattr("deepforest.sparse.BLOCK_BYTES", 1000)
    for kind, labels in ((lightgbm.LGBMRegressor, y), (lightgbm.LGBMClassifier, y > 0.5)):
        model = fitted(kind, labels, X, **SETTINGS[name])
        assert np.array_equal(model.predict(new), read_model(model).predict(new))


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_regressor_is_lightgbm_to_the_bit(objective):
    X = rows(0)
    y = target(X, np.random.default_rng(0))
    y = y - y.min() + 1
    model = fitted(lightgbm.LGBMRegressor, y, X, objective=objective)
    new = strange(rows(1))
    assert np.array_equal(model.predict(new), read_model(model).predict(new))


def test_more_sets_of_categories_than_a_byte_counts():
    X = rows(0)
    y = target(X, np.random.default_rng(0))
    of_sets = SETTINGS["sets of categories"]
    model = fitted(lightgbm.LGBMRegressor, y, X, **of_sets, n_estimators=300)
    ours = read_model(model)
    assert len(ours.trees.set_starts) > 1000
    check_boosted(ours.trees)
    assert np.array_equal(model.predict(strange(rows(1))), ours.predict(strange(rows(1))))


def test_square_roots_and_cross_entropy():
    X = rows(0)
    y = target(X, np.random.default_rng(0))
    for values, parameters in (
        (y, {"reg_sqrt": True}),
        ((y > 0) * 1.0, {"objective": "cross_entropy"}),
    ):
        model = fitted(lightgbm.LGBMRegressor, values, X, **parameters)
        assert np.array_equal(model.predict(X), read_model(model).predict(X))


def test_integers_are_rounded_as_lightgbm_rounds_them():
    X = np.arange(2**24, 2**24 + 400).reshape(-1, 1)
    model = lightgbm.LGBMRegressor(n_estimators=3, verbosity=-1, min_child_samples=2)
    model.fit(X, X[:, 0] % 7)
    assert np.array_equal(model.predict(X), read_model(model).predict(X))


def test_rounds_behind_the_best_one_are_left_out():
    X = rows(0)
    y = target(X, np.random.default_rng(0))
    model = fitted(lightgbm.LGBMRegressor, y, X)
    model.booster_.best_iteration = 2
    ours = read_model(model)
    assert len(ours.trees.roots) == 2
    assert np.array_equal(model.predict(X), ours.predict(X))


def test_a_text_that_lacks_numbers_is_refused():
    X = rows(3)
    y = target(X, np.random.default_rng(0))
    model = fitted(lightgbm.LGBMRegressor, y, X, **SETTINGS["sets of categories"])
    text = model.booster_.model_to_string()
    for key in ("leaf_value", "split_feature", "left_child", "cat_threshold"):
        changed = text.replace(f"\n{key}=", f"\nnew_{key}=", 1)
        assert changed != text
        with pytest.raises(ValueError, match=r"numbers|broadcast"):
            read_lightgbm(changed)


def test_names_of_features_are_no_keys():
    X = rows(3)
    y = target(X, np.random.default_rng(0))
    model = lightgbm.LGBMRegressor(n_estimators=3, verbosity=-1, n_jobs=1)
    names = ["a", "b", "c", "num_leaves=1\u2028num_leaves=1"]
    model.fit(X, y, feature_name=names)
    said = read_lightgbm(model.booster_.model_to_string()).predict(X)[:, 0]
    assert np.array_equal(said, model.booster_.predict(X))


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"linear_tree": True}, "linear leaves"),
        ({"objective": lambda y, p: (p - y, np.ones_like(y))}, "objective"),
        ({"objective": "cross_entropy_lambda"}, "objective"),
        ({"pred_early_stop": True}, "pred_early_stop"),
    ],
)
def test_what_cannot_be_read_is_refused(parameters, message):
    X = np.nan_to_num(rows(0))
    y = (target(X, np.random.default_rng(0)) > 0) * 1.0
    model = lightgbm.LGBMRegressor(n_estimators=2, verbosity=-1).set_params(**parameters)
    with pytest.raises(ValueError, match=message):
        read_model(model.fit(X, y))


# The naive twin: one row, one tree at a time ------------------------------------------------------


def naive_left(trees, node, x):
    kind, threshold = int(trees.kind[node]), float(trees.threshold[node])
    categorical, missing_left, zero_missing, nan_missing = (kind >> bit & 1 for bit in range(4))
    if categorical:
        first, end = trees.set_starts[int(threshold)], trees.set_starts[int(threshold) + 1]
        words = trees.set_words[first:end].tolist()
        members = {
            32 * i + bit for i, word in enumerate(words) for bit in range(32) if word >> bit & 1
        }
        return math.isfinite(x) and x > -1 and int(x) in members
    if math.isnan(x) and nan_missing:
        return bool(missing_left)
    x = 0.0 if math.isnan(x) else x
    if zero_missing and abs(x) <= float(np.float32(1e-35)):
        return bool(missing_left)
    return x <= threshold


def naive_predict(trees, row):
    total = [0.0] * trees.n_outputs
    for t, node in enumerate(trees.roots.tolist()):
        while node >= 0:
            x = float(row[trees.feature[node]])
            x = 0.0 if abs(x) <= float(np.float32(1e-35)) else x
            node = int((trees.left if naive_left(trees, node, x) else trees.right)[node])
        total[t % trees.n_outputs] += float(trees.leaf_values[~node])
    if trees.average:
        total = [x / (len(trees.roots) // trees.n_outputs) for x in total]
    if trees.link == "sigmoid":
        return [1 / (1 + math.exp(-trees.scale * x)) for x in total]
    if trees.link == "softmax":
        powers = [math.exp(x - max(total)) for x in total]
        return [power / sum(powers) for power in powers]
    if trees.link == "exp":
        return [math.exp(x) for x in total]
    return [math.copysign(x * x, x) for x in total] if trees.link == "square" else total


@st.composite
def boosted_trees(draw):
    """Trees that LightGBM would never grow, but that are trees."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    n_outputs, rounds, n_features, n_sets = draw(st.tuples(*[st.integers(1, 3)] * 4))
    roots, left, right, n_leaves = [], [], [], 0
    for _ in range(n_outputs * rounds):
        n_splits = int(rng.choice([*range(6), 31, 32, 50]))
        first = len(left)
        roots.append(first if n_splits else ~n_leaves)
        leaves = list(range(n_leaves, n_leaves + n_splits + 1))
        n_leaves += n_splits + 1
        # Each later split hangs on a free place of an earlier one; leaves fill the rest.
        places = []
        for s in range(n_splits):
            left.append(None)
            right.append(None)
            if s:
                side, at = places.pop(int(rng.integers(len(places))))
                side[at] = first + s
            places += [(left, first + s), (right, first + s)]
        for (side, at), leaf in zip(places, leaves, strict=False):
            side[at] = ~leaf
    n_splits = len(left)
    kind = rng.integers(0, 16, n_splits).astype(np.uint8)
    threshold = rng.choice([-np.inf, -1e300, -1.0, 0.0, 1e-36, 0.1, 0.5, 1e300, np.inf], n_splits)
    threshold[kind & 1 == 1] = rng.integers(0, n_sets, (kind & 1).sum())
    starts = np.concatenate([[0], rng.integers(0, 3, n_sets).cumsum()])
    return BoostedTrees(
        np.array(roots, np.int32),
        np.array(left, np.int32),
        np.array(right, np.int32),
        rng.integers(0, n_features, n_splits).astype(np.int32),
        threshold,
        kind,
        rng.normal(size=n_leaves),
        starts.astype(np.int64),
        rng.integers(0, 2**32, starts[-1], dtype=np.uint32),
        n_features,
        n_outputs,
        draw(st.sampled_from(["identity", "sigmoid", "softmax", "exp", "square"])),
        draw(st.sampled_from([1.0, 0.5])),
        draw(st.booleans()),
    )


VALUES = [-1.5, -1.0, -0.5, 0.0, 1e-36, 0.1, 0.5, 1.0, 31.0, 32.0, 1e10, np.nan, np.inf, -np.inf]


@settings(max_examples=100, deadline=None)
@given(boosted_trees(), st.integers(0, 1000), st.sampled_from([7, FEW_ROWS]))
def test_kernel_is_its_naive_twin(trees, seed, n_rows):
    check_boosted(trees)
    X = np.random.default_rng(seed).choice(VALUES, (n_rows, trees.n_features)).astype(np.float32)
    expected = [naive_predict(trees, row) for row in X]
    assert np.array_equal(trees.predict(X), expected)


def test_kernel_is_its_naive_twin_for_more_sets_than_have_a_column():
    rng = np.random.default_rng(0)
    n = MOST_SETS + 90
    trees = BoostedTrees(
        roots=np.arange(n, dtype=np.int32),
        left=~np.arange(0, 2 * n, 2, dtype=np.int32),
        right=~np.arange(1, 2 * n, 2, dtype=np.int32),
        feature=rng.integers(0, 2, n).astype(np.int32),
        threshold=np.arange(n, dtype=np.float64),
        kind=np.ones(n, np.uint8),
        leaf_values=rng.normal(size=2 * n),
        set_starts=np.arange(n + 1),
        set_words=rng.integers(0, 2**32, n, dtype=np.uint32),
        n_features=2,
        n_outputs=1,
        link="identity",
        scale=1.0,
        average=False,
    )
    check_boosted(trees)
    X = rng.choice([*range(32), np.nan], (FEW_ROWS, 2))
    assert np.array_equal(trees.predict(X), [naive_predict(trees, row) for row in X])


# What stands between a file and the kernel --------------------------------------------------------


def some_trees():
    X = rows(0)
    y = target(X, np.random.default_rng(0))
    model = fitted(lightgbm.LGBMRegressor, y, X, **SETTINGS["sets of categories"])
    text = model.booster_.model_to_string()
    return read_lightgbm(text)


def changed(array, place, value):
    array = array.copy()
    array[place] = value
    return array


@pytest.mark.parametrize(
    ("name", "place", "value", "message"),
    [
        ("left", 0, 0, "child"),
        ("right", 3, 1, "child"),
        ("right", 0, 10**6, "child"),
        ("left", 0, -(10**6), "child"),
        ("left", 0, -(2**31), "child"),
        ("roots", 0, 10**6, "begins"),
        ("roots", 0, -(2**31), "begins"),
        ("feature", 0, 4, "feature"),
        ("feature", 0, -1, "feature"),
        ("set_starts", 0, -1, "words"),
        ("set_starts", -1, 10**6, "words"),
        ("set_starts", 1, -5, "follow"),
        ("leaf_values", 0, np.nan, "finite number"),
        ("threshold", 0, np.nan, "no threshold"),
    ],
)
def test_trees_that_would_leave_the_arrays_are_refused(name, place, value, message):
    trees = some_trees()
    check_boosted(trees)
    with pytest.raises(ValueError, match=message):
        check_boosted(replace(trees, **{name: changed(getattr(trees, name), place, value)}))


def test_sets_and_lengths_are_checked():
    trees = some_trees()
    categorical = np.flatnonzero(trees.kind & 1)
    assert len(categorical)
    for number in (-1.0, 1e300, float(len(trees.set_starts) - 1)):
        with pytest.raises(ValueError, match="set that is not there"):
            check_boosted(
                replace(trees, threshold=changed(trees.threshold, categorical[0], number))
            )
    # Laid out node by node, what has two parents would need more room than there is.
    for name in ("left", "right"):
        children = getattr(trees, name)
        for child in (children[children < 0][-1], children[children >= 0][-1]):
            with pytest.raises(ValueError, match="two parents"):
                check_boosted(replace(trees, **{name: changed(children, 0, child)}))
    for name in ("right", "feature", "threshold", "kind"):
        with pytest.raises(ValueError, match="unequal"):
            check_boosted(replace(trees, **{name: getattr(trees, name)[:-1]}))
    with pytest.raises(ValueError, match="speak for"):
        check_boosted(replace(trees, n_outputs=4))

"""Quantiles from a forest: by the slow twin, by the mean, by their coverage."""

import pickle
from fractions import Fraction
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from naive import forest_quantile
from sklearn.base import clone
from sklearn.datasets import make_regression

from deepforest import HistForestRegressor, quantiles
from deepforest.bags import draw_bag
from deepforest.quantiles import conditional_quantiles, leaf_targets

DATA = Path(__file__).parents[2] / "shared" / "data"


@settings(deadline=None, max_examples=60)
@given(st.data())
def test_they_are_those_of_the_slow_twin(data):
    n, n_trees, n_outputs = (data.draw(st.integers(1, k)) for k in (9, 4, 2))
    n_leaves = data.draw(st.integers(1, 4))
    rng = np.random.default_rng(data.draw(st.integers(0, 10**6)))
    counts = rng.integers(0, 4, (n_trees, n))
    leaves = rng.integers(0, n_leaves, (n, n_trees))
    for t in range(n_trees):
        for leaf in range(n_leaves):  # as in a forest, each leaf has a row that was drawn
            i = rng.integers(n)
            leaves[i, t], counts[t, i] = leaf, max(1, counts[t, i])
        for leaf in set(range(n_leaves)) - set(leaves[counts[t] > 0, t].tolist()):
            leaves[leaves[:, t] == leaf, t] = leaves[np.flatnonzero(counts[t])[0], t]
    targets = rng.integers(0, 5, (n, n_outputs)).astype(float)
    first = np.arange(n_trees) * n_leaves
    kept = leaf_targets(leaves + first, counts, targets, n_leaves * n_trees)
    asked = leaves[rng.integers(n, size=6)]
    levels = np.array([0, 0.05, 0.25, 1 / 3, 0.5, 0.9, 1])
    found = conditional_quantiles(kept, asked + first, levels)
    exact = [Fraction(0), Fraction(1, 20), Fraction(1, 4), Fraction(1, 3), Fraction(1, 2)]
    exact += [Fraction(9, 10), Fraction(1)]
    for r in range(6):
        for k in range(n_outputs):
            for j, level in enumerate(exact):
                expected = forest_quantile(asked[r], leaves, counts, targets[:, k], level)
                assert found[r, k, j] == expected


def table(n=200, n_targets=1, seed=0):
    X, y = make_regression(n, 4, n_targets=n_targets, noise=20, random_state=seed)
    return X.astype(np.float32), y


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("bootstrap", [False, True])
@pytest.mark.parametrize("n_targets", [1, 2])
def test_the_mean_by_the_same_weights_is_the_prediction(n_targets, bootstrap, weighted):
    X, y = table(n_targets=n_targets)
    weight = np.random.default_rng(0).integers(0, 3, 200) * 0.5 if weighted else None
    forest = HistForestRegressor(
        10, min_samples_leaf=4, bootstrap=bootstrap, keep_targets=True, random_state=0
    ).fit(X, y, weight)
    weights, targets = forest._leaf_targets
    leaves = forest.apply(X).astype(int) + forest.trees_.roots
    mean = np.mean([weights[leaves[:, t]] @ targets for t in range(10)], axis=0)
    np.testing.assert_allclose(mean.reshape(y.shape), forest.predict(X), rtol=1e-9, atol=1e-9)
    if bootstrap:
        counts = draw_bag(
            200 if weight is None else np.count_nonzero(weight),
            weight,
            200,
            np.random.RandomState(0).randint(np.iinfo(np.int32).max),
            3,
        )
        own = weights[leaves[:, 3]].toarray().sum(axis=0) > 0
        assert not own[counts == 0].any()


def test_shapes_order_and_blocks(monkeypatch):
    X, y = table()
    forest = HistForestRegressor(20, keep_targets=True, random_state=0).fit(X[:150], y[:150])
    low, middle, high = forest.predict_quantiles(X).T
    assert np.all(low <= middle)
    assert np.all(middle <= high)
    assert np.isin(low, y[:150]).all()
    np.testing.assert_array_equal(forest.predict_quantiles(X, 0.5), middle)
    assert forest.predict_quantiles(X, [0.5]).shape == (200, 1)
    monkeypatch.setattr(quantiles, "BLOCK_WEIGHTS", 50)
    np.testing.assert_array_equal(forest.predict_quantiles(X, (0.05, 0.95)).T, [low, high])
    again = pickle.loads(pickle.dumps(forest))
    np.testing.assert_array_equal(again.predict_quantiles(X, 0.05), low)
    threads = clone(forest).set_params(n_jobs=2).fit(X[:150], y[:150])
    np.testing.assert_array_equal(threads.predict_quantiles(X, 0.05), low)


def test_each_output_by_itself():
    X, y = table(n_targets=2)
    y[:, 1] = -1000 * y[:, 0]
    forest = HistForestRegressor(10, keep_targets=True, random_state=0).fit(X, y)
    found = forest.predict_quantiles(X, [0.1, 0.5, 0.9])
    assert found.shape == (200, 2, 3)
    assert forest.predict_quantiles(X, 0.5).shape == (200, 2)
    assert np.all(np.diff(found, axis=2) >= 0)


def test_leaves_of_one_value_and_one_leaf():
    X = np.arange(4.0)[:, None]
    alone = HistForestRegressor(3, bootstrap=False, keep_targets=True).fit(X, [1, 2, 3, 4])
    np.testing.assert_array_equal(
        alone.predict_quantiles(X, [0, 0.5, 1]), np.repeat(X + 1, 3, axis=1)
    )
    whole = HistForestRegressor(3, bootstrap=False, min_samples_leaf=4, keep_targets=True).fit(
        X, [1, 2, 3, 4]
    )
    assert whole.predict_quantiles(X[:1], [0, 0.25, 0.26, 0.5, 1]).tolist() == [[1, 1, 2, 2, 4]]


def test_missing_values_and_categories():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {"x": rng.normal(size=300), "word": pd.Categorical(rng.choice(list("abc"), 300))}
    )
    frame.loc[::5, "x"] = np.nan
    y = (frame["word"] == "a") * 10.0 + rng.normal(size=300)
    forest = HistForestRegressor(20, keep_targets=True, random_state=0).fit(frame, y)
    middle = forest.predict_quantiles(frame, 0.5)
    assert np.corrcoef(middle, y)[0, 1] > 0.95


@pytest.mark.parametrize("wrong", [1.5, [-0.1], [], [[0.5]], [np.nan]])
def test_what_is_no_quantile(wrong):
    X, y = table(20)
    forest = HistForestRegressor(2, keep_targets=True).fit(X, y)
    with pytest.raises(ValueError, match=r"quantiles=.* must be a number from 0 to 1"):
        forest.predict_quantiles(X, wrong)


def test_without_targets_there_are_none():
    X, y = table(20)
    forest = HistForestRegressor(2, keep_targets=True).fit(X, y).set_params(keep_targets=False)
    with pytest.raises(ValueError, match="set keep_targets=True and fit again"):
        forest.fit(X, y).predict_quantiles(X)
    with pytest.raises(ValueError, match="keep_targets='yes' must be True or False"):
        HistForestRegressor(2, keep_targets="yes").fit(X, y)


def test_coverage_where_the_noise_depends_on_the_row():
    rng = np.random.default_rng(0)
    X = rng.uniform(size=(4000, 3)).astype(np.float32)
    y = rng.normal(size=4000) * np.where(X[:, 0] > 0.5, 5, 1)
    forest = HistForestRegressor(100, min_samples_leaf=20, keep_targets=True, random_state=0).fit(
        X[:2000], y[:2000]
    )
    low, high = forest.predict_quantiles(X[2000:], [0.05, 0.95]).T
    wide = X[2000:, 0] > 0.5
    for part in (wide, ~wide):
        inside = (low <= y[2000:]) & (y[2000:] <= high)
        assert inside[part].mean() == pytest.approx(0.9, abs=0.03)
    assert np.median((high - low)[wide]) > 3 * np.median((high - low)[~wide])


@pytest.mark.skipif(not DATA.exists(), reason="needs the data sets")
def test_coverage_on_real_data():
    frame = pd.read_csv(DATA / "kin8nm.csv.gz")
    X, y = frame.iloc[:, :-1].to_numpy(np.float32), frame.iloc[:, -1].to_numpy()
    rows = np.random.default_rng(0).permutation(len(y))
    train, test = rows[:2000], rows[2000:4000]
    forest = HistForestRegressor(50, keep_targets=True, random_state=0).fit(X[train], y[train])
    low, high = forest.predict_quantiles(X[test], [0.05, 0.95]).T
    assert 0.88 < np.mean((low <= y[test]) & (y[test] <= high)) < 0.98

"""Quantiles from a cascade: the prediction and the quantiles of its held-out residuals."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_matrix
from sklearn.base import clone
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.model_selection import TimeSeriesSplit
from sklearn.tree import DecisionTreeRegressor

from deepforest import CascadeForestClassifier, CascadeForestRegressor, GCForestRegressor

DATA = Path(__file__).parents[2] / "shared" / "data"


def table(n=600, seed=0):
    """Noise that is five times as large on one side of a column."""
    rng = np.random.default_rng(seed)
    X = rng.uniform(size=(n, 3)).astype(np.float32)
    return X, 10 * X[:, 1] + rng.normal(size=n) * np.where(X[:, 0] > 0.5, 5, 1)


def quick(**parameters):
    settings = {
        "estimators": [("linear", LinearRegression())],
        "max_layers": 1,
        "cv": 4,
        "keep_targets": True,
        "random_state": 0,
    }
    return CascadeForestRegressor(**settings | parameters)


def test_they_are_the_prediction_and_quantiles_of_its_held_out_residuals():
    X, y = table()
    cascade = quick().fit(X, y)
    said = cascade.predict(X)
    quantiles = cascade.predict_quantiles(X, [0, 0.3, 1])
    forest = cascade._residuals
    about = forest.predict_quantiles(np.column_stack([X, said]), [0, 0.3, 1])[:, 0]
    np.testing.assert_allclose(quantiles, said[:, None] + about)
    # The forest's targets are residuals of models that did not see the row.
    residuals = forest._leaf_targets.targets[:, 0]
    expected = np.full(len(y), np.nan)
    for model, (_, test) in zip(cascade.layers_[0].models[0], folds_of(cascade, X, y), strict=True):
        expected[test] = y[test] - model.predict(X[test])
    np.testing.assert_allclose(residuals, expected, atol=1e-9)


def folds_of(cascade, X, y):
    from deepforest.splits import make_splits
    from deepforest.target import Target

    seed = int(np.random.RandomState(0).randint(np.iinfo(np.int32).max))
    return make_splits(cascade.cv, X, Target(y, None, None), None, seed).folds


def test_coverage_where_the_noise_depends_on_the_row():
    X, y = table(6000)
    cascade = quick().fit(X[:3000], y[:3000])
    low, middle, high = cascade.predict_quantiles(X[3000:]).T
    inside = (low <= y[3000:]) & (y[3000:] <= high)
    wide = X[3000:, 0] > 0.5
    assert inside.mean() == pytest.approx(0.9, abs=0.04)
    # In each part only about so: leaves near the border hold targets of both.
    for part in (wide, ~wide):
        assert inside[part].mean() == pytest.approx(0.9, abs=0.08)
    assert np.median((high - low)[wide]) > 3 * np.median((high - low)[~wide])
    assert np.mean(y[3000:] <= middle) == pytest.approx(0.5, abs=0.03)


@pytest.mark.skipif(not DATA.exists(), reason="needs the data sets")
def test_coverage_on_real_data():
    frame = pd.read_csv(DATA / "kin8nm.csv.gz")
    X, y = frame.iloc[:, :-1].to_numpy(np.float32), frame.iloc[:, -1].to_numpy()
    rows = np.random.default_rng(0).permutation(len(y))
    train, test = rows[:1500], rows[1500:4500]
    cascade = CascadeForestRegressor(
        n_estimators=20, max_layers=1, keep_targets=True, random_state=0
    ).fit(X[train], y[train])
    low, high = cascade.predict_quantiles(X[test], [0.05, 0.95]).T
    assert np.mean((low <= y[test]) & (y[test] <= high)) == pytest.approx(0.9, abs=0.05)


def test_shapes_weights_and_several_targets():
    X, y = table()
    both = np.column_stack([y, -2 * y])
    weight = np.random.default_rng(0).integers(0, 3, 600).astype(float)
    cascade = quick().fit(X, both, weight)
    assert cascade.predict_quantiles(X).shape == (600, 2, 3)
    assert cascade.predict_quantiles(X, 0.5).shape == (600, 2)
    alone = quick().fit(X, y, weight)
    assert alone.predict_quantiles(X).shape == (600, 3)
    assert alone.predict_quantiles(X, 0.5).shape == (600,)
    used = weight > 0
    without = quick().fit(X[used], y[used], weight[used])
    np.testing.assert_allclose(
        alone.predict_quantiles(X), without.predict_quantiles(X), rtol=1e-5, atol=1e-5
    )


@pytest.mark.parametrize("X_val", [False, True])
def test_rows_that_are_never_held_out_have_no_residual(X_val):
    X, y = table()
    arguments = {"X_val": X[500:], "y_val": y[500:]} if X_val else {}
    cascade = quick(cv=TimeSeriesSplit(3)).fit(X[:400], y[:400], **arguments)
    assert len(cascade._residuals._leaf_targets.targets) == 300


def test_the_residuals_are_those_of_the_depth_that_was_kept():
    X, y = table()
    settings = {"estimators": [("tree", DecisionTreeRegressor(max_depth=3, random_state=0))]}
    scores = iter([0.1, 0.3, 0.2])
    cut = quick(**settings, max_layers=3, n_iter_no_change=3, scoring=lambda *_: next(scores)).fit(
        X, y
    )
    scores = iter([0.1, 0.3])
    kept = quick(**settings, max_layers=2, scoring=lambda *_: next(scores)).fit(X, y)
    np.testing.assert_array_equal(
        cut._residuals._leaf_targets.targets, kept._residuals._leaf_targets.targets
    )
    np.testing.assert_array_equal(cut.predict_quantiles(X), kept.predict_quantiles(X))


def test_of_arrays():
    rng = np.random.default_rng(0)
    frequency = rng.uniform(1, 3, 120)
    X = np.sin(frequency[:, None] * np.linspace(0, 6, 20))
    forest = GCForestRegressor(
        [5],
        n_scan_estimators=4,
        estimators=[("ridge", Ridge())],
        max_layers=1,
        cv=3,
        keep_targets=True,
        random_state=0,
    ).fit(X, frequency)
    low, high = forest.predict_quantiles(X, [0.1, 0.9]).T
    assert np.mean(low <= high) == 1
    assert np.corrcoef(low, frequency)[0, 1] > 0.8


def test_without_residuals_there_are_none():
    X, y = table(60)
    cascade = quick().fit(X, y)
    with pytest.raises(ValueError, match=r"quantiles=2 must be a number from 0 to 1"):
        cascade.predict_quantiles(X, 2)
    again = clone(cascade).set_params(keep_targets=False).fit(X, y)
    with pytest.raises(ValueError, match="set keep_targets=True and fit again"):
        again.predict_quantiles(X)
    with pytest.raises(ValueError, match="keep_targets='yes' must be True or False"):
        quick(keep_targets="yes").fit(X, y)
    with pytest.raises(ValueError, match="only regression has quantiles: leave it False"):
        CascadeForestClassifier(keep_targets=True).fit(X, y > 5)


def test_quantiles_of_sparse_matrices_and_frames():
    rng = np.random.default_rng(0)
    X = np.where(rng.random((200, 6)) < 0.7, 0, rng.normal(size=(200, 6))).astype(np.float32)
    y = X[:, 0] + X[:, 1] * rng.normal(size=200)
    # The linear model of the others does not centre a sparse matrix.
    cascade = CascadeForestRegressor(
        preset="fast", n_estimators=5, max_layers=1, keep_targets=True, random_state=0
    )
    dense = cascade.fit(X, y).predict_quantiles(X)
    sparse = cascade.fit(csr_matrix(X), y).predict_quantiles(csr_matrix(X))
    np.testing.assert_array_equal(sparse, dense)
    frame = pd.DataFrame(X, columns=list("abcdef")).assign(side=np.where(y > 0, "above", "below"))
    low, high = cascade.fit(frame, y).predict_quantiles(frame, [0.05, 0.95]).T
    assert np.mean((low <= y) & (y <= high)) > 0.85

"""Regression of several targets: shapes, units, one model a target, held-out values."""

import pickle

import numpy as np
import pandas as pd
import pytest
from lightgbm import LGBMRegressor
from naive import greedy_loss
from recording import RecordingRegressor
from sklearn.base import clone
from sklearn.datasets import make_regression
from sklearn.ensemble import (
    BaggingRegressor,
    GradientBoostingRegressor,
    RandomForestRegressor,
)
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.metrics import r2_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from deepforest import (
    CascadeForestRegressor,
    GCForestRegressor,
    HistForestRegressor,
    MultiGrainedScanner,
)
from deepforest.combine import select
from deepforest.crossfit import Table, cross_fit
from deepforest.estimators import lightgbm as registered_lightgbm
from deepforest.models import Sample, class_vectors, fit_model, out_of_bag_vectors
from deepforest.multioutput import ModelPerTarget, deviations
from deepforest.splits import make_splits
from deepforest.target import Target


def table(n=150, n_targets=3, seed=0):
    X, y = make_regression(n, 6, n_informative=4, n_targets=n_targets, noise=5, random_state=seed)
    return X.astype(np.float32), y


SMALL = {"n_estimators": 10, "max_layers": 2, "n_iter_no_change": 2, "cv": 3, "random_state": 0}


# The whole cascade


@pytest.mark.parametrize("combine", ["select", "mean"])
def test_a_cascade_of_several_targets(combine):
    X, y = table(400)
    cascade = CascadeForestRegressor(combine=combine, **SMALL).fit(X[:300], y[:300])
    assert cascade.n_outputs_ == 3
    said = cascade.predict(X[300:])
    assert said.shape == (100, 3)
    assert said.dtype == np.float64
    assert cascade.score(X[300:], y[300:]) > 0.75
    assert r2_score(y[300:], said, multioutput="raw_values").min() > 0.7
    # LightGBM has a model a target in each fold, stopped early in the rounds of other folds.
    boosted = dict(zip(cascade.layers_[0].names, cascade.layers_[0].models, strict=True))
    if boosted["lightgbm"]:
        rounds = np.array(
            [[len(m.trees.roots) for m in fold.models] for fold in boosted["lightgbm"]]
        )
        assert rounds.shape == (3, 3)
        assert np.unique(rounds).size > 1
    importances = cascade.feature_importances_
    assert importances.shape == (6,)
    assert importances.sum() == pytest.approx(1)
    again = pickle.loads(pickle.dumps(cascade))
    np.testing.assert_array_equal(again.predict(X), cascade.predict(X))


def test_the_score_is_that_of_rows_of_the_users_own():
    X, y = table(300)
    cascade = CascadeForestRegressor([("ridge", Ridge())], **{**SMALL, "max_layers": 1})
    cascade.fit(X[:200], y[:200], X_val=X[200:], y_val=y[200:])
    assert cascade.layer_scores_ == pytest.approx([cascade.score(X[200:], y[200:])])


def test_threads_and_units_change_nothing():
    X, y = table()
    plain = CascadeForestRegressor(**SMALL).fit(X, y)
    threads = CascadeForestRegressor(**SMALL, n_jobs=2).fit(X, y)
    np.testing.assert_array_equal(threads.predict(X), plain.predict(X))
    # Powers of two: their products do not round.
    units = np.array([1.0, 2.0**-20, 2.0**20])
    other = CascadeForestRegressor(**SMALL).fit(X, y * units)
    np.testing.assert_allclose(other.layer_scores_, plain.layer_scores_, rtol=1e-9)
    np.testing.assert_allclose(other.predict(X), plain.predict(X) * units, rtol=1e-6)


def test_one_target_in_a_column_is_one_target():
    X, y = table(n_targets=1)
    plain = CascadeForestRegressor(**SMALL).fit(X, y)
    with pytest.warns(UserWarning, match="A column-vector y was passed"):
        column = CascadeForestRegressor(**SMALL).fit(X, y[:, None])
    np.testing.assert_array_equal(column.predict(X), plain.predict(X))
    assert column.n_outputs_ == 1


@pytest.mark.parametrize("grains", ["cycle", "concatenate"])
def test_gcforest_of_several_targets(grains):
    rng = np.random.default_rng(0)
    t = np.linspace(0, 6, 20)
    frequency, height = rng.uniform(1, 3, 120), rng.uniform(10, 20, 120)
    X, y = height[:, None] * np.sin(frequency[:, None] * t), np.column_stack([frequency, height])
    X[::9, 15:] = np.nan  # shorter sequences
    forest = GCForestRegressor([5, 8], n_scan_estimators=5, grains=grains, **SMALL)
    said = forest.fit(X[:80], y[:80]).predict(X[80:])
    assert said.shape == (40, 2)
    assert r2_score(y[80:], said, multioutput="raw_values").min() > 0.5


def test_a_scanner_of_several_targets():
    X, y = table(40, n_targets=2)
    scanner = MultiGrainedScanner(
        [2],
        estimators=[("forest", HistForestRegressor(4)), ("boosted", LGBMRegressor(n_estimators=3))],
        pool=1,
        random_state=0,
    )
    scanner.estimators[1][1].set_params(verbosity=-1)
    features = scanner.fit_transform(X, y)
    assert features.shape == scanner.transform(X).shape == (40, 2 * 5 * 2)
    names = scanner.get_feature_names_out()
    assert names[:3].tolist() == [
        "grain0_2_forest_at_0_0",
        "grain0_2_forest_at_0_1",
        "grain0_2_forest_at_1_0",
    ]
    assert len(names) == features.shape[1]


# One model a target


@pytest.mark.parametrize(
    ("estimator", "whole"),
    [
        (LinearRegression(), True),
        (HistForestRegressor(3, random_state=0), True),
        (RandomForestRegressor(3, random_state=0), True),
        (make_pipeline(StandardScaler(), Ridge()), True),
        (GradientBoostingRegressor(n_estimators=3, random_state=0), False),
        (LGBMRegressor(n_estimators=3, verbosity=-1), False),
        (make_pipeline(StandardScaler(), LGBMRegressor(n_estimators=3, verbosity=-1)), False),
    ],
)
def test_an_estimator_of_one_target_is_fitted_for_each(estimator, whole):
    X, y = table(60)
    weight = np.linspace(0, 2, 60) if "pipeline" not in repr(estimator).lower() else None
    model = fit_model(clone(estimator), Sample(X, Target(y, weight, None)))
    assert isinstance(model, ModelPerTarget) is not whole
    said = class_vectors(model, X, None)
    assert said.shape == (60, 3)
    arguments = {} if weight is None else {"sample_weight": weight}
    for k in range(3):
        if not whole:
            alone = clone(estimator).fit(X, y[:, k], **arguments)
            np.testing.assert_array_equal(said[:, k], alone.predict(X))


def test_each_target_has_rounds_of_its_own_by_the_other_folds():
    # As where each target is cross-fitted alone.
    X, y = table(200)
    boosted = [("boosted", registered_lightgbm("regression", n_estimators=200))]
    splits = make_splits(3, X, Target(y, None, None), None, 0)
    target = Target(y, None, None)
    [both] = cross_fit(boosted, Table(X, target), splits, seeds=[5], n_jobs=None)
    for k in range(3):
        [alone] = cross_fit(boosted, Table(X, target.of_output(k)), splits, seeds=[5], n_jobs=1)
        np.testing.assert_array_equal(both.held_out[:, k], alone.held_out[:, 0])


def test_each_target_is_told_of_the_categories():
    rng = np.random.default_rng(0)
    values = rng.normal(size=40)
    kinds = rng.integers(0, 40, 800)
    X = pd.DataFrame({"kind": [f"k{i:02d}" for i in kinds], "noise": rng.normal(size=800)})
    y = values[kinds]
    layer = [("boosted", LGBMRegressor(n_estimators=20, num_leaves=8, verbosity=-1))]
    one, two = (
        CascadeForestRegressor(layer, max_layers=1, cv=3, random_state=0).fit(X, target)
        for target in (y, np.column_stack([y, y]))
    )
    np.testing.assert_allclose(two.layer_scores_, one.layer_scores_)


def test_no_held_out_value_comes_from_a_model_that_saw_the_row():
    X, y = table(60, n_targets=2)
    X[:, 0] = np.arange(60)
    seen = []

    def share_seen(estimator, X, y):
        seen.append(float(np.max(estimator.predict(X))))
        return 0.0

    CascadeForestRegressor(
        [("r", RecordingRegressor())], max_layers=1, cv=3, scoring=share_seen, combine="mean"
    ).fit(X, y)
    assert seen == [0.0]


@pytest.mark.parametrize("kind", [RandomForestRegressor, BaggingRegressor, HistForestRegressor])
def test_out_of_bag_values_of_each_target(kind):
    X, y = table(80)
    forest = kind(n_estimators=30, bootstrap=True, oob_score=True, random_state=0)
    target = Target(y, None, None)
    votes = out_of_bag_vectors(fit_model(forest, Sample(X, target)), target)
    assert votes.shape == (80, 3)
    assert 0.3 < r2_score(y, votes) < 0.9


@pytest.mark.filterwarnings("ignore:Some inputs do not have OOB scores")
@pytest.mark.parametrize("kind", [RandomForestRegressor, BaggingRegressor, HistForestRegressor])
def test_rows_in_every_bag_get_the_mean_of_each_target(kind):
    X, y = table(30, n_targets=2)
    target = Target(y, None, None)
    forest = kind(n_estimators=1, bootstrap=True, oob_score=True, random_state=0)
    votes = out_of_bag_vectors(fit_model(forest, Sample(X, target)), target)
    assert np.isclose(votes, y.mean(axis=0)).all(axis=1).sum() >= 10


# Units and selection


def test_deviations():
    values = np.array([[1.0, 0.1, 5], [3, 0.1, 5], [5, 0.1, 99]])
    assert deviations(values[:2], None).tolist() == [1.0, 1.0, 1.0]
    weight = np.array([1.0, 1, 0])
    assert deviations(values, weight).tolist() == [1.0, 1.0, 1.0]
    assert deviations(values * 4, np.array([1.0, 0, 1]))[0] == 8


def test_a_forest_divides_by_all_targets_alike():
    # The second target is a millionth of the first in size; the column it goes by is not lost.
    rng = np.random.default_rng(0)
    X = rng.normal(size=(400, 4)).astype(np.float32)
    y = np.column_stack([1e6 * X[:, 0], X[:, 1]])
    forest = HistForestRegressor(20, oob_score=True, random_state=0).fit(X, y)
    assert r2_score(y, forest.oob_prediction_, multioutput="raw_values").min() > 0.85
    assert forest.oob_score_ == pytest.approx(r2_score(y, forest.oob_prediction_), abs=1e-9)
    np.testing.assert_allclose(forest.feature_importances_[:2], 0.5, atol=0.05)
    theirs = RandomForestRegressor(20, random_state=0).fit(X, y / y.std(axis=0))
    ours = HistForestRegressor(20, random_state=0).fit(X, y)
    new = rng.normal(size=(400, 4)).astype(np.float32)
    scores = [
        r2_score(new[:, :2], said / said.std(axis=0))
        for said in (ours.predict(new), theirs.predict(new))
    ]
    assert scores[0] == pytest.approx(scores[1], abs=0.03)


@pytest.mark.parametrize("weighted", [False, True])
def test_selection_lowers_the_mean_over_targets_in_their_deviations(weighted):
    rng = np.random.default_rng(0)
    y = rng.normal(size=(40, 2)) * [1, 1000]
    weight = rng.uniform(0.1, 1, 40) if weighted else None
    library = y + rng.normal(size=(5, 40, 2)) * [1, 1000] * rng.uniform(0.3, 2, (5, 1, 2))
    weights = select(library, Target(y, weight, None))

    def loss(picks, library, y, weight):
        errors = (np.mean([library[p] for p in picks], axis=0) - y) / deviations(y, weight)
        return np.average((errors**2).mean(axis=1), weights=weight)

    combined = np.tensordot(weights, library, axes=1)
    errors = (combined - y) / deviations(y, weight)
    said = np.average((errors**2).mean(axis=1), weights=weight)
    assert said == pytest.approx(greedy_loss(loss, library, y, weight, 50), rel=1e-9)


def test_a_constant_target_is_said_to_be_constant():
    X, y = table()
    y[:, 1] = 7
    cascade = CascadeForestRegressor(**SMALL).fit(X, y)
    np.testing.assert_allclose(cascade.predict(X)[:, 1], 7)

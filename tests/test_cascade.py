"""The cascade: growth, cutting back, and being a scikit-learn estimator."""

import logging
import pickle

import joblib
import numpy as np
import pandas as pd
import pytest
import sklearn
from lightgbm import LGBMClassifier
from recording import MeanRegressor, RecordingClassifier
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import load_diabetes, load_iris, make_classification
from sklearn.ensemble import ExtraTreesClassifier, RandomForestClassifier, RandomForestRegressor
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import accuracy_score, log_loss
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    TimeSeriesSplit,
    cross_val_score,
)
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

from deepforest import (
    CascadeForestClassifier,
    CascadeForestRegressor,
    GCForestClassifier,
    GCForestRegressor,
    HistForestClassifier,
    default_estimators,
)
from deepforest.estimators import default_layers
from deepforest.estimators import lightgbm as registered_lightgbm
from deepforest.growth import cut_back
from deepforest.layer import CascadeLayer


def noisy(n=120, n_classes=3, seed=0):
    return make_classification(
        n, 8, n_informative=4, n_classes=n_classes, flip_y=0.2, random_state=seed
    )


def stumps(**parameters):
    """A layer that is fitted in no time."""
    layer = [
        ("stump", DecisionTreeClassifier(max_depth=2, max_features=3)),
        ("bayes", GaussianNB()),
    ]
    settings = {"cv": 3, "random_state": 0} | parameters
    return CascadeForestClassifier(layer, **settings)


def values_cascade(**parameters):
    layer = [("ridge", Ridge()), ("ridge_strong", Ridge(alpha=1000))]
    settings = {"cv": 3, "random_state": 0} | parameters
    return CascadeForestRegressor(layer, **settings)


def scripted(*scores):
    """A scorer that says these scores one after the other, whatever it is shown."""
    remaining = list(scores)

    def script(estimator, X, y):
        return remaining.pop(0)

    return script


# Growth


@pytest.mark.parametrize(
    ("scores", "patience", "tol", "grown", "depth"),
    [
        ([0.5, 0.6, 0.6], 1, 0.0, 3, 2),  # equal is no gain
        ([0.5, 0.4], 1, 0.0, 2, 1),
        ([0.5, 0.4, 0.45, 0.9], 1, 0.0, 2, 1),
        ([0.5, 0.4, 0.6, 0.5, 0.55], 2, 0.0, 5, 3),  # the patience counts from the best
        ([0.5, 0.51, 0.52, 0.53], 1, 0.05, 2, 1),  # gains below tol
        ([0.5, 0.53, 0.56, 0.57, 0.58], 2, 0.05, 5, 3),  # two small gains are one of 0.06
        ([-3.0, -2.0, -2.5], 1, 0.0, 3, 2),  # scores may be negative
        ([0.1, 0.2, 0.3, 0.4, 0.5], 1, 0.0, 5, 5),  # max_layers ends it
        ([0.5, 0.6, 0.1, 0.2, 0.3], 9, 0.0, 5, 2),  # also then it is cut back
        ([0.6, 0.5, 0.5, 0.5, 0.5], 9, 0.0, 5, 1),
        ([float("nan"), 0.2], 1, 0.0, 2, 1),  # a score that is no number never gains
    ],
)
def test_growth_stops_without_a_gain_and_cuts_back_to_the_best_depth(
    scores, patience, tol, grown, depth
):
    X, y = noisy(60)
    cascade = stumps(
        max_layers=5,
        n_iter_no_change=patience,
        tol=tol,
        scoring=scripted(*scores),
        combine="mean",  # selection may leave the last layers out
    ).fit(X, y)
    np.testing.assert_array_equal(cascade.layer_scores_, scores[:grown])
    assert cascade.n_layers_ == len(cascade.layers_) == depth
    assert cascade.estimator_weights_.shape == (depth, 2)


@pytest.mark.parametrize("combine", ["mean", "select"])
@pytest.mark.parametrize("max_layers", [4, 9])
def test_a_cascade_cut_back_predicts_like_one_grown_to_that_depth(combine, max_layers):
    X, y = noisy()
    common = {"combine": combine, "n_iter_no_change": 2}
    cut = stumps(max_layers=max_layers, scoring=scripted(0.5, 0.6, 0.5, 0.5), **common).fit(X, y)
    grown = stumps(max_layers=2, scoring=scripted(0.5, 0.6), **common).fit(X, y)
    assert len(cut.layer_scores_) == 4
    np.testing.assert_array_equal(cut.predict_proba(X), grown.predict_proba(X))
    np.testing.assert_array_equal(cut.estimator_weights_, grown.estimator_weights_)


def layer_of(*models):
    return CascadeLayer(["a", "b"], [list(of_one) for of_one in models], None)


class Constant:
    def __init__(self, value):
        self.value = value

    def predict(self, X):
        return np.full(len(X), self.value)


def test_layers_behind_the_last_weight_are_dropped():
    layers = [layer_of([Constant(1)], [Constant(2)]) for _ in range(3)]
    weights = np.array([[0.25, 0.0], [0.0, 0.75], [0.0, 0.0]])
    grown = cut_back(list(layers), weights, [0.1, 0.2, 0.3])
    assert len(grown.layers) == 2
    assert grown.weights.tolist() == [[0.25, 0], [0, 0.75]]
    # The first layer feeds the second, so all of it stays; of the last only what has weight.
    assert [len(models) for models in grown.layers[0].models] == [1, 1]
    assert [len(models) for models in grown.layers[1].models] == [0, 1]
    assert grown.scores == [0.1, 0.2, 0.3]


def test_a_layer_without_weight_that_feeds_another_stays():
    layers = [layer_of([Constant(1)], [Constant(2)]) for _ in range(2)]
    grown = cut_back(layers, np.array([[0.0, 0.0], [1.0, 0.0]]), [0.1, 0.2])
    assert len(grown.layers) == 2
    assert [len(models) for models in grown.layers[0].models] == [1, 1]


def test_a_pruned_cascade_predicts_the_weighted_sum_of_all_of_it(monkeypatch):
    X, y = noisy()
    monkeypatch.setattr(
        "deepforest.training_rows.select",
        lambda library, target: np.array(
            [0.5, 0.0, 0.0, 0.5, 0.0, 0.0][: len(library)] if len(library) > 2 else [1.0, 0.0]
        ),
    )
    scores = (0.1, 0.2, 0.3)
    pruned = stumps(max_layers=3, scoring=scripted(*scores)).fit(X, y)
    assert pruned.n_layers_ == 2
    assert [len(models) for models in pruned.layers_[1].models] == [0, 3]
    monkeypatch.setattr(
        "deepforest.growth.cut_back",
        lambda layers, weights, scores, screens: (
            unpruned.append((layers, weights)) or cut_back(layers, weights, scores)
        ),
    )
    unpruned = []
    stumps(max_layers=3, scoring=scripted(*scores)).fit(X, y)
    [(layers, weights)] = unpruned
    rows, total = X.astype(np.float32), 0.0
    for layer, of_layer in zip(layers, weights, strict=True):
        vectors = layer.transform(rows)
        total = total + np.tensordot(of_layer, vectors.astype(float), axes=1)
        rows = np.hstack([X.astype(np.float32), *vectors])
    raised = total**pruned.power_
    raised /= raised.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(pruned.predict_proba(X), raised, atol=1e-6)


def test_a_layer_sees_the_input_and_the_class_vectors_of_the_layer_before():
    X, y = noisy()
    cascade = stumps(max_layers=3, scoring=scripted(1, 2, 3), combine="mean").fit(X, y)
    widths = [layer.models[0][0].n_features_in_ for layer in cascade.layers_]
    assert widths == [8, 8 + 2 * 3, 8 + 2 * 3]


def test_the_validation_rows_decide_the_depth():
    X, y = noisy()
    shown = []

    def recording(estimator, X, y):
        shown.append(y)
        return [0.5, 0.7, 0.6][len(shown) - 1]

    cascade = stumps(scoring=recording, combine="mean").fit(
        X[:80], y[:80], X_val=X[80:], y_val=y[80:]
    )
    assert cascade.n_layers_ == 2
    for labels in shown:
        np.testing.assert_array_equal(labels, y[80:])


def test_the_validation_score_is_that_of_the_cascade_so_far():
    X, y = noisy()
    cascade = stumps(max_layers=3, n_iter_no_change=9).fit(
        X[:80], y[:80], X_val=X[80:], y_val=y[80:]
    )
    best = cascade.layer_scores_.argmax()
    assert accuracy_score(y[80:], cascade.predict(X[80:])) == cascade.layer_scores_[best]


def test_validation_rows_are_not_trained_on():
    X, y = noisy(n_classes=2)
    X[:, 0] = np.arange(120)
    cascade = CascadeForestClassifier([("r", RecordingClassifier())], max_layers=1, cv=2)
    cascade.fit(X[:80], y[:80], X_val=X[80:], y_val=y[80:])
    for model in cascade.layers_[0].models[0]:
        assert model.saw(X[80:].astype(np.float32)).sum() == 0


def test_validation_values_decide_the_depth_of_a_regressor():
    X, y = load_diabetes(return_X_y=True)
    cascade = values_cascade(max_layers=2, n_iter_no_change=2).fit(
        X[:300], y[:300], X_val=X[300:], y_val=y[300:]
    )
    assert cascade.layer_scores_.max() == pytest.approx(cascade.score(X[300:], y[300:]))


def test_validation_rows_go_through_the_steps_of_a_pipeline():
    X, y = noisy()
    X = X * 1000 + 500
    X_val, y_val = X[80:], y[80:]
    with sklearn.config_context(enable_metadata_routing=True):
        cascade = stumps(max_layers=2).set_fit_request(X_val=True, y_val=True)
        pipeline = Pipeline(
            [("scale", StandardScaler()), ("cascade", cascade)], transform_input=["X_val"]
        )
        pipeline.fit(X[:80], y[:80], X_val=X_val, y_val=y_val)
    by_hand = StandardScaler().fit(X[:80])
    expected = stumps(max_layers=2).fit(
        by_hand.transform(X[:80]), y[:80], X_val=by_hand.transform(X_val), y_val=y_val
    )
    np.testing.assert_array_equal(pipeline["cascade"].layer_scores_, expected.layer_scores_)
    np.testing.assert_array_equal(
        pipeline.predict_proba(X), expected.predict_proba(by_hand.transform(X))
    )


@pytest.mark.parametrize(
    ("cv", "groups", "n_models"),
    [
        (GroupKFold(3), True, 3),
        (4, True, 4),
        (TimeSeriesSplit(3), None, 3),
        (
            [(list(range(60)), list(range(60, 120))), (list(range(60, 120)), list(range(60)))],
            None,
            2,
        ),
        (4, None, 1),
    ],
)
def test_an_explicit_splitter_and_groups_switch_out_of_bag_votes_off(cv, groups, n_models):
    X, y = noisy(n_classes=2)
    groups = np.arange(120) // 10 if groups else None
    for forest in (RandomForestClassifier(25), RandomForestRegressor(25)):
        kind = CascadeForestClassifier
        if isinstance(forest, RandomForestRegressor):
            kind = CascadeForestRegressor
        cascade = kind([("forest", forest)], max_layers=1, cv=cv, random_state=0)
        cascade.fit(X, y, groups=groups)
        assert [len(models) for models in cascade.layers_[0].models] == [n_models]


def test_rows_of_a_group_never_vote_on_each_other():
    X, y = noisy(n_classes=2)
    groups = np.repeat(np.arange(12), 10)
    X[:, 0] = groups  # the recorder takes all rows of a group for one
    for cv in (4, GroupKFold(4)):
        scores = []

        def share_seen(estimator, X, y, scores=scores):
            scores.append(float(estimator.predict_proba(X)[:, 0].max()))
            return 0.0

        CascadeForestClassifier(
            [("r", RecordingClassifier())], max_layers=1, cv=cv, scoring=share_seen, combine="mean"
        ).fit(X, y, groups=groups)
        assert scores == [0.0]


def test_rows_that_are_never_held_out_are_not_scored():
    X, y = noisy(40, n_classes=2)
    shown = []

    def recording(estimator, X, y):
        shown.append(len(y))
        return 0.0

    stumps(max_layers=1, cv=TimeSeriesSplit(3, test_size=5), scoring=recording).fit(X, y)
    assert shown == [15]


# Weights

SPLIT = (np.arange(0, 60), np.arange(60, 120))
TWO_SPLITS = [SPLIT, SPLIT[::-1]]


def repeated(rows):
    """The same splits where some rows stand in the table more than once."""
    return [tuple(np.flatnonzero(np.isin(rows, side)) for side in split) for split in TWO_SPLITS]


@pytest.mark.parametrize("combine", ["mean", "select"])
@pytest.mark.parametrize("task", ["classes", "values"])
def test_a_weight_of_two_is_a_row_twice_and_of_zero_no_row(task, combine):
    X, y = noisy(n_classes=2)
    weight = np.random.default_rng(0).integers(0, 3, size=120).astype(float)
    rows = np.repeat(np.arange(120), weight.astype(int))
    if task == "classes":
        kind, layer, method = (
            CascadeForestClassifier,
            LogisticRegression(C=0.1, tol=1e-10),
            "predict_proba",
        )
    else:
        kind, layer, method = CascadeForestRegressor, Ridge(), "predict"
        y = X @ np.arange(8.0) + np.random.default_rng(1).normal(size=120)
    settings = {"max_layers": 2, "n_iter_no_change": 2, "combine": combine, "random_state": 0}
    weighted = kind([("one", layer)], cv=TWO_SPLITS, **settings).fit(X, y, weight)
    twice = kind([("one", layer)], cv=repeated(rows), **settings).fit(X[rows], y[rows])
    np.testing.assert_allclose(weighted.layer_scores_, twice.layer_scores_, atol=1e-4)
    # The logistic regression is solved in float32, the precision of X.
    np.testing.assert_allclose(
        getattr(weighted, method)(X), getattr(twice, method)(X), atol=4e-4, rtol=1e-4
    )
    plain = kind([("one", layer)], cv=TWO_SPLITS, **settings).fit(X, y)
    assert np.abs(getattr(plain, method)(X) - getattr(twice, method)(X)).max() > 1e-3


@pytest.mark.parametrize("task", ["classes", "screened", "values", "scanned"])
def test_rows_of_no_weight_are_as_if_they_were_not_there(task):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(400, 4)).astype(np.float32)
    values = X[:, 0] + 0.3 * X[:, 1] + 0.1 * rng.normal(size=400)
    y = np.digitize(values, [-0.5, 0.5])
    weight = rng.random(400) * (rng.random(400) < 0.6)
    # A rare class whose rows mostly have no weight, and rows far from all others.
    y[:30], weight[:18], weight[18:30] = 3, 0, 1
    X[:30, 2] += 3
    X[weight == 0] += 4
    used = weight > 0
    settings = {"n_estimators": 8, "max_layers": 3, "n_iter_no_change": 3, "random_state": 0}
    kind = {
        "classes": CascadeForestClassifier(**settings, class_weight="balanced"),
        "screened": CascadeForestClassifier(**settings, screening=0.94),
        "values": CascadeForestRegressor(**settings),
        "scanned": GCForestRegressor([2], n_scan_estimators=5, **settings),
    }[task]
    y = y if task in ("classes", "screened") else values
    zeros, without = clone(kind), clone(kind)
    if task == "screened":
        for cascade in (zeros, without):
            cascade.set_params(scoring=scripted(0.1, 0.2, 0.3))  # else it may be cut back
    zeros.fit(X, y, weight)
    without.fit(X[used], y[used], weight[used])
    method = "predict_proba" if task in ("classes", "screened") else "predict"
    np.testing.assert_allclose(getattr(zeros, method)(X), getattr(without, method)(X), rtol=1e-6)
    np.testing.assert_allclose(zeros.layer_scores_, without.layer_scores_, rtol=1e-6)
    shares = [[screen.share for screen in cascade.screens_] for cascade in (zeros, without)]
    np.testing.assert_allclose(*shares)
    assert bool(shares[0]) == (task == "screened")


def test_weights_count_as_rows_that_stand_there_more_than_once():
    # Statistically: bags and folds are drawn anew. Copies of a row are held out together.
    X, y = noisy(1600, n_classes=2)
    X, X_test, y = X[:600], X[600:], y[:600]
    layer = [
        ("forest", HistForestClassifier(20, min_samples_leaf=30)),
        ("trees", RandomForestClassifier(20, min_samples_leaf=30)),
        ("boosted", registered_lightgbm("classification", learning_rate=0.05)),
    ]
    weight = np.where(y == 1, 3.0, 1.0)
    rows = np.repeat(np.arange(600), weight.astype(int))

    def mean_probabilities(X, y, weight, groups):
        cascade = CascadeForestClassifier(layer, max_layers=1, cv=3, combine="mean", random_state=0)
        cascade.fit(X, y, weight, groups=groups)
        return cascade.layers_[0].transform(X_test)[:, :, 1].mean(axis=1)

    weighted = mean_probabilities(X, y, weight, np.arange(600))
    repeated = mean_probabilities(X[rows], y[rows], None, rows)
    np.testing.assert_allclose(weighted, repeated, atol=0.04)
    assert np.all(mean_probabilities(X, y, None, np.arange(600)) < weighted - 0.1)


def test_a_callable_score_without_weights_can_be_used_with_weights():
    X, y = noisy(60)
    cascade = stumps(max_layers=1, scoring=scripted(0.5)).fit(X, y, np.full(60, 2.0))
    assert cascade.layer_scores_.tolist() == [0.5]


# scikit-learn


def test_a_clone_is_unfitted_and_fits_to_the_same_model():
    X, y = noisy()
    cascade = stumps(max_layers=2).fit(X, y)
    again = clone(cascade)
    assert not hasattr(again, "layers_")
    assert again.estimators[0][1] is not cascade.estimators[0][1]
    np.testing.assert_array_equal(again.fit(X, y).predict_proba(X), cascade.predict_proba(X))


def test_a_refit_is_a_fresh_fit():
    X, y = noisy()
    X_other, y_other = noisy(90, n_classes=2, seed=1)
    fresh = stumps(max_layers=2).fit(X, y)
    refitted = stumps(max_layers=2).fit(X_other[:, :5], y_other).fit(X, y)
    np.testing.assert_array_equal(refitted.predict_proba(X), fresh.predict_proba(X))
    assert refitted.n_features_in_ == 8
    assert vars(refitted).keys() == vars(fresh).keys()


def test_a_refit_without_names_forgets_the_names():
    X, y = noisy(60)
    cascade = stumps(max_layers=1).fit(pd.DataFrame(X).add_prefix("c"), y)
    assert not hasattr(cascade.fit(X, y), "feature_names_in_")


def test_grid_search_over_the_depth_and_a_nested_parameter():
    X, y = noisy()
    grid = {"max_layers": [1, 2], "stump__max_depth": [1, 4]}
    search = GridSearchCV(stumps(combine="mean"), grid, cv=2, scoring="neg_log_loss").fit(X, y)
    assert len(search.cv_results_["params"]) == 4
    assert search.best_estimator_.max_layers == search.best_params_["max_layers"]
    depth = search.best_params_["stump__max_depth"]
    [(_, stump), _] = search.best_estimator_.estimators
    assert stump.max_depth == depth
    assert search.best_estimator_.layers_[0].models[0][0].max_depth == depth
    assert len(set(search.cv_results_["mean_test_score"])) > 1


def test_nested_parameters_are_got_and_set():
    cascade = stumps()
    assert cascade.get_params()["stump__max_depth"] == 2
    assert cascade.get_params()["bayes"] is cascade.estimators[1][1]
    cascade.set_params(bayes=Ridge(), bayes__alpha=3, cv=7)
    assert cascade.estimators[1][1].alpha == 3
    assert cascade.cv == 7
    with pytest.raises(ValueError, match="Invalid parameter 'nothing__x'"):
        cascade.set_params(nothing__x=1)


def test_cross_val_score_by_roc_auc():
    X, y = noisy()
    scores = cross_val_score(stumps(max_layers=2), X, y, cv=3, scoring="roc_auc_ovr")
    assert scores.shape == (3,)
    assert scores.min() > 0.5


def test_calibration():
    X, y = noisy()
    calibrated = CalibratedClassifierCV(stumps(max_layers=1), cv=2).fit(X, y)
    np.testing.assert_allclose(calibrated.predict_proba(X).sum(axis=1), 1)
    assert calibrated.score(X, y) > 0.5


def test_a_frame_with_string_labels():
    X, y = load_iris(return_X_y=True, as_frame=True)
    labels = y.map({0: "setosa", 1: "versicolor", 2: "virginica"})
    cascade = stumps(max_layers=2).fit(X, labels)
    assert cascade.feature_names_in_.tolist() == X.columns.tolist()
    assert cascade.classes_.tolist() == ["setosa", "versicolor", "virginica"]
    assert cascade.score(X, labels) > 0.9
    with pytest.raises(ValueError, match="feature names"):
        cascade.predict(X[X.columns[::-1]])


@pytest.mark.parametrize("dumps", ["pickle", "joblib"])
def test_a_pickled_cascade_predicts_the_same(dumps, tmp_path):
    X, y = noisy(60)
    cascade = CascadeForestClassifier(n_estimators=5, max_layers=2, random_state=0).fit(X, y)
    if dumps == "pickle":
        again = pickle.loads(pickle.dumps(cascade))
    else:
        joblib.dump(cascade, tmp_path / "cascade")
        again = joblib.load(tmp_path / "cascade")
    np.testing.assert_array_equal(again.predict_proba(X), cascade.predict_proba(X))


LAYERS = {
    "default": None,
    "scikit-learn": [
        ("forest", RandomForestClassifier(25)),
        ("trees", ExtraTreesClassifier(10, n_jobs=-1)),
    ],
    "lightgbm": [
        (
            "stops",
            LGBMClassifier(
                n_estimators=50,
                early_stopping_round=5,
                subsample=0.5,
                subsample_freq=1,
                verbosity=-1,
            ),
        ),
        ("runs", LGBMClassifier(n_estimators=5, colsample_bytree=0.5, verbosity=-1)),
    ],
}


@pytest.mark.parametrize("layer", LAYERS)
def test_the_same_seed_gives_the_same_bits_for_any_number_of_threads(layer):
    X, y = noisy()
    said, scores = [], []
    for n_jobs in (1, 2, 2):
        cascade = CascadeForestClassifier(
            LAYERS[layer], n_estimators=25, max_layers=2, n_jobs=n_jobs, cv=3, random_state=3
        ).fit(X, y)
        said.append(cascade.predict_proba(X))
        said.append(cascade.set_params(n_jobs=3 - n_jobs).predict_proba(X))
        scores.append(cascade.layer_scores_)
    for other in said[1:]:
        np.testing.assert_array_equal(other, said[0])
    for other in scores[1:]:
        np.testing.assert_array_equal(other, scores[0])


def test_another_seed_gives_another_model():
    X, y = noisy(60)
    first, other = (stumps(random_state=seed).fit(X, y).predict_proba(X) for seed in (0, 1))
    assert (first != other).any()


@pytest.mark.parametrize("layer", LAYERS)
def test_predict_changes_nothing(layer):
    X, y = noisy(60)
    cascade = CascadeForestClassifier(
        LAYERS[layer], n_estimators=25, max_layers=1, cv=3, random_state=0
    ).fit(X, y)
    before = joblib.hash(cascade)
    first = cascade.predict_proba(X)
    assert joblib.hash(cascade) == before
    np.testing.assert_array_equal(cascade.predict_proba(X), first)


def test_fit_changes_no_parameter_and_no_input():
    X, y = noisy(60)
    cascade = stumps(max_layers=2)
    parameters, data = joblib.hash(cascade.get_params()), joblib.hash((X, y))
    cascade.fit(X, y)
    assert joblib.hash(cascade.get_params()) == parameters
    assert joblib.hash((X, y)) == data
    assert not hasattr(cascade.estimators[0][1], "tree_")


def test_probabilities_sum_to_one_and_labels_are_the_likeliest():
    X, y = noisy()
    cascade = stumps(max_layers=2).fit(X, y * 10)
    probability = cascade.predict_proba(X)
    np.testing.assert_allclose(probability.sum(axis=1), 1, rtol=1e-12)
    np.testing.assert_array_equal(cascade.predict(X), probability.argmax(axis=1) * 10)


def test_a_second_layer_and_selection_gain_on_a_real_table():
    X, y = noisy(400, seed=3)
    one = stumps(max_layers=1, combine="mean").fit(X[:300], y[:300])
    many = stumps(max_layers=3, scoring="neg_log_loss").fit(X[:300], y[:300])
    losses = [log_loss(y[300:], cascade.predict_proba(X[300:])) for cascade in (one, many)]
    assert losses[1] < losses[0]


def test_a_regressor_predicts_values_far_from_zero():
    X, y = load_diabetes(return_X_y=True)
    cascade = values_cascade(max_layers=2).fit(X, y + 1e6)
    assert cascade.score(X, y + 1e6) == pytest.approx(
        values_cascade(max_layers=2).fit(X, y).score(X, y), abs=1e-3
    )


def test_the_mean_regressor_gives_the_mean():
    X = np.zeros((4, 1))
    cascade = CascadeForestRegressor(
        [("mean", MeanRegressor())], cv=[([0, 1], [2, 3]), ([2, 3], [0, 1])], max_layers=1
    ).fit(X, [0.0, 2, 4, 6])
    assert cascade.predict(X[:2]).tolist() == [3, 3]


# Progress


def test_progress_is_silent_by_default(caplog, capfd):
    X, y = noisy(60)
    with caplog.at_level(logging.INFO, logger="deepforest"):
        CascadeForestClassifier(n_estimators=5, max_layers=1, cv=2, random_state=0).fit(X, y)
    assert caplog.records == []
    assert capfd.readouterr() == ("", "")


def test_verbose_is_one_line_a_layer_with_the_score(caplog):
    X, y = noisy(60)
    with caplog.at_level(logging.INFO, logger="deepforest"):
        stumps(max_layers=3, scoring=scripted(0.25, 0.5, 0.125), verbose=1).fit(X, y)
    lines = [record.getMessage() for record in caplog.records]
    assert len(lines) == 3
    assert lines[0].startswith("layer 1: held-out script 0.2500")
    assert lines[2].startswith("layer 3: held-out script 0.1250")


def test_verbose_shows_the_lines_where_the_program_has_no_logging(monkeypatch, capfd):
    logger = logging.getLogger("deepforest")
    monkeypatch.setattr(logger, "handlers", [])
    monkeypatch.setattr(logger, "propagate", False)
    monkeypatch.setattr(logger, "level", logging.NOTSET)
    X, y = noisy(60)
    stumps(max_layers=1, verbose=1).fit(X, y)
    out, err = capfd.readouterr()
    assert out == ""
    assert err.startswith("[deepforest] layer 1: held-out accuracy 0.")


def test_layers_of_its_own_are_made_for_the_width_of_the_first_grain(monkeypatch):
    widths = []

    def recording(*args, n_columns, **kwargs):
        widths.append(n_columns)
        return default_layers(*args, n_columns=n_columns, **kwargs)

    monkeypatch.setattr("deepforest.cascade_base.default_layers", recording)
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(40, 130)), np.arange(40) % 2
    CascadeForestClassifier(n_estimators=2, max_layers=1, random_state=0).fit(X, y)
    assert widths[-1] == 130
    images = rng.normal(size=(40, 6, 6))
    forest = GCForestClassifier(windows=[3], n_scan_estimators=2, n_estimators=2, max_layers=1)
    forest.fit(images, y)
    assert widths[-1] == forest.scanner_.transform(images[:1]).shape[1]


def test_a_tuple_of_estimators_is_as_good_as_a_list():
    X, y = np.random.default_rng(0).normal(size=(60, 3)), np.arange(60) % 2
    layer = default_estimators(n_estimators=3)[:2]
    said = [
        CascadeForestClassifier(kind(layer), max_layers=2, n_iter_no_change=2, random_state=0)
        .fit(X, y)
        .predict_proba(X)
        for kind in (list, tuple)
    ]
    np.testing.assert_array_equal(*said)
    assert isinstance(CascadeForestClassifier(tuple(layer))._layers()[0], list)


@pytest.mark.parametrize("kind", [CascadeForestClassifier, CascadeForestRegressor])
def test_weights_may_be_small(kind):
    # Limits of LightGBM and penalties of linear models are not relative to weights.
    rng = np.random.default_rng(0)
    X, weight = rng.normal(size=(200, 5)), rng.uniform(0.1, 1, size=200)
    y = X @ [1, 1, 0, 0, 0] + rng.normal(size=200)
    if kind is CascadeForestClassifier:
        y = y > 0
    said = [
        kind(n_estimators=5, max_layers=1, random_state=0).fit(X, y, unit * weight)
        for unit in (1, 2.0**-20)
    ]
    np.testing.assert_array_equal(said[0].estimator_weights_, said[1].estimator_weights_)
    np.testing.assert_array_equal(said[0].predict(X), said[1].predict(X))

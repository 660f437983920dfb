"""No label leaks into held-out scores: with shuffled labels they stay at chance.

A score is that of n labels guessed with chance p, give or take 3 standard errors
sqrt(p (1 - p) / n). All seeds are fixed, so a test passes always or never.
"""

import lightgbm
import numpy as np
import pytest
from sklearn.ensemble import ExtraTreesClassifier, RandomForestClassifier
from sklearn.metrics import accuracy_score
from sklearn.model_selection import GroupKFold, KFold
from sklearn.tree import DecisionTreeClassifier

from deepforest import (
    CascadeForestClassifier,
    CascadeForestRegressor,
    GCForestClassifier,
    HistForestClassifier,
    MultiGrainedScanner,
    growth,
)
from deepforest.estimators import default_estimators
from deepforest.estimators import lightgbm as registered_lightgbm

N = 600
CHANCE = 0.5 + 3 * np.sqrt(0.25 / N)
LAYERS = 3


def shuffled(n=N, n_features=6, seed=0):
    """A table and two balanced classes that have nothing to do with it."""
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, n_features)), rng.permutation(np.arange(n) % 2)


LAYER = {
    "default": None,
    "LightGBM that stops early": [("boosted", registered_lightgbm("classification"))],
    "LightGBM that overfits": [
        ("boosted", lightgbm.LGBMClassifier(n_estimators=30, min_child_samples=2, verbosity=-1))
    ],
    "forests of scikit-learn": [
        ("forest", RandomForestClassifier(50)),
        ("trees", ExtraTreesClassifier(20)),
    ],
    "a tree": [("tree", DecisionTreeClassifier())],
}


@pytest.mark.parametrize("layer", LAYER)
@pytest.mark.parametrize("combine", ["select", "mean"])
def test_no_layer_scores_above_chance_on_shuffled_labels(layer, combine):
    cascade = CascadeForestClassifier(
        LAYER[layer],
        n_estimators=30,
        max_layers=LAYERS,
        n_iter_no_change=LAYERS,
        cv=3,
        combine=combine,
        random_state=0,
    ).fit(*shuffled())
    assert len(cascade.layer_scores_) == LAYERS
    assert cascade.layer_scores_.max() <= CHANCE


@pytest.mark.parametrize("layer", LAYER)
@pytest.mark.parametrize("combine", ["select", "mean"])
def test_no_layer_scores_above_chance_where_rows_leave(layer, combine, monkeypatch):
    left = []

    class Counting(growth.TrainingRows):
        def leave(self, weights, accuracy):
            screen = super().leave(weights, accuracy)
            left.append(0 if screen is None else screen.share)
            return screen

    monkeypatch.setattr(growth, "TrainingRows", Counting)
    cascade = CascadeForestClassifier(
        LAYER[layer],
        n_estimators=30,
        max_layers=LAYERS,
        n_iter_no_change=LAYERS,
        cv=3,
        combine=combine,
        screening=0.51,  # hardly more than what guessing has
        random_state=0 if layer == "default" else 3,  # which lets rows leave
    ).fit(*shuffled())
    assert cascade.layer_scores_.max() <= CHANCE
    if layer in ("default", "forests of scikit-learn"):
        assert sum(left) > 0


WEIGHED = {
    "default": {"class_weight": "balanced"},
    "few trees": {"class_weight": "balanced", "n_estimators": 8},
    "forests of scikit-learn": {
        "estimators": [("forest", RandomForestClassifier(20))],
        "class_weight": "balanced",
    },
    "their own weights": {
        "estimators": [
            ("forest", RandomForestClassifier(20, class_weight="balanced")),
            ("trees", HistForestClassifier(20, class_weight="balanced")),
        ],
        "scoring": "balanced_accuracy",
    },
}


@pytest.mark.parametrize("layer", WEIGHED)
def test_no_layer_reads_a_label_off_its_weight(layer):
    # A row of weight 2 that is in more bags than one of 1/2 has noisier out-of-bag votes.
    X, y = shuffled()
    y[::2] = 0  # a quarter is of class 1
    cascade = CascadeForestClassifier(
        **{"n_estimators": 30, **WEIGHED[layer]},
        max_layers=LAYERS,
        n_iter_no_change=LAYERS,
        cv=3,
        random_state=0,
    ).fit(X, y)
    of_classes = np.bincount(y)
    deviation = 0.5 * np.sqrt((0.25 / of_classes).sum())
    assert cascade.layer_scores_.max() <= 0.5 + 3 * deviation


def test_no_grain_reads_a_label_off_its_weight():
    X, y = shuffled()
    y[::2] = 0
    forest = GCForestClassifier(
        [3],
        n_scan_estimators=8,
        n_estimators=8,
        class_weight="balanced",
        max_layers=2,
        n_iter_no_change=2,
        random_state=0,
    ).fit(X, y)
    assert forest.layer_scores_.max() <= 0.5 + 1.5 * np.sqrt((0.25 / np.bincount(y)).sum())


def test_the_trees_would_score_far_above_chance_on_rows_that_they_saw():
    X, y = shuffled()
    tree = DecisionTreeClassifier().fit(X, y)
    assert accuracy_score(y, tree.predict(X)) > CHANCE + 0.3


def test_early_stopping_does_not_lift_the_score_of_the_first_layer():
    # Rounds chosen by a fold's own labels lift it by 0.02 only, so many tables are asked.
    n, n_tables = 200, 60
    scores = [
        CascadeForestClassifier(
            LAYER["LightGBM that stops early"],
            max_layers=1,
            combine="mean",
            scoring="roc_auc",
            random_state=seed,
        )
        .fit(*shuffled(n, seed=seed))
        .layer_scores_[0]
        for seed in range(n_tables)
    ]
    # The standard error of the area under the curve of a guess (Mann and Whitney).
    error = np.sqrt((n + 1) / (12 * (n / 2) ** 2) / n_tables)
    assert np.mean(scores) <= 0.5 + 3 * error


@pytest.mark.parametrize("estimators", [None, default_estimators("regression", n_estimators=30)])
def test_no_layer_explains_shuffled_values(estimators):
    X, _ = shuffled()
    y = np.random.default_rng(1).normal(size=N)
    grown = {"n_estimators": 30, "max_layers": LAYERS, "n_iter_no_change": LAYERS, "cv": 3}
    cascade = CascadeForestRegressor(estimators, **grown, random_state=0).fit(X, y)
    # The R2 of nothing is 0; its standard error for one feature of noise is about 1 / n.
    assert cascade.layer_scores_.max() <= 3 * np.sqrt(2) / N + 0.01


def test_scanned_features_tell_nothing_of_shuffled_labels():
    X, y = shuffled(n_features=12)
    scanner = MultiGrainedScanner(
        [4], stride=4, pool=1, estimators=[("tree", DecisionTreeClassifier())], cv=3, random_state=0
    )
    features = scanner.fit_transform(X, y).reshape(N, -1, 2)
    for position in range(features.shape[1]):
        guess = features[:, position].argmax(axis=1)
        assert accuracy_score(y, guess) <= CHANCE


@pytest.mark.parametrize("kind", ["out-of-bag", "engine in folds", "generic"])
def test_sequences_of_unequal_length_tell_nothing_of_shuffled_labels(kind):
    X, y = shuffled(n_features=12)
    ends = np.random.default_rng(1).integers(0, 13, N)
    X[np.arange(12) >= ends[:, None]] = np.nan
    scanner = MultiGrainedScanner(
        [3],
        stride=1,
        pool=4,
        n_estimators=10,
        estimators=[("tree", DecisionTreeClassifier())] if kind == "generic" else None,
        cv=KFold(3) if kind == "engine in folds" else 3,
        random_state=0,
    )
    features = scanner.fit_transform(X, y)
    vectors = features.reshape(N, -1, 2)
    for position in range(vectors.shape[1]):
        # Prior and all: no position tells the labels, nor does its being missing.
        guess = vectors[:, position].argmax(axis=1)
        assert accuracy_score(y, guess) <= CHANCE
    cascade = CascadeForestClassifier(
        n_estimators=30, max_layers=1, combine="mean", random_state=0
    ).fit(features, y)
    assert cascade.layer_scores_.max() <= CHANCE
    seen = scanner.transform(X).reshape(N, -1, 2)[:, 0].argmax(axis=1)
    assert accuracy_score(y, seen) > CHANCE + 0.1


def test_no_layer_behind_a_scanner_scores_above_chance():
    X, y = shuffled(n_features=12)
    forest = GCForestClassifier(
        [3, 6],
        n_scan_estimators=10,
        n_estimators=30,
        max_layers=LAYERS,
        n_iter_no_change=LAYERS,
        cv=3,
        random_state=0,
    ).fit(X, y)
    assert forest.layer_scores_.max() <= CHANCE


def grouped(n_groups=60, size=10):
    """Groups of nearly equal rows, each with one label drawn for the whole group."""
    rng = np.random.default_rng(0)
    groups = np.repeat(np.arange(n_groups), size)
    X = rng.normal(size=(n_groups, 4))[groups] + 0.01 * rng.normal(size=(n_groups * size, 4))
    return X, rng.permutation(np.arange(n_groups) % 2)[groups], groups


@pytest.mark.parametrize("cv", [4, GroupKFold(4)])
@pytest.mark.parametrize("kind", [CascadeForestClassifier, GCForestClassifier])
def test_groups_do_not_leak_into_one_another(cv, kind):
    X, y, groups = grouped()
    settings = {"n_estimators": 30, "max_layers": 2, "n_iter_no_change": 2, "random_state": 0}
    if kind is GCForestClassifier:
        settings |= {"windows": [2], "n_scan_estimators": 10}
    honest = kind(cv=cv, **settings).fit(X, y, groups=groups)
    # As good as 60 guesses, one a group.
    assert honest.layer_scores_.max() <= 0.5 + 3 * np.sqrt(0.25 / 60)
    screened = kind(cv=cv, screening=0.6, **settings).fit(X, y, groups=groups)
    assert screened.layer_scores_.max() <= 0.5 + 3 * np.sqrt(0.25 / 60)
    leaking = kind(cv=4, **settings).fit(X, y)
    assert leaking.layer_scores_[0] > 0.9

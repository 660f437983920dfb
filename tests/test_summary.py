"""What inspect and evaluate show."""

import json

import numpy as np
import pytest
from sklearn.datasets import load_diabetes, load_digits, load_iris
from sklearn.metrics import accuracy_score, log_loss, roc_auc_score
from sklearn.naive_bayes import GaussianNB

from deepforest import (
    CascadeForestClassifier,
    CascadeForestRegressor,
    GCForestClassifier,
    load,
)
from deepforest.estimators import lightgbm, linear, random_forest
from deepforest.summary import new_scores, summary

X, y = load_iris(return_X_y=True)


def cascade(**parameters):
    layer = [
        ("forest", random_forest("classification", n_estimators=5)),
        ("linear", linear("classification", max_iter=1000)),
    ]
    return CascadeForestClassifier(
        layer, cv=2, max_layers=2, n_iter_no_change=2, combine="mean", random_state=0, **parameters
    )


def test_a_cascade_in_plain_numbers():
    estimator = cascade().fit(X, y)
    content = summary(estimator)
    assert json.loads(json.dumps(content)) == content
    assert content["estimator"] == "CascadeForestClassifier"
    assert (content["n_features"], content["classes"]) == (4, [0, 1, 2])
    assert content["score"] == "accuracy"
    assert content["layer_scores"] == estimator.layer_scores_.tolist()
    assert len(content["layers"]) == content["n_layers"] == estimator.n_layers_
    total = 0.0
    for layer, of_layer in zip(content["layers"], estimator.layers_, strict=True):
        assert layer["score"] == content["layer_scores"][layer["layer"] - 1]
        for part, models in zip(layer["estimators"], of_layer.models, strict=True):
            total += part["weight"]
            assert part["models"] == len(models)
            if part["name"] == "forest" and models:
                [forest] = models
                assert part["kind"] == "HistForestClassifier"
                assert (part["trees"], part["nodes"]) == (5, len(forest.trees_.feature))
            elif models:
                assert (part["models"], part["trees"]) == (2, 0)
    assert total == pytest.approx(1)
    importances = [entry["importance"] for entry in content["importances"]]
    assert importances == sorted(estimator.feature_importances_, reverse=True)
    first = content["importances"][0]["feature"]
    assert first == f"value_{np.argmax(estimator.feature_importances_)}"


def test_names_of_columns_and_estimators_without_importances():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(X, columns=list("abcd"))
    estimator = cascade().fit(frame, y)
    assert {entry["feature"] for entry in summary(estimator)["importances"]} == set("abcd")
    layer = [("bayes", GaussianNB())]
    estimator = CascadeForestClassifier(layer, cv=2, max_layers=1).fit(X, y)
    assert summary(estimator)["importances"] is None


def test_the_grains_of_a_scanner():
    images, digits = load_digits(n_class=2, return_X_y=True)
    images = images[:60].reshape(-1, 8, 8)
    estimator = GCForestClassifier(
        [4, (3, 5)],
        stride=2,
        n_scan_estimators=3,
        estimators=[("forest", random_forest("classification", n_estimators=3))],
        max_layers=1,
    ).fit(images, digits[:60])
    content = summary(estimator)
    assert json.loads(json.dumps(content)) == content
    assert content["input_shape"] == [8, 8]
    assert [grain["window"] for grain in content["grains"]] == [[4, 4], [3, 5]]
    assert [grain["positions"] for grain in content["grains"]] == [[3, 3], [3, 2]]
    assert [grain["pooled"] for grain in content["grains"]] == [[2, 2], [2, 1]]
    assert [part["trees"] for part in content["grains"][0]["estimators"]] == [3, 3]
    best = np.unravel_index(np.argmax(estimator.feature_importances_), (8, 8))
    assert content["importances"][0]["feature"] == "value_{}_{}".format(*best)


def test_models_of_several_targets_are_counted_one_by_one():
    layer = [("boosted", lightgbm("regression", n_estimators=3, early_stopping_round=None))]
    estimator = CascadeForestRegressor(layer, cv=2, max_layers=1).fit(X, np.column_stack([y, -y]))
    [size] = summary(estimator)["layers"][0]["estimators"]
    assert (size["kind"], size["models"], size["trees"]) == ("BoostedRegressor", 4, 12)


def test_scores_of_classes_are_scikit_learns():
    estimator = cascade().fit(X[::2], y[::2])
    new, labels = X[1::2], y[1::2]
    scores = new_scores(estimator, new, labels)
    probability = estimator.predict_proba(new)
    assert scores["accuracy"] == accuracy_score(labels, estimator.predict(new))
    assert scores["log_loss"] == log_loss(labels, probability)
    assert scores["roc_auc"] == roc_auc_score(labels, probability, multi_class="ovr")


def test_scores_of_two_words():
    words = np.array(["no", "yes"])[(y > 0).astype(int)]
    estimator = cascade().fit(X, words)
    scores = new_scores(estimator, X, words)
    assert scores["roc_auc"] == roc_auc_score(words, estimator.predict_proba(X)[:, 1])


def test_scores_that_rows_do_not_allow_are_left_out():
    estimator = cascade().fit(X, y)
    assert set(new_scores(estimator, X[:100], y[:100])) == {
        "accuracy",
        "balanced_accuracy",
        "log_loss",
    }
    unknown = np.where(y[:100] == 0, 7, y[:100])
    assert set(new_scores(estimator, X[:100], unknown)) == {"accuracy", "balanced_accuracy"}


def test_scores_of_values():
    diabetes, values = load_diabetes(return_X_y=True)
    layer = [("forest", random_forest("regression", n_estimators=5))]
    estimator = CascadeForestRegressor(layer, max_layers=1, random_state=0).fit(diabetes, values)
    scores = new_scores(estimator, diabetes, values)
    assert scores["r2"] == estimator.score(diabetes, values)
    error = estimator.predict(diabetes) - values
    assert scores["rmse"] == pytest.approx(np.sqrt(np.mean(error**2)))
    assert scores["mae"] == pytest.approx(np.mean(np.abs(error)))
    assert "classes" not in summary(estimator)


def test_boosted_trees_are_counted(tmp_path):
    layer = [("boosted", lightgbm("classification", n_estimators=3, early_stopping_round=None))]
    cascade = CascadeForestClassifier(layer, max_layers=1, cv=2, random_state=0)
    cascade.fit(*load_iris(return_X_y=True))
    cascade.save(tmp_path / "iris.dforest")
    loaded = load(tmp_path / "iris.dforest")
    [before], [after] = (summary(model)["layers"][0]["estimators"] for model in (cascade, loaded))
    assert before["trees"] == after["trees"] == 2 * 3 * 3  # folds, rounds, classes
    leaves = sum(len(model.trees.leaf_values) for model in cascade.layers_[0].models[0])
    assert before["nodes"] == after["nodes"] == 2 * leaves - before["trees"]
    assert summary(loaded)["importances"] == summary(cascade)["importances"]

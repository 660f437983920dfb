"""Weights of classes: what they are, and that they are weights of rows like any others."""

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, balanced_accuracy_score
from sklearn.pipeline import make_pipeline
from sklearn.tree import DecisionTreeClassifier
from sklearn.utils.class_weight import compute_sample_weight

from deepforest import (
    CascadeForestClassifier,
    GCForestClassifier,
    HistForestClassifier,
    MultiGrainedScanner,
)
from deepforest.class_weights import class_weights

LETTERS = np.array(list("abbccccd"))


@pytest.mark.parametrize("class_weight", [None, "balanced", {"a": 3, "c": 0.5}])
def test_they_are_scikit_learns(class_weight):
    weights = class_weights(class_weight, LETTERS, None)
    _, encoded = np.unique(LETTERS, return_inverse=True)
    np.testing.assert_allclose(
        weights[encoded], compute_sample_weight(class_weight, LETTERS), rtol=1e-15
    )


def test_balanced_counts_rows_with_weight_only():
    weight = np.array([0.0, 1, 0, 5, 1, 1, 0, 0])  # no a, one b, three c, no d
    assert class_weights("balanced", LETTERS, weight).tolist() == pytest.approx([0, 2, 2 / 3, 0])


@pytest.mark.parametrize(
    ("class_weight", "message"),
    [
        ("balance", "class_weight='balance' must be 'balanced', a dict .* or None"),
        ([1, 2], r"class_weight=\[1, 2\] must be"),
        ({"a": -1.0}, r"class_weight=.*-1\.0.* finite weights of zero or more"),
        ({"a": np.inf}, r"class_weight=.*inf.* finite weights"),
        ({"z": 2}, r"The classes, \['a', 'b', 'c', 'd'\], are not in class_weight"),
    ],
)
def test_what_is_refused(class_weight, message):
    with pytest.raises(ValueError, match=f"(?s){message}"):
        class_weights(class_weight, LETTERS, None)


def test_a_class_without_weight_must_not_be_all():
    forest = HistForestClassifier(3, class_weight={0: 0})
    with pytest.raises(ValueError, match="class_weight leaves no row with a weight"):
        forest.fit([[1.0], [2.0]], [0, 1], [1, 0])


def table(n=200, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 4)).astype(np.float32)
    y = np.where(X[:, 0] + rng.normal(size=n) > 1, "rare", "usual")
    return X, y, rng.uniform(0.2, 2, n)


SMALL = {"n_estimators": 10, "max_layers": 2, "cv": 3, "random_state": 0}
KINDS = {
    "cascade": lambda **weights: CascadeForestClassifier(**SMALL, **weights),
    "screened": lambda **weights: CascadeForestClassifier(screening=0.9, **SMALL, **weights),
    "gcforest": lambda **weights: GCForestClassifier([2], n_scan_estimators=5, **SMALL, **weights),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("class_weight", ["balanced", {"rare": 4}])
def test_they_are_weights_of_rows_in_all_of_the_cascade(kind, class_weight):
    X, y, weight = table()
    by_class = KINDS[kind](class_weight=class_weight).fit(X, y, weight)
    by_row = KINDS[kind]().fit(X, y, weight * compute_sample_weight(class_weight, y))
    np.testing.assert_array_equal(by_class.layer_scores_, by_row.layer_scores_)
    np.testing.assert_array_equal(by_class.estimator_weights_, by_row.estimator_weights_)
    np.testing.assert_array_equal(by_class.predict_proba(X), by_row.predict_proba(X))
    without = KINDS[kind]().fit(X, y, weight)
    assert np.abs(without.predict_proba(X) - by_row.predict_proba(X)).max() > 0.05


@pytest.mark.parametrize(
    ("kind", "parameter", "settings"),
    [
        (CascadeForestClassifier, "estimators", {"max_layers": 1}),
        (MultiGrainedScanner, "estimators", {"windows": [(2,)]}),
        (GCForestClassifier, "scan_estimators", {"windows": [(2,)], "max_layers": 1}),
    ],
)
def test_an_estimators_own_weights_by_label_are_refused_unless_labels_are_numbers(
    kind, parameter, settings
):
    X, numbers = np.random.default_rng(0).normal(size=(30, 4)), np.arange(30) % 3
    layer = [("tree", make_pipeline(DecisionTreeClassifier(class_weight={1: 5.0})))]
    model = kind(**{parameter: layer}, cv=3, **settings).fit(X, numbers)
    for labels in (numbers + 1, np.array(["a", "b", "c"])[numbers]):
        with pytest.raises(ValueError, match=r"'tree' cannot be used.*0 to 2"):
            model.fit(X, labels)


def test_an_estimators_own_weights_name_no_class_that_there_is_not():
    X, y = np.random.default_rng(0).normal(size=(30, 4)), np.arange(30) % 3
    layer = [("tree", DecisionTreeClassifier(class_weight={0: 1.0, 7: 5.0}))]
    with pytest.raises(ValueError, match=r"'tree' names \[7\], but the classes are 0 to 2"):
        CascadeForestClassifier(layer).fit(X, y)


def test_the_score_on_rows_of_the_users_own_counts_them_by_class_too():
    X, y, _ = table()
    X_val, y_val, _ = table(seed=1)
    cascade = CascadeForestClassifier(
        [("tree", DecisionTreeClassifier(max_depth=3))], **SMALL, class_weight="balanced"
    ).set_params(max_layers=1)
    cascade.fit(X, y, X_val=X_val, y_val=y_val)
    weight = cascade.class_weight_[(y_val == "usual").astype(int)]
    expected = accuracy_score(y_val, cascade.predict(X_val), sample_weight=weight)
    assert cascade.layer_scores_ == pytest.approx([expected])
    assert expected != pytest.approx(cascade.score(X_val, y_val), abs=0.01)


def test_balanced_weights_find_the_rare_class():
    X, y, _ = table(1000)
    X_test, y_test, _ = table(2000, seed=1)
    plain, balanced = (
        balanced_accuracy_score(y_test, kind.fit(X, y).predict(X_test))
        for kind in (KINDS["cascade"](), KINDS["cascade"](class_weight="balanced"))
    )
    assert balanced > plain + 0.03

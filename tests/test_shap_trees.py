import numpy as np
import pytest
from model_kinds import as_frame, table
from sklearn.exceptions import NotFittedError

from deepforest import (
    CascadeForestClassifier,
    HistForestClassifier,
    HistForestRegressor,
    to_shap,
)

shap = pytest.importorskip("shap")


def said(forest, X):
    """What is explained of rows (n, K)."""
    asked = getattr(forest, "predict_proba", forest.predict)
    return asked(X).reshape(len(X), -1)


def check_additive(explainer, forest, X, **tolerance):
    explanation = explainer(X)
    values = explanation.values.reshape(*X.shape, -1)
    base = explanation.base_values.reshape(len(X), -1)
    np.testing.assert_allclose(values.sum(axis=1) + base, said(forest, X), **tolerance)
    return values


X, Y = table()
RULES = {"n_estimators": 12, "random_state": 0}
FORESTS = {
    "three classes": (HistForestClassifier(**RULES), Y),
    "extra-trees": (HistForestClassifier(**RULES, splitter="random", min_samples_leaf=7), Y > 1),
    "values": (HistForestRegressor(**RULES), Y * 3.0 + 100),
    "two targets": (HistForestRegressor(**RULES), np.column_stack([Y, -2.5 * Y])),
}


@pytest.mark.parametrize("kind", FORESTS)
def test_values_sum_to_the_prediction(kind):
    forest, y = FORESTS[kind]
    forest.fit(X, y)
    by_paths = shap.TreeExplainer(to_shap(forest, X))
    check_additive(by_paths, forest, X, atol=1e-9)
    by_background = shap.TreeExplainer(to_shap(forest), X[:30])  # shap sums in float32 here
    check_additive(by_background, forest, X, rtol=1e-6, atol=1e-6)


def test_values_are_those_of_the_definition():
    """Shapley values of two columns, from predictions where a column is taken from elsewhere."""
    pairs, background = X[:, [0, 3]], X[:20, [0, 3]]
    forest = HistForestClassifier(8, random_state=0).fit(pairs, Y)
    explainer = shap.TreeExplainer(to_shap(forest), background)
    values = check_additive(explainer, forest, pairs, atol=1e-6)

    def mean_of(known):
        mixed = np.repeat(pairs[:, None], len(background), axis=1)
        for column in set(range(2)) - known:
            mixed[:, :, column] = background[:, column]
        return said(forest, mixed.reshape(-1, 2)).reshape(*mixed.shape[:2], -1).mean(axis=1)

    first = mean_of({0}) - mean_of(set()) + mean_of({0, 1}) - mean_of({1})
    np.testing.assert_allclose(values[:, 0], first / 2, atol=1e-6)


def test_weights_count_the_rows_of_each_node():
    forest = HistForestClassifier(3, random_state=0).fit(X, Y)
    trees = to_shap(forest, X)["trees"]
    leaves = forest.apply(X)
    for t, tree in enumerate(trees):
        weight, left, right = (
            tree[name] for name in ("node_sample_weight", "children_left", "children_right")
        )
        assert weight[0] == len(X)
        for node in range(len(weight)):
            if left[node] < 0:
                assert weight[node] == np.sum(leaves[:, t] == node)
            else:
                assert weight[node] == weight[left[node]] + weight[right[node]]


def test_a_forest_of_one_class():
    forest = HistForestClassifier(3, random_state=0).fit(X, np.zeros(len(X)))
    values = check_additive(shap.TreeExplainer(to_shap(forest, X)), forest, X, atol=1e-9)
    assert not values.any()


def test_what_is_refused():
    forest = HistForestClassifier(3, random_state=0).fit(X, Y)
    with pytest.raises(ValueError, match=r"X has 2 rows.*fitted on"):
        to_shap(forest, X[:2])
    with pytest.raises(NotImplementedError, match=r"categorical columns \(3\).*OrdinalEncoder"):
        to_shap(HistForestClassifier(3).fit(as_frame(X), Y))
    with pytest.raises(TypeError, match=r"shap\.Explainer\(model\.predict_proba, background\)"):
        to_shap(CascadeForestClassifier())
    with pytest.raises(NotFittedError):
        to_shap(HistForestClassifier())

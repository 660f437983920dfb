"""Importances of the raw columns, pushed back through the layers."""

import numpy as np
import pytest
from lightgbm import LGBMClassifier
from sklearn.datasets import load_iris, make_classification
from sklearn.decomposition import PCA
from sklearn.dummy import DummyClassifier
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from deepforest import CascadeForestClassifier, CascadeForestRegressor
from deepforest.estimators import lightgbm
from deepforest.importances import column_importances, model_importances
from deepforest.layer import CascadeLayer
from deepforest.models import quick_to_predict


class Model:
    def __init__(self, *importances):
        self.feature_importances_ = np.array(importances)


class Silent:
    """A model without importances."""


def layer(*models):
    return CascadeLayer([str(i) for i in range(len(models))], [list(m) for m in models], 2)


# Two raw columns, two estimators, two classes: later layers have 2 + 2 * 2 features.
FIRST = layer([Model(0.9, 0.1)], [Model(1.0, 0.0), Model(0.0, 1.0)])


def test_the_first_layer_is_weighted_and_fold_models_are_averaged():
    said = column_importances([FIRST], np.array([[0.75, 0.25]]), [slice(0, 2)])
    assert said.tolist() == pytest.approx([0.75 * 0.9 + 0.25 * 0.5, 0.75 * 0.1 + 0.25 * 0.5])


def test_an_augmented_feature_goes_to_the_columns_of_the_estimator_that_made_it():
    second = layer(
        [Model(0.1, 0.2, 0.2, 0.2, 0.2, 0.1)],  # 0.4 on the first estimator, 0.3 on the second
        [Model(0, 0, 1, 0, 0, 0)],
    )
    weights = np.array([[0.5, 0.0], [0.3, 0.2]])
    of_first = 0.1 + 0.4 * 0.9 + 0.3 * 0.5
    expected = 0.5 * 0.9 + 0.3 * of_first + 0.2 * 0.9
    said = column_importances([FIRST, second], weights, [slice(0, 2)])
    assert said.tolist() == pytest.approx([expected, 1 - expected])


def test_three_layers_are_pushed_back_one_by_one():
    second = layer([Model(0, 0.5, 0.5, 0, 0, 0)], [Model(0, 1, 0, 0, 0, 0)])
    third = layer([Model(0, 0, 0.5, 0.5, 0, 0)], [Model(1, 0, 0, 0, 0, 0)])
    weights = np.array([[0, 0], [0, 0], [1.0, 0]])
    said = column_importances([FIRST, second, third], weights, [slice(0, 2)])
    assert said.tolist() == pytest.approx([0.5 * 0.9, 0.5 + 0.5 * 0.1])


def test_estimators_without_importances_leave_their_share_to_the_others():
    first = layer([Model(0.9, 0.1)], [Silent()])
    second = layer([Model(0.2, 0.2, 0, 0, 0.6, 0)], [Silent()])
    alone = column_importances([first], np.array([[0.1, 0.9]]), [slice(0, 2)])
    assert alone.tolist() == pytest.approx([0.9, 0.1])
    said = column_importances([first, second], np.array([[0, 0], [0.5, 0.5]]), [slice(0, 2)])
    assert said.tolist() == pytest.approx([0.5, 0.5])
    assert column_importances([first], np.array([[0.0, 1.0]]), [slice(0, 2)]) is None


def test_a_constant_fold_model_depends_on_nothing():
    dummy = DummyClassifier()
    mixed = layer([dummy, Model(0.3, 0.7)], [dummy, dummy])
    said = column_importances([mixed], np.array([[0.5, 0.5]]), [slice(0, 2)])
    assert said.tolist() == pytest.approx([0.3, 0.7])
    assert column_importances([mixed], np.array([[0.0, 1.0]]), [slice(0, 2)]).tolist() == [0, 0]


def test_importances_of_any_scale_are_shares():
    first = layer([Model(30.0, 10.0)], [Model(0.0, 0.0)])
    said = column_importances([first], np.array([[0.5, 0.5]]), [slice(0, 2)])
    assert said.tolist() == pytest.approx([0.75, 0.25])


# Of fitted cascades


def table(n=300, seed=0):
    X, y = make_classification(
        n, 6, n_informative=2, n_redundant=0, shuffle=False, class_sep=1.5, random_state=seed
    )
    return X, y  # the first two columns are informative


def test_the_informative_columns_win_in_every_kind_of_layer():
    X, y = table()
    cascade = CascadeForestClassifier(
        n_estimators=20, max_layers=2, n_iter_no_change=2, scoring="neg_log_loss", random_state=0
    ).fit(X, y)
    importances = cascade.feature_importances_
    assert importances.shape == (cascade.n_features_in_,) == (6,)
    assert importances.sum() == pytest.approx(1)
    assert importances.min() >= 0
    assert importances[:2].sum() > 0.6
    assert importances[:2].min() > importances[2:].max()
    np.testing.assert_array_equal(cascade.feature_importances_, importances)


def test_a_regressor_has_importances_too():
    X = np.random.default_rng(0).normal(size=(200, 4))
    cascade = CascadeForestRegressor(n_estimators=20, max_layers=2, random_state=0)
    importances = cascade.fit(X, X[:, 2]).feature_importances_
    assert importances.argmax() == 2
    assert importances.sum() == pytest.approx(1)


def trees(*scores):
    """Trees whose splits do not depend on the order of the columns, grown by these scores."""
    remaining = list(scores)
    layer = [
        ("deep", DecisionTreeRegressor(max_depth=4, min_samples_leaf=5)),
        ("stump", DecisionTreeRegressor(max_depth=1)),
    ]
    return CascadeForestRegressor(
        layer,
        scoring=lambda *rows: remaining.pop(0),
        max_layers=len(scores),
        n_iter_no_change=9,
        cv=3,
        combine="mean",
        random_state=0,
    )


def test_permuting_the_columns_permutes_the_importances():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(300, 5)).astype(np.float32)
    y = X[:, 0] * X[:, 1] + X[:, 2] + 0.1 * rng.normal(size=300)
    order = np.array([3, 0, 4, 2, 1])
    plain = trees(0.1, 0.2, 0.3).fit(X, y)
    permuted = trees(0.1, 0.2, 0.3).fit(X[:, order], y)
    assert plain.n_layers_ == 3
    np.testing.assert_allclose(
        permuted.feature_importances_, plain.feature_importances_[order], atol=1e-9
    )


def test_layers_that_were_cut_off_play_no_part():
    X, y = table()
    cut = trees(0.5, 0.6, 0.1, 0.1).fit(X, y)
    grown = trees(0.5, 0.6).fit(X, y)
    assert len(cut.layer_scores_) == 4
    np.testing.assert_array_equal(cut.feature_importances_, grown.feature_importances_)


def test_lightgbm_counts_by_gain():
    X, y = table()
    model = LGBMClassifier(n_estimators=20, verbosity=-1).fit(X, y)
    gain = model.booster_.feature_importance("gain")
    counts = model.feature_importances_
    assert (counts / counts.sum() != gain / gain.sum()).any()
    np.testing.assert_array_equal(model_importances(model), gain)
    np.testing.assert_array_equal(model_importances(quick_to_predict(model)), gain)
    cascade = CascadeForestClassifier(
        [("boosted", lightgbm("classification"))], max_layers=1, cv=2, random_state=0
    ).fit(X, y)
    gains = [model.importances for model in cascade.layers_[0].models[0]]
    expected = np.mean([gain / gain.sum() for gain in gains], axis=0)
    np.testing.assert_allclose(cascade.feature_importances_, expected)


def test_a_cascade_without_importances_says_so():
    X, y = table(60)
    cascade = CascadeForestClassifier([("bayes", GaussianNB())], max_layers=1).fit(X, y)
    assert not hasattr(cascade, "feature_importances_")
    with pytest.raises(AttributeError, match="put trees in the layer"):
        cascade.feature_importances_  # noqa: B018
    mixed = CascadeForestRegressor(
        [("neighbours", KNeighborsRegressor()), ("tree", DecisionTreeRegressor(max_depth=3))],
        max_layers=1,
        combine="mean",
        cv=2,
    ).fit(X, y)
    models = mixed.layers_[0].models[1]
    expected = np.mean([tree.feature_importances_ for tree in models], axis=0)
    np.testing.assert_allclose(mixed.feature_importances_, expected)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_linear_models_count_by_the_sizes_of_their_coefficients(n_classes):
    X, y = load_iris(return_X_y=True)
    X, y = X[y < n_classes], y[y < n_classes]
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(X, y)
    expected = np.abs(model[-1].coef_).sum(axis=0)
    np.testing.assert_array_equal(model_importances(model), expected)
    ridge = Ridge().fit(X, y)
    np.testing.assert_array_equal(model_importances(ridge), np.abs(ridge.coef_))
    assert model_importances(make_pipeline(PCA(2), LogisticRegression()).fit(X, y)) is None


def test_a_cascade_of_linear_models_has_importances():
    X, y = table(200)
    linear = make_pipeline(StandardScaler(), LogisticRegression())
    cascade = CascadeForestClassifier([("linear", linear)], max_layers=1, cv=2).fit(X, y)
    sizes = [np.abs(model[-1].coef_[0]) for model in cascade.layers_[0].models[0]]
    expected = np.mean([size / size.sum() for size in sizes], axis=0)
    np.testing.assert_allclose(cascade.feature_importances_, expected, rtol=1e-6)  # float32


def test_one_class_makes_no_column_important():
    X, _ = table(20)
    cascade = CascadeForestClassifier([("tree", DecisionTreeClassifier())], max_layers=1)
    assert cascade.fit(X, np.zeros(20)).feature_importances_.tolist() == [0] * 6


def test_an_unfitted_cascade_has_no_importances():
    cascade = CascadeForestClassifier()
    assert not hasattr(cascade, "feature_importances_")
    with pytest.raises(NotFittedError):
        cascade.feature_importances_  # noqa: B018


def test_each_layer_sees_a_grain_of_its_own():
    first, second = layer([Model(1, 3)]), layer([Model(2, 1, 1)])
    # The second layer sees the third column, and two class vectors of the first layer.
    said = column_importances([first, second], np.array([[0.0], [1.0]]), [slice(0, 2), slice(2, 3)])
    assert said.tolist() == [0.125, 0.375, 0.5]

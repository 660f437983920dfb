"""Importances of the values of arrays: from class vectors to windows, from windows to values."""

import naive
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.naive_bayes import GaussianNB
from sklearn.tree import DecisionTreeClassifier

from deepforest import GCForestClassifier, GCForestRegressor
from deepforest.grains import grain_settings, lay_grains
from deepforest.scan_importances import value_importances


class Model:
    def __init__(self, importances):
        self.feature_importances_ = importances


def lay(shape, size, *, stride=1, padding=0, pool=1):
    shared = {"stride": stride, "padding": padding, "pool": pool, "pool_method": "mean"}
    return lay_grains(grain_settings([size], **shared), shape)[0]


def test_a_sequence_by_hand():
    layout = lay((4,), (2,), pool=2)  # windows 01, 12, 23; pooled 01+12 and 23
    features = np.array([0.3, 0.1, 0.6, 0.0])  # two positions, two classes
    own = Model(np.array([0.75, 0.25]))
    values = value_importances(features, layout, [[own]], (4,))
    first, second = 0.4 / 2, 0.6
    expected = [
        first * 0.75,
        first * 0.25 + first * 0.75,
        first * 0.25 + second * 0.75,
        second * 0.25,
    ]
    np.testing.assert_allclose(values, expected)


def test_what_falls_on_padding_is_lost():
    layout = lay((2,), (2,), padding=1)  # windows -1 0, 01, 12
    values = value_importances(np.ones(3), layout, [[Model(np.array([0.5, 0.5]))]], (2,))
    np.testing.assert_allclose(values, [1.0, 1.0])


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_as_the_naive_way(data):
    n_axes = data.draw(st.integers(1, 2))
    channels = data.draw(st.sampled_from([(), (2,)]))
    sides = tuple(data.draw(st.integers(3, 6)) for _ in range(n_axes))
    size = tuple(data.draw(st.integers(1, 3)) for _ in range(n_axes))
    shape = sides + channels
    steps = {name: data.draw(st.integers(1, 3)) for name in ("stride", "pool")}
    layout = lay(shape, size, padding=data.draw(st.integers(0, 2)), **steps)
    rng = np.random.default_rng(data.draw(st.integers(0, 99)))
    n_values = layout.grid.offset.size
    models = [[Model(rng.random(n_values)), Model(rng.random(n_values))], [object()]]
    features = rng.random(2 * layout.n_pooled * 3)
    values = value_importances(features, layout, models, shape)
    np.testing.assert_allclose(values, naive.value_importances(features, layout, models, shape))


def test_estimators_without_importances_say_nothing():
    layout = lay((4,), (2,))
    assert value_importances(np.ones(3), layout, [[object()]], (4,)) is None


def images(n=160, seed=0):
    """Images of 8 x 8 whose class is in the brightness of the patch [2:5, 4:7]."""
    rng = np.random.default_rng(seed)
    y = np.arange(n) % 2
    X = rng.normal(size=(n, 8, 8))
    X[:, 2:5, 4:7] += 2.0 * y[:, None, None]
    return X, y


@pytest.mark.parametrize("grains", ["cycle", "concatenate"])
@pytest.mark.parametrize("passthrough", [False, True])
def test_the_pixels_that_tell_the_classes_apart_win(grains, passthrough):
    X, y = images()
    forest = GCForestClassifier(
        [3, 4],
        stride=1,
        n_scan_estimators=10,
        n_estimators=20,
        max_layers=3,
        n_iter_no_change=3,
        grains=grains,
        passthrough=passthrough,
        random_state=0,
    ).fit(X, y)
    importances = forest.feature_importances_
    assert importances.shape == (forest.n_features_in_,) == (64,)
    assert importances.sum() == pytest.approx(1)
    assert importances.min() >= 0
    by_pixel = importances.reshape(forest.input_shape_)
    assert by_pixel[2:5, 4:7].mean() > 3 * by_pixel[5:].mean()


def test_a_regressor_has_importances_too():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(150, 10))
    forest = GCForestRegressor([3], n_scan_estimators=10, n_estimators=20, max_layers=1)
    importances = forest.set_params(random_state=0).fit(X, X[:, 6]).feature_importances_
    assert importances.argmax() == 6


def test_one_class_makes_no_value_important():
    X, _ = images(12)
    forest = GCForestClassifier([4], n_scan_estimators=3, n_estimators=5, max_layers=1)
    assert not forest.fit(X, np.zeros(12)).feature_importances_.any()


def test_scanning_by_models_without_importances_has_none():
    X, y = images(40)
    forest = GCForestClassifier(
        [4],
        scan_estimators=[("scan", GaussianNB())],
        estimators=[("tree", DecisionTreeClassifier())],
        max_layers=1,
    ).fit(X, y)
    assert not hasattr(forest, "feature_importances_")
    with pytest.raises(AttributeError, match="put trees in scan_estimators"):
        forest.feature_importances_  # noqa: B018

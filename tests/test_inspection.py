"""Displays: what is drawn, and on which axes."""

import sys

import numpy as np
import pytest
from sklearn.datasets import load_iris
from sklearn.exceptions import NotFittedError
from sklearn.tree import DecisionTreeClassifier

from deepforest import (
    CascadeForestClassifier,
    FeatureImportanceDisplay,
    GCForestClassifier,
    HistForestRegressor,
    LayerScoreDisplay,
    ScanImportanceDisplay,
)

matplotlib = pytest.importorskip("matplotlib")


@pytest.fixture(autouse=True)
def plt():
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    yield plt
    plt.close("all")


def grown(*scores, **parameters):
    """A cascade whose layers have these scores."""
    X, y = load_iris(return_X_y=True)
    remaining = list(scores)
    return CascadeForestClassifier(
        [("tree", DecisionTreeClassifier(max_depth=2))],
        scoring=lambda *rows: remaining.pop(0),
        max_layers=len(scores),
        n_iter_no_change=9,
        combine="mean",
        random_state=0,
        **parameters,
    ).fit(X, y)


def scanning(shape, windows, n=40):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n, *shape))
    y = (X.reshape(n, -1)[:, 0] > 0).astype(int)
    forest = GCForestClassifier(
        windows, n_scan_estimators=3, n_estimators=5, max_layers=1, random_state=0
    )
    return forest.fit(X, y), X[0]


@pytest.mark.parametrize("scores", [(0.97, 0.97), (0.9, 1.0), (-0.3, -0.2)])
def test_no_score_is_drawn_above_one(scores):
    display = LayerScoreDisplay.from_estimator(grown(*scores))
    bottom, top = display.ax_.get_ylim()
    assert bottom < min(scores) <= max(scores) <= top <= 1


def test_scores_above_one_are_drawn():
    assert LayerScoreDisplay.from_estimator(grown(2.0, 3.0)).ax_.get_ylim()[1] > 3


def test_scores_by_layer():
    cascade = grown(0.5, 0.75, 0.6)
    display = LayerScoreDisplay.from_estimator(cascade, label="trees")
    np.testing.assert_array_equal(display.line_.get_xdata(), [1, 2, 3])
    np.testing.assert_array_equal(display.line_.get_ydata(), [0.5, 0.75, 0.6])
    assert display.line_.get_label() == "trees"
    assert not display.ax_.yaxis.get_major_formatter().get_useOffset()
    _, hollow = display.ax_.lines
    np.testing.assert_array_equal(hollow.get_xdata(), [3])
    assert display.figure_ is display.ax_.figure


def test_the_score_is_called_by_its_name(plt):
    X, y = load_iris(return_X_y=True)
    cascade = CascadeForestClassifier(
        [("tree", DecisionTreeClassifier())], max_layers=1, scoring="neg_log_loss"
    )
    _, ax = plt.subplots()
    display = LayerScoreDisplay.from_estimator(cascade.fit(X, y), ax=ax)
    assert display.ax_ is ax
    assert "log_loss" in ax.get_ylabel()
    assert ax.get_xlabel() == "layer"


def labels(display):
    return [label.get_text() for label in display.ax_.get_yticklabels()]


def test_columns_from_least_to_most_important():
    X, y = load_iris(return_X_y=True, as_frame=True)
    cascade = CascadeForestClassifier(n_estimators=5, max_layers=1, random_state=0).fit(X, y)
    display = FeatureImportanceDisplay.from_estimator(cascade, n_shown=3, color="C3")
    order = np.argsort(cascade.feature_importances_)[1:]
    assert labels(display) == list(X.columns[order])
    drawn = [bar.get_width() for bar in display.bars_]
    np.testing.assert_allclose(drawn, cascade.feature_importances_[order])
    assert display.bars_[0].get_facecolor() == matplotlib.colors.to_rgba("C3")


def test_names_of_columns_are_inside_the_picture():
    X, y = load_iris(return_X_y=True)
    cascade = CascadeForestClassifier(n_estimators=2, max_layers=1, random_state=0).fit(X, y)
    names = ["a name that takes much room", "b", "c", "d"]
    display = FeatureImportanceDisplay.from_estimator(cascade, feature_names=names)
    display.figure_.canvas.draw()
    assert all(label.get_window_extent().x0 >= 0 for label in display.ax_.get_yticklabels())


def test_columns_without_names_and_of_one_name():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(50, 3))
    forest = HistForestRegressor(5, random_state=0).fit(X, X[:, 1])
    assert labels(FeatureImportanceDisplay.from_estimator(forest))[-1] == "x1"
    display = FeatureImportanceDisplay.from_estimator(forest, feature_names=["a", "a", "a"])
    assert labels(display) == ["a"] * 3
    assert len({bar.get_y() for bar in display.bars_}) == 3
    with pytest.raises(ValueError, match="feature_names has 2 names, but the model has 3"):
        FeatureImportanceDisplay.from_estimator(forest, feature_names=["a", "b"])


def test_importances_over_an_image():
    forest, image = scanning((6, 5), [3])
    display = ScanImportanceDisplay.from_estimator(forest, image, cmap="Blues")
    drawn = np.asarray(display.image_.get_array())
    np.testing.assert_allclose(drawn, forest.feature_importances_.reshape(6, 5))
    assert display.image_.get_cmap().name == "Blues"
    beneath, above = display.ax_.images
    np.testing.assert_allclose(np.asarray(beneath.get_array()), image)
    assert above is display.image_


@pytest.mark.parametrize("n_channels", [2, 3])
def test_channels_are_summed(n_channels):
    forest, image = scanning((5, 5, n_channels), [(3, 3)])
    display = ScanImportanceDisplay.from_estimator(forest, np.abs(image) / np.abs(image).max())
    expected = forest.feature_importances_.reshape(5, 5, n_channels).sum(axis=2)
    np.testing.assert_allclose(display.importances, expected)


@pytest.mark.parametrize("shape", [(12,), (12, 2)])
def test_importances_behind_a_sequence(shape):
    forest, sequence = scanning(shape, [(4,)])
    display = ScanImportanceDisplay.from_estimator(forest, sequence)
    assert np.asarray(display.image_.get_array()).shape == (1, 12)
    assert len(display.ax_.lines) == (1 if len(shape) == 1 else 2)
    assert display.ax_.get_xlim() == (-0.5, 11.5)


def test_importances_alone():
    forest, _ = scanning((12,), [4])
    assert ScanImportanceDisplay.from_estimator(forest).ax_.lines[:] == []


def test_what_cannot_be_drawn_is_an_error():
    forest, _ = scanning((6, 5), [3])
    with pytest.raises(ValueError, match=r"array has shape \(5, 6\)"):
        ScanImportanceDisplay.from_estimator(forest, np.zeros((5, 6)))
    volumes, _ = scanning((4, 4, 4), [(2, 2, 2)])
    with pytest.raises(ValueError, match="3 spatial axes"):
        ScanImportanceDisplay.from_estimator(volumes)
    with pytest.raises(TypeError, match="use FeatureImportanceDisplay"):
        ScanImportanceDisplay.from_estimator(grown(0.5))
    with pytest.raises(NotFittedError):
        LayerScoreDisplay.from_estimator(CascadeForestClassifier())


def test_without_matplotlib_the_remedy_is_said(monkeypatch):
    cascade = grown(0.5)
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    with pytest.raises(ImportError, match=r"gcforest\[plot\]"):
        LayerScoreDisplay.from_estimator(cascade)

import sys

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lightgbm import LGBMClassifier, LGBMRegressor
from model_kinds import KINDS, few, images, rising, sequences, table
from sklearn.dummy import DummyClassifier
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression

import deepforest
from deepforest import (
    CascadeForestClassifier,
    CascadeForestRegressor,
    GCForestClassifier,
    HistForestClassifier,
    HistForestRegressor,
    MultiGrainedScanner,
    to_onnx,
)
from deepforest.boosted import read_model
from deepforest.onnx_graph import Graph
from deepforest.onnx_trees import boosted_outputs

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")

REFUSED = {
    "binner": "Binner cannot become an ONNX model",
    "forest_classifier": r"categorical columns \(3\).*OrdinalEncoder",
    "forest_of_frame": r"categorical columns \(3\).*OrdinalEncoder",
    "cascade_with_foreign": r"'linear' of layers_\[0\] is a Pipeline.*'lightgbm'",
}


def run(model, X):
    """Return the outputs of an ONNX model, by name."""
    onnx.checker.check_model(model, full_check=True)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(None, {"X": np.asarray(X, np.float32)}), strict=True))


def check_same(estimator, X):
    """Check that an estimator's ONNX model says what it says itself."""
    X = np.asarray(X, np.float32)
    said = run(to_onnx(estimator), X)
    if hasattr(estimator, "predict_proba"):
        assert list(said) == ["label", "probabilities"]
        expected = estimator.predict_proba(X)
        np.testing.assert_allclose(said["probabilities"], expected, atol=1e-6)
        # Of classes that are equally probable, rounding in the last bit chooses.
        two = np.sort(np.column_stack([np.full(len(X), -1.0), expected]))[:, -2:]
        clear = two[:, 1] - two[:, 0] > 1e-9
        assert np.array_equal(said["label"][clear], estimator.predict(X)[clear])
        return
    asked = estimator.transform if hasattr(estimator, "transform") else estimator.predict
    expected = asked(X).reshape(len(X), -1)
    assert list(said) == ["variable"]
    assert said["variable"].dtype == expected.dtype
    least = 1e-9 * np.abs(expected).max()
    np.testing.assert_allclose(said["variable"], expected, rtol=1e-6, atol=least)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_model_is_exported_or_refused(kind):
    model, X = KINDS[kind]()
    if kind in REFUSED:
        with pytest.raises(NotImplementedError, match=REFUSED[kind]):
            to_onnx(model)
    else:
        check_same(model, X)


def test_a_loaded_model_is_exported_alike(tmp_path):
    model, _ = KINDS["gcforest_classifier"]()
    model.save(tmp_path / "model")
    loaded = deepforest.load(tmp_path / "model")
    assert to_onnx(loaded).SerializeToString() == to_onnx(model).SerializeToString()


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_forests_on_values_that_meet_thresholds(seed):
    rng = np.random.default_rng(seed)
    n, n_classes = int(rng.integers(5, 60)), int(rng.integers(1, 5))
    X = rng.integers(0, 4, (n, 3)).astype(np.float32)
    X[rng.random(X.shape) < rng.choice([0, 0.2])] = np.nan
    y = rng.integers(0, n_classes, n)
    rules = {
        "n_estimators": int(rng.integers(1, 8)),
        "splitter": str(rng.choice(["best", "random"])),
        "min_samples_leaf": int(rng.integers(1, 4)),
        "random_state": 0,
    }
    new = np.vstack([X, rng.choice([-1, 0, 0.5, 1, 1.5, 2.5, 9, np.nan], (30, 3))])
    check_same(HistForestClassifier(**rules).fit(X, y), new)
    scale = 10.0 ** rng.integers(-40, 60)  # beyond what a float32 holds
    check_same(HistForestRegressor(**rules).fit(X, y * scale), new)


# Every layer compares with thresholds what the layer before has said. Here that takes few values,
# the mean of two fold models lies on thresholds halfway between those of one, and values are zero
# but for rounding: an error in the last bit takes rows to the other side.
@pytest.mark.parametrize("n_trees, screening", [(3, 0.6), (7, 0.7)])
@pytest.mark.parametrize("task", ["classification", "regression"])
def test_no_row_changes_sides_in_a_deep_cascade(task, n_trees, screening):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(3000, 4)).astype(np.float32)
    y = (X[:, 0] * X[:, 1] + rng.normal(scale=0.3, size=3000) > 0) + 2.0 * (X[:, 2] > 0)
    kind, forest = CascadeForestClassifier, HistForestClassifier
    if task == "regression":
        kind, forest, y = CascadeForestRegressor, HistForestRegressor, y * 0.85
    extra = forest(n_trees, splitter="random", bootstrap=False)
    cascade = kind([("extra", extra)], max_layers=4, n_iter_no_change=4, cv=2, random_state=0)
    cascade.set_params(scoring=rising(), combine="mean")
    check_same(cascade.fit(X[:300], y[:300]), X)
    if task == "classification":  # many rows are just as sure as it takes to leave
        check_same(cascade.set_params(screening=screening).fit(X[:300], y[:300]), X)
        assert cascade.screens_


def test_estimators_that_are_not_used_say_zero():
    X, y = table()
    cascade = CascadeForestClassifier(few("classification"), max_layers=3, n_iter_no_change=3)
    cascade.set_params(cv=3, random_state=0, scoring=rising()).fit(X, y)
    assert any(not models for layer in cascade.layers_ for models in layer.models)
    check_same(cascade, X)


def test_layers_of_different_estimators_and_a_power():
    X, y = table()
    cascade = CascadeForestClassifier(n_estimators=5, max_layers=2, n_iter_no_change=2, cv=2)
    cascade.set_params(random_state=0, scoring=rising()).fit(X, y)
    assert cascade.power_ != 1
    check_same(cascade, X)
    cascade.set_params(combine="mean").fit(X, y)
    first, second = cascade.layers_
    assert len(first.names) > len(second.names)
    check_same(cascade, X)


def test_several_targets_with_one_model_each():
    X, y = table()
    cascade = CascadeForestRegressor([few("regression")[2]], max_layers=2, n_iter_no_change=2)
    cascade.set_params(random_state=0).fit(X, np.column_stack([y, X.sum(axis=1) > 0]))
    check_same(cascade, X)


def of_lightgbm(model, X, y):
    """A cascade that says what one model of LightGBM says, and the rows to ask it about."""
    model.set_params(n_estimators=8, num_leaves=6, min_child_samples=2, verbosity=-1, n_jobs=1)
    kind = CascadeForestClassifier if isinstance(model, LGBMClassifier) else CascadeForestRegressor
    return kind([("model", model)], max_layers=1, cv=2, random_state=0).fit(X, y)


@pytest.mark.parametrize(
    "parameters",
    [
        {"objective": "regression"},
        {"objective": "regression", "reg_sqrt": True},
        {"objective": "poisson"},
        {"objective": "quantile", "alpha": 0.3},
        {"boosting_type": "rf", "subsample": 0.5, "subsample_freq": 1},
        {"use_missing": False},
        {"min_child_samples": 1000},
    ],
    ids=str,
)
def test_objectives_of_lightgbm(parameters):
    X, y = table()
    least = parameters.get("min_child_samples", 2)
    model = LGBMRegressor(**parameters)
    cascade = of_lightgbm(model, X, y + 1.0)
    if least > 2:
        cascade.set_params(model__min_child_samples=least).fit(X, y + 1.0)  # trees without splits
    check_same(cascade, X)
    check_same(cascade, np.where(np.isnan(X), 0, X))


@pytest.mark.parametrize("objective", ["multiclass", "multiclassova", "binary"])
def test_classes_of_lightgbm(objective):
    X, y = table()
    check_same(
        of_lightgbm(
            LGBMClassifier(objective=objective), X, y % (2 if objective == "binary" else 3)
        ),
        X,
    )


def test_zeros_and_what_lightgbm_takes_for_zero():
    rng = np.random.default_rng(0)
    values = np.float32([-1, -1e-35, -1e-36, -0.0, 0, 1e-36, 1e-35, 2e-35, 1, np.nan])
    X = rng.choice(values, (200, 2))
    y = (X[:, 0] > 0) + 2.0 * (X[:, 1] >= 0) + np.isnan(X[:, 0])
    check_same(of_lightgbm(LGBMRegressor(), X, y), X)
    X = np.where(np.isnan(X), 0, X)
    check_same(of_lightgbm(LGBMRegressor(), X, y), np.vstack([X, np.full((1, 2), np.nan)]))


def test_windows_that_hold_only_nan_and_blocks_that_are_not_full():
    X, y = sequences()
    X[3] = np.nan
    for method in ("mean", "max"):
        windows = [{"size": (3,), "pool": 3, "pool_method": method}, {"size": (4,), "padding": 2}]
        scanner = MultiGrainedScanner(windows, estimators=few("regression"), cv=2, random_state=0)
        check_same(scanner.fit(X, y), X)
        scanner.set_params(estimators=few("classification"))
        check_same(scanner.fit(X, np.digitize(y, [-0.5, 0.5])), X)


def test_images_of_floats_with_channels():
    X, y = images()
    X = np.stack([X, X[:, ::-1]], axis=-1) / 7
    forest = GCForestClassifier([(2, 2)], scan_estimators=few("classification", "scan_")[:2])
    forest.set_params(estimators=few("classification")[:1], cv=2, random_state=0, max_layers=1)
    check_same(forest.fit(X, y), X)


def test_a_fold_without_one_of_the_classes():
    X, y = table()
    rare = np.where(np.arange(len(y)) < 3, 7, y)
    folds = [(np.arange(60), np.arange(60, 120)), (np.arange(60, 120), np.arange(60))]
    cascade = CascadeForestClassifier(few("classification"), cv=folds, max_layers=2)
    check_same(cascade.set_params(random_state=0).fit(X, rare), X)


def test_labels_of_any_type():
    X, y = table()
    for labels in (
        np.array(["a", "b", "c"])[y],
        np.array(["a", "b", "c"], object)[y],
        y * 1.0,
        y > 0,
    ):
        check_same(HistForestClassifier(2, random_state=0).fit(X, labels), X)


def test_the_file_says_what_it_is(tmp_path):
    model = to_onnx(HistForestClassifier(2).fit(*table()))
    onnx.save(model, tmp_path / "forest.onnx")
    loaded = onnx.load(tmp_path / "forest.onnx")
    assert loaded.producer_name == "deepforest"
    (given,) = loaded.graph.input
    axes = given.type.tensor_type.shape.dim
    assert (given.name, axes[0].dim_param, axes[1].dim_value) == ("X", "N", 4)


def test_categories_are_refused_wherever_they_are():
    X, y = table()
    X[:, 3] = np.nan_to_num(X[:, 3])
    forest = HistForestClassifier(2, categorical_features=[3])
    cascade = CascadeForestClassifier([("one", forest)], max_layers=1, cv=2).fit(X, y)
    with pytest.raises(NotImplementedError, match=r"'one' of layers_\[0\] has categorical.*\(3\)"):
        to_onnx(cascade)
    lightgbm = LGBMClassifier(verbosity=-1, cat_smooth=0.1, min_data_per_group=1)
    lightgbm.fit(X, y, categorical_feature=[3])
    with pytest.raises(NotImplementedError, match=r"it has splits on categories.*OrdinalEncoder"):
        boosted_outputs(Graph(), read_model(lightgbm).trees, "X", "it")
    frame = pd.DataFrame({"x": X[:, 0], "size": pd.Categorical(["small"] * 60 + ["large"] * 60)})
    with pytest.raises(
        NotImplementedError, match=r"CascadeForestClassifier has categorical.*\(1\)"
    ):
        to_onnx(CascadeForestClassifier(few("classification"), max_layers=1).fit(frame, y))


@pytest.mark.parametrize("strategy", ["prior", "most_frequent", "uniform"])
def test_constants_say_what_their_strategy_says(strategy):
    X, y = table()
    X = np.nan_to_num(X)
    layer = [("forest", HistForestClassifier(2)), ("constant", DummyClassifier(strategy=strategy))]
    check_same(CascadeForestClassifier(layer, cv=2, combine="mean", random_state=0).fit(X, y), X)


def test_what_else_is_refused(monkeypatch):
    X, y = table()
    X = np.nan_to_num(X)
    model = of_lightgbm(LGBMRegressor(zero_as_missing=True), X, (X[:, 3] > 0) + X[:, 1])
    with pytest.raises(NotImplementedError, match=r"'model' of layers_\[0\] takes zeros.*NaN"):
        to_onnx(model)
    model = of_lightgbm(LGBMRegressor(linear_tree=True), X, X[:, 0])
    with pytest.raises(NotImplementedError, match=r"linear leaves.*fit again"):
        to_onnx(model)
    constant = [("one", DummyClassifier(strategy="stratified"))]
    with pytest.raises(NotImplementedError, match=r"'one' .* draws what it says"):
        to_onnx(CascadeForestClassifier(constant, cv=2, max_layers=1).fit(X, y))
    pixels, labels = images()
    scanner = MultiGrainedScanner([3], estimators=[("linear", LogisticRegression())], cv=2)
    with pytest.raises(NotImplementedError, match="'linear' of grain 0 is a LogisticRegression"):
        to_onnx(scanner.fit(pixels, labels))
    with pytest.raises(NotImplementedError, match="LogisticRegression cannot become an ONNX model"):
        to_onnx(LogisticRegression().fit(X, y))
    with pytest.raises(NotFittedError):
        to_onnx(HistForestClassifier())
    monkeypatch.setattr("deepforest.onnx_trees.LARGEST_TABLE", 2)
    with pytest.raises(
        NotImplementedError, match=r"HistForestRegressor has .* leaves.*n_estimators"
    ):
        to_onnx(HistForestRegressor(2).fit(X, y))


def test_without_onnx_the_error_says_what_to_install(monkeypatch):
    forest = HistForestClassifier(2).fit(*table())
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(ImportError, match=r"pip install 'gcforest\[onnx\]'"):
        to_onnx(forest)

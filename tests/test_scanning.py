"""Multi-grained scanning: windows of an instance stay together."""

import tracemalloc

import numpy as np
import pandas as pd
import pytest
from recording import RecordingClassifier
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import GroupKFold, KFold, TimeSeriesSplit
from sklearn.pipeline import make_pipeline
from sklearn.tree import DecisionTreeClassifier

from deepforest import CascadeForestClassifier, MultiGrainedScanner, scanning
from deepforest.grains import GrainLayout
from deepforest.target import Target
from deepforest.windowed import WindowedArray
from deepforest.windows import window_grid

TREE = [("tree", DecisionTreeClassifier(max_depth=3))]


def arrays(shape, n=24, seed=0):
    return np.random.default_rng(seed).normal(size=(n, *shape)).astype(np.float32)


def labels(n=24, n_classes=2):
    return np.arange(n) % n_classes


def numbered(n=12, length=6):
    """Sequences whose values are all the instance's number, so that each window tells its own."""
    return np.repeat(np.arange(n, dtype=np.float32)[:, None], length, axis=1)


def recorder(**parameters):
    return MultiGrainedScanner(
        [3], stride=1, pool=1, estimators=[("r", RecordingClassifier())], **parameters
    )


@pytest.mark.parametrize("cv", [2, 5, 12, GroupKFold(3)])
def test_windows_of_one_instance_never_straddle(cv):
    groups = np.arange(12) // 2 if isinstance(cv, GroupKFold) else None
    scanner = recorder(cv=cv, random_state=0)
    features = scanner.fit_transform(numbered(), labels(12), groups=groups)
    # 4 positions of (saw it, did not see it): no window's model saw any window of its instance.
    assert features.tolist() == [[0, 1] * 4] * 12
    [grain] = scanner.grains_
    seen = [model.seen_ for model in grain.models[0]]
    for number in range(12):
        assert sum(number in numbers for numbers in seen) == len(seen) - 1


def test_the_features_of_new_instances_are_the_mean_of_all_fold_models():
    scanner = recorder(cv=4, random_state=0).fit(numbered(), labels(12))
    assert scanner.transform(numbered()).tolist() == [[0.75, 0.25] * 4] * 12


def test_bootstrapping_forests_of_others_are_cross_fitted_in_folds():
    # Their bags draw windows and not instances.
    forest = RandomForestClassifier(2)
    scanner = MultiGrainedScanner([3], estimators=[("forest", forest)], cv=3, random_state=0)
    scanner.fit(arrays((6,)), labels())
    assert [len(models) for models in scanner.grains_[0].models] == [3]


def test_the_engines_forests_vote_out_of_bag_unless_the_splits_are_explicit():
    scanner = MultiGrainedScanner([3], n_estimators=2, cv=3, random_state=0)
    scanner.fit(arrays((6,)), labels())
    assert [len(models) for models in scanner.grains_[0].models] == [1, 1]
    scanner.set_params(cv=KFold(3)).fit(arrays((6,)), labels())
    assert [len(models) for models in scanner.grains_[0].models] == [3, 3]


def test_an_instance_that_is_never_held_out_gets_the_prior_at_every_position():
    y = np.array([0, 1, 1, 1] * 3)
    features = recorder(cv=TimeSeriesSplit(3)).fit_transform(numbered(), y)
    assert features[0].tolist() == [0.25, 0.75] * 4
    assert features[-1].tolist() == [0, 1] * 4


def test_groups_stay_together():
    scanner = recorder(cv=3, random_state=0)
    groups = np.repeat(np.arange(4), 3)
    scanner.fit(numbered(), np.tile([0, 1, 1], 4), groups=groups)
    for model in scanner.grains_[0].models[0]:
        seen = {int(number) for number in model.seen_}
        for group in range(4):
            assert len(seen & set(np.flatnonzero(groups == group))) in (0, 3)


@pytest.mark.parametrize(
    ("shape", "windows", "positions"),
    [
        ((8,), [3, 5], 6 + 4),
        ((8, 2), [(3,)], 6),  # a sequence with two channels
        ((5, 6), [3, (2, 4)], 3 * 4 + 4 * 3),
        ((5, 6, 2), [(3, 3)], 3 * 4),
        ((5, 6, 2), [3], 3 * 4),
        ((3, 3, 3), [(2, 2, 2)], 8),
    ],
)
def test_features_are_positions_times_classes_times_estimators(shape, windows, positions):
    X, y = arrays(shape), labels(n_classes=3)
    two = [*TREE, ("other", DecisionTreeClassifier(max_depth=1))]
    scanner = MultiGrainedScanner(windows, stride=1, pool=1, estimators=two, cv=2, random_state=0)
    features = scanner.fit_transform(X, y)
    assert features.shape == (24, positions * 3 * 2)
    assert features.dtype == np.float32
    assert scanner.transform(X[:5]).shape == (5, positions * 3 * 2)
    names = scanner.get_feature_names_out()
    assert len(set(names)) == len(names) == positions * 3 * 2
    np.testing.assert_allclose(features.reshape(24, -1, 3).sum(axis=2), 1, rtol=1e-5)


@pytest.mark.parametrize(("shape", "windows"), [((5, 6), [3]), ((5, 6, 2), [3]), ((8, 2), [(3,)])])
def test_rows_with_a_shape_are_the_same_as_arrays(shape, windows):
    X, y = arrays(shape), labels()
    settings = {"estimators": TREE, "cv": 2, "random_state": 0}
    of_arrays = MultiGrainedScanner(windows, **settings)
    of_rows = MultiGrainedScanner(windows, input_shape=shape, **settings)
    expected = of_arrays.fit_transform(X, y)
    np.testing.assert_array_equal(of_rows.fit_transform(X.reshape(24, -1), y), expected)
    assert of_rows.input_shape_ == of_arrays.input_shape_ == shape
    np.testing.assert_array_equal(of_rows.transform(X.reshape(24, -1)), of_rows.transform(X))


def test_a_shape_that_does_not_fit_is_an_error():
    scanner = MultiGrainedScanner([2], input_shape=(5, 5), estimators=TREE)
    for X in (arrays((24,)), arrays((6, 4))):
        with pytest.raises(ValueError, match=r"input_shape=\(5, 5\)"):
            scanner.fit(X, labels())


@pytest.mark.parametrize("shape", [(1,), (2,), (8,), (1, 1), (3, 5), (4, 4, 3)])
def test_the_default_windows_fit_any_input(shape):
    scanner = MultiGrainedScanner(estimators=TREE, cv=2, random_state=0)
    features = scanner.fit_transform(arrays(shape), labels())
    assert len(features) == 24
    assert features.shape[1] == len(scanner.get_feature_names_out())


def test_feature_names_say_grain_estimator_position_and_class():
    y = np.array(["cat", "dog"] * 12)
    scanner = MultiGrainedScanner([2, 3], stride=1, estimators=TREE, cv=2).fit(arrays((4,)), y)
    assert scanner.get_feature_names_out().tolist() == [
        "grain0_2_tree_at_0_cat",
        "grain0_2_tree_at_0_dog",
        "grain0_2_tree_at_1_cat",
        "grain0_2_tree_at_1_dog",
        "grain1_3_tree_at_0_cat",
        "grain1_3_tree_at_0_dog",
    ]


@pytest.mark.parametrize("passthrough", [False, True])
@pytest.mark.parametrize("method", ["fit_transform", "transform"])
def test_features_can_be_a_frame(method, passthrough):
    X, y = arrays((4, 3)), labels()
    settings = {"estimators": TREE, "cv": 2, "passthrough": passthrough, "random_state": 0}
    scanner = MultiGrainedScanner([2, 3], **settings)
    frame_scanner = MultiGrainedScanner([2, 3], **settings).set_output(transform="pandas")
    expected, frame = scanner.fit_transform(X, y), frame_scanner.fit_transform(X, y)
    if method == "transform":
        expected, frame = scanner.transform(X), frame_scanner.transform(X)
    assert isinstance(frame, pd.DataFrame)
    assert frame.columns.tolist() == scanner.get_feature_names_out().tolist()
    assert set(frame.dtypes) == {np.dtype(np.float32)}
    np.testing.assert_array_equal(frame.to_numpy(), expected)


def test_a_frame_keeps_the_index_of_its_rows():
    rows = pd.DataFrame(arrays((4,)), index=range(100, 124))
    rows.columns = [f"t{i}" for i in range(4)]
    scanner = MultiGrainedScanner([2], estimators=TREE, cv=2).set_output(transform="pandas")
    assert scanner.fit_transform(rows, labels()).index.tolist() == rows.index.tolist()
    assert scanner.transform(rows).index.tolist() == rows.index.tolist()


def test_missing_values_are_no_white_pixels():
    pixels = np.random.default_rng(0).integers(0, 256, (24, 6)).astype(np.uint8)
    scanner = MultiGrainedScanner([3], n_estimators=3, random_state=0).fit(pixels, labels())
    values = pixels.astype(np.float32)
    np.testing.assert_array_equal(scanner.transform(values), scanner.transform(pixels))
    values[0, 0] = np.nan
    with pytest.raises(ValueError, match=r"X holds NaN, but .* uint8"):
        scanner.transform(values)


def test_chunks_hold_few_values_where_models_say_little(monkeypatch):
    X = arrays((200,))
    scanner = MultiGrainedScanner([1.0], n_estimators=2, cv=2, random_state=0).fit(X, labels())
    held = []
    coded = scanning.code_channels
    monkeypatch.setattr(
        scanning, "code_channels", lambda X, *rest: held.append(X.size) or coded(X, *rest)
    )
    monkeypatch.setattr(scanning, "CHUNK_VALUES", 1000)
    scanner.transform(X)
    assert sum(held) == X.size
    assert max(held) <= 1000


@pytest.mark.parametrize(("shape", "last"), [((4,), "value_3"), ((3, 2, 2), "value_2_1_1")])
@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_values_passed_through_stand_behind_the_other_features(shape, last, dtype):
    X, y = (100 * arrays(shape)).astype(dtype), labels()
    settings = {"estimators": TREE, "cv": 2, "random_state": 0}
    plain = MultiGrainedScanner([2], **settings)
    scanner = MultiGrainedScanner([2], passthrough=True, **settings)
    values = X.reshape(24, -1)
    for method in ("fit_transform", "transform"):
        arguments = (X, y) if method == "fit_transform" else (X,)
        features = getattr(scanner, method)(*arguments)
        assert features.dtype == np.float32
        expected = np.hstack([getattr(plain, method)(*arguments), values])
        np.testing.assert_array_equal(features, expected)
    names = scanner.get_feature_names_out()
    assert len(names) == features.shape[1]
    assert names[-1] == last


def test_features_stand_in_the_order_of_their_names():
    # Three windows, one value each; the tree knows the value's class for certain.
    X = np.array([[0, 1, 1], [1, 0, 0]] * 6, dtype=np.float32)
    y = np.array([0, 1] * 6)
    scanner = MultiGrainedScanner([3], pool=1, estimators=TREE, cv=2, random_state=0)
    assert scanner.fit_transform(X, y).tolist() == [[1, 0], [0, 1]] * 6
    per_value = MultiGrainedScanner([1], pool=1, estimators=TREE, cv=2, random_state=0)
    features = per_value.fit(X, y).transform(X).reshape(12, 3, 2)
    # Of a value 1, two of three are of class 0: in the first row that is positions 1 and 2.
    np.testing.assert_allclose(features[0, :, 0], [1 / 3, 2 / 3, 2 / 3], atol=1e-6)
    np.testing.assert_allclose(features[1, :, 0], [2 / 3, 1 / 3, 1 / 3], atol=1e-6)


def test_pooling_by_the_maximum_takes_the_largest():
    X, y = arrays((6,)), labels()
    settings = {"stride": 1, "estimators": TREE, "cv": 2, "random_state": 0}
    plain = MultiGrainedScanner([3], pool=1, **settings).fit_transform(X, y).reshape(24, 4, 2)
    largest = MultiGrainedScanner([3], pool=2, pool_method="max", **settings).fit_transform(X, y)
    np.testing.assert_array_equal(largest.reshape(24, 2, 2), plain.reshape(24, 2, 2, 2).max(axis=2))


def test_scanner_and_cascade_work_in_a_pipeline():
    rng = np.random.default_rng(0)
    y = np.arange(150) % 2
    X = rng.normal(size=(150, 12))
    for row, label in enumerate(y):  # a bump somewhere: upwards or downwards
        start = rng.integers(0, 10)
        X[row, start : start + 3] += 6 * label - 3
    pipeline = make_pipeline(
        MultiGrainedScanner([3], stride=1, n_estimators=10, cv=3, random_state=0),
        CascadeForestClassifier(n_estimators=10, max_layers=1, cv=3, random_state=0),
    )
    pipeline.fit(X[:100], y[:100])
    assert pipeline.score(X[100:], y[100:]) >= 0.9


def test_continuous_targets_give_values():
    X = arrays((6,))
    y = X.mean(axis=1) * 3 + 0.5
    settings = {"stride": 1, "pool": 1, "estimators": [("ridge", Ridge())], "cv": 3}
    scanner = MultiGrainedScanner([6], random_state=0, **settings)
    features = scanner.fit_transform(X, y)
    assert scanner.classes_ is None
    assert features.shape == (24, 1)
    assert features.dtype == np.float64
    assert np.corrcoef(features[:, 0], y)[0, 1] > 0.9
    assert scanner.get_feature_names_out().tolist() == ["grain0_6_ridge_at_0"]


def test_the_type_of_the_target_can_be_said():
    X, y = arrays((4,)), labels() * 1.0
    assert MultiGrainedScanner([2], estimators=TREE, cv=2).fit(X, y).classes_.tolist() == [0, 1]
    ridge = [("ridge", Ridge())]
    scanner = MultiGrainedScanner([2], estimators=ridge, target_type="continuous", cv=2)
    assert scanner.fit(X, y).classes_ is None
    with pytest.raises(ValueError, match="target_type='classses'"):
        MultiGrainedScanner([2], estimators=TREE, target_type="classses").fit(X, y)


@pytest.mark.parametrize("estimators", [None, TREE])
@pytest.mark.parametrize("missing", [False, True])
@pytest.mark.parametrize("shape", [(7,), (5, 6), (4, 4, 2)])
def test_the_size_of_blocks_and_chunks_changes_nothing(shape, missing, estimators, monkeypatch):
    X, y = arrays(shape), labels()
    if missing:
        X[::2, 2:] = np.nan

    def features():
        scanner = MultiGrainedScanner(
            [2], padding=1, n_estimators=3, estimators=estimators, cv=3, random_state=0
        )
        return np.hstack([scanner.fit_transform(X, y), scanner.transform(X)])

    expected = features()
    for values in (1, 100, 333):
        monkeypatch.setattr("deepforest.windowed.BLOCK_VALUES", values)
        monkeypatch.setattr("deepforest.bags.BLOCK_WINDOWS", values)
        monkeypatch.setattr("deepforest.scanning.CHUNK_VALUES", 3 * values)
        np.testing.assert_array_equal(features(), expected)


@pytest.mark.parametrize("kind", ["engine", "engine in folds", "generic"])
@pytest.mark.parametrize("missing", [False, True])
def test_memory_beyond_the_features_is_that_of_a_block(kind, missing, monkeypatch):
    # 196 windows of 10 classes: 16 kB of class vectors an instance before they are pooled to
    # one position, while its values take 1 kB, or 256 bytes of uint8.
    monkeypatch.setattr("deepforest.windowed.BLOCK_VALUES", 20_000)
    monkeypatch.setattr("deepforest.bags.BLOCK_WINDOWS", 2_000)
    monkeypatch.setattr("deepforest.scanning.CHUNK_VALUES", 8_000)
    scanner = MultiGrainedScanner(
        [3],
        stride=1,
        pool=14,
        n_estimators=3,
        estimators=TREE if kind == "generic" else None,
        max_windows=500,
        cv=KFold(2) if kind == "engine in folds" else 2,
        random_state=0,
    )
    X = np.random.default_rng(0).integers(0, 255, (600, 16, 16)).astype(np.uint8)
    if missing:
        X = X.astype(np.float32)
        X[:, 12:] = np.nan
    y = np.arange(600) % 10
    scanner.fit(X[:100], y[:100])  # what is compiled or imported late

    def peaks(n):
        tracemalloc.start()
        try:
            scanner.fit_transform(X[:n], y[:n])
            models, fitting = tracemalloc.get_traced_memory()
            tracemalloc.reset_peak()
            scanner.transform(X[:n])
            return np.array([fitting, tracemalloc.get_traced_memory()[1] - models])
        finally:
            tracemalloc.stop()

    values = X[0].nbytes + (300 if missing else 0)  # and which windows are present
    features = 2 * 10 * 4
    fitting, transforming = (peaks(600) - peaks(200)) / 400
    assert fitting < 2.5 * values + 6 * features
    assert transforming < values + 2 * features


def test_threads_change_nothing():
    X, y = arrays((5, 5)), labels()
    first, second = (
        MultiGrainedScanner(
            [2, 3], n_estimators=5, cv=3, random_state=0, n_jobs=n_jobs
        ).fit_transform(X, y)
        for n_jobs in (1, 2)
    )
    np.testing.assert_array_equal(first, second)


def test_no_more_windows_are_trained_on_than_allowed():
    grid = window_grid((6,), 1, 3, 1)
    y = np.arange(10)
    target = Target(y, None, 10)
    layout = GrainLayout(grid, (1,), "mean")
    data = WindowedArray(numbered(10), None, None, target, target.prior(), layout, 7)
    sample = data._sample(np.array([1, 3, 5]), seed=0)
    assert sample.X.shape == (7, 3)  # of 3 * 4
    # Each window has the label of its instance, which is its number here.
    np.testing.assert_array_equal(sample.X[:, 0], sample.target.y)
    assert set(sample.target.y.tolist()) <= {1, 3, 5}
    assert len(data._sample(np.array([1]), seed=0).X) == 4


def test_every_window_has_the_weight_of_its_instance():
    grid = window_grid((6,), 1, 3, 1)
    target = Target(np.array([0, 1]), np.array([2.0, 5.0]), 2)
    layout = GrainLayout(grid, (1,), "mean")
    data = WindowedArray(numbered(2), None, None, target, target.prior(), layout, 100)
    assert data._sample(np.arange(2), seed=0).target.sample_weight.tolist() == [2] * 4 + [5] * 4


def test_weights_reach_the_estimators():
    X, y = arrays((4,)), labels()
    scanner = MultiGrainedScanner(
        [4], estimators=[("l", LogisticRegression())], cv=2, random_state=0
    )
    plain = scanner.fit_transform(X, y)
    weighted = scanner.fit_transform(X, y, sample_weight=np.where(y == 1, 9.0, 1.0))
    assert weighted[:, 1].mean() > plain[:, 1].mean() + 0.1

"""The engine's forests on windows as they lie: bags of arrays, votes, pooling."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from naive import pooled as pooled_naive

from deepforest import MultiGrainedScanner, windowed
from deepforest.bags import draw_bag, rows_of_windows
from deepforest.bins import window_bins
from deepforest.coding import CodedWindows, code_arrays
from deepforest.forest import HistForestClassifier, HistForestRegressor
from deepforest.grains import grain_settings, lay_grains
from deepforest.target import Target
from deepforest.windowed import windowed_array
from deepforest.windows import gather_windows, window_grid


def images(n, dtype=np.uint8, shape=(5, 4), seed=0):
    rng = np.random.default_rng(seed)
    y = np.arange(n) % 3
    X = rng.integers(0, 50, (n, *shape)) + 60 * y.reshape(-1, *[1] * len(shape))
    return X.astype(dtype), y


def coded(X, grid, n_axes=2):
    n_channels = int(np.prod(X.shape[1 + n_axes :]))
    codes, bins = code_arrays(X.reshape(len(X), -1, n_channels))
    return CodedWindows(codes, grid.base, grid.offset, window_bins(bins, len(grid.offset)))


def every_window(X, grid):
    n, p = len(X), len(grid.base)
    return gather_windows(
        X.reshape(n, -1), grid, np.repeat(np.arange(n), p), np.tile(np.arange(p), n)
    )


@settings(deadline=None, max_examples=20)
@given(st.integers(2, 8), st.integers(1, 12), st.booleans(), st.integers(1, 40), st.integers(0, 99))
def test_a_tree_is_grown_on_windows_of_the_arrays_in_its_bag(n, p, weighted, max_windows, seed):
    codes = np.zeros((n, 20), np.uint8)
    base = np.arange(p, dtype=np.int64)
    windows = CodedWindows(
        codes, base, np.arange(3), window_bins(code_arrays(codes[:, :, None])[1], 3)
    )
    y = (np.arange(n) % 2).astype(np.int32)
    weight = np.linspace(0, 1, n) if weighted else None
    draw = rows_of_windows(windows, y, weight, n_draws=n, max_windows=max_windows, seed=seed)
    for number in range(3):
        rows = draw(number)
        counts = draw_bag(n, weight, n, seed, number)
        array, window = np.divmod(rows.base, 20)
        assert np.all(counts[array] > 0)
        assert np.array_equal(rows.weight, counts[array])
        assert np.array_equal(rows.y, y[array])
        assert np.all(window < p)
        assert len(np.unique(rows.base)) == len(rows.base)
        assert len(rows.base) == min(max_windows, p * np.count_nonzero(counts))
        assert np.all(np.diff(rows.y) >= 0)


@pytest.mark.parametrize("shape", [(5, 4), (5, 4, 2)])
@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_votes_on_windows_are_those_on_their_copies(dtype, shape):
    X, y = images(30, dtype, shape)
    grid = window_grid(shape, 2, (3, 2), 1)
    forest = HistForestClassifier(5, random_state=0)
    forest._fit_windows(coded(X, grid), y, None, 200)
    votes = forest.trees_.window_votes(coded(X, grid), 3)(slice(4, 9))
    copies = forest.predict_proba(every_window(X[4:9], grid))
    assert np.array_equal(votes.reshape(-1, 3), copies)


def test_a_window_forest_is_a_forest_on_copied_windows_without_bags():
    X, y = images(20)
    grid = window_grid((5, 4), 2, 2, 1)
    forest = HistForestClassifier(3, bootstrap=False, random_state=0)
    assert forest._fit_windows(coded(X, grid), y, None, 10**6) is None
    copies = every_window(X, grid)
    same = HistForestClassifier(3, bootstrap=False, random_state=0)
    same.fit(copies, np.repeat(y, len(grid.base)))
    assert np.array_equal(forest.predict_proba(copies), same.predict_proba(copies))


def test_large_nodes_of_windows_are_searched_on_part_of_them(monkeypatch):
    X, _ = images(60)
    y = np.random.default_rng(0).integers(0, 3, 60)
    grid = window_grid((5, 4), 2, 2, 1)
    features = []
    for searched in (10**6, 20):
        monkeypatch.setattr("deepforest.forest_base.WINDOWS_SEARCHED", searched)
        forest = HistForestClassifier(3, random_state=0)
        forest._fit_windows(coded(X, grid), y, None, 10**6)
        features.append(forest.trees_.feature)
    assert not np.array_equal(*features)


@pytest.mark.parametrize("rule", ["min_samples_leaf", "min_samples_split"])
@pytest.mark.parametrize("weighted", [False, True])
def test_shares_of_the_rows_are_shares_of_the_windows_that_are_learnt_from(rule, weighted):
    X, y = images(20)
    grid = window_grid((5, 4), 2, 2, 1)
    present = np.random.default_rng(0).random((20, len(grid.base))) < 0.3
    weight = np.r_[np.zeros(8), np.ones(12)] if weighted else None
    settings = {"bootstrap": False, "random_state": 0, rule: 0.3}
    forest = HistForestClassifier(3, **settings)
    forest._fit_windows(replace(coded(X, grid), present=present), y, weight, 10**6)
    if weighted:
        present[:8] = False
    copies = every_window(X, grid)
    same = HistForestClassifier(3, **settings)
    same.fit(copies[present.ravel()], np.repeat(y, len(grid.base))[present.ravel()])
    assert np.array_equal(forest.predict_proba(copies), same.predict_proba(copies))


def test_missing_values_keep_a_code_of_their_own_in_windows():
    X, y = images(30, np.float32)
    X[::3, 0, 0] = np.nan
    grid = window_grid((5, 4), 2, (3, 2), 1)
    forest = HistForestClassifier(5, random_state=0)
    forest._fit_windows(coded(X, grid), y, None, 300)
    votes = forest.trees_.window_votes(coded(X, grid), 3)(slice(None))
    assert np.array_equal(votes.reshape(-1, 3), forest.predict_proba(every_window(X, grid)))


@pytest.mark.parametrize("missing", [False, True])
@pytest.mark.parametrize("method", ["mean", "max"])
@pytest.mark.parametrize("regression", [False, True])
def test_held_out_features_are_pooled_votes_of_trees_that_did_not_see_the_array(
    regression, method, missing
):
    X, y = images(12, np.float32 if missing else np.uint8)
    if missing:
        X[::3, 3:] = np.nan
        X[1, :, 2:] = np.nan
        X[4] = np.nan
    kind = HistForestRegressor if regression else HistForestClassifier
    scanner = MultiGrainedScanner(
        [(3, 2)],
        stride=(2, 1),
        padding=(1, 0),
        pool=2,
        pool_method=method,
        estimators=[("forest", kind(6))],
        target_type="continuous" if regression else "classes",
        random_state=0,
    )
    features = scanner.fit_transform(X, y)

    forest = scanner.grains_[0].models[0][0]
    grid = scanner.grains_[0].layout.grid
    padded = np.pad(X, ((0, 0), (1, 1), (0, 0)))
    present = ~np.isnan(every_window(padded, grid)).all(axis=1).reshape(12, 3, 3)
    k = 1 if regression else 3
    again = kind(6, random_state=forest.random_state)
    codes, bins = code_arrays(X.reshape(12, -1, 1))
    zero = bins.code(np.zeros((1, 1), np.float32))[0, 0]
    codes = np.pad(codes.reshape(X.shape), ((0, 0), (1, 1), (0, 0)), constant_values=zero)
    windows = CodedWindows(
        codes.reshape(12, -1), grid.base, grid.offset, window_bins(bins, 6), present.reshape(12, 9)
    )
    bags = again._fit_windows(windows, y, None, scanner.max_windows)
    alone = ~np.eye(6, dtype=bool)
    one_tree = [
        forest.trees_.window_votes(windows, k, np.repeat(alone[t][:, None], 12, axis=1))(
            slice(None)
        )
        for t in range(6)
    ]
    prior = np.array([y.mean()]) if regression else np.full(3, 1 / 3)
    for i in range(12):
        said = [one_tree[t][i] for t in range(6) if not bags[t, i]]
        if said:
            votes = np.mean(said, axis=0) + (forest._center if regression else 0)
        else:
            votes = np.tile(prior, (9, 1))
        pooled = pooled_naive(votes.reshape(3, 3, k), (2, 2), method, present[i])
        pooled = np.where(np.isnan(pooled), prior, pooled)
        np.testing.assert_allclose(features[i], pooled.ravel(), rtol=1e-6)


@pytest.mark.parametrize("missing", [False, True])
def test_neither_blocks_nor_threads_change_a_feature(missing, monkeypatch):
    X, y = images(25)
    if missing:
        X = X.astype(np.float32)
        X[::2, 2:] = np.nan
    settings = {"windows": [2, 0.6], "padding": (0, 1), "n_estimators": 4, "random_state": 0}
    features = MultiGrainedScanner(**settings).fit_transform(X, y)
    monkeypatch.setattr(windowed, "BLOCK_VALUES", 50)
    assert np.array_equal(features, MultiGrainedScanner(**settings, n_jobs=2).fit_transform(X, y))


def test_arrays_without_a_window_are_in_no_bag():
    X, y = images(12, np.float32)
    X[[2, 5]] = np.nan
    [layout] = lay_grains(
        grain_settings([2], stride=1, padding=0, pool=1, pool_method="mean"), (5, 4)
    )
    target = Target(y, None, 3)
    data = windowed_array(X, code_arrays(X.reshape(12, -1, 1)), target, target.prior(), layout, 9)
    forest = HistForestClassifier(5, random_state=0)
    _, bags = data._grow(forest, data.codes, target)
    assert bags.shape == (5, 12)
    assert not bags[:, [2, 5]].any()
    assert bags.any(axis=1).all()
    # The bags are those of a forest on the other arrays.
    rest = np.delete(np.arange(12), [2, 5])
    again = HistForestClassifier(5, random_state=0)
    np.testing.assert_array_equal(
        again._fit_windows(data.codes.take(rest), y[rest], None, 9), bags[:, rest]
    )


def test_too_many_values_for_32_bit_addresses_are_refused():
    few = np.lib.stride_tricks.as_strided(np.zeros(1, np.uint8), (2**16, 2**15), (0, 0))
    none = np.zeros(0, np.int64)
    with pytest.raises(ValueError, match=r"X holds 2147483648 values.*fit on fewer"):
        CodedWindows(few, none, none, None)

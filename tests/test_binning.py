import naive_engine as naive
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sklearn.utils.estimator_checks import parametrize_with_checks

from deepforest.binning import Binner
from deepforest.bins import Bins, image_bins
from deepforest.coding import CodedTable, code_arrays, code_table, concatenate

values = (
    st.floats(-(2.0**90), 2.0**90, width=32) | st.just(float("nan")) | st.integers(-5, 5).map(float)
)


@given(hnp.arrays(np.float32, st.integers(1, 40), elements=values), st.integers(2, 9))
@settings(deadline=None)
def test_codes_keep_the_order_of_values(x, max_bins):
    binner = Binner(max_bins).fit(x[:, None])
    codes = binner.transform(x[:, None])[:, 0]
    missing = np.isnan(x)
    assert (codes[missing] == 255).all()
    assert (codes[~missing] < max_bins).all()
    np.testing.assert_array_equal(codes, naive.codes_of(x, binner._bins.edges[0]))
    order = np.argsort(x[~missing])
    assert (np.diff(codes[~missing][order].astype(int)) >= 0).all()
    distinct = np.unique(x[~missing]).size
    assert np.unique(codes[~missing]).size == min(distinct, max_bins)


@given(st.integers(0, 10**6), st.integers(1, 700), st.integers(0, 254))
@settings(deadline=None, max_examples=30)
def test_columns_of_any_length_and_any_number_of_thresholds(seed, n, n_thresholds):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=n).round(1).astype(np.float32)
    x[rng.random(n) < 0.1] = np.nan
    edges = np.unique(rng.normal(size=n_thresholds).round(1).astype(np.float32))
    bins = Bins((edges,), np.ones(1, bool), np.zeros(1, bool))
    np.testing.assert_array_equal(bins.code(x[:, None])[:, 0], naive.codes_of(x, edges))


def test_bins_hold_about_equally_many_rows_beside_a_value_that_most_rows_share():
    x = np.concatenate([np.zeros(5000), np.arange(1, 1000)])[:, None]
    codes = Binner(10).fit_transform(x)[:, 0]
    assert np.bincount(codes).tolist() == [5000] + [111] * 9


@given(st.lists(st.integers(1, 100), min_size=3, max_size=40), st.integers(2, 9))
@settings(deadline=None)
def test_no_bin_holds_more_than_its_share_and_one_value(counts, max_bins):
    x = np.repeat(np.arange(len(counts)), counts)[:, None]
    codes = Binner(max_bins).fit_transform(x)[:, 0]
    rows = np.bincount(codes)
    assert len(rows) == min(len(counts), max_bins)
    single = np.array([len(np.unique(x[codes == c])) == 1 for c in range(len(rows))])
    assert (rows[~single] <= len(x) / len(rows) + max(counts)).all()


def test_neighbouring_floats_are_told_apart():
    x = np.array([1, np.nextafter(np.float32(1), np.float32(2))], np.float32)[:, None]
    assert Binner().fit_transform(x)[:, 0].tolist() == [0, 1]
    largest = np.finfo(np.float32).max
    assert Binner().fit_transform([[-largest], [largest]])[:, 0].tolist() == [0, 1]


def test_rare_and_unseen_categories_are_coded_as_missing():
    x = np.repeat([7.0, 3.0, 5.0, 9.0], [4, 2, 3, 1])[:, None]
    binner = Binner(3, categorical_features=[0]).fit(x)
    codes = binner.transform([[3.0], [5.0], [7.0], [9.0], [4.0], [np.nan]])[:, 0]
    assert codes.tolist() == [0, 1, 2, 255, 255, 255]


def test_images_are_their_own_codes():
    X = np.arange(256, dtype=np.uint8).reshape(-1, 1)
    bins = image_bins(1)
    np.testing.assert_array_equal(bins.code(X), X)
    # The same pixels as real numbers get the same codes.
    np.testing.assert_array_equal(bins.code(X.astype(np.float32)), X)


def test_concatenate_and_take():
    X = np.random.default_rng(0).integers(0, 256, (5, 3)).astype(np.uint8)
    image = CodedTable(image_bins(3).code(X), image_bins(3))
    other = code_table(X[:, :1] / np.float32(7))
    both = concatenate([image, other])
    assert both.codes.flags.f_contiguous
    np.testing.assert_array_equal(both.codes[:, :3], X)
    np.testing.assert_array_equal(both.codes[:, 3], other.codes[:, 0])
    assert both.bins.keeps_missing.tolist() == [False, False, False, True]
    assert len(both.bins.edges) == 4
    np.testing.assert_array_equal(both.take(np.array([2, 0])).codes, both.codes[[2, 0]])


@pytest.mark.parametrize("max_bins", [1, 256, -3])
def test_max_bins_out_of_range(max_bins):
    with pytest.raises(ValueError, match=f"max_bins must be .* got {max_bins}"):
        Binner(max_bins).fit([[1.0], [2.0]])


def test_categorical_features_that_are_not_there():
    binner = Binner(categorical_features=[3])
    with pytest.raises(ValueError, match="categorical_features must be indices"):
        binner.fit([[1.0], [2.0]])
    assert not hasattr(binner, "n_features_in_")


@parametrize_with_checks([Binner(), Binner(max_bins=4)])
def test_scikit_learn_contract(estimator, check):
    check(estimator)


@pytest.mark.parametrize("length", [4, 6, 50])
def test_thresholds_of_arrays_come_from_all_positions(length, monkeypatch):
    # A sample of every 6th value of sequences of 6 would see the first position only.
    monkeypatch.setattr("deepforest.bins.QUANTILE_ROWS", 100)
    arrays = np.random.default_rng(0).normal(size=(600 // length, length, 1)).astype(np.float32)
    arrays[:, 0] = 7
    codes, bins = code_arrays(arrays)
    assert len(bins.edges[0]) > 50
    assert len(np.unique(codes)) > 50


@pytest.mark.parametrize("period", [2, 3, 24])
def test_periodic_columns_keep_all_their_values(period, monkeypatch):
    # Hours of a day, or two sides in turn: every second row would show half of them.
    monkeypatch.setattr("deepforest.bins.QUANTILE_ROWS", 100)
    column = (np.arange(2400) % period).astype(np.float32)[:, None]
    assert len(np.unique(Binner().fit_transform(column))) == period

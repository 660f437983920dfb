"""Sparse matrices: the models of the same dense rows, without dense copies."""

import pickle
import tracemalloc

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from lightgbm import LGBMClassifier, LGBMRegressor
from scipy import sparse
from sklearn.decomposition import TruncatedSVD
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

from deepforest import (
    CascadeForestClassifier,
    CascadeForestRegressor,
    GCForestClassifier,
    HistForestClassifier,
    HistForestRegressor,
)
from deepforest.coding import code_table

FORMATS = ["csr_matrix", "csr_array", "csc_matrix", "coo_array", "lil_matrix"]


def words(n=240, d=40, noise=1.0):
    """Word counts as CSR matrix and dense, and labels that depend on them."""
    rng = np.random.default_rng(0)
    X = rng.poisson(0.3, (n, d)).astype(np.float32)
    y = (X[:, :4].sum(axis=1) + noise * rng.normal(size=n) > 1.2).astype(int)
    return sparse.csr_matrix(X), X, y


def boosting(kind):
    return kind(n_estimators=8, min_child_samples=5, verbosity=-1)


def cascade(**parameters):
    layer = [
        ("forest", HistForestClassifier(10)),
        ("random", HistForestClassifier(10, splitter="random", max_bins=4)),
        ("lightgbm", boosting(LGBMClassifier)),
        ("tree", DecisionTreeClassifier(max_depth=3, max_features=0.5)),
    ]
    return CascadeForestClassifier(
        **{"estimators": layer, "max_layers": 2, "cv": 3, "random_state": 0, **parameters}
    )


def cascade_of_values(**parameters):
    layer = [("forest", HistForestRegressor(10)), ("lightgbm", boosting(LGBMRegressor))]
    return CascadeForestRegressor(
        **{"estimators": layer, "max_layers": 2, "cv": 3, "random_state": 0, **parameters}
    )


VALUES = st.sampled_from([0, 0, 0, 0, -1.5, -0.0, 1, 2, 3, 1e30, np.nan])


@settings(deadline=None)
@given(
    arrays(np.float32, st.tuples(st.integers(1, 12), st.integers(1, 4)), elements=VALUES),
    st.integers(2, 5),
    st.data(),
)
def test_codes_against_those_of_dense_rows(X, max_bins, data):
    weight = np.array(data.draw(st.lists(st.integers(0, 1), min_size=len(X), max_size=len(X))))
    weight = weight.astype(float) if weight.any() else None
    expected = code_table(X, weight, max_bins)
    table = code_table(sparse.csr_array(X), weight, max_bins)
    assert np.array_equal(table.codes, expected.codes)
    assert table.codes.flags.f_contiguous
    for own, of_dense in zip(table.bins.edges, expected.bins.edges, strict=True):
        assert np.array_equal(own, of_dense)


@pytest.mark.parametrize("kind", [HistForestClassifier, HistForestRegressor])
@pytest.mark.parametrize("form", FORMATS)
def test_a_forest_of_a_sparse_matrix_is_that_of_its_rows(kind, form, monkeypatch):
    _, dense, y = words()
    X = getattr(sparse, form)(dense.astype(np.float64))
    train = getattr(sparse, form)(dense[:160])
    forest = kind(10, oob_score=True, random_state=0).fit(train, y[:160])
    same = kind(10, oob_score=True, random_state=0).fit(dense[:160], y[:160])
    assert forest.oob_score_ == same.oob_score_
    for size in (2**25, 1000):
        monkeypatch.setattr("deepforest.sparse.BLOCK_BYTES", size)
        assert np.array_equal(forest.predict(X), same.predict(dense))
        assert np.array_equal(forest.apply(X), same.apply(dense))
        assert np.array_equal(same.predict(X), same.predict(dense))


@pytest.mark.parametrize("form", ["csr_matrix", "csr_array"])
@pytest.mark.parametrize("make", [cascade, cascade_of_values])
def test_a_cascade_of_a_sparse_matrix_is_that_of_its_rows(make, form):
    _, dense, y = words()
    X = getattr(sparse, form)(dense)
    model, same = make().fit(X[:160], y[:160]), make().fit(dense[:160], y[:160])
    assert len(model.layer_scores_) == 2
    assert np.array_equal(model.layer_scores_, same.layer_scores_)
    said = "predict_proba" if make is cascade else "predict"
    expected = getattr(same, said)(dense[160:])
    assert np.array_equal(getattr(model, said)(X[160:]), expected)
    assert np.array_equal(getattr(model, said)(dense[160:]), expected)
    assert np.array_equal(getattr(same, said)(X[160:]), expected)
    assert np.array_equal(model.feature_importances_, same.feature_importances_)
    assert np.array_equal(getattr(pickle.loads(pickle.dumps(model)), said)(X[160:]), expected)
    assert np.array_equal(getattr(make(n_jobs=2).fit(X[:160], y[:160]), said)(X[160:]), expected)


def test_weights_groups_validation_rows_and_screening_with_sparse_matrices():
    X, dense, y = words(400, d=6, noise=0.3)
    rng = np.random.default_rng(0)
    screening = {"screening": 0.9, "max_layers": 3, "scoring": "neg_log_loss"}
    for fit, parameters in [
        ({"sample_weight": rng.integers(0, 3, 240)}, {}),
        ({"groups": rng.integers(0, 12, 240)}, {}),
        ({"X_val": X[240:320], "y_val": y[240:320]}, screening),
    ]:
        model = cascade(**parameters).fit(X[:240], y[:240], **fit)
        if "X_val" in fit:
            fit = {**fit, "X_val": dense[240:320]}
        same = cascade(**parameters).fit(dense[:240], y[:240], **fit)
        assert np.array_equal(model.layer_scores_, same.layer_scores_)
        assert np.array_equal(model.predict_proba(X[320:]), same.predict_proba(dense[320:]))
    assert model.screens_


@pytest.mark.filterwarnings("ignore:Some inputs do not have OOB scores")  # few trees
def test_other_estimators_get_sparse_matrices_too():
    X, _, y = words()
    layer = [
        ("forest", RandomForestClassifier(10, bootstrap=True)),
        ("linear", LogisticRegression()),
        ("reduced", make_pipeline(TruncatedSVD(5), StandardScaler(), LogisticRegression())),
    ]
    model = cascade(estimators=layer).fit(X[:160], y[:160])
    assert model.score(X[160:], y[160:]) > 0.6


def test_missing_values_and_stored_zeros_and_duplicates():
    X, dense, y = words()
    dense[::5, 1] = np.nan
    dense[3, 3] = 5
    X = sparse.csr_matrix(dense)
    X.data[:5] = 0
    dense = X.toarray()
    layer = [("forest", HistForestClassifier(10)), ("lightgbm", boosting(LGBMClassifier))]
    expected = cascade(estimators=layer).fit(dense, y).predict_proba(dense)
    for same in (X, _unsummed(dense)):
        before = same.copy()
        assert np.array_equal(cascade(estimators=layer).fit(same, y).predict_proba(same), expected)
        assert np.array_equal(same.data, before.data, equal_nan=True)
        assert np.array_equal(same.indices, before.indices)
    refusing = [("tree", HistForestClassifier(5)), ("linear", LogisticRegression())]
    with pytest.raises(ValueError, match="X contains NaN, which 'linear' of estimators"):
        cascade(estimators=refusing).fit(X, y)


def _unsummed(dense):
    """The rows as a CSR matrix of float32 that stores each value in two halves, last ones first."""
    half = [np.flatnonzero(row)[::-1] for row in dense]
    indices = np.concatenate([np.tile(columns, 2) for columns in half])
    data = np.concatenate([np.tile(row[c] / 2, 2) for row, c in zip(dense, half, strict=True)])
    starts = np.r_[0, np.cumsum([2 * len(columns) for columns in half])]
    return sparse.csr_matrix((data.astype(np.float32), indices, starts), shape=dense.shape)


def test_frames_and_sparse_matrices_do_not_mix():
    X, dense, y = words()
    with pytest.raises(ValueError, match=r"categorical_features=\[1\] is for data frames"):
        cascade(categorical_features=[1]).fit(X, y)
    with pytest.raises(ValueError, match=r"categorical_features=\[1\] is for data frames"):
        HistForestClassifier(5, categorical_features=[1]).fit(X, y)
    frame = pd.DataFrame(dense).assign(word=np.where(y, "a", "b"))
    frame.columns = frame.columns.astype(str)
    model = HistForestClassifier(5).fit(frame, y)
    with (
        pytest.warns(UserWarning, match="valid feature names"),
        pytest.raises(ValueError, match="X is a sparse matrix, but had categorical columns in fit"),
    ):
        model.predict(sparse.csr_matrix(np.hstack([dense, dense[:, :1]])))


def test_estimators_that_take_no_sparse_matrices_are_named():
    X, dense, y = words()
    layer = [("forest", HistForestClassifier(5)), ("hist", HistGradientBoostingClassifier())]
    message = r"X is a sparse matrix, which 'hist' of estimators does not accept.*toarray"
    with pytest.raises(ValueError, match=message):
        cascade(estimators=layer).fit(X, y)
    model = cascade(estimators=layer, max_layers=1).fit(dense, y)
    with pytest.raises(ValueError, match=message):
        model.predict(X)
    with pytest.raises(ValueError, match=r"X is a sparse matrix .*not supported"):
        GCForestClassifier([3]).fit(X, y)


def test_codes_that_do_not_fit_are_an_error_before_they_are_made(monkeypatch):
    X, _, y = words()
    monkeypatch.setattr("deepforest.sparse.physical_memory", lambda: 3 * 240 * 40 - 1)
    message = r"X is sparse, 240 rows by 40 columns.*0\.0 GiB.*Take fewer columns"
    model = cascade()
    with pytest.raises(MemoryError, match=message):
        model.fit(X, y)
    assert not hasattr(model, "layers_")
    with pytest.raises(MemoryError, match=message):
        HistForestClassifier(5).fit(X, y)
    cascade(estimators=[("lightgbm", boosting(LGBMClassifier))]).fit(X, y)
    monkeypatch.setattr("deepforest.sparse.physical_memory", lambda: None)
    HistForestClassifier(5).fit(X, y)


def test_a_matrix_far_too_large_is_refused_at_once():
    X = sparse.csr_matrix((10**6, 2**30), dtype=np.float32)
    with pytest.raises(MemoryError, match="1000000 rows by 1073741824 columns"):
        HistForestClassifier(5).fit(X, np.arange(10**6) % 2)


def test_no_dense_copy_is_made(monkeypatch):
    monkeypatch.setattr("deepforest.sparse.BLOCK_BYTES", 2**18)
    rng = np.random.default_rng(0)
    n, d = 4_000, 2_000
    X = sparse.random(n, d, 0.002, format="csr", dtype=np.float32, random_state=rng)
    y = rng.integers(0, 2, n)
    model = CascadeForestClassifier([("forest", HistForestClassifier(5))], max_layers=2)
    model.fit(X[:50, :200], y[:50]).predict(X[:50, :200])  # compiles
    tracemalloc.start()
    model.fit(X, y).predict(X)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(model.layer_scores_) == 2
    # Codes by columns and twice more with augmented features, a block of rows, and what the
    # forests take; a dense copy would take 4 bytes a value more.
    assert peak < 4.5 * n * d

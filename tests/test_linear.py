"""Linear models of a table as it is."""

import numpy as np
import pytest
from scipy.sparse import csr_matrix
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from deepforest import CascadeForestClassifier, CascadeForestRegressor
from deepforest.linear import ScaledLogisticRegression, ScaledRidge


def table(n=200, n_classes=3, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 4)) * [1, 100, 0.01, 1] + [0, 5, 3, 0]
    X[:, 3] = rng.integers(0, 4, n)
    score = X[:, 0] + X[:, 1] / 100 + (X[:, 3] == 2) + rng.logistic(size=n)
    return X.astype(np.float32), np.digitize(score, np.arange(n_classes - 1.0))


@pytest.fixture
def to_the_optimum(monkeypatch):
    """Comparisons are those of the best coefficients, not of where the solver stops."""
    monkeypatch.setattr("deepforest.linear.TOLERANCE", 1e-6)


at_the_optimum = pytest.mark.usefixtures("to_the_optimum")


def values(n=200, seed=0):
    X, _ = table(n, seed=seed)
    noise = np.random.default_rng(seed).normal(size=n)
    return X, 1e6 + 1e3 * (X[:, 0] + X[:, 1] / 100 + (X[:, 3] == 2) + noise)


@parametrize_with_checks([ScaledLogisticRegression(), ScaledRidge()])
def test_it_is_an_estimator_of_scikit_learn(estimator, check):
    check(estimator)


@at_the_optimum
@pytest.mark.parametrize("n_classes", [2, 3])
def test_numbers_are_scaled(n_classes):
    X, y = table(n_classes=n_classes)
    same = make_pipeline(StandardScaler(), LogisticRegression(tol=1e-8)).fit(X, y)
    model = ScaledLogisticRegression().fit(X, y)
    np.testing.assert_allclose(model.predict_proba(X), same.predict_proba(X), atol=5e-4)
    assert np.array_equal(model.predict(X), model.predict_proba(X).argmax(axis=1))


@at_the_optimum
def test_categories_are_zeros_and_ones_unless_they_are_rare():
    X, y = table()
    X[:4, 3] = 7
    encoder = OneHotEncoder(categories=[[0, 1, 2, 3]], handle_unknown="ignore")
    columns = make_column_transformer((StandardScaler(), [0, 1, 2]), (encoder, [3]))
    same = make_pipeline(columns, LogisticRegression(tol=1e-8)).fit(X, y)
    for told in ([3], [False, False, False, True]):
        model = ScaledLogisticRegression(categorical_features=told).fit(X, y)
        assert model.columns_.tolist() == [0, 1, 2, 3, 3, 3, 3]
        np.testing.assert_allclose(model.predict_proba(X), same.predict_proba(X), atol=5e-4)
    row = X[:3].copy()
    row[:, 3] = [7, 99, np.nan]
    row[:, :3] = X[0, :3]
    assert np.unique(model.predict_proba(row), axis=0).shape == (1, 3)


@at_the_optimum
def test_missing_numbers_are_the_mean():
    X, y = table()
    X[::7, 0] = np.nan
    filled = np.where(np.isnan(X), np.nanmean(X[:, 0]), X)
    model, same = (ScaledLogisticRegression(C=1e-2).fit(values, y) for values in (X, filled))
    assert model.center_[0] == pytest.approx(np.nanmean(X[:, 0]), rel=1e-5)
    assert not np.isnan(model.predict_proba(X)).any()
    row = X[:2].copy()
    row[0, 0], row[1] = np.nan, row[0]
    row[1, 0] = model.center_[0]
    np.testing.assert_allclose(*model.predict_proba(row), atol=1e-6)
    # The variance is that of the values that there are.
    assert model.scale_[0] == pytest.approx(1 / np.nanstd(X[:, 0]), rel=1e-5)
    assert model.scale_[0] < same.scale_[0]


@at_the_optimum
def test_columns_without_values_or_variance_say_nothing():
    X, y = table()
    wide = np.column_stack([X, np.full(len(X), np.nan), np.full(len(X), 1e6), 0 * X[:, 0]])
    model, same = ScaledLogisticRegression().fit(wide, y), ScaledLogisticRegression().fit(X, y)
    assert model.feature_importances_[4:].tolist() == [0, 0, 0]
    np.testing.assert_allclose(model.predict_proba(wide), same.predict_proba(X), atol=5e-4)


@at_the_optimum
def test_weights_are_repeated_rows():
    X, y = table()
    weight = np.random.default_rng(0).integers(0, 4, len(X))
    repeated = np.repeat(np.arange(len(X)), weight)
    model = ScaledLogisticRegression().fit(X, y, weight)
    same = ScaledLogisticRegression().fit(X[repeated], y[repeated])
    np.testing.assert_allclose(model.predict_proba(X), same.predict_proba(X), atol=5e-4)


@at_the_optimum
def test_a_sparse_matrix_keeps_its_zeros():
    X, y = table()
    X[:, 1] *= X[:, 0] > 0
    X[5, 0] = np.nan
    model = ScaledLogisticRegression().fit(csr_matrix(X), y)
    assert model.center_.tolist() == [0, 0, 0, 0]
    X = np.nan_to_num(X)
    scaled = X / np.sqrt((X**2).mean(axis=0))
    same = LogisticRegression(tol=1e-8).fit(scaled, y)
    said = model.predict_proba(csr_matrix(X))
    np.testing.assert_allclose(said, same.predict_proba(scaled), atol=5e-4)
    np.testing.assert_allclose(said, model.predict_proba(X), atol=1e-12)
    with pytest.raises(ValueError, match="categorical_features is not for sparse"):
        ScaledLogisticRegression(categorical_features=[1]).fit(csr_matrix(X), y)


@pytest.mark.parametrize("n_columns", [3, 4, 90])
@pytest.mark.parametrize("kind", [2, 3, "values"])
def test_a_row_is_predicted_alike_in_any_company(kind, n_columns):
    X, y = values() if kind == "values" else table(n_classes=kind)
    X = np.tile(X, 23)[:, :n_columns] + np.random.default_rng(0).normal(size=(200, n_columns))
    model = (ScaledRidge() if kind == "values" else ScaledLogisticRegression()).fit(X, y)
    say = model.predict if kind == "values" else model.predict_proba
    alone = np.concatenate([say(X[i : i + 1]) for i in range(50)])
    assert np.array_equal(alone, say(X)[:50])


def test_large_tables_are_learnt_from_some_of_their_rows(monkeypatch):
    X, y = table(5000)
    whole = ScaledLogisticRegression().fit(X, y)
    monkeypatch.setattr("deepforest.linear.MOST_VALUES", 8000)
    monkeypatch.setattr("deepforest.linear.FEWEST_ROWS", 10)
    monkeypatch.setattr("deepforest.linear.BLOCK_VALUES", 100)
    some = ScaledLogisticRegression().fit(X, y)
    assert not np.array_equal(some.coef_, whole.coef_)
    difference = np.abs(some.predict_proba(X) - whole.predict_proba(X))
    assert difference.max() < 0.1
    again = ScaledLogisticRegression().fit(csr_matrix(X), y)
    said = again.predict_proba(csr_matrix(X))
    np.testing.assert_allclose(said, again.predict_proba(X), atol=1e-12)
    assert np.array_equal(again.predict_proba(csr_matrix(X[:5])), said[:5])


def test_a_draw_of_rows_lacks_no_class(monkeypatch):
    monkeypatch.setattr("deepforest.linear.MOST_VALUES", 4000)
    X, _ = table(20_000, n_classes=2)
    y = np.zeros(len(X), dtype=int)
    y[[5, 9, 12_000]] = 1
    weight = np.ones(len(X))
    weight[::2] = 0
    model = ScaledLogisticRegression().fit(X, y, weight)
    assert model.classes_.tolist() == [0, 1]


def test_of_many_categories_those_of_the_drawn_rows_count():
    rng = np.random.default_rng(0)
    X = rng.integers(0, 8000, (60_000, 1)).astype(float)
    y = rng.integers(0, 2, len(X))
    model = ScaledLogisticRegression(categorical_features=[0]).fit(X, y)
    assert len(model.columns_) <= 1000 // 5


def test_indicators_count_as_values(monkeypatch):
    X, y = table(3000)
    X[:, 3] = np.arange(3000) % 50
    seen = []

    class Seeing(LogisticRegression):
        def fit(self, X, y, sample_weight=None):
            seen.append(X.shape)
            return super().fit(X, y, sample_weight)

    monkeypatch.setattr("deepforest.linear.LogisticRegression", Seeing)
    monkeypatch.setattr("deepforest.linear.MOST_VALUES", 53 * 2000)
    order = np.argsort(y)
    model = ScaledLogisticRegression(categorical_features=[3]).fit(X[order], y[order])
    assert seen == [(2000, 53)]  # as many values as are allowed
    assert model.classes_.tolist() == [0, 1, 2]  # of rows from first to last


def test_categories_without_rows_enough_leave_the_intercept():
    y = np.arange(30) % 3 // 2
    X = np.arange(30.0)[:, None]
    model = ScaledLogisticRegression(categorical_features=[0]).fit(X, y)
    np.testing.assert_allclose(model.predict_proba(X)[:, 1], 1 / 3, atol=1e-3)


@pytest.mark.parametrize("kind", ["classes", "values", "sparse"])
def test_importances_are_deviations_of_what_columns_add(kind):
    X, y = values() if kind == "values" else table()
    X[::9, 1] = np.nan
    told = None if kind == "sparse" else [3]
    given = csr_matrix(X) if kind == "sparse" else X
    model = ScaledRidge if kind == "values" else ScaledLogisticRegression
    model = model(categorical_features=told).fit(given, y)
    terms = model._scaled(given).toarray() if kind == "sparse" else model._terms(X)
    added = terms[:, None] * model.coef_  # (n, sums, terms)
    of_columns = [added[..., model.columns_ == f].sum(axis=-1).std(axis=0).sum() for f in range(4)]
    np.testing.assert_allclose(model.feature_importances_, of_columns, rtol=1e-6)


def test_a_column_of_many_words_that_say_nothing_is_not_important():
    rng = np.random.default_rng(0)
    X, y = values(500)
    X[:, 2] = rng.integers(0, 60, 500)
    importances = ScaledRidge(categorical_features=[2]).fit(X, y).feature_importances_
    assert importances[2] < 0.6 * importances[:2].min()


@pytest.mark.parametrize("preset", ["balanced", "best"])
def test_cascades_begin_with_it(preset):
    X, y = table()
    X[::9, 1] = np.nan
    parameters = {"preset": preset, "n_estimators": 5, "max_layers": 1, "random_state": 0}
    model = CascadeForestClassifier(combine="mean", categorical_features=[3], **parameters)
    [layer] = model.fit(X, y).layers_
    assert layer.names[-1] == "linear"
    assert [len(one.values_) for one in layer.models[-1]] == [7] * 5
    one, two = (
        CascadeForestClassifier(n_jobs=n_jobs, **parameters).fit(X, y).predict_proba(X)
        for n_jobs in (1, 2)
    )
    assert np.array_equal(one, two)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_categories_are_found_that_float32_does_not_have(dtype):
    X = np.tile([[0.1], [0.2], [0.3]], (40, 1)).astype(dtype)
    y = (X[:, 0] > 0.15).astype(int)
    model = ScaledLogisticRegression(categorical_features=[0]).fit(X, y)
    assert model.score(X, y) == 1


# Ridge regression, where it is not the same code


def test_ridge_is_that_of_scaled_columns_and_indicators():
    X, y = values()
    X[:4, 3] = 7
    encoder = OneHotEncoder(categories=[[0, 1, 2, 3]], handle_unknown="ignore")
    columns = make_column_transformer((StandardScaler(), [0, 1, 2]), (encoder, [3]))
    weight = np.random.default_rng(0).integers(1, 4, len(X))
    repeated = np.repeat(np.arange(len(X)), weight)
    for alpha in (1.0, 100.0):
        same = make_pipeline(columns, Ridge(alpha)).fit(X[repeated], y[repeated])
        model = ScaledRidge(alpha, categorical_features=[3]).fit(X, y, weight)
        expected = same.predict(X).clip(y.min(), y.max())
        np.testing.assert_allclose(model.predict(X), expected, atol=1e-3 * y.std())


def test_a_sparse_ridge_keeps_zeros():
    X, y = values()
    X[:, 1] *= X[:, 0] > 0
    model = ScaledRidge().fit(csr_matrix(X), y)
    assert model.center_.tolist() == [0, 0, 0, 0]
    scaled = X / np.sqrt((X.astype(float) ** 2).mean(axis=0))
    same = Ridge().fit(scaled, y).predict(scaled)
    np.testing.assert_allclose(model.predict(csr_matrix(X)), same, atol=1e-3 * y.std())
    np.testing.assert_allclose(model.predict(X), model.predict(csr_matrix(X)), rtol=1e-12)


def test_the_unit_of_values_plays_no_part():
    X, y = values()
    model = ScaledRidge().fit(X, y)
    for unit in (1e-9, 1e9):
        same = ScaledRidge().fit(X, unit * y)
        np.testing.assert_allclose(same.predict(X), unit * model.predict(X), rtol=1e-9)
    for constant in (7.0, 1e-5, 1 / 3):
        said = ScaledRidge().fit(X, np.full(len(X), constant)).predict(X)
        np.testing.assert_allclose(said, constant, rtol=1e-12)


def test_a_signal_that_many_columns_share_is_kept():
    rng = np.random.default_rng(0)
    value = rng.normal(size=100)
    X = (value[:, None] + 0.5 * rng.normal(size=(100, 30_000))).astype(np.float32)
    assert ScaledRidge().fit(X[:70], value[:70]).score(X[70:], value[70:]) > 0.99


def test_values_stay_within_those_that_were_seen():
    X, y = values()
    said = ScaledRidge().fit(X, y).predict(np.vstack([-100 * X, 100 * X]))
    assert said.min() == y.min()
    assert said.max() == y.max()


def test_columns_of_doubles_keep_their_digits():
    X, y = values()
    far = X.astype(float) + 1e7
    np.testing.assert_allclose(
        ScaledRidge().fit(far, y).predict(far),
        ScaledRidge().fit(X, y).predict(X),
        atol=1e-2 * y.std(),
    )


def test_many_values_are_learnt_from_some_rows(monkeypatch):
    X, y = values(5000)
    whole = ScaledRidge().fit(X, y)
    monkeypatch.setattr("deepforest.linear.MOST_VALUES", 8000)
    some = ScaledRidge().fit(X, y)
    assert not np.array_equal(some.coef_, whole.coef_)
    np.testing.assert_allclose(some.predict(X), whole.predict(X), atol=0.3 * y.std())


@pytest.mark.parametrize("n_targets", [1, 2])
def test_cascades_of_values_begin_with_it(n_targets):
    X, y = values()
    X[::9, 1] = np.nan
    if n_targets == 2:
        y = np.column_stack([y, -y])
    parameters = {"n_estimators": 5, "max_layers": 1, "random_state": 0}
    model = CascadeForestRegressor(combine="mean", categorical_features=[3], **parameters)
    assert model.fit(X, y).layers_[0].names[-1] == "linear"
    one, two = (
        CascadeForestRegressor(n_jobs=n_jobs, **parameters).fit(X, y).predict(X)
        for n_jobs in (1, 2)
    )
    assert np.array_equal(one, two)

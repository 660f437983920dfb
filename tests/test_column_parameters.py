"""Parameters with an entry for each column, in layers that are wider than X."""

from itertools import count

import numpy as np
import pytest
from lightgbm import LGBMRegressor
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestRegressor,
)

from deepforest import (
    CascadeForestClassifier,
    CascadeForestRegressor,
    HistForestClassifier,
    MultiGrainedScanner,
)
from deepforest.column_parameters import add_entries, check_column_parameters
from deepforest.estimators import lightgbm


def rising(n=300):
    """Values that rise with the first column and fall with the last, but for much noise."""
    rng = np.random.default_rng(0)
    X = rng.uniform(size=(n, 3)).astype(np.float32)
    return X, X[:, 0] - X[:, 2] + rng.normal(size=n)


def cascade(estimator, **parameters):
    layer = [("one", estimator)]
    return CascadeForestRegressor(
        layer, max_layers=2, n_iter_no_change=2, tol=0, cv=3, random_state=0, **parameters
    )


@pytest.mark.parametrize(
    "estimator",
    [
        HistGradientBoostingRegressor(max_iter=20, monotonic_cst=[1, 0, -1]),
        HistGradientBoostingRegressor(max_iter=20, monotonic_cst=np.array([1, 0, -1])),
        RandomForestRegressor(20, monotonic_cst=[1, 0, -1]),
        LGBMRegressor(n_estimators=20, verbosity=-1, monotone_constraints=[1, 0, -1]),
        lightgbm("regression", mc=(1, 0, -1)),
        lightgbm("regression", monotone_constraints="1,0,-1"),
    ],
)
def test_constraints_hold_in_every_layer(estimator):
    X, y = rising()
    depth = count()
    model = cascade(estimator, combine="mean", scoring=lambda *_: next(depth)).fit(X, y)
    assert len(model.layers_) == 2
    line = np.repeat(X[:1], 50, axis=0)
    line[:, 0] = np.linspace(0, 1, 50)
    for i, layer in enumerate(model.layers_):
        wide = np.hstack([line, np.full((50, i), np.median(y), np.float32)])
        said = layer.transform(wide)[0, :, 0]
        assert np.all(np.diff(said) >= -1e-6)
        assert np.ptp(said) > 0
        wide[:, 0], wide[:, 2] = X[0, 0], np.linspace(0, 1, 50)
        assert np.all(np.diff(layer.transform(wide)[0, :, 0]) <= 1e-6)


def test_entries_are_added_as_a_tuple_because_xgboost_takes_no_list():
    for given in ([1, 0], "(1, 0)", "1,0"):
        estimator = LGBMRegressor(monotone_constraints=given)
        add_entries(estimator, 4)
        assert estimator.get_params()["monotone_constraints"] == (1, 0, 0, 0)


@pytest.mark.parametrize(
    "kind", [HistForestClassifier, lambda **p: HistGradientBoostingClassifier(max_iter=5, **p)]
)
def test_a_mask_of_categories_is_that_of_the_columns_of_x(kind):
    X, y = rising()
    X[:, 1] = np.arange(len(X)) % 4
    y = (y > 0).astype(int)
    said = [
        CascadeForestClassifier(
            [("one", kind(random_state=0, categorical_features=told))],
            max_layers=2,
            n_iter_no_change=2,
            random_state=0,
        )
        .fit(X, y)
        .predict_proba(X)
        for told in ([False, True, False], np.array([False, True, False]), [1])
    ]
    np.testing.assert_array_equal(said[0], said[2])
    np.testing.assert_array_equal(said[1], said[2])


@pytest.mark.parametrize("entries", [[1, 0], [1, 0, 0, 0]])
def test_a_list_of_another_length_is_refused(entries):
    X, y = rising(30)
    model = cascade(HistGradientBoostingRegressor(monotonic_cst=entries))
    message = rf"monotonic_cst of 'one' has {len(entries)} entries, but X has 3 columns"
    with pytest.raises(ValueError, match=message):
        model.fit(X, y)
    assert not hasattr(model, "layers_")


def test_a_window_has_an_entry_for_each_of_its_values():
    X, y = rising(30)
    layer = [("one", HistGradientBoostingRegressor(max_iter=2, monotonic_cst=[1, 0, 0]))]
    scanner = MultiGrainedScanner([(2,)], estimators=layer, target_type="continuous", cv=2)
    with pytest.raises(ValueError, match=r"monotonic_cst of 'one' has 3 entries.*2 columns"):
        scanner.fit(X, y)


@pytest.mark.parametrize(
    "estimator",
    [
        HistGradientBoostingRegressor(monotonic_cst={"x0": 1}, categorical_features=[0]),
        HistGradientBoostingRegressor(categorical_features="from_dtype"),
        LGBMRegressor(),
    ],
)
def test_what_is_no_list_of_entries_stays(estimator):
    before = estimator.get_params()
    check_column_parameters([("one", estimator)], 3)
    add_entries(estimator, 5)
    assert estimator.get_params() == before

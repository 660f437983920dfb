"""DF21's constructor arguments."""

import pytest
from sklearn.datasets import load_diabetes, load_iris

from deepforest import CascadeForestClassifier, CascadeForestRegressor, from_df21_params
from deepforest.config_files import ConfigError, ConfigWarning
from deepforest.df21 import DEFAULTS, NO_COUNTERPART, df21_content, is_df21


def test_the_defaults_are_those_of_df21():
    cascade = from_df21_params()
    assert type(cascade) is CascadeForestClassifier
    assert (cascade.max_layers, cascade.n_iter_no_change, cascade.tol) == (20, 2, 1e-5)
    assert (cascade.combine, cascade.verbose) == ("mean", 1)
    # n_estimators counts pairs
    names = [name for name, _ in cascade.estimators]
    assert names == ["random_forest_1", "extra_trees_1", "random_forest_2", "extra_trees_2"]
    assert {forest.n_estimators for _, forest in cascade.estimators} == {100}


def test_every_argument_reaches_its_parameter_and_trains():
    cascade = from_df21_params(
        n_bins=100,
        max_layers=2,
        criterion="gini",
        n_estimators=1,
        n_trees=7,
        max_depth=5,
        min_samples_split=4,
        min_samples_leaf=3,
        n_tolerant_rounds=1,
        delta=0.01,
        n_jobs=1,
        random_state=3,
        verbose=0,
        # what they are matters only with use_predictor
        predictor="xgboost",
        predictor_kwargs={"a": 1},
    )
    assert (cascade.max_layers, cascade.n_iter_no_change, cascade.tol) == (2, 1, 0.01)
    assert (cascade.n_jobs, cascade.random_state, cascade.verbose) == (1, 3, 0)
    for _, forest in cascade.estimators:
        assert (forest.max_bins, forest.n_estimators, forest.max_depth) == (100, 7, 5)
        assert (forest.min_samples_split, forest.min_samples_leaf) == (4, 3)
    X, y = load_iris(return_X_y=True)
    assert cascade.fit(X, y).score(X, y) > 0.9


def test_values_are_regressed():
    cascade = from_df21_params(
        "regression", n_trees=5, n_estimators=1, max_layers=1, verbose=0, criterion="mse"
    )
    assert type(cascade) is CascadeForestRegressor
    X, y = load_diabetes(return_X_y=True)
    assert cascade.fit(X, y).score(X, y) > 0.3


@pytest.mark.parametrize(
    "params",
    [
        {"bin_type": "interval"},
        {"bin_subsample": 100},
        {"criterion": "entropy"},
        {"use_predictor": True},
        {"use_predictor": True, "predictor": "lightgbm"},
        {"backend": "sklearn"},
        {"partial_mode": True},
    ],
)
def test_what_has_no_counterpart_is_named(params):
    with pytest.warns(ConfigWarning) as warnings:
        cascade = from_df21_params(**params)
    message = str(warnings[0].message)
    for name, value in params.items():
        assert f"{name}={value!r}: {NO_COUNTERPART[name]}" in message
    assert cascade.combine == ("select" if "use_predictor" in params else "mean")
    assert warnings[0].filename == __file__


def test_the_default_values_need_no_word():
    _, notes = df21_content(dict(DEFAULTS), "regression")
    assert notes == []


@pytest.mark.parametrize(
    ("task", "params", "message"),
    [
        ("classification", {"n_tree": 3}, "n_tree=3 is an unknown key; did you mean 'n_trees'"),
        ("classification", {"n_estimators": 0}, "n_estimators=0 must be an integer of at least 1"),
        ("classification", {"n_bins": 1000}, "max_bins must be an integer from 2 to 255"),
        ("classes", {}, "task='classes' must be one of"),
    ],
)
def test_wrong_arguments_are_errors(task, params, message):
    with pytest.raises(ConfigError, match=message):
        from_df21_params(task, **params)


def test_a_file_of_arguments_is_told_from_ours():
    assert is_df21({"n_trees": 3})
    assert not is_df21({"n_jobs": 3})
    assert not is_df21({"n_jobs": 3, "cascade": {}})

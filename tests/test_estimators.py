"""Registered estimators and default sets."""

import builtins
import subprocess
import sys

import numpy as np
import pytest
from sklearn.base import is_classifier, is_regressor

from deepforest import default_estimators, default_scan_estimators
from deepforest.estimators import (
    ESTIMATORS,
    TASKS,
    default_layers,
    import_lightgbm,
    random_forest,
    seeded_clone,
)
from deepforest.forest import HistForestClassifier, HistForestRegressor
from deepforest.models import gives_out_of_bag_votes, stops_early


def test_registered_names():
    assert list(ESTIMATORS) == [
        "random_forest",
        "extra_trees",
        "completely_random",
        "lightgbm",
        "hist_gradient_boosting",
        "linear",
        "logistic_regression",
        "scaled_linear",
        "ridge",
        "sgd",
    ]


@pytest.mark.parametrize("name", [*list(ESTIMATORS)[:6], "scaled_linear", "sgd"])
def test_registered_names_give_estimators_for_the_task(name):
    assert is_classifier(ESTIMATORS[name]("classification"))
    assert is_regressor(ESTIMATORS[name]("regression"))


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("random_forest", {"splitter": "best"}),
        ("extra_trees", {"splitter": "random"}),
        ("completely_random", {"splitter": "random", "max_features": 1}),
        ("lightgbm", {"deterministic": True, "force_col_wise": True, "verbosity": -1}),
    ],
)
@pytest.mark.parametrize("task", TASKS)
def test_what_the_names_stand_for(name, expected, task):
    estimator = ESTIMATORS[name](task)
    assert {key: getattr(estimator, key) for key in expected} == expected
    if name != "lightgbm":
        kind = HistForestClassifier if task == "classification" else HistForestRegressor
        assert type(estimator) is kind


def test_parameters_of_your_own_come_before_the_presets():
    assert ESTIMATORS["completely_random"]("classification", max_features=3).max_features == 3
    boosted = ESTIMATORS["lightgbm"]("regression", n_estimators=7, max_bin=15)
    assert (boosted.n_estimators, boosted.max_bin) == (7, 15)


def test_the_leaves_of_classes_are_bounded():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(1000, 3)).astype(np.float32)
    y = np.where(np.arange(1000) < 4, 2, X[:, 0] > 0)  # one class is rare, without a reason

    def largest_leaf(**parameters):
        model = ESTIMATORS["lightgbm"]("classification", n_estimators=30, **parameters)
        model.set_params(early_stopping_round=None, random_state=0).fit(X, y)
        nodes = model.booster_.trees_to_dataframe()
        # The first round's leaves hold the prior, too.
        return nodes.value[nodes.left_child.isna() & (nodes.tree_index >= 3)].abs().max()

    assert largest_leaf() == pytest.approx(0.1 * 4)
    assert largest_leaf(max_delta_step=0) > 1


def test_lightgbm_stops_where_rounds_gain_next_to_nothing():
    boosted = {task: ESTIMATORS["lightgbm"](task).get_params() for task in TASKS}
    assert boosted["classification"]["early_stopping_min_delta"] == 1e-4
    # The loss of values has the unit of the target.
    assert not boosted["regression"].keys() & {"early_stopping_min_delta", "max_delta_step"}


@pytest.mark.parametrize("task", TASKS)
def test_the_default_layer_can_be_resized(task):
    layer = default_estimators(task, n_estimators=7)
    others = ["lightgbm"] if task == "classification" else ["lightgbm", "lightgbm_random"]
    assert [name for name, _ in layer] == ["random_forest", "extra_trees", *others]
    assert [estimator.n_estimators for _, estimator in layer[:2]] == [7, 7]
    assert [estimator.splitter for _, estimator in layer[:2]] == ["best", "random"]
    assert all(gives_out_of_bag_votes(estimator) for _, estimator in layer[:2])
    assert all(stops_early(estimator) for _, estimator in layer[2:])


@pytest.mark.parametrize(
    ("preset", "task", "trees", "boosters", "boosters_later"),
    [
        ("fast", "classification", 100, 1, 0),
        ("fast", "regression", 100, 1, 0),
        ("balanced", "classification", 200, 1, 0),
        ("balanced", "regression", 200, 2, 2),
        ("best", "classification", 500, 2, 2),
        ("best", "regression", 500, 2, 2),
    ],
)
def test_presets_say_how_much_is_boosted(preset, task, trees, boosters, boosters_later):
    layers = default_layers(task, preset=preset)
    for layer, count in zip((layers[0], layers[-1]), (boosters, boosters_later), strict=True):
        assert [estimator.n_estimators for _, estimator in layer[:2]] == [trees, trees]
        assert [stops_early(estimator) for _, estimator in layer[2 : 2 + count]] == [True] * count
    assert [name for name, _ in layers[0][2 + boosters :]] == ["linear"] * (preset != "fast")
    assert len(layers[-1]) == 2 + boosters_later


@pytest.mark.parametrize(
    ("n_columns", "share"), [(None, 0.5), (4, 0.5), (100, 0.5), (200, 0.25), (5000, 0.01)]
)
def test_lightgbm_draws_at_most_fifty_columns_for_classes(n_columns, share):
    for layer in default_layers("classification", preset="best", n_columns=n_columns):
        assert [e.colsample_bytree for _, e in layer[2:4]] == [share, share]
    for layer in default_layers("regression", n_columns=n_columns):
        assert [e.colsample_bytree for _, e in layer[2:4]] == [1.0, 1.0]


@pytest.mark.parametrize("task", TASKS)
def test_the_default_scanners_can_be_resized(task):
    scan = default_scan_estimators(task, n_estimators=7)
    assert [(name, estimator.n_estimators) for name, estimator in scan] == [
        ("random_forest", 7),
        ("extra_trees", 7),
    ]


def test_the_default_estimators_are_new_each_time():
    assert default_estimators()[0][1] is not default_estimators()[0][1]


def test_without_lightgbms_library_the_error_says_how_to_get_it(monkeypatch):
    imports = builtins.__import__

    def without_library(name, *arguments, **keywords):
        if name == "lightgbm":
            raise OSError("libgomp.so.1: cannot open shared object file")
        return imports(name, *arguments, **keywords)

    monkeypatch.setattr(builtins, "__import__", without_library)
    for use in (import_lightgbm, lambda: ESTIMATORS["lightgbm"]("regression"), default_estimators):
        with pytest.raises(ImportError) as error:
            use()
        for part in ("apt-get install libgomp1", "brew install libomp", "libgomp.so.1: cannot"):
            assert part in str(error.value)


def test_the_package_can_be_imported_without_lightgbms_library(tmp_path):
    (tmp_path / "lightgbm.py").write_text("raise OSError('libgomp.so.1: cannot open')\n")
    script = (
        "import deepforest\n"
        "from sklearn.linear_model import Ridge\n"
        "deepforest.CascadeForestRegressor([('r', Ridge())], cv=2).fit([[1], [2]] * 4, range(8))\n"
        "try:\n"
        "    deepforest.default_estimators()\n"
        "except ImportError as error:\n"
        "    print(error)\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n{script}"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "libgomp1" in result.stdout


def test_the_engines_forests_take_the_threads_of_the_layer():
    assert seeded_clone(random_forest("classification", n_jobs=3), 0).n_jobs is None

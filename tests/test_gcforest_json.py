"""The official gcForest's files: what they become, what is named, what is refused."""

import copy
import json
import re
import tomllib
from pathlib import Path

import pytest
from sklearn.datasets import load_digits, load_iris

from deepforest import CascadeForestClassifier, GCForestClassifier, load_config
from deepforest.config_files import ConfigError, ConfigWarning, read_content
from deepforest.gcforest_json import gcforest_content, is_gcforest

FILES = Path(__file__).parent / "data" / "gcforest"


def load(name):
    """The estimator of a file, and what the warning says."""
    with pytest.warns(ConfigWarning) as warnings:
        estimator = load_config(FILES / f"{name}.json")
    [warning] = warnings
    return estimator, str(warning.message)


def digits():
    images, y = load_digits(return_X_y=True)
    images = images.reshape(-1, 8, 8)
    return images[:200], y[:200], images[200:300], y[200:300]


def test_a_cascade_loads_and_trains():
    cascade, said = load("cascade_only")
    assert type(cascade) is CascadeForestClassifier
    assert (cascade.max_layers, cascade.n_iter_no_change, cascade.tol) == (100, 3, 0)
    assert (cascade.cv, cascade.random_state, cascade.n_jobs) == (5, 0, -1)
    assert cascade.combine == "mean"
    names = [name for name, _ in cascade.estimators]
    assert names == ["lightgbm_1", "random_forest_1", "extra_trees_1", "logistic_regression_1"]
    boosted = cascade.estimators[0][1]
    assert (boosted.n_estimators, boosted.max_depth, boosted.num_leaves) == (10, 5, 32)
    assert "cascade.n_classes=3: classes are those of y" in said
    assert "cascade.estimators[0].type='XGBClassifier': LightGBM boosts here" in said
    assert "cascade.estimators[0].silent=True" in said
    X, y = load_iris(return_X_y=True)
    cascade.set_params(n_jobs=1, max_layers=2, logistic_regression_1__max_iter=1000)
    assert cascade.fit(X[::2], y[::2]).score(X[1::2], y[1::2]) > 0.9


def test_one_grain_loads_and_trains():
    forest, said = load("one_grain")
    assert type(forest) is GCForestClassifier
    # y before x, as an image's axes go.
    assert forest.windows == [[5, 4]]
    assert (forest.stride, forest.padding) == ([1, 2], [0, 1])
    assert (forest.pool, forest.pool_method) == ([2, 2], "max")
    assert (forest.grains, forest.passthrough) == ("concatenate", False)
    assert (forest.random_state, forest.cv, forest.max_layers) == (7, 3, 2)
    [(first, scanning), (second, completely_random)] = forest.scan_estimators
    assert (first, second) == ("scanning_random_forest_1", "scanning_completely_random_1")
    assert (scanning.n_estimators, scanning.max_depth) == (5, 10)
    assert (completely_random.max_features, completely_random.min_samples_leaf) == (1, 10)
    [(_, trees), (_, linear)] = forest.estimators
    assert trees.max_features == "sqrt"
    assert (linear.loss, linear.max_iter) == ("log_loss", 20)
    for key in (
        "train.keep_model_in_mem=1",
        "train.data_cache=",
        "cascade.data_save_dir=",
        "cascade.data_save_rounds=4",
        "net.layers[0].n_classes=10",
        "cascade.estimators[1].random_state=3",
    ):
        assert key in said
    X_train, y_train, X_test, y_test = digits()
    forest.set_params(n_jobs=1, sgd_1__tol=None)
    assert forest.fit(X_train, y_train).score(X_test, y_test) > 0.7


def test_several_grains_load_and_train():
    forest, _ = load("several_grains")
    # In the order in which the cycle takes them; X itself, the last, is passed through.
    assert forest.windows == [{"size": [5, 5], "pool": [2, 1]}, {"size": [3, 3], "pool": [2, 2]}]
    assert (forest.stride, forest.padding, forest.pool_method) == ([2, 2], [0, 0], "mean")
    assert (forest.grains, forest.passthrough) == ("cycle", True)
    assert (forest.max_layers, forest.random_state) == (1000, 0)
    X_train, y_train, X_test, y_test = digits()
    assert forest.set_params(max_layers=3).fit(X_train, y_train).score(X_test, y_test) > 0.7


def changed(name, change):
    content = copy.deepcopy(read_content(FILES / f"{name}.json"))
    change(content)
    return content


@pytest.mark.parametrize(
    ("cycle", "grains", "note"),
    [
        (None, "concatenate", False),
        ([[0, 1, 2]], "concatenate", False),
        ([[2, 0, 1], [0, 1, 2]], "concatenate", False),
        ([[0], [1], [2]], "cycle", False),
        ([[2], [0], [1]], "cycle", True),
        ([[0], [1], [0], [2]], "cycle", True),
        ([[0, 1], [2]], "cycle", True),
    ],
)
def test_cycles(cycle, grains, note):
    def change(content):
        content["cascade"]["look_indexs_cycle"] = cycle

    content, notes = gcforest_content(changed("several_grains", change))
    assert content["scanner"]["grains"] == grains
    assert any("look_indexs_cycle" in line for line in notes) == note


def test_windows_that_feed_no_layer_are_left_out_and_named():
    def change(content):
        content["cascade"]["look_indexs_cycle"] = [[0]]

    content, notes = gcforest_content(changed("several_grains", change))
    assert content["scanner"]["windows"] == [[3, 3]]
    assert "the windows [5, 5] (y, x) feed no layer and are left out" in notes


def test_x_alone_is_a_cascade():
    def change(content):
        content["net"]["outputs"] = ["X"]
        content["cascade"]["look_indexs_cycle"] = None

    assert "scanner" not in gcforest_content(changed("several_grains", change))[0]


def test_outputs_are_what_no_layer_takes():
    def change(content):
        del content["net"]["outputs"], content["cascade"]["look_indexs_cycle"]

    content, _ = gcforest_content(changed("several_grains", change))
    assert len(content["scanner"]["windows"]) == 2
    assert "passthrough" not in content["scanner"]


def test_estimators_and_folds_of_one_grain_only_are_named():
    def change(content):
        content["net"]["layers"][0]["estimators"][0] |= {"n_estimators": 9, "n_folds": 2}

    content, notes = gcforest_content(changed("several_grains", change))
    assert content["scanner"]["estimators"][0]["n_estimators"] == 5
    assert any("all grains share them" in note for note in notes)
    assert any(note.startswith("n_folds=[3, 2]") for note in notes)


def test_a_forest_that_feeds_no_layer_is_named():
    def change(content):
        content["net"]["outputs"] = ["pool/trees"]

    _, notes = gcforest_content(changed("one_grain", change))
    assert any("scanning_random_forest_1 too" in note for note in notes)


@pytest.mark.parametrize(
    ("entry", "table", "named"),
    [
        ({"type": "RandomForestClassifier", "criterion": "gini"}, {"type": "random_forest"}, ""),
        (
            {"type": "RandomForestClassifier", "criterion": "entropy"},
            {"type": "random_forest"},
            "cascade.estimators[0].criterion='entropy': no counterpart",
        ),
        (
            {"type": "ExtraTreesClassifier", "max_features": 1, "max_leaf_nodes": 9},
            {"type": "completely_random"},
            "cascade.estimators[0].max_leaf_nodes=9: no counterpart",
        ),
        ({"type": "SGDClassifier"}, {"type": "sgd"}, "loss='hinge': it gives no probabilities"),
        (
            {"type": "SGDClassifier", "loss": "modified_huber"},
            {"type": "sgd", "loss": "modified_huber"},
            "",
        ),
        (
            {"type": "LogisticRegression", "C": 2.0, "penalty": "l2", "multi_class": "ovr"},
            {"type": "logistic_regression", "C": 2.0},
            "multi_class='ovr': no counterpart",
        ),
        (
            {"type": "XGBClassifier", "eta": 0.3, "gamma": 1, "subsample": 0.5, "tree_method": "x"},
            {
                "type": "lightgbm",
                "learning_rate": 0.3,
                "min_split_gain": 1,
                "subsample": 0.5,
                "subsample_freq": 1,
            },
            "tree_method='x': no counterpart",
        ),
        ({"type": "XGBClassifier", "max_depth": 0}, {"type": "lightgbm"}, "LightGBM boosts here"),
        ({"type": "XGBClassifier", "max_depth": None}, {"type": "lightgbm"}, "LightGBM boosts"),
    ],
)
def test_estimators(entry, table, named):
    content, notes = gcforest_content({"cascade": {"estimators": [entry]}})
    [got] = content["cascade"]["estimators"]
    assert got.pop("name") == f"{table['type']}_1"
    assert got == table
    assert [note for note in notes if named in note] if named else notes == []


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("one_grain", lambda c: c.pop("cascade"), "cascade=None must be an object"),
        (
            "cascade_only",
            lambda c: c["cascade"].pop("estimators"),
            "cascade.estimators=None must be a list",
        ),
        (
            "cascade_only",
            lambda c: c["cascade"]["estimators"][1].update(type="SVC"),
            r"cascade.estimators\[1\].type='SVC' must be one of RandomForestClassifier",
        ),
        (
            "one_grain",
            lambda c: c["net"]["layers"][0].pop("win_x"),
            r"net.layers\[0\].win_x is missing",
        ),
        (
            "one_grain",
            lambda c: c["net"]["layers"][0].update(tops=["a"]),
            r"net.layers\[0\].tops=\['a'\] must name one top for each estimator",
        ),
        (
            "one_grain",
            lambda c: c["net"]["layers"][1].update(type="FGDropLayer"),
            r"net.layers\[1\].type='FGDropLayer' must be one of FGWinLayer",
        ),
        (
            "one_grain",
            lambda c: c["net"]["layers"][1].update(pool_method="sum"),
            r"net.layers\[1\].pool_method='sum' must be one of 'avg', 'max'",
        ),
        (
            "one_grain",
            lambda c: c["net"]["layers"][1].update(bottoms=["X"]),
            "X itself cannot be pooled",
        ),
        ("one_grain", lambda c: c["net"].update(outputs=["pool"]), "no layer before gives 'pool'"),
        (
            "several_grains",
            lambda c: c["net"]["layers"][1].update(bottoms=["win/3x3/rf", "y"]),
            "windows over the output of other layers have no counterpart",
        ),
        (
            "several_grains",
            lambda c: c["cascade"].update(look_indexs_cycle=[[3]]),
            "must be lists of numbers below 3",
        ),
        ("several_grains", lambda c: c["cascade"].update(look_indexs_cycle=[[]]), "hold groups"),
        (
            "several_grains",
            lambda c: c["cascade"].update(look_indexs_cycle=0),
            "must be lists of numbers",
        ),
        ("several_grains", lambda c: c["net"]["layers"].append(3), r"layers\[5\]=3 must be an obj"),
    ],
)
def test_what_cannot_be_mapped_is_an_error_that_names_file_and_key(tmp_path, name, change, message):
    path = tmp_path / "theirs.json"
    path.write_text(json.dumps(changed(name, change)))
    with pytest.raises(ConfigError, match=rf"theirs.json: .*{message}"):
        load_config(path)


@pytest.mark.parametrize(
    ("content", "theirs"),
    [
        ({}, False),
        ({"cascade": {"max_layers": 3}}, False),
        ({"cascade": {"estimators": [{"type": "random_forest"}]}}, False),
        ({"scanner": {}, "cascade": 3}, False),
        ({"train": {}}, True),
        ({"cascade": {"n_classes": 2}}, True),
        ({"cascade": {"estimators": [{"type": "XGBClassifier"}]}}, True),
        ({"cascade": {"estimators": [3, {"type": []}]}}, False),
    ],
)
def test_their_files_are_told_from_ours(content, theirs):
    assert is_gcforest(content) == theirs


def test_the_page_shows_what_the_conversion_gives():
    page = Path(__file__).parents[1] / "docs" / "from_gcforest.md"
    if not page.exists():
        pytest.skip("the docs are not beside the tests")
    theirs, ours = (
        re.search(rf"```{kind}\n(.*?)```", page.read_text(), re.S)[1] for kind in ("json", "toml")
    )
    assert gcforest_content(json.loads(theirs))[0] == tomllib.loads(ours)

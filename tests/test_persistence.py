"""Model files: what was saved comes back, bit for bit, and nothing else is accepted."""

import json
import os
import pickle
import subprocess
import sys
import threading
from inspect import signature
from pathlib import Path

import joblib
import lightgbm
import model_kinds
import numpy as np
import pytest
from sklearn.base import clone
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import RandomForestClassifier
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import KFold, TimeSeriesSplit

import deepforest
from deepforest import (
    Binner,
    CascadeForestClassifier,
    GCForestClassifier,
    HistForestClassifier,
    HistForestRegressor,
    ModelFileError,
    MultiGrainedScanner,
    load,
)
from deepforest.boosted import BoostedClassifier
from deepforest.estimators import lightgbm as lightgbm_estimator
from deepforest.linear import ScaledLogisticRegression, ScaledRidge
from deepforest.schemas import NOT_SAVED, SCHEMAS
from deepforest.tree_checks import check_trees

TESTS = Path(__file__).parent


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """Every kind of model, in a file of its own; (folder, models by name)."""
    folder = tmp_path_factory.mktemp("models")
    models = {}
    for name, make in model_kinds.KINDS.items():
        model, X = make()
        model.save(folder / f"{name}.dforest")
        models[name] = model, X
    return folder, models


PREDICT = """
import sys, pickle
import model_kinds
import deepforest
from pathlib import Path
folder = Path(sys.argv[1])
said = {}
for name, X in pickle.loads((folder / "rows").read_bytes()).items():
    said[name] = model_kinds.said(deepforest.load(folder / f"{name}.dforest"), X)
(folder / "said").write_bytes(pickle.dumps(said))
"""


def test_every_kind_predicts_to_the_bit_in_a_fresh_process(saved):
    folder, models = saved
    (folder / "rows").write_bytes(pickle.dumps({name: X for name, (_, X) in models.items()}))
    environment = {**os.environ, "PYTHONPATH": str(TESTS)}
    subprocess.run([sys.executable, "-c", PREDICT, folder], env=environment, check=True)
    loaded = pickle.loads((folder / "said").read_bytes())
    for name, (model, X) in models.items():
        for method, expected in model_kinds.said(model, X).items():
            got = loaded[name][method]
            assert got.dtype == expected.dtype, (name, method)
            assert np.array_equal(got, expected), (name, method)


@pytest.mark.parametrize("name", sorted(set(model_kinds.KINDS) - {"cascade_with_foreign"}))
def test_files_of_version_1_load_for_ever(name):
    path = model_kinds.DATA / f"v1_{name}.dforest"
    with np.load(path.with_suffix(".npz")) as expected:
        loaded = deepforest.load(path)
        said = model_kinds.said(loaded, expected["X"])
        assert said.keys() | {"X"} == set(expected.files)
        for method, values in said.items():
            if values.dtype.kind == "f":
                # Another machine's exp may differ in the last bit.
                np.testing.assert_allclose(values, expected[method], rtol=1e-6)
            else:
                assert np.array_equal(values, expected[method])


@pytest.mark.parametrize("name", sorted(model_kinds.KINDS))
def test_what_was_loaded_has_all_attributes_and_saves_to_the_same_file(saved, name, tmp_path):
    folder, models = saved
    model, _ = models[name]
    path = folder / f"{name}.dforest"
    loaded = deepforest.load(path)
    assert vars(loaded).keys() == vars(model).keys()
    loaded.save(tmp_path / "again")
    if name != "cascade_with_foreign":  # skops writes the time
        assert (tmp_path / "again").read_bytes() == path.read_bytes()


@pytest.mark.parametrize("name", sorted(model_kinds.KINDS))
def test_pickle_and_joblib_go_on_working(saved, name, tmp_path):
    model, X = saved[1][name]
    for copy in (pickle.loads(pickle.dumps(model)), deepforest.load(saved[0] / f"{name}.dforest")):
        joblib.dump(copy, tmp_path / "dump")
        copy = joblib.load(tmp_path / "dump")
        for method, expected in model_kinds.said(model, X).items():
            assert np.array_equal(model_kinds.said(copy, X)[method], expected)


@pytest.mark.parametrize("name", sorted(SCHEMAS))
def test_schema_knows_every_parameter(name):
    schema = SCHEMAS[name]
    parameters = signature(schema.make).parameters.keys()
    assert schema.parameters.keys() == parameters - set(NOT_SAVED)


def test_schema_knows_every_fitted_attribute(saved):
    seen = {name: set() for name in SCHEMAS}
    parts = [
        saved[1][f"cascade_with_{name}"][0].layers_[0].models[1][0] for name in ("linear", "ridge")
    ]
    for model in [*parts, *(model for model, _ in saved[1].values())]:
        seen[type(model).__name__] |= vars(model).keys()
    for name, schema in SCHEMAS.items():
        fitted = seen[name] - schema.parameters.keys() - set(NOT_SAVED)
        assert fitted <= schema.fitted.keys()
        assert schema.fitted.keys() - fitted <= set(schema.may_lack)


def test_an_attribute_that_no_schema_knows_is_not_lost_without_a_word(tmp_path):
    forest = HistForestClassifier(2).fit([[0.0], [1.0]], [0, 1])
    forest.notes_ = "mine"
    with pytest.raises(ModelFileError, match="notes_"):
        forest.save(tmp_path / "file")


def test_unfitted(tmp_path):
    with pytest.raises(NotFittedError):
        HistForestClassifier().save(tmp_path / "file")


def test_refused_classes(tmp_path):
    class Mine(HistForestClassifier):
        pass

    with pytest.raises(ModelFileError, match="Mine is none of"):
        Mine(2).fit([[0.0], [1.0]], [0, 1]).save(tmp_path / "file")


def test_training_votes_of_a_layer_are_left_out(saved):
    folder, models = saved
    model = models["cascade_classifier"][0].layers_[0].models[0][0]
    loaded = deepforest.load(folder / "cascade_classifier.dforest").layers_[0].models[0][0]
    assert hasattr(model, "oob_decision_function_")
    assert not hasattr(loaded, "oob_decision_function_")


def test_importances_come_back(saved):
    folder, models = saved
    loaded = deepforest.load(folder / "cascade_classifier.dforest")
    expected = models["cascade_classifier"][0].feature_importances_
    assert np.array_equal(loaded.feature_importances_, expected)


def test_what_was_loaded_can_be_cloned_and_fitted_again(saved):
    folder, models = saved
    X, y = model_kinds.table()
    loaded = deepforest.load(folder / "cascade_classifier.dforest")
    model = models["cascade_classifier"][0]
    y = np.array(["red", "green", "blue"])[y]
    again, expected = clone(loaded).fit(X, y), clone(model).fit(X, y)
    assert np.array_equal(again.predict_proba(X), expected.predict_proba(X))
    assert isinstance(loaded.layers_[0].models[2][0], BoostedClassifier)
    with pytest.raises(TypeError, match="cannot be fitted again"):
        loaded.layers_[0].models[2][0].fit(X, y)


def round_trip(model, tmp_path, **arguments):
    model.save(tmp_path / "file")
    return deepforest.load(tmp_path / "file", **arguments)


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        3,
        2.5,
        float("inf"),
        "text",
        [1, (2, "x"), {"a": [None]}],
        {3: 0.5, "b": 1},
        np.int64(4),
        np.arange(4.0),
        np.array(["a", "bc"]),
        KFold(4, shuffle=True, random_state=2),
        TimeSeriesSplit(3, gap=2),
        [(np.arange(3), np.arange(3, 5))],
    ],
    ids=repr,
)
def test_values_of_parameters(value, tmp_path):
    X, y = model_kinds.table()
    cascade = CascadeForestClassifier([("forest", HistForestClassifier(2))], max_layers=1).fit(X, y)
    loaded = round_trip(cascade.set_params(cv=value), tmp_path).cv
    assert repr(loaded) == repr(value.item() if isinstance(value, np.generic) else value)


def test_generator(tmp_path):
    generator = np.random.RandomState(5)
    generator.normal()
    forest = HistForestClassifier(2, random_state=generator).fit([[0.0], [1.0]], [0, 1])
    loaded = round_trip(forest, tmp_path).random_state
    assert np.array_equal(loaded.normal(size=3), generator.normal(size=3))


@pytest.mark.parametrize(
    ("parameter", "value"),
    [
        ("scoring", lambda model, X, y: 1.0),
        ("cv", iter([])),
        ("random_state", np.random.RandomState(np.random.PCG64(0))),
        ("cv", {(1, 2): 3}),
    ],
)
def test_what_no_file_holds_is_refused_with_the_remedy(parameter, value, tmp_path):
    X, y = model_kinds.table()
    cascade = CascadeForestClassifier([("forest", HistForestClassifier(2))], max_layers=1).fit(X, y)
    cascade.set_params(**{parameter: value})
    with pytest.raises(ModelFileError, match=rf"{parameter}: .*(joblib|use numbers)"):
        cascade.save(tmp_path / "file")
    assert not list(tmp_path.iterdir())


def test_labels_keep_their_type(tmp_path):
    X = np.arange(8.0).reshape(-1, 1)
    for classes in (
        np.array([True, False]),
        np.array([2.0, -1.0]),
        np.array(["ä", "long label"]),
        np.array(["ä", "b"], object),
        np.array([1, 2], np.int8),
    ):
        forest = HistForestClassifier(2).fit(X, np.tile(classes, 4))
        loaded = round_trip(forest, tmp_path)
        assert loaded.classes_.dtype == forest.classes_.dtype
        assert np.array_equal(loaded.classes_, forest.classes_)


def test_columns_share_their_thresholds_in_memory_and_file(saved):
    loaded = deepforest.load(saved[0] / "cascade_classifier.dforest")
    layers = [layer.models[0][0].trees_.bins for layer in loaded.layers_]
    assert layers[0].edges[0] is layers[1].edges[0]
    assert layers[0] is loaded.layers_[0].models[0][0].trees_.bins


def test_output_of_transformers_stays_set(tmp_path):
    X = np.arange(8.0).reshape(-1, 2)
    binner = Binner().set_output(transform="pandas").fit(X)
    assert hasattr(round_trip(binner, tmp_path).transform(X), "columns")


# Estimators of other libraries --------------------------------------------------------------------


def cascade_of(estimator, X=None, y=None):
    X, y = model_kinds.table()
    X = np.nan_to_num(X)
    estimators = [("other", estimator), ("forest", HistForestClassifier(2, max_depth=3))]
    cascade = CascadeForestClassifier(estimators, max_layers=1, cv=2, combine="mean")
    return cascade.fit(X, y), X


def test_types_that_can_do_harm_must_be_named(tmp_path):
    cascade, X = cascade_of(RandomForestClassifier(2, bootstrap=False, random_state=0))
    cascade.save(tmp_path / "file")
    with pytest.raises(ModelFileError, match=r"sklearn\.tree\._tree\.Tree.*trusted="):
        deepforest.load(tmp_path / "file")
    # What was named before is still named, so that the list grows to the end.
    with pytest.raises(ModelFileError, match=r"trusted=\['a\.B', 'sklearn\.tree\._tree\.Tree'\]"):
        deepforest.load(tmp_path / "file", trusted=["a.B"])
    loaded = deepforest.load(tmp_path / "file", trusted=["sklearn.tree._tree.Tree"])
    assert np.array_equal(loaded.predict_proba(X), cascade.predict_proba(X))


def test_without_skops_the_remedy_is_named(tmp_path, monkeypatch):
    cascade, _ = cascade_of(LogisticRegression())
    monkeypatch.setitem(sys.modules, "skops.io", None)
    with pytest.raises(ModelFileError, match=r"pip install 'gcforest\[skops\]'"):
        cascade.save(tmp_path / "file")


def test_constants_need_no_skops(tmp_path, monkeypatch):
    cascade, X = cascade_of(DummyClassifier())
    cascade.set_params(estimators=None)
    monkeypatch.setitem(sys.modules, "skops.io", None)
    loaded = round_trip(cascade, tmp_path)
    assert np.array_equal(loaded.predict_proba(X), cascade.predict_proba(X))


def test_constants_of_several_targets(tmp_path):
    # A fold without a window: all it knows are the targets.
    sequences = np.full((12, 10), np.nan)
    sequences[0] = 1
    forest = HistForestRegressor(3, bootstrap=False)
    scanner = MultiGrainedScanner([3], estimators=[("forest", forest)], random_state=0)
    targets = np.random.default_rng(0).normal(size=(12, 2))
    scanner.fit(sequences, targets).save(tmp_path / "scanner.dforest")
    again = load(tmp_path / "scanner.dforest")
    np.testing.assert_array_equal(again.transform(sequences), scanner.transform(sequences))


def test_a_constant_that_says_something_else_than_its_prior(tmp_path):
    cascade, X = cascade_of(DummyClassifier(strategy="uniform"))
    loaded = round_trip(cascade, tmp_path)
    assert np.array_equal(loaded.predict_proba(X), cascade.predict_proba(X))


def test_lightgbm_that_cannot_be_read_is_refused(tmp_path):
    estimator = lightgbm_estimator("classification", n_estimators=2, early_stopping_round=None)
    cascade, _ = cascade_of(estimator.set_params(linear_tree=True))
    with pytest.raises(ModelFileError, match=r"linear leaves.*joblib"):
        cascade.save(tmp_path / "file")


def test_lightgbm_parameters_that_name_files_are_refused(tmp_path):
    cascade, _ = cascade_of(lightgbm.LGBMClassifier(n_estimators=2, verbosity=-1))
    cascade.set_params(other__forcedsplits_filename="/somewhere")
    with pytest.raises(ModelFileError, match="forcedsplits_filename"):
        cascade.save(tmp_path / "file")


# Files that lie, with checksums that are right ----------------------------------------------------


@pytest.fixture
def lying(saved, tmp_path):
    """A function that writes a file again after changing its content and arrays."""
    from deepforest.container import read_container, write_container

    def write(name, change):
        content, arrays = read_container(saved[0] / f"{name}.dforest")
        content = json.loads(json.dumps(content))
        change(content, arrays)
        write_container(tmp_path / "file", content, arrays)
        return tmp_path / "file"

    return write


def forest_node(content):
    return content["estimator"]["fitted"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda c, a: c["estimator"].update(kind="Popen"), "no estimator that is known"),
        (lambda c, a: c["estimator"].update(kind=["x"]), "no estimator"),
        (lambda c, a: c["estimator"]["parameters"].update(n_jobs=10**9), "n_jobs"),
        (lambda c, a: c["estimator"]["parameters"].update(n_estimators="7"), "n_estimators"),
        (lambda c, a: c["estimator"]["parameters"].pop("max_bins"), "'max_bins' is missing"),
        (lambda c, a: c["estimator"]["parameters"].update(__class__=1), "'__class__' is unknown"),
        (lambda c, a: forest_node(c).update(predict=1), "'predict' is unknown"),
        (lambda c, a: forest_node(c).update(n_features_in_=5), "column"),
        (lambda c, a: forest_node(c).update(_n_columns=2), "leaves"),
        (lambda c, a: forest_node(c).update(classes_=10**9), "is not the number"),
        (lambda c, a: forest_node(c).update(classes_=-1), "is not the number"),
        (lambda c, a: forest_node(c)["trees_"].update(bins=7), "is not the number"),
        (lambda c, a: forest_node(c)["trees_"].update(roots=True), "is not the number"),
        (lambda c, a: forest_node(c)["trees_"].update(roots=None), "is not the number"),
        (
            lambda c, a: forest_node(c)["trees_"].update(roots=forest_node(c)["trees_"]["code"]),
            "stands where int32",
        ),
        (lambda c, a: c.update(more=1), "something else"),
        (lambda c, a: c["bins"].update(tables=[[0, 0]]), "three arrays|stands where"),
        (
            lambda c, a: forest_node(c).update(classes_={"width": 2**24, "items": ["a", "b", "c"]}),
            "too many",
        ),
    ],
)
def test_content_that_lies(lying, change, message):
    with pytest.raises(ModelFileError, match=message):
        deepforest.load(lying("forest_classifier", change))


@pytest.mark.parametrize(
    ("name", "place", "value", "message"),
    [
        ("children_left", 0, 0, "child"),
        ("children_left", 0, -1, "child"),
        ("children_left", 0, 10**6, "child"),
        ("children_left", -1, 0, "child"),
        ("feature", 0, 4, "feature"),
        ("feature", 0, -2, "feature"),
        ("feature", 0, -1, "child"),
        ("roots", 0, 1, "follow"),
        ("roots", 1, 10**6, "follow"),
        ("leaf", -1, 10**6, "says"),
        ("leaf", -1, -(2**31), "says"),
        ("code", -1, 7, "keep its rows"),
        ("leaf_values", 0, 0, "no rows"),
    ],
)
def test_trees_that_would_leave_the_arrays_are_refused(lying, name, place, value, message):
    def change(content, arrays):
        arrays[forest_node(content)["trees_"][name]][place] = value

    with pytest.raises(ModelFileError, match=message):
        deepforest.load(lying("forest_classifier", change))


def test_sets_of_categories_are_checked(saved):
    trees = saved[1]["forest_classifier"][0].trees_
    check_trees(trees)
    split = np.flatnonzero((trees.feature >= 0) & trees.bins.is_categorical[trees.feature])[0]
    for number in (-1, len(trees.left_sets)):
        trees.leaf[split], before = number, trees.leaf[split].copy()
        with pytest.raises(ValueError, match="set that is not there"):
            check_trees(trees)
        trees.leaf[split] = before


@pytest.mark.parametrize("forest", [HistForestClassifier, HistForestRegressor])
@pytest.mark.parametrize("splitter", ["best", "random"])
def test_grown_trees_pass_the_checks(forest, splitter):
    X, y = model_kinds.table(n=500)
    model = forest(5, splitter=splitter, categorical_features=[3], max_features=2).fit(X, y)
    check_trees(model.trees_)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda f: f["layers_"].pop(), "layers"),
        (lambda f: f.update(n_layers_=7), "layers"),
        (lambda f: f["layers_"].reverse(), "columns"),
        (lambda f: f["layers_"][0].update(n_classes=2), "classes"),
        (lambda f: f["layers_"][0].update(models=[[], [], []]), "no models"),
        (lambda f: f["layers_"][0]["models"].pop(), "estimators"),
        (lambda f: f.update(classes_={"width": 1, "items": ["a", "b"]}), "classes"),
        (lambda f: f["screens_"].append(f["screens_"][0]), "screens"),
        (lambda f: f.update(n_features_in_=2), "columns"),
    ],
)
def test_layers_that_do_not_fit(lying, change, message):
    with pytest.raises(ModelFileError, match=message):
        deepforest.load(lying("cascade_classifier", lambda c, a: change(forest_node(c))))


def layout(fitted):
    return fitted["scanner_"]["fitted"]["grains_"][0]["layout"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda f: f.update(input_shape_=[6, 5]), "other arrays"),
        (lambda f: f["scanner_"]["fitted"].update(input_shape_=[10**9, 10**9]), "shape"),
        (lambda f: layout(f)["grid"].update(window=[3, 3]), "fit"),
        (lambda f: layout(f)["grid"].update(stride=[1, 1]), "fit"),
        (lambda f: layout(f)["grid"].update(stride=[0, 1]), "empty"),
        (lambda f: layout(f)["grid"].update(positions=[10**9, 10**9]), "fit"),
        (lambda f: layout(f)["grid"].update(padding=[10**9, 10**9]), "fit"),
        (lambda f: layout(f)["grid"].update(window=[2]), "axes"),
        (lambda f: layout(f).update(pool=[1, 1]), "columns"),
        (lambda f: f["scanner_"].update(kind="Binner"), "stands where"),
        (lambda f: f["scanner_"]["parameters"].update(passthrough=False), "columns"),
    ],
)
def test_windows_that_do_not_fit(lying, change, message):
    with pytest.raises(ModelFileError, match=message):
        deepforest.load(lying("gcforest_classifier", lambda c, a: change(forest_node(c))))


def test_addresses_of_windows_are_checked(lying):
    for name in ("base", "offset"):

        def change(content, arrays, name=name):
            arrays[layout(forest_node(content))["grid"][name]][-1] += 1

        with pytest.raises(ModelFileError, match="windows have other"):
            deepforest.load(lying("gcforest_classifier", change))


def test_names_in_a_file_are_no_paths(lying, tmp_path):
    """There are no file names in a model file; names of columns and layers are only shown."""

    def change(content, arrays):
        for layer in forest_node(content)["layers_"]:
            layer["names"][0] = "../../outside"

    before = set(tmp_path.parent.iterdir())
    loaded = deepforest.load(lying("cascade_classifier", change))
    loaded.save(tmp_path / "again")
    assert set(tmp_path.parent.iterdir()) == before


def test_threads_may_load_and_save_the_same_file(saved, tmp_path):
    model, X = saved[1]["forest_classifier"]
    path = tmp_path / "file"
    model.save(path)
    failed = []

    def work():
        try:
            for _ in range(5):
                deepforest.load(path).save(path)
        except Exception as error:
            failed.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed
    assert np.array_equal(deepforest.load(path).predict_proba(X), model.predict_proba(X))
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


def test_public_estimators_can_all_be_saved():
    public = {Binner, HistForestClassifier, HistForestRegressor, MultiGrainedScanner}
    public |= {CascadeForestClassifier, GCForestClassifier}
    public |= {deepforest.CascadeForestRegressor, deepforest.GCForestRegressor}
    parts_of_others = {ScaledLogisticRegression, ScaledRidge}
    assert {schema.make for schema in SCHEMAS.values()} == public | parts_of_others
    assert all(hasattr(kind, "save") for kind in public)

"""Config files of three formats, written and read back."""

import inspect
import json
import re
import sys

import numpy as np
import pytest
import yaml
from lightgbm import LGBMClassifier
from sklearn.base import BaseEstimator
from sklearn.svm import SVC

import deepforest
from deepforest import (
    CascadeForestClassifier,
    CascadeForestRegressor,
    GCForestClassifier,
    GCForestRegressor,
    HistForestClassifier,
    HistForestRegressor,
    default_estimators,
    dump_config,
    load_config,
)
from deepforest.config import ConfigError, content_of, make_estimator
from deepforest.config_files import content_text, read_content, without_comments, write_text
from deepforest.config_schema import CASCADES, SCANNING, documented_parameters, table_keys
from deepforest.estimators import ESTIMATORS, LIGHTGBM_PARAMETERS

SUFFIXES = (".toml", ".json", ".yaml", ".yml")


def written(value):
    """A parameter as a file holds it: no tuples, estimators by type and parameters."""
    if isinstance(value, list | tuple):
        return [written(entry) for entry in value]
    if isinstance(value, dict):
        return {key: written(entry) for key, entry in value.items()}
    if hasattr(value, "get_params"):
        return type(value), {k: written(v) for k, v in value.get_params(deep=False).items()}
    return value.tolist() if isinstance(value, np.generic) else value


EVERYTHING = GCForestClassifier(
    [3, (0.5, 2), {"size": (3, 3), "stride": None, "pool": 2}],
    stride=(1, 2),
    scan_estimators=[("scan", HistForestClassifier(7, splitter="random", max_features=1))],
    passthrough=True,
    input_shape=(8, 8),
    estimators=[
        *default_estimators(n_estimators=5),
        ("by_class", HistForestClassifier(class_weight={0: 1.0, -1: 2.5})),
        ("columns", HistForestClassifier(categorical_features=[0, 3])),
        ("whole", deepforest.estimators.lightgbm("classification", early_stopping_round=None)),
        ("smooth", deepforest.estimators.lightgbm("classification", path_smooth=1.0)),
        ("logistic", deepforest.estimators.linear("classification", C=np.float64(0.1))),
    ],
    max_layers=np.int64(3),
    scoring="neg_log_loss",
    tol=1e-5,
    max_time=60,
    screening=0.99,
    n_jobs=-1,
    random_state=7,
)


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize(
    "estimator",
    [
        CascadeForestClassifier(),
        CascadeForestRegressor(default_estimators("regression"), cv=3),
        GCForestRegressor([(7,)], input_shape=(20, 2)),
        EVERYTHING,
    ],
    ids=["default", "regression", "scanner", "everything"],
)
def test_what_is_dumped_is_loaded_again(tmp_path, estimator, suffix):
    path = tmp_path / f"model{suffix}"
    dump_config(estimator, path)
    loaded = load_config(path)
    assert type(loaded) is type(estimator)
    assert written(loaded) == written(estimator)
    # and what is loaded is written in the same words
    again = tmp_path / f"again{suffix}"
    dump_config(loaded, again)
    assert again.read_text() == path.read_text()


def test_a_dump_says_what_is_not_the_default(tmp_path):
    content = content_of(EVERYTHING)
    assert content["task"] == "classification"
    assert content["cascade"]["estimators"][0] == {
        "type": "random_forest",
        "n_estimators": 5,
    }
    assert content["scanner"]["estimators"] == [
        {"type": "completely_random", "name": "scan", "n_estimators": 7}
    ]
    assert "combine" not in content["cascade"]
    assert content_of(GCForestClassifier()) == {"task": "classification", "scanner": {}}


@pytest.mark.parametrize(
    ("estimator", "message"),
    [
        (CascadeForestClassifier([("svc", SVC(probability=True))]), "'svc' is a SVC, which has no"),
        (CascadeForestClassifier(scoring=len), "scoring=<built-in function len> cannot be written"),
        (
            CascadeForestClassifier(random_state=np.random.RandomState(0)),
            "random_state=.* an integer for random_state",
        ),
        (HistForestClassifier(), "HistForestClassifier has no config file"),
    ],
)
def test_what_no_file_can_hold_is_an_error_and_leaves_no_file(tmp_path, estimator, message):
    with pytest.raises(ConfigError, match=message):
        dump_config(estimator, tmp_path / "model.toml")
    assert list(tmp_path.iterdir()) == []


def test_a_dump_of_another_format_is_an_error(tmp_path):
    with pytest.raises(ConfigError, match=r"'.ini' is no format .* \.toml, \.json"):
        dump_config(CascadeForestClassifier(), tmp_path / "model.ini")


def test_the_same_content_in_three_formats(tmp_path):
    content = {
        "n_jobs": None,
        "cascade": {"tol": 0.5, "estimators": [{"type": "extra_trees", "max_features": None}]},
    }
    paths = [tmp_path / f"a{suffix}" for suffix in SUFFIXES]
    for path in paths:
        path.write_text(content_text(content, path.suffix))
        assert read_content(path) == content
    assert 'n_jobs = "none"' in paths[0].read_text()
    assert json.loads(paths[1].read_text()) == yaml.safe_load(paths[2].read_text()) == content


def test_comments_of_json_leave_strings_and_lines_as_they_are():
    text = '{"a": "http://x", // a "word"\n"b\\"//": 1}//end'
    plain = without_comments(text)
    assert json.loads(plain) == {"a": "http://x", 'b"//': 1}
    assert [len(line) for line in plain.split("\n")] == [len(line) for line in text.split("\n")]


def test_an_alias_is_refused_before_a_file_is_written_that_does_not_load(tmp_path):
    cascade = CascadeForestClassifier([("boosted", LGBMClassifier(lambda_l1=3.0))])
    with pytest.raises(ConfigError, match="boosted__lambda_l1 is an alias"):
        dump_config(cascade, tmp_path / "a.toml")
    assert not (tmp_path / "a.toml").exists()


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_mark_of_the_order_of_bytes_is_no_text(tmp_path, suffix):
    path = tmp_path / f"a{suffix}"
    path.write_text(content_text({"n_jobs": 1}, suffix), encoding="utf-8-sig")
    assert read_content(path) == {"n_jobs": 1}


def test_yaml_without_its_package_says_how_to_install_it(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "yaml", None)
    path = tmp_path / "a.yaml"
    path.write_text("n_jobs: 1")
    with pytest.raises(ConfigError, match=r"a\.yaml: YAML needs .*pip install 'gcforest\[yaml\]'"):
        load_config(path)


def test_an_interrupted_write_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "a.toml"
    write_text(path, "old")

    def interrupt(*arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr("os.replace", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_text(path, "new")
    assert [p.name for p in tmp_path.iterdir()] == ["a.toml"]
    assert path.read_text() == "old"


# --- no parameter is forgotten ---------------------------------------------------------------


@pytest.mark.parametrize("task", ["classification", "regression"])
@pytest.mark.parametrize("scanning", [False, True])
def test_every_parameter_of_the_constructors_has_a_key_with_a_meaning(task, scanning):
    kind = (SCANNING if scanning else CASCADES)[task]
    keys = [
        key
        for of_table in table_keys(task, scanning=scanning).values()
        for key in of_table.values()
    ]
    by_parameter = {key.parameter: key for key in keys}
    assert len(by_parameter) == len(keys)
    for name, parameter in inspect.signature(kind).parameters.items():
        assert by_parameter[name].default == parameter.default
        assert by_parameter[name].accepted, f"{name} is missing from the docstring"


@pytest.mark.parametrize("task", ["classification", "regression"])
@pytest.mark.parametrize("scanning", [False, True])
def test_every_key_can_be_set_to_its_default(task, scanning):
    content = {"task": task}
    for table, keys in table_keys(task, scanning=scanning).items():
        entries = content.setdefault(table, {}) if table else content
        entries |= {name: json.loads(json.dumps(key.default)) for name, key in keys.items()}
    assert written(make_estimator(content)) == written((SCANNING if scanning else CASCADES)[task]())


@pytest.mark.parametrize("kind", [HistForestClassifier, HistForestRegressor])
def test_every_parameter_of_a_forest_can_be_set(kind):
    task = "classification" if kind is HistForestClassifier else "regression"
    defaults = {name: p.default for name, p in inspect.signature(kind).parameters.items()}
    entry = {"type": "random_forest", **defaults}
    [(_, forest)] = make_estimator({"task": task, "cascade": {"estimators": [entry]}}).estimators
    assert forest.get_params() == defaults


def test_the_public_estimators_are_those_that_configs_reach():
    reached = {*CASCADES.values(), *SCANNING.values(), HistForestClassifier, HistForestRegressor}
    public = {
        value
        for value in (getattr(deepforest, name) for name in deepforest.__all__)
        if inspect.isclass(value) and issubclass(value, BaseEstimator)
    }
    # The scanner's parameters are those of GCForest; the binner's are each forest's.
    assert {kind.__name__ for kind in public - reached} == {"MultiGrainedScanner", "Binner"}
    # What only the scanner has follows from the task, and the rest is shared with the cascade.
    scanner = set(inspect.signature(deepforest.MultiGrainedScanner).parameters)
    keys = table_keys("classification")
    assert scanner - {*keys["scanner"], *keys["cascade"], *keys[""]} == {"target_type"}


def test_lightgbm_knows_the_parameters_that_configs_let_through(recwarn):
    lines = []

    class Listener:
        def info(self, line):
            lines.append(line)

        warning = info

    lightgbm = pytest.importorskip("lightgbm")
    known = lightgbm.LGBMClassifier().get_params()
    assert not set(LIGHTGBM_PARAMETERS) & set(known)
    data = lightgbm.Dataset(np.arange(100.0).reshape(-1, 1), np.arange(100.0))
    lightgbm.register_logger(Listener())
    try:
        # Each with a value that no parameter takes: LightGBM refuses it only if it knows the
        # name, and otherwise says that it does not.
        for name in LIGHTGBM_PARAMETERS:
            try:
                lightgbm.train({name: "", "verbosity": 1}, data, num_boost_round=1)
            except lightgbm.basic.LightGBMError:
                continue
    finally:
        lightgbm.register_logger(type("Quiet", (), {"info": print, "warning": print})())
    assert not [line for line in lines if re.search("Unknown parameter", line)]


@pytest.mark.parametrize("name", ESTIMATORS)
def test_a_type_needs_no_more_than_its_name(name):
    for task in ("classification", "regression"):
        try:
            estimator = ESTIMATORS[name](task)
        except ValueError:
            continue
        content = {"task": task, "cascade": {"estimators": [{"type": name}]}}
        [(_, made)] = make_estimator(content).estimators
        assert written(made) == written(estimator)


def test_documented_parameters_read_numpydoc():
    class Kind:
        """A kind.

        Parameters
        ----------
        first : {"a", "b"}, default="a"
            What it is [1]_, and
            more.

            Still more.
        second : int

        Attributes
        ----------
        third : int
            No parameter.
        """

    assert documented_parameters(Kind) == {
        "first": ('{"a", "b"}', "What it is, and more. Still more."),
        "second": ("int", ""),
    }

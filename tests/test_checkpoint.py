"""Checkpoints: a fit that was killed goes on to the model that it would have ended with.

`DEEPFOREST_KILLS=20` is the full run of the last test.
"""

import os
import shutil
import subprocess
import sys
import time
from functools import cache
from pathlib import Path

import model_kinds
import numpy as np
import pytest
from scipy.sparse import csr_matrix
from sklearn.base import clone
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, KFold
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from typer.testing import CliRunner

import deepforest
from deepforest import (
    CascadeForestClassifier,
    CascadeForestRegressor,
    GCForestClassifier,
    GCForestRegressor,
    HistForestClassifier,
    ModelFileError,
    checkpoint,
)
from deepforest.cli import app
from deepforest.estimators import lightgbm

KILLS = int(os.environ.get("DEEPFOREST_KILLS", "3"))
SETTINGS = {"max_layers": 3, "n_iter_no_change": 3, "cv": 3, "random_state": 0}


def few(task, prefix=""):
    return model_kinds.few(task, prefix)


def scores_that_ask_for_depth(estimator, X, y):
    """The less sure, the better."""
    return -float(estimator.predict_proba(X).max(axis=1).mean())


def table_classifier():
    X, y = model_kinds.table()
    return CascadeForestClassifier(few("classification"), **SETTINGS), (X, y)


def default_layer():
    X, y = model_kinds.table(n=60)
    return CascadeForestClassifier(n_estimators=3, **SETTINGS | {"max_layers": 2}), (X, y)


def screened():
    X, y = model_kinds.table()
    cascade = CascadeForestClassifier(few("classification")[:2], screening=0.6, **SETTINGS)
    cascade.set_params(combine="mean", scoring=scores_that_ask_for_depth)
    return cascade, (X, np.array(["red", "green", "blue"])[y])


def weighted_with_validation_rows():
    X, y = model_kinds.table()
    X_val, y_val = model_kinds.table(1, 40)
    cascade = CascadeForestClassifier(few("classification"), class_weight="balanced", **SETTINGS)
    weight = np.arange(len(y)) % 3 + 0.5
    return cascade, (X, y, weight, X_val, y_val, np.arange(len(y)) // 2)


def frame():
    X, y = model_kinds.table()
    return CascadeForestClassifier(few("classification"), **SETTINGS), (model_kinds.as_frame(X), y)


def sparse():
    X, y = model_kinds.table()
    X = csr_matrix(np.nan_to_num(X) * (np.abs(np.nan_to_num(X)) > 1))
    return CascadeForestClassifier(few("classification"), **SETTINGS), (X, y)


def one_class():
    X, y = model_kinds.table(n=30)
    return CascadeForestClassifier(few("classification"), **SETTINGS), (X, y * 0)


def several_targets():
    X, y = model_kinds.table()
    cascade = CascadeForestRegressor(few("regression"), keep_targets=True, **SETTINGS)
    return cascade, (X, np.column_stack([y * 1.5, np.arange(len(y))]))


def images():
    X, y = model_kinds.images()
    scan = few("classification", "scan_")
    forest = GCForestClassifier([2, 3], scan_estimators=scan, stride=2, **SETTINGS)
    return forest.set_params(estimators=few("classification"), passthrough=True), (X, y)


def sequences():
    X, y = model_kinds.sequences()
    scan = few("regression", "scan_")[:2]
    forest = GCForestRegressor([(3,), (0.5,)], scan_estimators=scan, **SETTINGS)
    return forest.set_params(estimators=few("regression")[:2], grains="concatenate"), (X, y)


KINDS = {
    make.__name__: make
    for make in (
        table_classifier,
        default_layer,
        screened,
        weighted_with_validation_rows,
        frame,
        sparse,
        one_class,
        several_targets,
        images,
        sequences,
    )
}


def bytes_of(model, folder):
    """The model file of a fitted model; a function that scores is left out."""
    if callable(model.scoring):
        model.set_params(scoring=None)
    model.save(folder / "model")
    return (folder / "model").read_bytes()


@pytest.fixture(scope="module")
def expected(tmp_path_factory):
    """The file of each kind of model, fitted without a checkpoint."""
    folder = tmp_path_factory.mktemp("models")

    @cache
    def of(name):
        model, data = KINDS[name]()
        return bytes_of(model.fit(*data), folder)

    return of


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "runs" / "checkpoint"


class Killed(BaseException):
    """Ends a fit as a kill would, in the same process."""


def kill_after(monkeypatch, n_parts, error=Killed):
    """Let the next fit end when it has written so many grains and layers, before the next one."""
    write, left = checkpoint._write, [n_parts]

    def killing(*arguments):
        if left[0] == 0:
            raise error
        left[0] -= 1
        write(*arguments)

    monkeypatch.setattr(checkpoint, "_write", killing)


def fit_killed(monkeypatch, model, data, n_parts):
    with monkeypatch.context() as patch:
        kill_after(patch, n_parts)
        with pytest.raises(Killed):
            model.fit(*data)


def files(folder):
    return sorted(path.name for path in folder.iterdir())


def fits_nothing(monkeypatch):
    def refuse(*arguments, **more):
        raise AssertionError("something is fitted")

    monkeypatch.setattr("deepforest.layer.cross_fit", refuse)
    monkeypatch.setattr("deepforest.scanning.cross_fit", refuse)


@pytest.mark.parametrize("name", KINDS)
def test_the_model_is_the_same_with_a_checkpoint_and_when_it_is_read(
    name, expected, folder, tmp_path, monkeypatch
):
    model, data = KINDS[name]()
    model.set_params(checkpoint=folder).fit(*data)
    grains = [f"grain_{g:03}.dforest" for g in range(1, 1 + len(getattr(model, "windows", ())))]
    layers = [f"layer_{i:03}.dforest" for i in range(1, 1 + len(model.layer_scores_))]
    assert len(layers) == model.max_layers
    assert files(folder) == ["fit.dforest", *grains, *layers]
    assert bytes_of(model, tmp_path) == expected(name)
    fits_nothing(monkeypatch)
    again, data = KINDS[name]()
    again.set_params(checkpoint=folder).fit(*data)
    method = "predict_proba" if hasattr(model, "predict_proba") else "predict"
    assert np.array_equal(getattr(again, method)(data[0]), getattr(model, method)(data[0]))
    importances = [getattr(one, "feature_importances_", None) for one in (model, again)]
    assert np.array_equal(*importances)
    assert bytes_of(again, tmp_path) == expected(name)


@pytest.mark.parametrize("name", ["table_classifier", "screened", "several_targets", "images"])
def test_it_goes_on_behind_each_grain_and_layer(name, expected, folder, tmp_path, monkeypatch):
    for n_parts in range(3 + 2 * (name == "images")):
        shutil.rmtree(folder, ignore_errors=True)
        model, data = KINDS[name]()
        before = vars(clone(model)).keys()
        fit_killed(monkeypatch, model.set_params(checkpoint=str(folder)), data, n_parts)
        assert vars(model).keys() == before
        times = {path: path.stat().st_mtime_ns for path in folder.glob("*_*")}
        assert len(times) == n_parts
        model.fit(*data)
        assert all(path.stat().st_mtime_ns == written for path, written in times.items())
        assert bytes_of(model, tmp_path) == expected(name)


def test_threads_may_change_in_between(folder, monkeypatch):
    model, data = images()
    plain = clone(model).fit(*data)
    model.set_params(checkpoint=folder)
    fit_killed(monkeypatch, clone(model), data, 3)
    model.set_params(n_jobs=2, verbose=1, max_time=1000, scan_forest__n_jobs=2, forest__verbose=1)
    model.fit(*data)
    assert np.array_equal(model.predict_proba(data[0]), plain.predict_proba(data[0]))
    assert np.array_equal(model.layer_scores_, plain.layer_scores_)
    assert np.array_equal(model.estimator_weights_, plain.estimator_weights_)


def test_a_fit_that_time_ended_goes_on(expected, folder, tmp_path):
    model, data = table_classifier()
    model.set_params(checkpoint=folder, max_time=0).fit(*data)
    assert files(folder) == ["fit.dforest", "layer_001.dforest"]
    model.fit(*data)
    assert len(model.layer_scores_) == 1
    model.set_params(max_time=None).fit(*data)
    assert bytes_of(model, tmp_path) == expected("table_classifier")


def test_without_a_random_state_the_first_seed_is_kept(folder, tmp_path, monkeypatch):
    model, data = table_classifier()
    model.set_params(random_state=None, checkpoint=folder)
    drawn = []
    state = np.random.RandomState(5)

    def seeds(value):
        drawn.append(state.get_state())
        return state

    monkeypatch.setattr("deepforest.cascade_base.check_seed", seeds)
    fit_killed(monkeypatch, model, data, 1)
    resumed = bytes_of(model.fit(*data), tmp_path)
    state = np.random.RandomState()
    state.set_state(drawn[1])  # the first is of the check of parameters
    through = bytes_of(model.set_params(checkpoint=None).fit(*data), tmp_path)
    assert resumed == through


def test_models_do_not_keep_the_vectors_in_memory(kept):
    cascade, data = kept
    trees = cascade.fit(**data).layers_[0].models[0][0].trees_
    assert trees.children_left.base is None


# --- what is refused -------------------------------------------------------------------------


@pytest.fixture
def kept(folder):
    """A cascade, its data and its checkpoint."""
    X, y = model_kinds.table()
    layer = [
        ("forest", HistForestClassifier(3)),
        ("boosting", lightgbm("classification", n_estimators=2)),
    ]
    cascade = CascadeForestClassifier(layer, max_layers=1, random_state=0, checkpoint=folder)
    cascade.fit(X, y)
    return cascade, {"X": X, "y": y}


def changed(array):
    array = array.copy()
    array.flat[1] = (np.nan_to_num(array.flat[1]) + 1) % 3
    return array


NEW_DATA = {
    "X was float32 (120, 4) #": lambda data: {"X": changed(data["X"])},
    "and is float32 (119, 4)": lambda data: {"X": data["X"][1:], "y": data["y"][1:]},
    "y was": lambda data: {"y": changed(data["y"])},
    "sample_weight was None": lambda data: {"sample_weight": np.arange(120) + 1.0},
    "cv was": lambda data: {"groups": np.arange(120) // 2},
    "X_val was None": lambda data: {"X_val": data["X"], "y_val": data["y"]},
    "categorical columns": lambda data: {"X": model_kinds.as_frame(data["X"])},
}
NEW_PARAMETERS = {
    "max_layers was 1 and is 2": {"max_layers": 2},
    "scoring was None and is 'neg_log_loss'": {"scoring": "neg_log_loss"},
    "test_checkpoint.scores_that_ask_for_depth": {"scoring": scores_that_ask_for_depth},
    "forest__n_estimators was 3 and is 4": {"forest__n_estimators": 4},
    "boosting__max_cat_to_onehot was not there": {"boosting__max_cat_to_onehot": 2},
    "forest__class_weight|forest was": {"forest__class_weight": {0: 1, 1: 2, 2: 1}},
    "the seed of random_state was": {"random_state": 1},
    "cv was": {"cv": 4},
    "cv": {"cv": KFold(5)},
    "class_weight was None": {"class_weight": "balanced"},
    "screening": {"screening": 0.9},
    "forest was HistForestClassifier": {"forest": GaussianNB()},
    "estimators was ['forest', 'boosting'] and is ['other']": {
        "estimators": [("other", HistForestClassifier(3))]
    },
}


@pytest.mark.parametrize("message", NEW_DATA)
def test_other_data_are_refused(kept, message, folder):
    cascade, data = kept
    before = {path: path.read_bytes() for path in folder.iterdir()}
    with pytest.raises(ValueError, match="is that of another fit") as refused:
        cascade.fit(**data | NEW_DATA[message](data))
    assert message in str(refused.value)
    assert str(folder) in str(refused.value)
    assert {path: path.read_bytes() for path in folder.iterdir()} == before
    cascade.fit(**data)


def test_another_order_in_memory_is_the_same_data(kept):
    cascade, data = kept
    cascade.fit(np.asfortranarray(data["X"]), data["y"])


@pytest.mark.parametrize("message", NEW_PARAMETERS)
def test_other_parameters_are_refused(kept, message, folder):
    cascade, data = kept
    data = {"X": np.nan_to_num(data["X"]), "y": data["y"]}  # for GaussianNB
    shutil.rmtree(folder)
    clone(cascade).fit(**data)
    cascade.set_params(**NEW_PARAMETERS[message])
    with pytest.raises(ValueError, match="is that of another fit") as refused:
        cascade.fit(**data)
    assert any(part in str(refused.value) for part in message.split("|"))


def test_another_class_is_refused(kept, folder):
    _, data = kept
    other = CascadeForestRegressor(max_layers=1, random_state=0, checkpoint=folder)
    with pytest.raises(ValueError, match="was CascadeForestClassifier and is CascadeForestReg"):
        other.fit(**data)


def test_another_version_is_refused(kept, monkeypatch):
    cascade, data = kept
    versions = checkpoint.library_versions() | {"numpy": "1.0"}
    monkeypatch.setattr(checkpoint, "library_versions", lambda: versions)
    with pytest.raises(ValueError, match=r"numpy was .* and is 1\.0"):
        cascade.fit(**data)


def test_a_search_is_refused_at_its_second_fit(kept, tmp_path):
    cascade, data = kept
    cascade.set_params(checkpoint=tmp_path / "search")
    search = GridSearchCV(cascade, {"tol": [0, 1]}, cv=2, error_score="raise", refit=False)
    with pytest.raises(ValueError, match="is that of another fit"):
        search.fit(data["X"], data["y"])


@pytest.mark.parametrize("value", [5, "", ["a"]])
def test_what_is_no_path_is_refused(value):
    with pytest.raises(ValueError, match=r"checkpoint=.* must be the path of a folder"):
        CascadeForestClassifier(checkpoint=value).fit([[0.0], [1.0]], [0, 1])


def test_a_folder_of_something_else_is_refused(kept, tmp_path):
    cascade, data = kept
    cascade.save(tmp_path / "mine.dforest")
    with pytest.raises(ValueError, match="is a file: name a folder"):
        cascade.set_params(checkpoint=tmp_path / "mine.dforest").fit(**data)
    with pytest.raises(ValueError, match=r"holds 'mine\.dforest', but no 'fit\.dforest'"):
        cascade.set_params(checkpoint=tmp_path).fit(**data)


def test_a_fit_that_failed_before_its_first_part_claims_no_folder(folder):
    X, y = model_kinds.table()
    layer = [("forest", HistForestClassifier(3)), ("bayes", GaussianNB())]
    cascade = CascadeForestClassifier(layer, max_layers=1, random_state=0, checkpoint=folder)
    with pytest.raises(ValueError, match="X contains NaN"):
        cascade.fit(X, y)
    cascade.fit(np.nan_to_num(X), y)
    assert files(folder) == ["fit.dforest", "layer_001.dforest"]


def test_damaged_files_are_refused_with_the_remedy(kept, folder):
    cascade, data = kept
    path = folder / "layer_001.dforest"
    whole = path.read_bytes()
    changes = {
        "cut short": whole[:-64],
        "no model file": whole[:0],
        "checksum": whole[:-200] + bytes([whole[-200] ^ 1]) + whole[-199:],
        "update deepforest": whole[:8] + b"\x02" + whole[9:],
    }
    for message, damaged in changes.items():
        path.write_bytes(damaged)
        with pytest.raises(ModelFileError, match=rf"layer_001.*{message}.*Delete it, and"):
            cascade.fit(**data)
    path.unlink()
    cascade.fit(**data)
    assert path.read_bytes() == whole
    fit = folder / "fit.dforest"
    fit.write_bytes(fit.read_bytes()[:-1])
    with pytest.raises(ModelFileError, match=r"fit\.dforest.*cut short.*another folder"):
        cascade.fit(**data)


def test_layers_of_another_fit_or_place_are_refused(kept, folder, tmp_path):
    cascade, data = kept
    other = clone(cascade).set_params(checkpoint=tmp_path / "other", max_layers=2, tol=1)
    other.set_params(n_iter_no_change=2).fit(**data)
    shutil.copy(tmp_path / "other" / "layer_001.dforest", folder)
    with pytest.raises(ModelFileError, match="another fit, layer or grain"):
        cascade.fit(**data)
    shutil.copy(tmp_path / "other/layer_001.dforest", tmp_path / "other/layer_002.dforest")
    with pytest.raises(ModelFileError, match="another fit, layer or grain"):
        other.fit(**data)
    cascade.save(folder / "layer_001.dforest")
    with pytest.raises(ModelFileError, match="holds no layer or grain"):
        cascade.fit(**data)
    with pytest.raises(ModelFileError, match="something else than an estimator"):
        deepforest.load(tmp_path / "other" / "layer_001.dforest")


def test_a_file_that_was_half_written_is_not_there(kept, folder, monkeypatch):
    cascade, data = kept
    shutil.rmtree(folder)

    def killed(descriptor):
        if any(path.stat().st_size > 2**13 for path in folder.iterdir()):
            raise Killed

    with monkeypatch.context() as patch:
        patch.setattr("deepforest.container.os.fsync", killed)
        patch.setattr("deepforest.container.Path.unlink", lambda *a, **k: None)
        with pytest.raises(Killed):
            cascade.fit(**data)
    left = files(folder)
    assert [name.rpartition(".")[2] for name in left] == ["tmp", "dforest"]
    cascade.fit(**data)
    assert files(folder) == [*left, "layer_001.dforest"]


# --- estimators ------------------------------------------------------------------------------


def times_two(X):
    return X * 2


@pytest.mark.parametrize(
    "estimator",
    [
        RandomForestClassifier(3),
        lightgbm("classification", linear_tree=True),
        make_pipeline(FunctionTransformer(times_two), LogisticRegression()),
        make_pipeline(FunctionTransformer(lambda X: X), LogisticRegression()),
    ],
    ids=["trees", "linear leaves", "function", "lambda"],
)
@pytest.mark.parametrize("scanning", [False, True])
def test_what_no_file_can_hold_is_refused_before_the_fit(estimator, scanning, folder, monkeypatch):
    pytest.importorskip("skops")
    fits_nothing(monkeypatch)
    X, y = model_kinds.images()
    model = CascadeForestClassifier([("one", estimator)], checkpoint=folder)
    if scanning:
        model = GCForestClassifier([2], scan_estimators=[("one", estimator)], checkpoint=folder)
    with pytest.raises(ModelFileError, match=r"checkpoint=.* cannot hold 'one'.*checkpoint=None"):
        model.fit(X if scanning else X.reshape(len(X), -1), y)
    assert not folder.exists()


def test_other_estimators_that_skops_builds_can_be_kept(folder, monkeypatch):
    pytest.importorskip("skops")
    X, y = model_kinds.table()
    layer = [
        ("linear", make_pipeline(StandardScaler(), LogisticRegression())),
        ("forest", HistForestClassifier(3)),
    ]
    cascade = CascadeForestClassifier(layer, **SETTINGS)
    X = np.nan_to_num(X)
    expected = clone(cascade).fit(X, y).predict_proba(X)
    cascade.set_params(checkpoint=folder)
    fit_killed(monkeypatch, cascade, (X, y), 2)
    assert np.array_equal(cascade.fit(X, y).predict_proba(X), expected)


# --- saved models, configs and commands ------------------------------------------------------


def test_a_saved_model_names_no_folder(kept, folder, tmp_path):
    cascade, _ = kept
    cascade.save(tmp_path / "file")
    assert folder.name.encode() not in (tmp_path / "file").read_bytes()
    assert deepforest.load(tmp_path / "file").checkpoint is None


def test_a_config_holds_the_folder_and_tune_leaves_it_alone(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    X, y = model_kinds.table(n=60)
    np.savez("data.npz", X=np.nan_to_num(X), y=y)
    layer = [("forest", HistForestClassifier(2))]
    cascade = CascadeForestClassifier(layer, max_layers=1, checkpoint=Path("run"), random_state=0)
    deepforest.dump_config(cascade, "model.toml")
    assert deepforest.load_config("model.toml").checkpoint == "run"
    text = Path("model.toml").read_text()
    Path("model.toml").write_text(
        text + '[tune]\nsearch = "grid"\ncv = 2\n[tune.cascade]\ntol = [0, 1]\n'
    )
    result = CliRunner().invoke(app, ["tune", "model.toml", "data.npz"])
    assert result.exit_code == 0, result.stderr
    assert not Path("run").exists()
    assert "run" in Path("tuned.toml").read_text()


def test_the_command_goes_on(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    X, y = model_kinds.table(n=60)
    np.savez("data.npz", X=X, y=y)
    Path("model.toml").write_text(
        "random_state = 0\n[cascade]\nmax_layers = 2\nn_iter_no_change = 2\n"
        '[[cascade.estimators]]\ntype = "random_forest"\nn_estimators = 2\n'
    )
    fit = ["fit", "model.toml", "data.npz"]
    run = CliRunner().invoke
    assert run(app, [*fit, "-o", "plain"]).exit_code == 0
    with monkeypatch.context() as patch:
        kill_after(patch, 1, KeyboardInterrupt)
        result = run(app, [*fit, "--checkpoint", "run"])
    assert result.exit_code == 130
    assert "interrupted; finished layers are in run" in result.stderr
    assert files(Path("run")) == ["fit.dforest", "layer_001.dforest"]
    assert run(app, [*fit, "--checkpoint", "run", "-o", "resumed"]).exit_code == 0
    assert Path("plain").read_bytes() == Path("resumed").read_bytes()


# --- SIGKILL ---------------------------------------------------------------------------------

PARTS = 8
SCRIPT = """
import sys
import numpy as np
from deepforest import GCForestClassifier, HistForestClassifier
from deepforest.estimators import lightgbm

rng = np.random.default_rng(0)
y = np.arange(200) % 3
X = rng.normal(size=(200, 8, 8)) + (y == 1)[:, None, None] * rng.normal(size=(8, 8))
boosting = lightgbm("classification", n_estimators=20)
forest = GCForestClassifier(
    [3, 5], n_scan_estimators=10, max_layers=6, n_iter_no_change=6, screening=0.97,
    estimators=[("forest", HistForestClassifier(30)), ("boosting", boosting)],
    random_state=0, checkpoint=sys.argv[2] if len(sys.argv) > 2 else None,
)
print("begins", flush=True)
forest.fit(X, y)
print("ends", flush=True)
forest.set_params(checkpoint=None).save(sys.argv[1])
"""


def start(*arguments):
    """A process that has begun to fit."""
    command = [sys.executable, "-c", SCRIPT, *map(str, arguments)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "begins\n"
    return process


def finish(process):
    assert process.communicate()[0] == "ends\n"
    assert process.returncode == 0


def parts_of(folder):
    return len(list(folder.glob("*_*.dforest")))


@pytest.mark.skipif(os.name != "posix", reason="sends SIGKILL")
def test_killed_at_random_moments(tmp_path, record_property):
    finish(start(tmp_path / "whole"))
    rng = np.random.default_rng()
    behind = []
    while len(behind) < KILLS:
        folder = tmp_path / f"run_{len(behind)}"
        process = start(tmp_path / "half", folder)
        # A moment in a grain or layer drawn at random: by time alone most would be in the first.
        n_parts = rng.integers(PARTS)
        while parts_of(folder) < n_parts and process.poll() is None:
            time.sleep(0.001)
        time.sleep(rng.uniform(0, 0.3))
        process.kill()
        if process.communicate()[0]:  # it has ended before
            shutil.rmtree(folder)
            continue
        behind.append(parts_of(folder))
        finish(start(tmp_path / "resumed", folder))
        assert (tmp_path / "resumed").read_bytes() == (tmp_path / "whole").read_bytes()
    record_property(f"grains and layers of {PARTS} on disk when it was killed", behind)

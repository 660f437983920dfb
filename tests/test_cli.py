"""The commands: what they print, write and return."""

import csv
import io
import json
import logging
import os
import signal
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_diabetes, load_digits, load_iris
from typer.testing import CliRunner

import deepforest
from deepforest.__main__ import main
from deepforest.cli import app
from deepforest.config import load_config
from deepforest.demo import digits_split

needs_model_files = pytest.mark.skipif(
    not hasattr(deepforest, "load"), reason="this version has no model files"
)

TINY = """
random_state = 0
[scanner]
windows = [[4, 4]]
stride = 2
n_estimators = 3
[cascade]
n_estimators = 10
cv = 2
max_layers = 2
n_iter_no_change = 2
[[cascade.estimators]]
type = "random_forest"
n_estimators = 20
"""
TABLE = """
random_state = 0
[cascade]
cv = 2
max_layers = 2
n_iter_no_change = 2
[[cascade.estimators]]
type = "random_forest"
n_estimators = 5
"""
TUNE = TABLE + '[tune]\nsearch = "grid"\ncv = 0.3\n[tune.cascade]\nmax_layers = [1, 2]\n'


@pytest.fixture(autouse=True)
def logger_as_it_was():
    logger = logging.getLogger("deepforest")
    before = logger.handlers, logger.level, logger.propagate
    yield
    assert (logger.handlers, logger.level, logger.propagate) == before


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A working folder with a config, training rows and test rows of irises."""
    monkeypatch.chdir(tmp_path)
    X, y = load_iris(return_X_y=True)
    words = np.array(["setosa", "versicolor", "virginica"])[y]
    for name, rows in (("train", slice(0, None, 2)), ("test", slice(1, None, 2))):
        with open(f"{name}.csv", "w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["a", "b", "c", "d", "kind"])
            writer.writerows([*x, word] for x, word in zip(X[rows], words[rows], strict=True))
    (tmp_path / "table.toml").write_text(TABLE)
    return tmp_path


def run(*arguments, status=0):
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert result.exit_code == status, (result.output, result.exception)
    assert "Traceback" not in result.output
    return result


# --- what needs no model file ----------------------------------------------------------------


def test_version():
    assert run("--version").output.strip() == deepforest.__version__


def test_help_names_the_commands():
    shown = run("--help").output
    for command in ["fit", "predict", "evaluate", "inspect", "tune", "config", "convert", "demo"]:
        assert command in shown


@pytest.mark.parametrize("module", ["typer", "rich"])
def test_without_the_extra_the_program_says_how_to_get_it(monkeypatch, module):
    for name in list(sys.modules):
        if name.startswith(("deepforest.cli", "deepforest.console", f"{module}.")):
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(SystemExit, match=rf"needs {module}.*pip install 'gcforest\[cli\]'"):
        main()


def test_a_bad_config_is_wrong_use_and_nothing_is_written(folder):
    (folder / "wrong.toml").write_text("[cascade]\nmax_layer = 3\n")
    result = run("fit", "wrong.toml", "train.csv", "-t", "kind", status=2)
    assert (
        "wrong.toml: cascade.max_layer=3 is an unknown key; did you mean 'max_la" in result.stderr
    )
    assert result.stdout == ""
    assert not (folder / "model.dforest").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["fit", "absent.toml", "train.csv"], "absent.toml"),
        (["fit", "table.toml", "absent.csv"], "absent.csv: there is no such file"),
        (["fit", "table.toml", "train.csv"], "--target: one of a, b, c, d, kind"),
        (["fit", "table.toml", "train.csv", "-t", "x"], "there is no column 'x'"),
        (["fit", "table.toml", "train.csv", "-t", "kind", "-o", "no/m"], "there is no folder"),
        (["demo", "--picture", "no/picture.png"], "there is no folder"),
        (["convert", "table.toml", "-o", "no/table.json"], "there is no folder"),
        (["config", "init", "-o", "no/table.toml"], "there is no folder"),
        (["fit", "table.toml", "train.csv", "-t", "kind", "--image-size", "3"], "as in 28x28"),
        (["fit", "table.toml"], "Missing argument"),
        (["fit", "table.toml", "train.csv", "--nope"], "No such option"),
        (["predict", "absent.dforest", "test.csv"], "absent.dforest: there is no such model"),
        (["predict", "absent.dforest", "test.csv", "-o", "x.txt"], "written to .csv or .npy"),
        (["tune", "table.toml", "train.csv"], "table.toml: the file has no table [tune]"),
        (["config", "check", "absent.toml"], "absent.toml"),
        (["config", "init", "--kind", "song"], "song"),
        (["config", "init", "-o", "a.json"], "a starter file is TOML"),
        (["config", "init", "-o", "table.toml"], "this file is there already"),
        (["convert", "table.toml", "-o", "a.ini"], "'.ini' is no format"),
        (["demo", "--config", "absent.toml"], "absent.toml"),
    ],
)
def test_wrong_use_is_status_2_and_says_what_is_wrong(folder, arguments, message):
    result = run(*arguments, status=2)
    assert message in " ".join(result.stderr.split())
    assert result.stdout == ""
    assert sorted(p.name for p in folder.iterdir()) == ["table.toml", "test.csv", "train.csv"]


def test_a_fit_that_fails_is_status_1_and_writes_nothing(folder):
    (folder / "values.toml").write_text('task = "regression"\n')
    result = run("fit", "values.toml", "train.csv", "-t", "kind", status=1)
    assert "failed: y holds values that are no numbers" in result.stderr
    assert not (folder / "model.dforest").exists()


def test_an_interrupt_is_status_130_and_writes_nothing(folder, monkeypatch):
    def interrupted(self, X, y):
        raise KeyboardInterrupt

    monkeypatch.setattr(deepforest.CascadeForestClassifier, "fit", interrupted)
    result = run("fit", "table.toml", "train.csv", "-t", "kind", status=130)
    assert "interrupted; nothing was written" in result.stderr
    assert not (folder / "model.dforest").exists()


@pytest.mark.skipif(os.name != "posix", reason="sends SIGINT")
def test_ctrl_c_ends_a_real_fit_cleanly(folder):
    long = TABLE.replace("max_layers = 2", "max_layers = 9999")
    long = long.replace("n_iter_no_change = 2", "n_iter_no_change = 9999")
    (folder / "long.toml").write_text(long)
    command = [sys.executable, "-m", "deepforest", "fit", "long.toml", "train.csv", "-t", "kind"]
    process = subprocess.Popen(
        command,
        stderr=subprocess.PIPE,
        text=True,
        # Tests that run in the background have Ctrl-C ignored, and their children too.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    try:
        for line in process.stderr:
            if line.startswith("layer 2"):
                break
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=300)
        assert process.returncode == 130, said
    finally:
        process.kill()
    assert said.splitlines()[-1] == "interrupted; nothing was written"
    assert "Traceback" not in said
    assert sorted(p.name for p in folder.iterdir()) == [
        "long.toml",
        "table.toml",
        "test.csv",
        "train.csv",
    ]


def test_tune_prints_its_table_and_writes_the_winner(folder):
    (folder / "tune.toml").write_text(TUNE)
    result = run("tune", "tune.toml", "train.csv", "-t", "kind")
    lines = [line.split() for line in result.stdout.splitlines()]
    assert lines[0] == ["cascade.max_layers", "rows", "score", "spread", "layers", "seconds"]
    assert [line[0] for line in lines[1:]] == ["1", "2"]
    assert "score: held-out accuracy" in result.stderr
    best = load_config("tuned.toml")
    assert best.max_layers in (1, 2)
    assert f"best: cascade.max_layers = {best.max_layers}" in result.stderr

    result = run("tune", "tune.toml", "train.csv", "-t", "kind", "--json", "-o", "best.json")
    *trials, last = [json.loads(line) for line in result.stdout.splitlines()]
    assert [trial["values"] for trial in trials] == [
        {"cascade.max_layers": 1},
        {"cascade.max_layers": 2},
    ]
    assert last["score"] == max(trial["score"] for trial in trials)
    assert load_config("best.json").max_layers == last["best"]["cascade.max_layers"]


def test_config_init_check_and_convert(folder):
    text = run("config", "init", "--kind", "image").stdout
    run("config", "init", "--kind", "image", "-o", "image.toml")
    assert (folder / "image.toml").read_text() == text
    shown = run("config", "check", "image.toml")
    assert shown.stdout == ""
    assert "a GCForestClassifier of at most 6 layers of random_forest, extra_trees" in shown.stderr
    assert "[tune] tries values of cascade.max_layers" in shown.stderr
    content = json.loads(run("config", "check", "image.toml", "--json").stdout)
    assert content["estimator"] == "GCForestClassifier"
    run("convert", "image.toml", "-o", "image.json")
    assert json.loads((folder / "image.json").read_text())["cascade"]["max_layers"] == 6
    assert load_config("image.json").windows == load_config("image.toml").windows
    assert run("convert", "image.json").stdout.startswith('task = "classification"')


def test_convert_gcforest_and_df21(folder):
    entry = {"n_folds": 3, "type": "RandomForestClassifier", "criterion": "entropy"}
    (folder / "gc.json").write_text(json.dumps({"cascade": {"estimators": [entry]}}))
    result = run("convert", "gc.json", "-o", "gc.toml")
    assert "no counterpart: cascade.estimators[0].criterion='entropy'" in result.stderr
    assert load_config("gc.toml").cv == 3
    assert "no counterpart" in run("config", "check", "gc.json").stderr
    (folder / "df21.json").write_text('{"n_trees": 7, "bin_type": "interval"}')
    result = run("convert", "df21.json", "--task", "regression", "-o", "df21.toml")
    assert "no counterpart: bin_type='interval'" in result.stderr
    cascade = load_config("df21.toml")
    assert type(cascade) is deepforest.CascadeForestRegressor
    assert len(cascade.estimators) == 4
    (folder / "df21.json").write_text('{"n_tree": 7, "n_bins": 9}')
    assert "did you mean 'n_trees'" in run("convert", "df21.json", status=2).stderr


# --- from data to a model and back -----------------------------------------------------------


@needs_model_files
def test_the_command_fits_the_model_that_python_fits(folder):
    result = run("fit", "table.toml", "train.csv", "--target", "kind", "--json")
    shown = json.loads(result.stdout)
    assert "layer 2: held-out accuracy 0." in result.stderr
    model = deepforest.load("model.dforest")
    pandas = pytest.importorskip("pandas")
    frame = pandas.read_csv("train.csv")
    expected = load_config("table.toml")
    expected.fit(frame[list("abcd")], np.array(frame["kind"].tolist()))
    test = pandas.read_csv("test.csv")[list("abcd")]
    np.testing.assert_array_equal(model.predict_proba(test), expected.predict_proba(test))
    assert model.verbose == 0
    assert shown["layer_scores"] == expected.layer_scores_.tolist()
    assert (shown["model"], shown["n_layers"]) == ("model.dforest", expected.n_layers_)

    said = run("predict", "model.dforest", "test.csv").stdout.splitlines()
    assert said == ["prediction", *expected.predict(test)]
    rows = list(
        csv.DictReader(io.StringIO(run("predict", "model.dforest", "test.csv", "--proba").stdout))
    )
    probability = [[float(row[f"probability_{c}"]) for c in expected.classes_] for row in rows]
    np.testing.assert_array_equal(probability, expected.predict_proba(test))
    # To files: the predictions of a table without the target are the same.
    pandas.read_csv("test.csv").drop(columns="kind").to_csv("new.csv", index=False)
    result = run("predict", "model.dforest", "new.csv", "-o", "said.csv")
    assert result.stdout == ""
    assert (folder / "said.csv").read_text().splitlines() == said
    run("predict", "model.dforest", "new.csv", "--proba", "-o", "said.npy")
    np.testing.assert_array_equal(np.load("said.npy"), probability)
    shown = json.loads(run("predict", "model.dforest", "new.csv", "--proba", "--json").stdout)
    assert shown == {
        "predictions": said[1:],
        "classes": expected.classes_.tolist(),
        "proba": probability,
    }

    score = expected.score(test, np.array(pandas.read_csv("test.csv")["kind"].tolist()))
    scores = json.loads(run("evaluate", "model.dforest", "test.csv", "--json").stdout)
    assert (scores["accuracy"], scores["n_rows"]) == (score, 75)
    lines = run("evaluate", "model.dforest", "test.csv").stdout.splitlines()
    assert lines[:2] == ["score\tvalue", f"accuracy\t{score:.4f}"]
    assert "no column besides" in run("evaluate", "model.dforest", "new.csv", status=2).stderr

    content = json.loads(run("inspect", "model.dforest", "--json").stdout)
    assert content["layer_scores"] == expected.layer_scores_.tolist()
    assert content["bytes"] == (folder / "model.dforest").stat().st_size
    shown = run("inspect", "model.dforest", "--top", 2)
    lines = shown.stdout.splitlines()
    assert lines[0].split("\t")[:3] == ["layer", "accuracy", "estimator"]
    assert [line.split("\t")[0] for line in lines[-2:]] == [
        entry["feature"] for entry in content["importances"][:2]
    ]
    assert "CascadeForestClassifier: " in shown.stderr


@needs_model_files
def test_a_gcforest_file_is_fitted_as_it_is(folder):
    entry = {"type": "RandomForestClassifier", "n_estimators": 3, "criterion": "entropy"}
    (folder / "gc.json").write_text(
        json.dumps({"cascade": {"estimators": [entry], "max_layers": 1, "n_classes": 3}})
    )
    result = run("fit", "gc.json", "train.csv", "-t", "kind")
    assert "no counterpart: cascade.estimators[0].criterion='entropy'" in result.stderr
    assert deepforest.load("model.dforest").n_layers_ == 1


@needs_model_files
def test_validation_data_choose_the_depth(folder):
    run("fit", "table.toml", "train.csv", "-t", "kind", "--validation", "test.csv")
    pandas = pytest.importorskip("pandas")
    train, test = pandas.read_csv("train.csv"), pandas.read_csv("test.csv")
    expected = load_config("table.toml").fit(
        train[list("abcd")], train["kind"], X_val=test[list("abcd")], y_val=test["kind"]
    )
    model = deepforest.load("model.dforest")
    assert model.layer_scores_.tolist() == expected.layer_scores_.tolist()


@needs_model_files
def test_several_values_are_columns(folder):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 3))
    np.savez(folder / "d.npz", X=X, y=X[:, :2])
    (folder / "values.toml").write_text(
        'task = "regression"\n[cascade]\nmax_layers = 1\nn_estimators = 3\n'
    )
    run("fit", "values.toml", "d.npz", "-o", "values.dforest")
    lines = run("predict", "values.dforest", "d.npz").stdout.splitlines()
    assert lines[0] == "prediction_0,prediction_1"
    assert np.loadtxt(lines[1:], delimiter=",").shape == (60, 2)


def test_values_of_an_npz(folder):
    X, y = load_diabetes(return_X_y=True)
    np.savez(folder / "d.npz", X=X, y=y)
    (folder / "values.toml").write_text('task = "regression"\n' + TABLE)
    run("fit", "values.toml", "d.npz", "-o", "values.dforest")
    scores = json.loads(run("evaluate", "values.dforest", "d.npz", "--json").stdout)
    assert scores["r2"] == deepforest.load("values.dforest").score(X, y)
    assert (
        "predicts values" in run("predict", "values.dforest", "d.npz", "--proba", status=2).stderr
    )


@needs_model_files
def test_a_folder_of_images(folder):
    images, y = load_digits(n_class=2, return_X_y=True)
    for i in range(40):
        (folder / "digits" / str(y[i])).mkdir(parents=True, exist_ok=True)
        pixels = (images[i] * 15).astype(np.uint8).reshape(8, 8)
        Image.fromarray(pixels).save(folder / "digits" / str(y[i]) / f"{i:02}.png")
    (folder / "image.toml").write_text(TINY)
    run("fit", "image.toml", "digits", "-o", "digits.dforest")
    result = run("predict", "digits.dforest", "digits")
    rows = list(csv.DictReader(io.StringIO(result.stdout)))
    assert [row["file"][0] for row in rows] == sorted(map(str, y[:40]))
    assert np.mean([row["file"][0] == row["prediction"] for row in rows]) > 0.9
    shown = run("inspect", "digits.dforest")
    assert "windows of 4x4: class vectors at 2x2 places" in shown.stderr


@needs_model_files
def test_evaluate_says_what_it_took_for_the_target(folder):
    pandas = pytest.importorskip("pandas")
    run("fit", "table.toml", "train.csv", "--target", "kind")
    test = pandas.read_csv("test.csv")
    assert "target: kind" in run("evaluate", "model.dforest", "test.csv").stderr
    test.assign(kind=[f"row {i}" for i in range(len(test))]).to_csv("rows.csv", index=False)
    refused = run("evaluate", "model.dforest", "rows.csv", status=2).stderr
    assert "no label is a class of the model" in refused
    assert "target: kind" in refused
    test.assign(kind=["rose", *test["kind"][1:]]).to_csv("rose.csv", index=False)
    shown = run("evaluate", "model.dforest", "rose.csv")
    assert "1 of 75 labels are no class of the model: rose" in shown.stderr
    test.assign(other=1).to_csv("two.csv", index=False)
    message = run("evaluate", "model.dforest", "two.csv", status=2).stderr
    assert "with --target: one of kind, other." in message
    unnamed = run("fit", "table.toml", "train.csv", status=2).stderr
    assert "with --target: one of a, b, c, d, kind." in unnamed


@needs_model_files
def test_columns_of_names_are_pointed_at(folder):
    pandas = pytest.importorskip("pandas")
    train = pandas.read_csv("train.csv")
    train["name"] = [f"iris {i}" for i in range(len(train))]
    train.to_csv("named.csv", index=False)
    shown = run("fit", "table.toml", "named.csv", "--target", "kind").stderr
    assert "'name' has 75 different words in 75 rows" in shown
    shown = run("fit", "table.toml", "named.csv", "--target", "kind", "--drop", "name").stderr
    assert "different words" not in shown


@needs_model_files
def test_numbers_among_words_are_pointed_at_and_question_marks_are_missing(folder):
    pandas = pytest.importorskip("pandas")
    train = pandas.read_csv("train.csv")
    for missing, said in [("?", False), ("n.a.", True)]:
        train["a"] = [*([missing] * 5), *train["a"].astype(str)[5:]]
        train.to_csv("marked.csv", index=False)
        shown = run("fit", "table.toml", "marked.csv", "--target", "kind").stderr
        assert ("'a' holds numbers, but for words such as 'n.a.'" in shown) == said
        assert "different words" not in shown


def test_images_without_classes_are_an_error_that_says_where_they_go(folder):
    (folder / "flat").mkdir()
    Image.new("L", (8, 8)).save(folder / "flat" / "one.png")
    (folder / "image.toml").write_text(TINY)
    message = run("fit", "image.toml", "flat", status=2).stderr
    assert "in a sub-folder of its own" in message
    shown = run("config", "init", "--kind", "image", "-o", "images.toml").stderr
    assert "FOLDER` with a sub-folder a class" in shown


def test_a_config_of_another_kind_of_data_or_task_says_so(folder):
    (folder / "image.toml").write_text(TINY)
    np.savez("images.npz", X=np.zeros((9, 8, 8)), y=np.arange(9) % 3)
    assert "[scanner]" in run("fit", "table.toml", "images.npz", status=1).stderr
    text = pytest.importorskip("pandas").read_csv("train.csv").assign(where="here")
    text.to_csv("text.csv", index=False)
    shown = run("fit", "image.toml", "text.csv", "--target", "kind", status=1).stderr
    assert "without [scanner]" in " ".join(shown.split())
    np.savez("values.npz", X=np.zeros((9, 2)), y=np.arange(9) / 7)
    assert 'task = "regression"' in run("fit", "table.toml", "values.npz", status=1).stderr


def test_help_shows_brackets(folder):
    assert "the [tune] table" in run("tune", "--help").stdout
    assert "[tune]" in run("--help").stdout


@needs_model_files
def test_a_damaged_model_file_is_status_1(folder):
    (folder / "bad.dforest").write_bytes(b"no model")
    assert "bad.dforest" in run("inspect", "bad.dforest", status=1).stderr


@needs_model_files
@pytest.mark.skipif(os.name != "posix", reason="needs a shell")
def test_a_reader_that_goes_away_ends_the_command_quietly(folder):
    run("fit", "table.toml", "train.csv", "-t", "kind")
    program = f"{sys.executable} -m deepforest predict model.dforest test.csv --proba"
    shell = subprocess.run(
        f"{program} | true", shell=True, capture_output=True, text=True, check=True
    )
    assert "Traceback" not in shell.stderr


# --- the demo --------------------------------------------------------------------------------


def test_demo_prints_scores_and_writes_the_picture(tmp_path, monkeypatch):
    # A quarter of the digits: the demo's own networks take longest.
    split = digits_split()
    monkeypatch.setattr(
        "deepforest.cli.digits_split", lambda: type(split)(*(part[:200] for part in split))
    )
    config, picture = tmp_path / "tiny.toml", tmp_path / "scores.png"
    config.write_text(TINY)
    result = run("demo", "--config", config, "--picture", picture, "--n-jobs", 1)
    assert picture.read_bytes().startswith(b"\x89PNG")
    for text in (
        "200 training and 200 test images",
        "layer 1: held-out accuracy 0.",
        "layer 2: held-out accuracy 0.",
    ):
        assert text in result.stderr
    for text in ("deep forest", "MLP", "RandomForest(500)", "LightGBM", "test accuracy"):
        assert text in result.stdout


def test_demo_without_matplotlib_says_how_to_get_it(tmp_path, monkeypatch):
    def no_matplotlib(*arguments):
        raise ImportError

    split = digits_split()
    small = type(split)(*(part[:60] for part in split))
    monkeypatch.setattr("deepforest.cli.digits_split", lambda: small)
    monkeypatch.setattr("deepforest.cli.draw_scores", no_matplotlib)
    monkeypatch.setattr("deepforest.cli.rivals", lambda n_jobs: [])
    config = tmp_path / "tiny.toml"
    config.write_text(TINY)
    result = run("demo", "--config", config, "--picture", tmp_path / "no.png", "--n-jobs", 1)
    assert "pip install 'gcforest[plot]'" in result.output
    assert not (tmp_path / "no.png").exists()

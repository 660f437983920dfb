"""The session of docs/session.md, as a new user would have it: in a pipe and on a terminal."""

import json
import os
import re
import shlex
from pathlib import Path

import pytest

import deepforest
from deepforest.cli import app
from deepforest.config import load_config

ROOT = Path(__file__).parents[1]
ADULT = ROOT.parent / "shared" / "data" / "adult.csv.gz"


def takes_text():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"a": ["x", "y"] * 10, "b": range(20)})
    layer = [("forest", deepforest.estimators.random_forest("classification", n_estimators=1))]
    try:
        deepforest.CascadeForestClassifier(layer, max_layers=1).fit(frame, [0, 1] * 10)
    except ValueError:
        return False
    return True


@pytest.fixture
def adult(tmp_path, monkeypatch):
    """A working folder with a few rows of adult's table."""
    if not hasattr(deepforest, "load"):
        pytest.skip("this version has no model files")
    if not takes_text():
        pytest.skip("this version's cascades take no text")
    if not ADULT.exists() or not (ROOT / "docs" / "session.md").exists():
        pytest.skip("needs adult's table and the docs")
    pandas = pytest.importorskip("pandas")
    monkeypatch.chdir(tmp_path)
    frame = pandas.read_csv(ADULT, na_values="?")
    train, test = (
        frame[frame.split == part].drop(columns="split").sample(300, random_state=0)
        for part in ("train", "test")
    )
    train.to_csv("adult_train.csv", index=False)
    test.to_csv("adult_test.csv", index=False)
    test.drop(columns="income").to_csv("adult_new.csv", index=False)
    return tmp_path


def session(number=0):
    """The commands of the page's blocks."""
    block = re.findall(r"```sh\n(.*?)```", (ROOT / "docs" / "session.md").read_text(), re.S)[number]
    return [shlex.split(line)[1:] for line in block.splitlines()]


def make_small(config):
    """The same config with few trees: the values are changed, the keys stay."""
    text = config.read_text().replace('preset = "balanced"', "n_estimators = 5")
    for key, values in (("n_estimators", ("5", "[3, 6]")), ("max_layers", ("2", "[1, 2]"))):
        one, some = values
        text = re.sub(rf"^{key} = \d+", f"{key} = {one}", text, flags=re.M)
        text = re.sub(rf"^{key} = \[.*\]", f"{key} = {some}", text, flags=re.M)
    config.write_text(text.replace("n_jobs = -1", "n_jobs = 1").replace("cv = 3", "cv = 0.3"))


def run_all(folder):
    """Run the page's commands one after the other, as the shell would."""
    for arguments in session() + session(1):
        with pytest.raises(SystemExit) as end:
            app(arguments)
        assert end.value.code == 0, arguments
        if arguments[:2] == ["config", "init"]:
            make_small(folder / "adult.toml")


def test_the_session_in_a_pipe(adult, capsys):
    run_all(adult)
    shown = capsys.readouterr()
    assert (adult / "adult_said.csv").read_text().startswith("prediction,probability_<=50K,prob")
    lines = shown.out.splitlines()
    assert "score\tvalue" in lines
    assert any(line.startswith("layer\taccuracy\testimator") for line in lines)
    assert any(line.startswith("cascade.max_layers") for line in lines)
    [scores] = [json.loads(line) for line in lines if line.startswith("{")]
    assert scores["accuracy"] > 0.7
    for text in ("adult.toml: a CascadeForestClassifier", "layer 1: held-out accuracy", "best: "):
        assert text in shown.err
    assert "\x1b" not in shown.out + shown.err
    assert load_config("adult_tuned.toml").max_layers in (1, 2)


@pytest.mark.skipif(os.name != "posix", reason="needs a pseudo-terminal")
def test_fitting_and_inspecting_on_a_terminal(adult, monkeypatch):
    import pty
    import threading

    leader, follower = pty.openpty()
    shown = []

    def read():
        while True:
            try:
                part = os.read(leader, 4096)
            except OSError:  # the other end is closed
                return
            if not part:
                return
            shown.append(part)

    reader = threading.Thread(target=read)
    reader.start()
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")
    with open(follower, "w") as terminal:
        monkeypatch.setattr("sys.stdout", terminal)
        monkeypatch.setattr("sys.stderr", terminal)
        for arguments in session()[:6]:
            if arguments[0] == "predict":
                continue
            with pytest.raises(SystemExit) as end:
                app(arguments)
            assert end.value.code == 0, arguments
            if arguments[:2] == ["config", "init"]:
                make_small(adult / "adult.toml")
    monkeypatch.undo()
    reader.join(timeout=60)
    os.close(leader)
    text = b"".join(shown).decode()
    assert "━" in text  # a bar, and the lines of tables
    assert "at most 2 layers" in text
    assert "layer 1: held-out accuracy" in text
    assert "random_forest" in text

"""The command: what it prints, writes and returns."""

import logging

import pytest
from typer.testing import CliRunner

import deepforest
from deepforest.cli import app
from deepforest.demo import digits_split

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


@pytest.fixture(autouse=True)
def logger_as_it_was():
    logger = logging.getLogger("deepforest")
    before = logger.handlers, logger.level, logger.propagate
    yield
    logger.handlers, logger.level, logger.propagate = before


def run(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def test_version():
    result = run("--version")
    assert result.exit_code == 0
    assert result.output.strip() == deepforest.__version__


def test_help_names_the_commands():
    assert "demo" in run("--help").output


def test_demo_prints_scores_and_writes_the_picture(tmp_path, monkeypatch):
    # A quarter of the digits: the demo's own networks take longest.
    split = digits_split()
    monkeypatch.setattr(
        "deepforest.cli.digits_split", lambda: type(split)(*(part[:200] for part in split))
    )
    config, picture = tmp_path / "tiny.toml", tmp_path / "scores.png"
    config.write_text(TINY)
    result = run("demo", "--config", config, "--picture", picture, "--n-jobs", 1)
    assert result.exit_code == 0, result.output
    assert picture.read_bytes().startswith(b"\x89PNG")
    for text in (
        "200 training and 200 test images",
        "layer 1: held-out accuracy 0.",
        "layer 2: held-out accuracy 0.",
        "deep forest",
        "MLP",
        "RandomForest(500)",
        "LightGBM",
        "test accuracy",
    ):
        assert text in result.output


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
    assert result.exit_code == 0, result.output
    assert "pip install 'gcforest[plot]'" in result.output
    assert not (tmp_path / "no.png").exists()


def test_a_wrong_config_ends_with_status_2_and_names_the_key(tmp_path):
    config = tmp_path / "wrong.toml"
    config.write_text("[cascade]\ndepth = 3\n")
    result = run("demo", "--config", config)
    assert result.exit_code == 2
    output = result.output.replace("\n", "")
    assert "wrong.toml" in output
    assert "unknown key 'depth' in [cascade]" in output
    assert "Traceback" not in output


def test_a_missing_config_ends_with_status_2_and_names_it(tmp_path):
    result = run("demo", "--config", tmp_path / "absent.toml")
    assert result.exit_code == 2
    assert "absent.toml" in result.output.replace("\n", "")

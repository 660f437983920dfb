"""Starter files, and the page of all keys."""

import re
import runpy
from pathlib import Path

import pytest

from deepforest import load_config
from deepforest.config_schema import table_keys
from deepforest.config_starter import STARTERS, starter

DOCS = Path(__file__).parents[1] / "docs"


@pytest.mark.parametrize("task", ["classification", "regression"])
@pytest.mark.parametrize("kind", STARTERS)
def test_a_starter_can_be_loaded(tmp_path, kind, task):
    path = tmp_path / "model.toml"
    path.write_text(starter(kind, task))
    estimator = load_config(path)
    assert (estimator._task, estimator.random_state, estimator.n_jobs) == (task, 0, -1)
    assert hasattr(estimator, "windows") == (kind != "table")


@pytest.mark.parametrize("task", ["classification", "regression"])
@pytest.mark.parametrize("kind", STARTERS)
def test_every_commented_line_of_a_starter_is_a_default(tmp_path, kind, task):
    text = re.sub(r"^# (?=\w+ = |\[\[)", "", starter(kind, task), flags=re.M)
    for table, keys in table_keys(task, scanning=kind != "table").items():
        for name in keys:
            assert re.search(rf"^{name} = |^\[\[{table}.{name}\]\]", text, re.M), name
    path = tmp_path / "model.toml"
    path.write_text(text)
    estimator = load_config(path)
    assert [name for name, _ in estimator.estimators] == ["cascade_forest"]


def test_the_page_of_all_keys_is_up_to_date():
    script = DOCS / "make_config_page.py"
    if not script.exists():
        pytest.skip("the docs are not beside the tests")
    page = runpy.run_path(str(script))["page"]()
    assert (DOCS / "config.md").read_text() == page, "run python docs/make_config_page.py"

"""Every example runs, on small data."""

import runpy
from pathlib import Path

import pytest

EXAMPLES = sorted((Path(__file__).parents[1] / "examples").glob("plot_*.py"))


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_example_runs(path, monkeypatch):
    pyplot = pytest.importorskip("matplotlib.pyplot")
    pyplot.switch_backend("agg")
    monkeypatch.setenv("DEEPFOREST_QUICK", "1")
    monkeypatch.syspath_prepend(path.parent)
    # Nobody looks at a window here.
    monkeypatch.setattr(pyplot, "show", lambda: None)
    runpy.run_path(str(path))
    assert pyplot.get_fignums()
    pyplot.close("all")

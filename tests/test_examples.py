"""Every example runs, on small data."""

import runpy
from pathlib import Path

import numpy as np
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


def test_windows_slide_over_the_time_of_heartbeats(tmp_path, monkeypatch):
    X, y = np.zeros((3, 1, 140), np.float32), np.arange(3)  # as the archive has them
    np.savez(tmp_path / "ts_ECG5000.npz", X_train=X, y_train=y, X_test=X, y_test=y)
    monkeypatch.delenv("DEEPFOREST_QUICK", raising=False)
    monkeypatch.setenv("DEEPFOREST_DATA", str(tmp_path))
    data = runpy.run_path(str(EXAMPLES[0].parent / "real_data.py"))["series"]()
    assert data.X_train.shape == data.X_test.shape == (3, 140)

"""The site: it builds without a warning, and names everything that is public."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import deepforest

DOCS = Path(__file__).parents[1] / "docs"


def test_site_builds_without_a_warning(tmp_path):
    for module in ("sphinx", "myst_parser", "numpydoc", "sphinx_gallery", "pydata_sphinx_theme"):
        pytest.importorskip(module)
    # tests/test_examples.py runs the examples; here they are only read.
    command = [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", "-b", "html"]
    command += ["-D", "plot_gallery=0", "-d", tmp_path / "doctrees", DOCS, tmp_path / "html"]
    built = subprocess.run(command, capture_output=True, text=True, env=dict(os.environ))
    assert built.returncode == 0, built.stderr
    assert "CascadeForestClassifier" in (tmp_path / "html" / "index.html").read_text()


@pytest.mark.parametrize("page, needs", [("onnx.md", "onnxruntime"), ("shap.md", "shap")])
def test_code_of_a_page_runs(page, needs, tmp_path, monkeypatch):
    pytest.importorskip(needs)
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"```python\n(.*?)```", (DOCS / page).read_text(), flags=re.DOTALL)
    exec("\n".join(blocks), {})


def test_reference_lists_every_public_name():
    listed = {line.strip() for line in (DOCS / "api.rst").read_text().splitlines()}
    missing = set(deepforest.__all__) - listed
    assert not missing, f"write them into docs/api.rst: {missing}"

"""Size and load time of a model file beside a joblib dump of scikit-learn's forests.

A cascade's worth of forests as DF21 has them: per layer 2 random forests and 2 extra-trees of
scikit-learn, fitted on the rows and the out-of-bag class vectors of the layer before. The same
settings with `HistForestClassifier` in a `CascadeForestClassifier`. Times are the best of several
loads in a fresh process each, after the libraries were imported, with the file in the page cache.

    python benchmarks/model_file.py --rows 4000 --trees 100 --layers 2
"""

import argparse
import json
import subprocess
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path

import joblib
import numpy as np
from sklearn.datasets import make_classification
from sklearn.ensemble import ExtraTreesClassifier, RandomForestClassifier

from deepforest import CascadeForestClassifier, HistForestClassifier

RESULTS = Path(__file__).parent / "results" / "model_file.json"

LOAD = """
import sys
from time import perf_counter
import deepforest, joblib, sklearn.ensemble
start = perf_counter()
model = (deepforest.load if sys.argv[1] == "deepforest" else joblib.load)(sys.argv[2])
print(perf_counter() - start)
"""


def rows(n):
    return make_classification(n, 30, n_informative=12, n_classes=5, flip_y=0.05, random_state=0)


def df21_like(X, y, n_trees, n_layers):
    layers, Z = [], X
    for _ in range(n_layers):
        layer = [
            kind(n_trees, bootstrap=True, oob_score=True, random_state=seed, n_jobs=1).fit(Z, y)
            for kind in (RandomForestClassifier, ExtraTreesClassifier)
            for seed in (0, 1)
        ]
        layers.append(layer)
        Z = np.hstack([X, *(np.nan_to_num(forest.oob_decision_function_) for forest in layer)])
        for forest in layer:
            del forest.oob_decision_function_  # a model file has none
    return layers


def cascade(X, y, n_trees, n_layers):
    forests = [
        (f"{splitter}_{number}", HistForestClassifier(n_trees, splitter=splitter))
        for splitter in ("best", "random")
        for number in (0, 1)
    ]
    rising = iter(range(n_layers + 1))
    model = CascadeForestClassifier(
        forests,
        max_layers=n_layers,
        combine="mean",
        scoring=lambda *_: next(rising),  # keeps every layer
        random_state=0,
    )
    return model.fit(X.astype(np.float32), y).set_params(scoring=None)


def load_seconds(kind, path, times):
    command = [sys.executable, "-c", LOAD, kind, path]
    runs = [
        subprocess.run(command, capture_output=True, text=True, check=True) for _ in range(times)
    ]
    return round(min(float(run.stdout) for run in runs), 4)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=4000)
    parser.add_argument("--trees", type=int, default=100)
    parser.add_argument("--layers", type=int, default=2)
    parser.add_argument("--times", type=int, default=5)
    args = parser.parse_args()
    X, y = rows(args.rows)
    ours = cascade(X, y, args.trees, args.layers)
    theirs = df21_like(X, y, args.trees, args.layers)
    n_ours = sum(
        len(model.trees_.feature)
        for layer in ours.layers_
        for models in layer.models
        for model in models
    )
    n_theirs = sum(
        tree.tree_.node_count for layer in theirs for forest in layer for tree in forest.estimators_
    )
    with tempfile.TemporaryDirectory() as folder:
        files = {
            "deepforest": Path(folder) / "model.dforest",
            "joblib": Path(folder) / "model.joblib",
            "joblib, compressed": Path(folder) / "model.joblib.gz",
        }
        ours.save(files["deepforest"])
        joblib.dump(theirs, files["joblib"])
        joblib.dump(theirs, files["joblib, compressed"], compress=3)
        results = {
            name: {
                "mb": round(path.stat().st_size / 2**20, 2),
                "nodes": n_ours if name == "deepforest" else n_theirs,
                "load_seconds": load_seconds(name, str(path), args.times),
            }
            for name, path in files.items()
        }
    for name, result in results.items():
        print(f"{name:20s}", result)
    RESULTS.write_text(json.dumps({"settings": vars(args), "results": results}, indent=1) + "\n")
    RESULTS.with_suffix(".md").write_text(report(vars(args), results))


def report(settings, results):
    """Return the results as a table in Markdown."""
    names = {
        "deepforest": "`save`",
        "joblib": "joblib dump of scikit-learn's forests",
        "joblib, compressed": "the same, `compress=3`",
    }
    lines = [
        "# A model file beside a joblib dump",
        "",
        f"{settings['layers']} layers of two random forests and two extra-trees of",
        f"{settings['trees']} trees, 5 classes, fitted on {settings['rows']:,} rows of 30 columns.",
        "Both learn from out-of-bag class vectors, so their trees are about the same. numpy",
        f"{version('numpy')}, scikit-learn {version('scikit-learn')}; the best of",
        f"{settings['times']} loads, each in a fresh process, with the file in the page cache.",
        "`python benchmarks/model_file.py` makes it again.",
        "",
        "| file | MB | nodes | bytes a node | load, s |",
        "|---|---|---|---|---|",
    ]
    for name, r in results.items():
        size = r["mb"] * 2**20 / r["nodes"]
        cells = (names[name], f"{r['mb']:.1f}", f"{r['nodes']:,}", f"{size:.1f}")
        lines.append(f"| {' | '.join(cells)} | {r['load_seconds']:.2f} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()

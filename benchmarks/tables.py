"""The default cascade beside forests, boosting and a network on real tables.

    python benchmarks/tables.py                       # runs what is not in the results yet
    python benchmarks/tables.py --only-model cascade random_forest --only-set letter adult
    python benchmarks/tables.py --only-set covtype_large --splits 1 --timeout 7200

Each run (set, split, model) has a process of its own and becomes a line of results/tables.jsonl;
`tables_report.py` makes the tables and the picture. xgboost, catboost and matplotlib are needed.
"""

import argparse
import json
import subprocess
import time
from importlib.metadata import version
from pathlib import Path

import numpy as np
from rivals import MODELS, Task, catboost, lightgbm
from runs import append, class_scores, forget_peak, in_process, memory, read, value_scores
from suite import EVALUATION, SINGLE, split

HERE = Path(__file__).parent
RESULTS = HERE / "results" / "tables.jsonl"
KEYS = ("set", "split", "model")
SETS = {**EVALUATION, **SINGLE}


def run(name: str, number: int, model: str, max_rows: int | None) -> dict:
    """Fit and score one model on one split."""
    table = SETS[name].load()
    data = split(SETS[name], table, number, max_rows)
    classes, y = (
        (None, data.y_train)
        if table.regression
        else np.unique(data.y_train, return_inverse=True)  # some libraries want 0 to K-1
    )
    small = np.arange(0, len(y), max(1, len(y) // 60))
    warm = y[small] if table.regression else np.arange(len(small)) % 2
    # Loads libraries and compiled code, which is no part of a fit.
    if model not in ("catboost", "catboost_stopped"):
        MODELS[model](Task(data.X_train.iloc[small], warm, table.regression, 0))
    held = forget_peak()
    start = time.perf_counter()
    fitted = MODELS[model](Task(data.X_train, y, table.regression, number))
    fit_seconds = time.perf_counter() - start
    start = time.perf_counter()
    predict = "predict" if table.regression else "predict_proba"
    said = getattr(fitted.estimator, predict)(fitted.prepare(data.X_test))
    predict_seconds = time.perf_counter() - start
    if table.regression:
        scores = value_scores(data.y_test, said)
    else:
        scores = class_scores(data.y_test, said, classes, int(table.y.max()) + 1)
    layers = {}
    if hasattr(fitted.estimator, "n_layers_"):
        layers["layers"] = fitted.estimator.n_layers_
    return {
        **scores,
        "fit_seconds": fit_seconds,
        "predict_seconds": predict_seconds,
        "peak_mb": memory("VmHWM") - held,
        **layers,
        "n_train": len(y),
        "n_test": len(data.y_test),
        "n_features": data.X_train.shape[1],
        "version": library(model),
    }


def library(model: str) -> str:
    """Return what was run: the commit of the cascade, the version of another library."""
    if model == "cascade":
        command = ["git", "describe", "--always", "--dirty"]
        return subprocess.run(command, cwd=HERE, capture_output=True, text=True).stdout.strip()
    name = model.removesuffix("_stopped")
    if name == "xgboost":
        import xgboost

        return f"xgboost {xgboost.__version__}"
    name = name if name in (lightgbm.__name__, catboost.__name__) else "scikit-learn"
    return f"{name} {version(name)}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only-set", nargs="*", default=list(EVALUATION), choices=SETS)
    parser.add_argument("--only-model", nargs="*", default=list(MODELS), choices=MODELS)
    parser.add_argument("--splits", type=int, default=3, help="splits 0 to this number less one")
    parser.add_argument("--timeout", type=float, default=3600, help="seconds of one run")
    parser.add_argument("--redo", action="store_true", help="run what is in the results, too")
    parser.add_argument("--max-rows", type=int, help="try on so many rows; needs --results")
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--one", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        name, number, model = options.one
        print(json.dumps(run(name, int(number), model, options.max_rows)))
        return
    if options.max_rows and options.results == RESULTS:
        parser.error("--max-rows needs --results FILE: capped runs are no results.")
    done = {} if options.redo else read(options.results, KEYS)
    cap = ["--max-rows", str(options.max_rows)] if options.max_rows else []
    for name in options.only_set:
        for number in range(options.splits):
            for model in options.only_model:
                if (name, number, model) in done:
                    continue
                arguments = ["--one", name, str(number), model, *cap]
                row = {"set": name, "split": number, "model": model}
                row |= in_process(__file__, arguments, options.timeout)
                print(row, flush=True)
                append(options.results, row)


if __name__ == "__main__":
    main()

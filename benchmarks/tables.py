"""The default cascade beside forests, boosting and a network on real tables.

    python benchmarks/tables.py                  # the suite, as far as it is not in the results yet
    python benchmarks/tables.py --only-set letter adult --only-model cascade random_forest
    python benchmarks/tables.py --only-set covtype_large --splits 1 --timeout 7200

Each run (set, split, model) has a process of its own and becomes a line of results/tables.jsonl;
`tables_report.py` makes the tables and the picture. Split 0 of all sets comes first. A rival that
is not installed is left out: `pip install xgboost-cpu catboost` for all of them.
"""

import argparse
import json
import subprocess
import time
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from rivals import BESIDE, MODELS, Task, library
from runs import append, class_scores, forget_peak, in_process, memory, read, value_scores
from suite import EVALUATION, SINGLE, split

HERE = Path(__file__).parent
RESULTS = HERE / "results" / "tables.jsonl"
KEYS = ("set", "split", "model")
SETS = {**EVALUATION, **SINGLE}
LEARNERS = {**MODELS, **BESIDE}


def run(name: str, number: int, model: str, max_rows: int | None) -> dict:
    """Fit and score one model on one split."""
    table = SETS[name].load()
    data = split(SETS[name], table, number, max_rows)
    # Some libraries want classes from 0 to K-1, and a split may lack a rare one.
    classes, y = np.unique(data.y_train, return_inverse=True)
    if table.regression:
        y = data.y_train
    warm_up(model, Task(data.X_train, y, table.regression, 0))
    held = forget_peak()
    start, start_cpu = time.perf_counter(), time.process_time()
    fitted = LEARNERS[model](Task(data.X_train, y, table.regression, number))
    fit_seconds, fit_cpu = time.perf_counter() - start, time.process_time() - start_cpu
    start, start_cpu = time.perf_counter(), time.process_time()
    predict = "predict" if table.regression else "predict_proba"
    said = getattr(fitted.estimator, predict)(fitted.prepare(data.X_test))
    predict_seconds, predict_cpu = time.perf_counter() - start, time.process_time() - start_cpu
    peak = memory("VmHWM") - held
    if table.regression:
        scores = value_scores(data.y_test, said)
    else:
        scores = class_scores(data.y_test, said, classes, int(table.y.max()) + 1)
    layers = {"layers": fitted.estimator.n_layers_} if model.startswith("cascade") else {}
    return {
        **scores,
        "fit_seconds": fit_seconds,
        "predict_seconds": predict_seconds,
        "fit_cpu_seconds": fit_cpu,
        "predict_cpu_seconds": predict_cpu,
        "peak_mb": peak,
        **layers,
        "n_train": len(y),
        "n_test": len(data.y_test),
        "n_features": data.X_train.shape[1],
        "version": version(model),
    }


def warm_up(model: str, task: Task) -> None:
    """Load libraries and compiled code, which is no part of a fit."""
    if library(model) in ("catboost", "autogluon.tabular"):  # the import is all there is:
        import_module(library(model))  # one refuses constant columns, one takes its time
        return
    rows = np.arange(0, len(task.y), max(1, len(task.y) // 60))
    y = task.y[rows] if task.regression else np.arange(len(rows)) % 2
    LEARNERS[model](Task(task.X.iloc[rows], y, task.regression, 0))


def installed(model: str) -> bool:
    return find_spec(library(model).partition(".")[0]) is not None


def version(model: str) -> str:
    """Return what was run: the commit of the cascade, the version of another library."""
    if model.startswith("cascade"):
        command = ["git", "describe", "--always", "--dirty"]
        return subprocess.run(command, cwd=HERE, capture_output=True, text=True).stdout.strip()
    return f"{library(model)} {import_module(library(model)).__version__}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only-set", nargs="*", default=list(EVALUATION), choices=SETS)
    parser.add_argument("--only-model", nargs="*", default=list(MODELS), choices=LEARNERS)
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
    for missing in {library(m) for m in options.only_model if not installed(m)}:
        print(f"{missing} is not installed: it is left out.", flush=True)
    done = {} if options.redo else read(options.results, KEYS)
    cap = ["--max-rows", str(options.max_rows)] if options.max_rows else []
    for key in [
        (name, number, model)
        for number in range(options.splits)
        for name in options.only_set
        for model in options.only_model
        if installed(model)
    ]:
        if key in done:
            continue
        row = dict(zip(KEYS, key, strict=True))
        row |= in_process(__file__, ["--one", *map(str, key), *cap], options.timeout)
        print(row, flush=True)
        append(options.results, row)


if __name__ == "__main__":
    main()

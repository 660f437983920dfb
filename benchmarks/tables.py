"""The default cascade beside a random forest and LightGBM on real tables.

    python benchmarks/tables.py            # runs what is not in the results yet
    python benchmarks/tables.py --report   # writes results/tables.md only

Every run is a line of results/tables.jsonl, so that an interrupted benchmark goes on.
"""

import argparse
import json
import time
from pathlib import Path

import numpy as np
from datasets import NAMES, Split, load, ordinal, split
from lightgbm import LGBMClassifier, LGBMRegressor, early_stopping
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.metrics import accuracy_score, log_loss, root_mean_squared_error
from sklearn.model_selection import train_test_split

from deepforest import CascadeForestClassifier, CascadeForestRegressor

RESULTS = Path(__file__).parent / "results"
N_JOBS = 2
SPLITS = {"letter": 3, "adult": 3, "yeast": 10, "california_housing": 3}
MODELS = (
    "cascade",
    "RandomForest(500)",
    "LightGBM",
    "LightGBM, 400 rounds",
    "LightGBM, early stopping",
)


def fitted(model: str, data: Split, regression: bool, seed: int):
    """Return the fitted model and what it predicts from."""
    common = {"n_jobs": N_JOBS, "random_state": seed}
    if model == "cascade":
        kind = CascadeForestRegressor if regression else CascadeForestClassifier
        return kind(**common).fit(ordinal(data.X_train), data.y_train), ordinal(data.X_test)
    if model == "RandomForest(500)":
        forest = RandomForestRegressor if regression else RandomForestClassifier
        return forest(500, **common).fit(ordinal(data.X_train), data.y_train), ordinal(data.X_test)
    boosting = LGBMRegressor if regression else LGBMClassifier
    if model in ("LightGBM", "LightGBM, 400 rounds"):
        rounds = 100 if model == "LightGBM" else 400
        estimator = boosting(**common, n_estimators=rounds, verbosity=-1)
        return estimator.fit(data.X_train, data.y_train), data.X_test
    X, X_stop, y, y_stop = train_test_split(
        data.X_train,
        data.y_train,
        test_size=0.15,
        random_state=seed,
        stratify=None if regression else data.y_train,
    )
    estimator = boosting(**common, n_estimators=5000, learning_rate=0.05, verbosity=-1)
    stop = [early_stopping(50, verbose=False)]
    return estimator.fit(X, y, eval_X=X_stop, eval_y=y_stop, callbacks=stop), data.X_test


def run(name: str, number: int, model: str) -> dict:
    """Fit and score one model on one split."""
    table = load(name)
    data = split(table, number)
    start = time.perf_counter()
    estimator, X_test = fitted(model, data, table.regression, number)
    fit_seconds = time.perf_counter() - start
    start = time.perf_counter()
    if table.regression:
        scores = {"rmse": root_mean_squared_error(data.y_test, estimator.predict(X_test))}
    else:
        p = estimator.predict_proba(X_test)
        # A fully grown forest may give a true class zero: counted as 1e-6, not as infinity.
        clipped = np.clip(p, 1e-6, 1)
        clipped /= clipped.sum(axis=1, keepdims=True)
        scores = {
            "accuracy": accuracy_score(data.y_test, estimator.classes_[p.argmax(axis=1)]),
            "log_loss": log_loss(data.y_test, clipped, labels=estimator.classes_),
        }
    seconds = {"fit_seconds": fit_seconds, "predict_seconds": time.perf_counter() - start}
    layers = {"layers": estimator.n_layers_} if model == "cascade" else {}
    return {"table": name, "split": number, "model": model, **scores, **seconds, **layers}


def read() -> list[dict]:
    path = RESULTS / "tables.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def report() -> str:
    """Return the results as a table in Markdown."""
    rows = read()
    lines = [
        "# Tables",
        "",
        "Mean over fixed random splits, +- the standard error over them. `python",
        "benchmarks/tables.py` makes it again. The cascade is the default one; LightGBM takes",
        "categories as they are, the others get them as numbers. Early stopping: rate 0.05, 15 %",
        "of the training rows to stop on. Median seconds on 2 cores of a virtual machine (AMD",
        "EPYC) with nothing else to do.",
        "",
        "| table | model | splits | accuracy, RMSE | log loss | fit s | predict s |",
        "|---|---|---|---|---|---|---|",
    ]

    def cell(values: list[float], digits: int) -> str:
        error = np.std(values, ddof=1) / np.sqrt(len(values)) if len(values) > 1 else 0
        return f"{np.mean(values):.{digits}f} +- {error:.{digits}f}"

    for name in NAMES:
        for model in MODELS:
            runs = [row for row in rows if row["table"] == name and row["model"] == model]
            if not runs:
                continue
            if "rmse" in runs[0]:
                scores = [cell([r["rmse"] for r in runs], 0), ""]
            else:
                scores = [cell([r[key] for r in runs], 4) for key in ("accuracy", "log_loss")]
            fit, predict = (
                f"{np.median([r[key] for r in runs]):.1f}"
                for key in ("fit_seconds", "predict_seconds")
            )
            lines.append(
                f"| {name} | {model} | {len(runs)} | {scores[0]} | {scores[1]} "
                f"| {fit} | {predict} |"
            )
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--report", action="store_true", help="write the report only")
    parser.add_argument("--tables", nargs="*", default=NAMES, choices=NAMES)
    arguments = parser.parse_args()
    if not arguments.report:
        done = {(row["table"], row["split"], row["model"]) for row in read()}
        for name in arguments.tables:
            for number in range(SPLITS[name]):
                for model in MODELS:
                    if (name, number, model) not in done:
                        result = run(name, number, model)
                        print(result, flush=True)
                        with (RESULTS / "tables.jsonl").open("a") as file:
                            file.write(json.dumps(result) + "\n")
    (RESULTS / "tables.md").write_text(report())


if __name__ == "__main__":
    main()

"""The search for the default cascade, by cross-validation on the development sets.

    python benchmarks/search_default.py              # runs what is not in the results yet
    python benchmarks/search_default.py --table      # writes results/search_default.md only
    python benchmarks/search_default.py --only-variant default lgbm_none --only-set segment

Each run (set, fold, variant) has a process of its own and becomes a line of
results/search_default.jsonl. The final tables score none of these sets.
"""

import argparse
import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from rivals import N_JOBS, as_numbers
from runs import append, class_scores, in_process, read, value_scores
from sklearn.model_selection import KFold, StratifiedKFold
from suite import DEVELOPMENT, Table

from deepforest import CascadeForestClassifier, CascadeForestRegressor
from deepforest.combine import combined, select
from deepforest.estimators import ESTIMATORS, NamedEstimators
from deepforest.layer import augmented, augmented_table, fit_layer, grain_table
from deepforest.splits import make_splits
from deepforest.target import Target

RESULTS = Path(__file__).parent / "results" / "search_default.jsonl"
KEYS = ("set", "fold", "variant")
FOLDS, MAX_ROWS = 3, 15_000
FORESTS = ("random_forest", "random_forest", "extra_trees", "extra_trees")

# A variant: forests, parameters of each forest, of LightGBM (None: without it) and of the cascade;
# `schedule` instead of the cascade's own growth: F a layer of forests, L one with LightGBM, too.
VARIANTS: dict[str, dict[str, Any]] = {
    "default": {},
    **{f"trees_{n}": {"forest": {"n_estimators": n}} for n in (50, 200)},
    **{f"leaf_{n}": {"forest": {"min_samples_leaf": n}} for n in (2, 3, 5)},
    "rf_et": {"forests": ("random_forest", "extra_trees")},
    "rf_et_200": {"forests": ("random_forest", "extra_trees"), "forest": {"n_estimators": 200}},
    "rf_et_completely_random": {"forests": ("random_forest", "extra_trees", "completely_random")},
    "rf2": {"forests": FORESTS[:2]},
    "et2": {"forests": FORESTS[2:]},
    "lgbm_only": {"forests": ()},
    "lgbm_none": {"lightgbm": None},
    **{f"schedule_{s}": {"schedule": s} for s in ("L", "LL", "LF", "FL", "FF", "LFL", "LLL")},
    "lgbm_rate_0.05": {"lightgbm": {"learning_rate": 0.05}},
    **{f"lgbm_leaves_{n}": {"lightgbm": {"num_leaves": n}} for n in (15, 63, 127)},
    **{f"lgbm_columns_{c}": {"lightgbm": {"colsample_bytree": c}} for c in (0.3, 0.8, 1.0)},
    **{f"lgbm_bins_{n}": {"lightgbm": {"max_bin": n}} for n in (63, 255)},
    **{f"lgbm_patience_{n}": {"lightgbm": {"early_stopping_round": n}} for n in (10, 50)},
    "folds_3": {"cascade": {"cv": 3}},
    **{f"layers_{n}": {"cascade": {"max_layers": n}} for n in (1, 2, 3, 5)},
    "combine_mean": {"cascade": {"combine": "mean"}},
    "by_log_loss": {"cascade": {"scoring": "neg_log_loss"}},
}


def estimators(variant: dict[str, Any], task: str, *, boosted: bool = True) -> NamedEstimators:
    """Return what a layer of the variant is made of."""
    forest = {"n_estimators": 100, **variant.get("forest", {})}
    named = [
        (f"{kind}_{i}", ESTIMATORS[kind](task, **forest))
        for i, kind in enumerate(variant.get("forests", FORESTS))
    ]
    if boosted and variant.get("lightgbm", {}) is not None:
        named.append(("lightgbm", ESTIMATORS["lightgbm"](task, **variant.get("lightgbm", {}))))
    return named


class Scheduled:
    """A cascade of fixed depth whose layers differ; combined by selection over all of them."""

    def __init__(self, layers: list[NamedEstimators], n_classes: int | None, seed: int) -> None:
        self.estimators, self.n_classes, self.seed = layers, n_classes, seed

    def fit(self, X: np.ndarray, y: np.ndarray) -> "Scheduled":
        target = Target(y, None, self.n_classes)
        splits = make_splits(5, X, target, None, self.seed)
        grain = grain_table(X, target, self.estimators[0])
        self.layers_, said = [], []
        for depth, named in enumerate(self.estimators):
            table = augmented_table(grain, said[-1] if said else None)
            seed = self.seed * 100 + depth
            layer, vectors = fit_layer(named, table, splits, seed=seed, n_jobs=N_JOBS)
            self.layers_.append(layer)
            said.append(vectors)
        self.weights_ = select(np.concatenate(said), target)
        return self

    def vectors(self, X: np.ndarray) -> np.ndarray:
        said: list[np.ndarray] = []
        for layer in self.layers_:
            said.append(layer.transform(augmented(X, said[-1] if said else None), n_jobs=N_JOBS))
        return combined(np.concatenate(said), self.weights_)


def folds(table: Table, max_rows: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return the rows to train and to score on, the same for every variant."""
    rows = np.random.default_rng(0).permutation(len(table.y))[:max_rows]
    kind = KFold if table.regression else StratifiedKFold
    pairs = kind(FOLDS, shuffle=True, random_state=0).split(rows, table.y[rows])
    return [(rows[train], rows[test]) for train, test in pairs]


def run(name: str, fold: int, label: str, max_rows: int) -> dict:
    """Fit and score a variant on one fold of a set."""
    table, variant = DEVELOPMENT[name].load(), VARIANTS[label]
    train, test = folds(table, max_rows)[fold]
    X, X_test = as_numbers(table.X.iloc[train]), as_numbers(table.X.iloc[test])
    classes, y = (None, table.y[train])
    if not table.regression:
        classes, y = np.unique(table.y[train], return_inverse=True)
    task = "regression" if table.regression else "classification"
    cascade = dict(variant.get("cascade", {}))
    if table.regression and cascade.get("scoring") == "neg_log_loss":
        cascade["scoring"] = "neg_mean_squared_error"
    kind = CascadeForestRegressor if table.regression else CascadeForestClassifier

    def model(seed: int) -> Any:
        if "schedule" in variant:
            layers = [estimators(variant, task, boosted=s == "L") for s in variant["schedule"]]
            return Scheduled(layers, None if classes is None else len(classes), seed)
        named = estimators(variant, task)
        return kind(named, n_jobs=N_JOBS, random_state=seed, **cascade)

    small = np.arange(0, len(y), max(1, len(y) // 60))
    warm = kind(n_estimators=2, max_layers=1, cv=2)
    warm.fit(X[small], y[small] if table.regression else np.arange(len(small)) % 2)
    start = time.perf_counter()
    fitted = model(fold).fit(X, y)
    fit_seconds = time.perf_counter() - start
    start = time.perf_counter()
    if "schedule" in variant:
        said = fitted.vectors(X_test)
    else:
        said = fitted.predict(X_test) if table.regression else fitted.predict_proba(X_test)
    seconds = {"fit_seconds": fit_seconds, "predict_seconds": time.perf_counter() - start}
    y_test = table.y[test]
    scores = (
        value_scores(y_test, said)
        if table.regression
        else class_scores(y_test, said, classes, int(table.y.max()) + 1)
    )
    return {**scores, **seconds, "layers": len(fitted.layers_), "n_train": len(y)}


def report(path: Path) -> str:
    """Return a row a variant: ranks, loss against the default's, seconds against the default's."""
    runs = pd.DataFrame(list(read(path, KEYS).values()))
    for column in ("accuracy", "log_loss", "rmse", "failed"):
        if column not in runs:
            runs[column] = np.nan
    runs["loss"] = runs["log_loss"].fillna(runs["rmse"])
    runs["error"] = (1 - runs["accuracy"]).fillna(runs["rmse"])

    def table_of(column: str) -> pd.DataFrame:
        return runs.pivot_table(
            index="set",
            columns="variant",
            values=column,
            dropna=False,
            aggfunc=lambda v: v.mean(skipna=False),
        )

    # Only sets on which every variant was run.
    loss, error, seconds = (table_of(c) for c in ("loss", "error", "fit_seconds"))
    sets = loss.index[loss.notna().all(axis=1)]
    loss, error, seconds = loss.loc[sets], error.loc[sets], seconds.loc[sets]
    table = pd.DataFrame(
        {
            "rank error": error.rank(axis=1).mean(),
            "rank loss": loss.rank(axis=1).mean(),
            "loss / default's": np.exp(np.log(loss.div(loss["default"], axis=0)).mean()),
            "error / default's": error.div(error["default"], axis=0).mean(),
            "median time / default's": seconds.div(seconds["default"], axis=0).median(),
            "most": seconds.div(seconds["default"], axis=0).max(),
        }
    ).sort_values("loss / default's")
    lines = [
        "# The search for the default",
        "",
        f"Cross-validation in {FOLDS} folds on {', '.join(sets)}, at most {MAX_ROWS} rows each.",
        "Loss is log loss, or RMSE for regression; error is 1 - accuracy, or RMSE. The loss ratio",
        "is a geometric mean over sets, normalised by the default's.",
        "",
        "| variant | " + " | ".join(table.columns) + " |",
        "|---" * (len(table.columns) + 1) + "|",
        *[
            f"| {name} | " + " | ".join(f"{v:.3f}" for v in row) + " |"
            for name, row in table.iterrows()
        ],
        "",
    ]
    failed = runs[runs["failed"].notna()]
    lines += [f"- failed: {r.set}, {r.fold}, {r.variant}: {r.failed}" for r in failed.itertuples()]
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only-set", nargs="*", default=list(DEVELOPMENT), choices=DEVELOPMENT)
    parser.add_argument("--only-variant", nargs="*", default=list(VARIANTS), choices=VARIANTS)
    parser.add_argument("--folds", type=int, default=FOLDS, help="how many of the 3 folds to run")
    parser.add_argument("--timeout", type=float, default=1800, help="seconds of one run")
    parser.add_argument("--max-rows", type=int, help="try on so many rows; needs --results")
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--table", action="store_true", help="write the table only")
    parser.add_argument("--one", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    rows = options.max_rows or MAX_ROWS
    if options.one:
        name, fold, label = options.one
        print(json.dumps(run(name, int(fold), label, rows)))
        return
    if options.max_rows and options.results == RESULTS:
        parser.error("--max-rows needs --results FILE: capped runs are no results.")
    done = {} if options.table else read(options.results, KEYS)
    todo = [
        (name, fold, label)
        for name in options.only_set
        for fold in range(options.folds)
        for label in options.only_variant
        if not options.table and (name, fold, label) not in done
    ]
    for name, fold, label in todo:
        arguments = ["--one", name, str(fold), label, "--max-rows", str(rows)]
        row = dict(zip(KEYS, (name, fold, label), strict=True))
        row |= in_process(__file__, arguments, options.timeout)
        print(row, flush=True)
        append(options.results, row)
    options.results.with_suffix(".md").write_text(report(options.results))


if __name__ == "__main__":
    main()

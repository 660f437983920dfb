"""The search for the default cascade, by cross-validation on the development sets.

    python benchmarks/search_default.py              # runs what is not in the results yet
    python benchmarks/search_default.py --only-composition default leaf_2 --only-set segment

Each run (set, fold, composition) has a process of its own and becomes a line of
results/search_default.jsonl: it grows a cascade of fixed depth and scores it after each layer, by
every combination of the class vectors. So depth, rules of growth and combinations need no runs of
their own: `search_report.py` compares them. Time is that of all threads on the processor, which
other work on the machine changes little. The suite of `tables.py` scores none of these sets.
"""

import argparse
import json
import time
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from rivals import N_JOBS, as_numbers
from runs import append, class_scores, in_process, read, value_scores
from scipy.optimize import minimize
from scipy.special import log_softmax, softmax
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.model_selection import KFold, StratifiedKFold
from suite import DEVELOPMENT, Table

from deepforest import CascadeForestClassifier, CascadeForestRegressor, models
from deepforest.combine import combined, select, select_held_out
from deepforest.estimators import ESTIMATORS, PRESETS, NamedEstimators, default_layers
from deepforest.layer import augmented, augmented_table, fit_layer, grain_table
from deepforest.screening import best_power, sharpened
from deepforest.splits import make_splits
from deepforest.target import Target, Vectors

RESULTS = Path(__file__).parent / "results" / "search_default.jsonl"
KEYS = ("set", "fold", "composition")
FOLDS = 3
FORESTS = ("random_forest", "random_forest", "extra_trees", "extra_trees")
# From cheap to dear, with the rows that are drawn: two thirds of them are trained on.
ROWS = {
    "segment": 2_310,
    "spambase": 4_601,
    "kin8nm": 8_192,
    "cpusmall": 8_192,
    "bank_full": 15_000,
    "satimage": 6_435,
    "connect4": 9_000,
    "letter_libsvm": 6_000,
}


class Composition(NamedTuple):
    """What the layers are made of."""

    layers: str = "BB"  # a letter a layer: B boosting beside the forests, F forests alone
    preset: str | None = None  # the library's own instead of what follows,
    trees: int | None = None  # with so many in each forest
    bounded: bool = True  # and its bound on LightGBM's leaves; compositions are older than that
    linear: bool = True  # and its linear model
    steady_rounds: int = models.STEADY_ROUNDS  # of LightGBM, before its steps grow
    forests: tuple[str, ...] = FORESTS
    forest: dict[str, Any] | None = None  # parameters of each forest
    extra_trees: dict[str, Any] | None = None  # of extra-trees beside them
    boosters: tuple[dict[str, Any], ...] = ({},)  # parameters of each LightGBM
    cv: int = 5

    def estimators(self, task: str, depth: int) -> NamedEstimators:
        """Return the estimators of a layer; depth 0 is the first."""
        if self.preset:
            of_layers = default_layers(task, preset=self.preset, n_estimators=self.trees)
            layer = of_layers[min(depth, len(of_layers) - 1)]
            if not self.linear:
                layer = [pair for pair in layer if pair[0] != "linear"]
            for name, estimator in layer:
                if name.startswith("lightgbm") and not self.bounded:
                    estimator.set_params(**unbounded(task, {}))
            return layer
        named = [
            (f"{kind}_{i}", ESTIMATORS[kind](task, **self.parameters(kind)))
            for i, kind in enumerate(self.forests)
        ]
        if self.layers[depth] == "B":
            named += [
                (f"lightgbm_{i}", ESTIMATORS["lightgbm"](task, **unbounded(task, parameters)))
                for i, parameters in enumerate(self.boosters)
            ]
        return named

    @property
    def folds(self) -> int:
        """Return into how many folds the rows are split."""
        return PRESETS[self.preset].folds if self.preset else self.cv

    def parameters(self, kind: str) -> dict[str, Any]:
        """Return the parameters of a forest."""
        own = self.extra_trees if kind == "extra_trees" else None
        return {**(self.forest or {}), **(own or {})}


def unbounded(task: str, parameters: dict[str, Any]) -> dict[str, Any]:
    """Return LightGBM's parameters without the bounds that it has here for classes."""
    if task == "regression":
        return parameters
    return {"max_delta_step": 0.0, "early_stopping_min_delta": 0.0, **parameters}


COMPOSITIONS = {
    "four_forests": Composition("BBB"),
    **{layers: Composition(layers) for layers in ("BFF", "BFB", "FB", "FFF")},
    "boosting_alone": Composition(forests=()),
    "rf_et": Composition(forests=FORESTS[1:3]),
    "rf_et_200_trees": Composition(forests=FORESTS[1:3], forest={"n_estimators": 200}),
    "rf_et_completely_random": Composition(forests=(*FORESTS[1:3], "completely_random")),
    "rf_rf": Composition(forests=FORESTS[:2]),
    "et_et": Composition(forests=FORESTS[2:]),
    "trees_50": Composition(forest={"n_estimators": 50}),
    "trees_200": Composition(forest={"n_estimators": 200}),
    "leaf_2": Composition("BBB", forest={"min_samples_leaf": 2}),
    "leaf_5": Composition("BBB", forest={"min_samples_leaf": 5}),
    "features_half": Composition(forest={"max_features": 0.5}),
    "rate_0.05": Composition(boosters=({"learning_rate": 0.05},)),
    "leaves_15": Composition(boosters=({"num_leaves": 15},)),
    "leaves_63": Composition(boosters=({"num_leaves": 63},)),
    "columns_0.3": Composition(boosters=({"colsample_bytree": 0.3},)),
    "columns_1": Composition(boosters=({"colsample_bytree": 1.0},)),
    "patience_10": Composition(boosters=({"early_stopping_round": 10},)),
    "patience_50": Composition(boosters=({"early_stopping_round": 50},)),
    "folds_3": Composition(cv=3),
    "folds_8": Composition(cv=8),
    "rf_et_features_half": Composition(forests=FORESTS[1:3], forest={"max_features": 0.5}),
    "rf_et_small_and_large": Composition(
        forests=FORESTS[1:3], boosters=({"num_leaves": 15}, {"num_leaves": 63})
    ),
    "rf_et_random_boosting": Composition(
        forests=FORESTS[1:3], boosters=({}, {"extra_trees": True})
    ),
}

# Second round: what was better alone, together. The forests' votes are cheap and alike, so two
# forests give the next layer what four give it.
HALF, ALL_COLUMNS = {"max_features": 0.5}, {"colsample_bytree": 1.0}
SMALL_AND_LARGE = ({"num_leaves": 15, **ALL_COLUMNS}, {"num_leaves": 63})
COMPOSITIONS |= {
    "half_all": Composition("BBB", forests=FORESTS[1:3], forest=HALF, boosters=(ALL_COLUMNS,)),
    "half_all_BFF": Composition("BFF", forests=FORESTS[1:3], forest=HALF, boosters=(ALL_COLUMNS,)),
    "half_all_200_trees": Composition(
        "BB", forests=FORESTS[1:3], forest={**HALF, "n_estimators": 200}, boosters=(ALL_COLUMNS,)
    ),
    "half_all_200_trees_random": Composition(
        "BB",
        forests=FORESTS[1:3],
        forest={**HALF, "n_estimators": 200},
        boosters=({**ALL_COLUMNS, "extra_trees": True},),
    ),
    "half_200_trees": Composition(
        "BBB", forests=FORESTS[1:3], forest={**HALF, "n_estimators": 200}
    ),
    "half_200_trees_BFF": Composition(
        "BFF", forests=FORESTS[1:3], forest={**HALF, "n_estimators": 200}
    ),
    "half_extra_trees": Composition(
        "BBB", forests=FORESTS[1:3], forest={"n_estimators": 200}, extra_trees=HALF
    ),
    "half_extra_trees_BFF": Composition(
        "BFF", forests=FORESTS[1:3], forest={"n_estimators": 200}, extra_trees=HALF
    ),
    "half_folds_3_BFF": Composition("BFF", forests=FORESTS[1:3], forest=HALF, cv=3),
    "half_two": Composition("BBB", forests=FORESTS[1:3], forest=HALF, boosters=SMALL_AND_LARGE),
    "half_two_folds_8": Composition(
        "BBB", forests=FORESTS[1:3], forest=HALF, boosters=SMALL_AND_LARGE, cv=8
    ),
    "random_boosting_200_trees": Composition(
        "BBB",
        forests=FORESTS[1:3],
        forest={"n_estimators": 200},
        boosters=({}, {"extra_trees": True}),
    ),
    "three_boosters_200_trees": Composition(
        "BBB",
        forests=FORESTS[1:3],
        forest={"n_estimators": 200},
        boosters=({"num_leaves": 15, **ALL_COLUMNS}, {"num_leaves": 63}, {"extra_trees": True}),
    ),
    **{name: Composition("BBB", preset=name) for name in PRESETS},
    **{
        f"{name}_without_linear": Composition("BBB", preset=name, linear=False)
        for name in ("balanced", "best")
    },
    # Earlier than the linear model.
    **{
        name: Composition("BBB", bounded=False, linear=False, **parameters)
        for name, parameters in {
            "balanced_unbounded": {"preset": "balanced"},
            "best_unbounded_200": {"preset": "best", "trees": 200},
            "balanced_steady": {"preset": "balanced", "steady_rounds": 10**9},
            "balanced_steady_100": {"preset": "balanced", "steady_rounds": 100},
        }.items()
    },
    "half_all_folds_3": Composition(
        "BB", forests=FORESTS[1:3], forest=HALF, boosters=(ALL_COLUMNS,), cv=3
    ),
}


def fold_rows(table: Table, fold: int, n: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return the rows to train and to score on, the same for every composition."""
    rows = np.random.default_rng(0).permutation(len(table.y))[:n]
    kind = KFold if table.regression else StratifiedKFold
    folds = list(kind(FOLDS, shuffle=True, random_state=0).split(rows, table.y[rows]))
    train, test = folds[fold]
    return rows[train], rows[test]


def run(name: str, fold: int, label: str, max_rows: int) -> dict:
    """Grow a composition on one fold of a set and score it after each layer."""
    table, composition = DEVELOPMENT[name].load(), COMPOSITIONS[label]
    models.STEADY_ROUNDS = composition.steady_rounds  # the run has this process for itself
    train, test = fold_rows(table, fold, min(ROWS[name], max_rows))
    X = as_numbers(table.X.iloc[train])
    X_test = as_numbers(table.X.iloc[test])
    y_test = table.y[test]
    if table.regression:
        classes, y = None, table.y[train]
        target = Target(y, None, None)
    else:
        classes, y = np.unique(table.y[train], return_inverse=True)
        target = Target(y, None, len(classes))

    def scores(y_true: NDArray, said: Vectors) -> dict[str, float]:
        if table.regression:
            return value_scores(y_true, said)
        return class_scores(y_true, said, classes, int(table.y.max()) + 1)

    warm_up(X, table.regression)
    start = time.process_time()
    splits = make_splits(composition.folds, X, target, None, fold)
    grain = grain_table(X, target, composition.estimators(target.task, 0))
    held_out: list[Vectors] = []
    said: list[Vectors] = []
    layers = []
    for depth in range(len(composition.layers)):
        layer, vectors = fit_layer(
            composition.estimators(target.task, depth),
            augmented_table(grain, held_out[-1] if held_out else None),
            splits,
            seed=100 * fold + depth,
            n_jobs=N_JOBS,
        )
        held_out.append(vectors)
        library = np.concatenate(held_out)
        select(library, target)
        chosen_without_row = select_held_out(library, target, splits)
        fitted = time.process_time()
        said.append(layer.transform(augmented(X_test, said[-1] if said else None), n_jobs=N_JOBS))
        predicted = time.process_time()
        combinations = combined_vectors(held_out, said, target)
        layers.append(
            {
                "fit_cpu_seconds": fitted - start,
                "predict_cpu_seconds": predicted - fitted,
                "held_out": scores(table.y[train], chosen_without_row),
                "test": {name: scores(y_test, p) for name, p in combinations.items()},
            }
        )
        start = time.process_time()
    return {"layers": layers, "n_train": len(y), "n_test": len(y_test)}


def warm_up(X: NDArray, regression: bool) -> None:
    """Load compiled code, which is no part of a fit."""
    rows = np.arange(0, len(X), max(1, len(X) // 60))
    kind = CascadeForestRegressor if regression else CascadeForestClassifier
    kind(n_estimators=2, max_layers=2, n_iter_no_change=2).fit(X[rows], np.arange(len(rows)) % 2)


def combined_vectors(
    held_out: list[Vectors], said: list[Vectors], target: Target
) -> dict[str, Vectors]:
    """Return what each combination of the layers so far says of the test rows (n_test, K).

    Parameters
    ----------
    held_out : list of ndarrays (m, n, K)
        Of the training rows; combinations are learnt on them.
    said : list of ndarrays (m, n_test, K)
    target : Target of the n training rows
    """
    library, new = np.concatenate(held_out), np.concatenate(said)
    n_last = len(said[-1])
    weights = select(library, target)
    result = {
        "select": combined(new, weights),
        "select_last": combined(new[-n_last:], select(library[-n_last:], target)),
        "mean_last": new[-n_last:].mean(axis=0),
        "mean_all": new.mean(axis=0),
    }
    if target.n_classes is None:
        stack = LinearRegression(positive=True).fit(library[:, :, 0].T, target.y)
        return {**result, "stack": stack.predict(new[:, :, 0].T)[:, None]}
    power = best_power(combined(library, weights), target)
    stack = LogisticRegression(C=0.01, max_iter=300).fit(_side_by_side(library), target.y)
    return {
        **result,
        "select_calibrated": sharpened(result["select"], power),
        "select_accuracy": combined(new, select_by_accuracy(library, target.y)),
        "pool": softmax(np.tensordot(pool_weights(library, target.y), _logs(new), 1), axis=1),
        "stack": stack.predict_proba(_side_by_side(new)),
    }


def select_by_accuracy(library: Vectors, y: NDArray, n_picks: int = 50) -> NDArray[np.float64]:
    """Return the weights (M,) of greedy selection by accuracy instead of log loss."""
    counts, total = np.zeros(len(library)), np.zeros(library.shape[1:])
    best, best_counts = -1.0, counts
    for _ in range(n_picks):
        accuracy = [np.mean((total + vectors).argmax(axis=1) == y) for vectors in library]
        pick = int(np.argmax(accuracy))
        total += library[pick]
        counts[pick] += 1
        if accuracy[pick] > best:
            best, best_counts = accuracy[pick], counts.copy()
    return best_counts / best_counts.sum()


def pool_weights(library: Vectors, y: NDArray) -> NDArray[np.float64]:
    """Return exponents (M,) of the weighted geometric mean with the lowest log loss."""
    logs, rows = _logs(library), np.arange(len(y))

    def loss(weights: NDArray) -> tuple[float, NDArray]:
        log_p = log_softmax(np.tensordot(weights, logs, 1), axis=1)
        expected = (np.exp(log_p)[None] * logs).sum(axis=2)
        return -log_p[rows, y].mean(), (expected - logs[:, rows, y]).mean(axis=1)

    start = np.full(len(library), 1 / len(library))
    return minimize(loss, start, jac=True, method="L-BFGS-B", bounds=[(0, None)] * len(start)).x


def _logs(library: Vectors) -> Vectors:
    return np.log(np.maximum(library, 1e-3))  # no tree's vote is no proof


def _side_by_side(library: Vectors) -> Vectors:
    return np.hstack(_logs(library))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only-set", nargs="*", default=list(ROWS), choices=ROWS)
    parser.add_argument(
        "--only-composition", nargs="*", default=list(COMPOSITIONS), choices=COMPOSITIONS
    )
    parser.add_argument("--folds", type=int, default=FOLDS, help="how many of the 3 folds to run")
    parser.add_argument("--timeout", type=float, default=900, help="seconds of one run")
    parser.add_argument("--max-rows", type=int, default=max(ROWS.values()))
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--one", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        name, fold, label = options.one
        print(json.dumps(run(name, int(fold), label, options.max_rows)))
        return
    if options.max_rows < max(ROWS.values()) and options.results == RESULTS:
        parser.error("--max-rows needs --results FILE: capped runs are no results.")
    done = read(options.results, KEYS)
    for key in [
        (name, fold, label)
        for fold in range(options.folds)
        for name in options.only_set
        for label in options.only_composition
    ]:
        if key in done:
            continue
        arguments = ["--one", *map(str, key), "--max-rows", str(options.max_rows)]
        row = dict(zip(KEYS, key, strict=True))
        row |= in_process(__file__, arguments, options.timeout)
        print(*key, row.get("failed", "done"), flush=True)
        append(options.results, row)


if __name__ == "__main__":
    main()

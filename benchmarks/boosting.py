"""LightGBM as a layer has it: bounded leaves, steps that grow, fewer columns for each tree.

    python benchmarks/boosting.py

Processor seconds of one thread and the lowest held-out loss, on rows that no test of the suite
holds. Writes results/boosting.md; docs/default.md says what was chosen by it.
"""

from pathlib import Path
from time import process_time

import numpy as np
from datasets import arrays
from lightgbm import __version__, reset_parameter
from numpy.typing import NDArray
from rivals import as_numbers
from sklearn.model_selection import KFold, StratifiedKFold
from suite import DEVELOPMENT, EVALUATION, SINGLE, split

from deepforest.estimators import lightgbm

RESULTS = Path(__file__).parent / "results" / "boosting.md"
GROWTH = (None, 200, 150, 100)  # the round from which steps grow
LONGEST = (np.inf, 3, 2)  # times the rate, that steps grow to
BOUNDS = (0.0, 10.0, 4.0, 2.0)  # of a leaf of classes; 0 is none
COLUMNS = (None, 100, 64, 40)  # of each tree; None is half of them
SERIES = ("ts_FaceAll", "ts_ECG5000", "ts_TwoPatterns")
MOST_ROWS = 1500  # of the series


def table(name: str) -> tuple[NDArray, NDArray, bool, list[int]]:
    """Return the training rows of a set of the suite, whether for values, and the categories."""
    entry = {**DEVELOPMENT, **EVALUATION, **SINGLE}[name]
    loaded = entry.load()
    data = split(entry, loaded, 0)
    sets = [c for c, t in enumerate(data.X_train.dtypes) if t == "category"]
    return as_numbers(data.X_train), data.y_train, loaded.regression, sets


def wide_tables():
    """Yield name, X and y of tables of more than 100 columns, none of them in the suite."""
    for name in SERIES:
        d = arrays(name)
        X = np.concatenate([d["X_train"], d["X_test"]])[:MOST_ROWS]
        X = X.reshape(len(X), -1)
        y = np.concatenate([d["y_train"], d["y_test"]])[:MOST_ROWS]
        yield name, np.hstack([X, np.diff(X, axis=1)]), y
    d = arrays("semg_hand")
    yield "semg_hand", np.abs(d["X"].reshape(len(d["X"]), -1))[:, ::4], d["y"]


def grown(X, y, folds, regression, sets, from_round, longest=np.inf, **parameters) -> str:
    """Return rounds, seconds and mean loss over folds."""
    rounds, losses, seconds = [], [], 0.0
    for a, b in folds:
        model = lightgbm(
            "regression" if regression else "classification",
            n_jobs=1,
            random_state=0,
            learning_rate=0.1,
            **parameters,
        )
        rates = [
            reset_parameter(learning_rate=lambda r: 0.1 * min(max(1, r / from_round), longest))
        ]
        start = process_time()
        model.fit(
            X[a],
            y[a],
            eval_X=X[b],
            eval_y=y[b],
            categorical_feature=sets or "auto",
            callbacks=rates if from_round else None,
        )
        seconds += process_time() - start
        [loss] = model.evals_result_["valid_0"].values()
        rounds.append(len(loss))
        losses.append(min(loss))
    return f"{np.mean(rounds):.0f}, {seconds:.1f} s, {np.mean(losses):.4g}"


def main() -> None:
    lines = [
        "# LightGBM in a layer\n\n",
        f"Made by `python benchmarks/boosting.py`, LightGBM {__version__}: rounds, processor",
        " seconds and the lowest\nheld-out loss (log loss; for values squared error).\n\n",
        "## Steps that grow from a round on\n\nOne fold of five of the training rows.\n\n",
        "| data | steady | from 200 | from 150 | from 100 |\n|---|---|---|---|---|\n",
    ]

    def add(name, cells):
        lines.append(f"| {name} | {' | '.join(cells)} |\n")
        print(lines[-1], end="", flush=True)

    for name in (*DEVELOPMENT, "nursery"):
        X, y, regression, sets = table(name)
        folds = list(KFold(5, shuffle=True, random_state=0).split(X))[:1]
        share = {"colsample_bytree": 1.0} if regression else {}
        add(name, [grown(X, y, folds, regression, sets, r, **share) for r in GROWTH])
    lines += [
        "\n## Steps that grow from round 150 on, to a bound\n\n",
        "Times the rate of 0.1. The development sets end before round 450.\n\n",
        "| data | none | 3 | 2 |\n|---|---|---|---|\n",
    ]
    for name in ("nursery", "covtype_large"):
        X, y, _, sets = table(name)
        folds = list(KFold(5, shuffle=True, random_state=0).split(X))[:1]
        add(name, [grown(X, y, folds, False, sets, 150, longest) for longest in LONGEST])
    lines += [
        "\n## Bounds of the leaves of classes\n\n",
        "Three folds of five of the training rows, of covtype_large one.\n\n",
        "| data | none | 10 | 4 | 2 |\n|---|---|---|---|---|\n",
    ]
    for name in (*DEVELOPMENT, "shuttle", "covtype_large"):
        X, y, regression, sets = table(name)
        if regression:
            continue
        folds = list(KFold(5, shuffle=True, random_state=0).split(X))
        folds = folds[: 1 if name in SINGLE else 3]
        add(name, [grown(X, y, folds, False, sets, 150, max_delta_step=b) for b in BOUNDS])
    lines += [
        "\n## Columns for each tree of classes\n\n",
        "Three folds, steps that grow from round 150 on.\n\n",
        "| data | half of them | 100 | 64 | 40 |\n|---|---|---|---|---|\n",
    ]
    for name, X, y in wide_tables():
        folds = list(StratifiedKFold(3, shuffle=True, random_state=0).split(X, y))
        shares = [0.5 if c is None else c / X.shape[1] for c in COLUMNS]
        cells = [grown(X, y, folds, False, [], 150, colsample_bytree=share) for share in shares]
        add(f"{name}, {X.shape[1]} columns", cells)
    RESULTS.write_text("".join(lines))


if __name__ == "__main__":
    main()

"""A linear model beside forests and boosting, where rows are few.

    python benchmarks/few_rows.py

The development sets, 600 and 1,800 rows of each, two draws, scored on up to 8,000 other rows. Each
preset is fitted with and without its linear model. cpusmall and kin8nm come twice: as thirds of
their values, and as values, where the draws are five and include 300 rows. Writes
results/few_rows.md as a ratio of losses and a difference of accuracies.
"""

import argparse
from itertools import product
from pathlib import Path
from time import process_time

import numpy as np
import pandas as pd
from runs import append, class_scores, read, value_scores
from sklearn.model_selection import train_test_split
from suite import DEVELOPMENT

from deepforest import CascadeForestClassifier, CascadeForestRegressor
from deepforest.estimators import default_layers

RESULTS = Path(__file__).parent / "results" / "few_rows.jsonl"
KEYS = ("set", "rows", "draw", "preset", "linear")
ROWS = (600, 1800)
DRAWS = 2
SETS = ("bank_full", "connect4", "cpusmall", "kin8nm", "satimage", "segment", "spambase")
VALUES = ("cpusmall_values", "kin8nm_values")
ROWS_OF_VALUES = (300, 600, 1800)
DRAWS_OF_VALUES = 5
HEAD = """# A linear model where rows are few

Made by `python benchmarks/few_rows.py`: presets with their linear model beside the same without
it. Log loss and RMSE as ratios, accuracy as a difference in points, the means of {draws} draws, of
{draws_of_values} for values; processor time of the fit as a ratio.

"""


def without_linear(kind: type, task: str) -> type:
    """Return a cascade that has no linear model."""

    class Cascade(kind):
        def _layers(self, n_columns=None):
            layers = default_layers(task, preset=self.preset, n_columns=n_columns)
            return [[pair for pair in layer if pair[0] != "linear"] for layer in layers]

    return Cascade


def run(name: str, n: int, draw: int, preset: str, linear: bool) -> dict[str, float]:
    """Fit one cascade and score it."""
    values = name in VALUES
    table = DEVELOPMENT[name.removesuffix("_values")].load()
    y = table.y
    if table.regression and not values:
        y = np.digitize(y, np.quantile(y, [1 / 3, 2 / 3]))
    train, test = train_test_split(
        np.arange(len(y)), train_size=n, stratify=None if values else y, random_state=draw
    )
    test = test[:8000]
    kind = CascadeForestRegressor if values else CascadeForestClassifier
    if not linear:
        kind = without_linear(kind, "regression" if values else "classification")
    model = kind(preset=preset, random_state=draw, n_jobs=2)
    start = process_time()
    model.fit(table.X.iloc[train], y[train])
    seconds = {"seconds": process_time() - start}
    if values:
        return value_scores(y[test], model.predict(table.X.iloc[test])) | seconds
    said = model.predict_proba(table.X.iloc[test])
    return class_scores(y[test], said, model.classes_, int(y.max()) + 1) | seconds


def cells() -> list[tuple[str, int, int, str]]:
    """Return what is fitted with and without: set, rows, draw, preset."""
    classes = product(SETS, ROWS, range(DRAWS), ("balanced", "best"))
    values = product(VALUES, ROWS_OF_VALUES, range(DRAWS_OF_VALUES), ("balanced",))
    return [*classes, *values]


def report() -> str:
    results = read(RESULTS, KEYS)
    rows = []
    for name, n, draw, preset in cells():
        with_it, without = (results[name, n, draw, preset, linear] for linear in (True, False))
        loss = "rmse" if name in VALUES else "log_loss"
        rows.append(
            {
                "preset": preset,
                "rows": n,
                "data": "values" if name in VALUES else "classes",
                "set": name.removesuffix("_values"),
                "loss": np.log(with_it[loss] / without[loss]),
                "points": 100 * (with_it.get("accuracy", 0) - without.get("accuracy", 0)),
                "seconds": np.log(with_it["seconds"] / without["seconds"]),
            }
        )
    keys, figures = ["data", "preset", "rows"], ["loss", "points", "seconds"]
    of_sets = pd.DataFrame(rows).groupby([*keys, "set"], as_index=False)[figures].mean()
    lines = [
        "| preset | rows | data | log loss or RMSE | accuracy | seconds |",
        "|---|---|---|---|---|---|",
    ]
    for (data, preset, n), alike in of_sets.groupby(keys):
        mean = alike[figures].mean().to_frame().T.assign(set="**mean**")
        for row in pd.concat([alike, mean]).itertuples():
            points = f"{row.points:+.2f}" if data == "classes" else ""
            name = row.set + ", values" * (data == "values")
            lines.append(
                f"| {preset} | {n} | {name} "
                f"| {np.exp(row.loss):.3f} | {points} | {np.exp(row.seconds):.2f} |"
            )
    return HEAD.format(draws=DRAWS, draws_of_values=DRAWS_OF_VALUES) + "\n".join(lines) + "\n"


def main() -> None:
    argparse.ArgumentParser(description=__doc__.splitlines()[0]).parse_args()
    done = read(RESULTS, KEYS)
    for cell in cells():
        for linear in (True, False):
            key = (*cell, linear)
            if key not in done:
                append(RESULTS, dict(zip(KEYS, key, strict=True)) | run(*key))
    RESULTS.with_suffix(".md").write_text(report(), encoding="utf-8")


if __name__ == "__main__":
    main()

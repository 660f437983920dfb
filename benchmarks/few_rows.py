"""A linear model beside forests and boosting, where rows are few.

    python benchmarks/few_rows.py

The development sets (cpusmall and kin8nm by thirds of their values), 600 and 1,800 rows of each,
two draws, scored on up to 8,000 other rows. Each preset is fitted with and without the linear model
in its first layer. Writes results/few_rows.md as a ratio of losses and a difference of accuracies.
"""

import argparse
from pathlib import Path
from time import process_time

import numpy as np
from runs import append, class_scores, read
from sklearn.model_selection import train_test_split
from suite import DEVELOPMENT

from deepforest import CascadeForestClassifier
from deepforest.estimators import default_layers, scaled_logistic_regression

RESULTS = Path(__file__).parent / "results" / "few_rows.jsonl"
KEYS = ("set", "rows", "draw", "preset", "linear")
ROWS = (600, 1800)
DRAWS = 2
SETS = ("bank_full", "connect4", "cpusmall", "kin8nm", "satimage", "segment", "spambase")
HEAD = """# A linear model where rows are few

Made by `python benchmarks/few_rows.py`: presets with the linear model in the first layer beside
the same without it. Log loss as a ratio, accuracy as a difference in points, the means of {draws}
draws; processor time of the fit as a ratio.

"""


class Cascade(CascadeForestClassifier):
    """A cascade that begins with a linear model or without it."""

    linear = True

    def _layers(self, n_columns=None):
        first, *later = default_layers("classification", preset=self.preset, n_columns=n_columns)
        first = [pair for pair in first if pair[0] != "linear"]
        later = later or [first]
        if self.linear:
            first = [*first, ("linear", scaled_logistic_regression("classification"))]
        return [first, *later]


def run(name: str, n: int, draw: int, preset: str, linear: bool) -> dict[str, float]:
    """Fit one cascade and score it."""
    table = DEVELOPMENT[name].load()
    y = table.y
    if table.regression:
        y = np.digitize(y, np.quantile(y, [1 / 3, 2 / 3]))
    rows = np.arange(len(y))
    train, test = train_test_split(rows, train_size=n, stratify=y, random_state=draw)
    test = test[:8000]
    model = Cascade(preset=preset, random_state=draw, n_jobs=2)
    model.linear = linear
    start = process_time()
    model.fit(table.X.iloc[train], y[train])
    seconds = process_time() - start
    said = model.predict_proba(table.X.iloc[test])
    return class_scores(y[test], said, model.classes_, int(y.max()) + 1) | {"seconds": seconds}


def report() -> str:
    rows = read(RESULTS, KEYS)
    lines = [
        "| preset | rows | data | log loss | accuracy | seconds |",
        "|---|---|---|---|---|---|",
    ]
    for preset in ("balanced", "best"):
        for n in ROWS:
            means = []
            for name in SETS:
                pairs = [
                    [rows[name, n, draw, preset, linear] for linear in (True, False)]
                    for draw in range(DRAWS)
                ]
                means.append(
                    [
                        np.mean([np.log(a["log_loss"] / b["log_loss"]) for a, b in pairs]),
                        np.mean([100 * (a["accuracy"] - b["accuracy"]) for a, b in pairs]),
                        np.mean([np.log(a["seconds"] / b["seconds"]) for a, b in pairs]),
                    ]
                )
            for name, (loss, points, seconds) in zip(
                (*SETS, "**mean**"), [*means, np.mean(means, axis=0)], strict=True
            ):
                figures = f"{np.exp(loss):.3f} | {points:+.2f} | {np.exp(seconds):.2f}"
                lines.append(f"| {preset} | {n} | {name} | {figures} |")
    return HEAD.format(draws=DRAWS) + "\n".join(lines) + "\n"


def main() -> None:
    argparse.ArgumentParser(description=__doc__.splitlines()[0]).parse_args()
    done = read(RESULTS, KEYS)
    for draw in range(DRAWS):
        for n in ROWS:
            for name in SETS:
                for preset in ("balanced", "best"):
                    for linear in (True, False):
                        key = (name, n, draw, preset, linear)
                        if key not in done:
                            append(RESULTS, dict(zip(KEYS, key, strict=True)) | run(*key))
    RESULTS.with_suffix(".md").write_text(report(), encoding="utf-8")


if __name__ == "__main__":
    main()

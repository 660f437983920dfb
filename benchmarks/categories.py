"""Forests on columns of many categories, with few rows of each.

    python benchmarks/categories.py

The development sets, of which three columns become categories: each of 300 equal parts of its
values is one, so that their order is lost. connect4 has six neighbouring cells of the board as a
category, bank_full three of its columns together. A random forest of 200 trees is fitted on few
rows and scored on 5,000 others, three draws. Adds to results/categories.jsonl under the commit that
is checked out, and writes all commits of it to results/categories.md.
"""

import subprocess
from pathlib import Path

import numpy as np
import pandas as pd
from runs import append, class_scores, read, value_scores
from sklearn.model_selection import train_test_split
from suite import DEVELOPMENT, Table

from deepforest import HistForestClassifier, HistForestRegressor

RESULTS = Path(__file__).parent / "results" / "categories.jsonl"
SETS = ("bank_full", "connect4", "satimage", "spambase", "segment", "cpusmall", "kin8nm")
ROWS = (600, 2000)
DRAWS = 3
HEAD = """# Columns of many categories

Made by `python benchmarks/categories.py`: log loss (cpusmall, kin8nm: RMSE) of a random forest of
200 trees, the mean of three draws, at the commits named. What is measured says `docs/engine.md`.

"""


def with_categories(name: str, X: pd.DataFrame) -> pd.DataFrame:
    """Return the columns of a set, of which some are many categories."""
    if name == "connect4":
        cells = X.to_numpy().astype(int).astype(str)
        return pd.DataFrame(
            {
                f"f{i}": pd.Categorical(list(map("".join, cells[:, i : i + 6])))
                for i in range(0, 42, 6)
            }
        )
    if name == "bank_full":
        words = X.select_dtypes("category").astype(str)
        together = words.iloc[:, 0] + words.iloc[:, 2] + words.iloc[:, -2]
        return X.assign(together=together.astype("category"))
    parts = X.iloc[:, :3].rank(pct=True).mul(300).round().astype(int).astype(str).astype("category")
    return pd.concat([parts, X.iloc[:, 3:]], axis=1)


def loss(X: pd.DataFrame, table: Table, n: int, draw: int) -> float:
    """Return the held-out loss of a forest on so many rows."""
    y = table.y
    train, test = train_test_split(
        np.arange(len(y)),
        train_size=n,
        test_size=min(5000, len(y) - n),
        stratify=None if table.regression else y,
        random_state=draw,
    )
    kind = HistForestRegressor if table.regression else HistForestClassifier
    forest = kind(200, random_state=draw, n_jobs=2).fit(X.iloc[train], y[train])
    if table.regression:
        return value_scores(y[test], forest.predict(X.iloc[test]))["rmse"]
    said = forest.predict_proba(X.iloc[test])
    return class_scores(y[test], said, forest.classes_, int(y.max()) + 1)["log_loss"]


def main() -> None:
    command = ["git", "describe", "--always", "--dirty"]
    commit = subprocess.run(command, capture_output=True, text=True).stdout.strip()
    for name in SETS:
        table = DEVELOPMENT[name].load()
        X = with_categories(name, table.X)
        for n in ROWS:
            if n + 300 > len(table.y):
                continue
            losses = [loss(X, table, n, draw) for draw in range(DRAWS)]
            row = {"set": name, "rows": n, "commit": commit, "loss": float(np.mean(losses))}
            print(row, flush=True)
            append(RESULTS, row)
    rows = read(RESULTS, ("set", "rows", "commit"))
    commits = list(dict.fromkeys(commit for _, _, commit in rows))
    lines = ["| data | rows | " + " | ".join(commits) + " |", "|---" * (2 + len(commits)) + "|"]
    for name, n in dict.fromkeys(key[:2] for key in rows):
        figures = [f"{rows[name, n, commit]['loss']:.4g}" for commit in commits]
        lines.append(f"| {name} | {n} | " + " | ".join(figures) + " |")
    RESULTS.with_suffix(".md").write_text(HEAD + "\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

"""Tables and picture from the runs of the suite.

    python benchmarks/tables_report.py                      # results/tables.md, results/tables.png
    python benchmarks/tables_report.py --readme README.md   # and its table, between the markers

A failed run has no score and ranks last on its set. Only sets on which every model was tried on the
same splits count in ranks.
"""

import argparse
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from rivals import MODELS
from runs import read
from suite import EVALUATION
from tables import KEYS, RESULTS

BEGIN, END = "<!-- tables: begin -->", "<!-- tables: end -->"
HIGHER = {"accuracy": True, "log_loss": False, "rmse": False, "fit_seconds": False}
TITLES = {"accuracy": "accuracy", "log_loss": "log loss", "rmse": "RMSE", "fit_seconds": "fit s"}
LESS_IS_A_TIE = {"accuracy": 0.001, "log_loss": 0.01, "rmse": 0.01}  # the latter two relative
RANKS = [f"rank {TITLES[m]}" for m in HIGHER]


def frame(path: Path) -> pd.DataFrame:
    """Return a row a run; runs that failed have NaN scores."""
    runs = pd.DataFrame(list(read(path, KEYS).values()))
    needed = [*HIGHER, "failed", "predict_seconds", "peak_mb", "layers"]
    return runs.reindex(columns=[*runs.columns, *[c for c in needed if c not in runs]])


def means(runs: pd.DataFrame, metric: str) -> pd.DataFrame:
    """Return the mean over splits, sets by models; NaN where a run failed."""
    classes = runs.groupby("set")["log_loss"].transform("count") > 0
    values = runs.groupby("set")["rmse"].transform("count") > 0
    runs = (
        runs[classes if metric in ("accuracy", "log_loss") else values]
        if (metric != "fit_seconds")
        else runs
    )
    pivot = runs.pivot_table(
        index="set",
        columns="model",
        values=metric,
        aggfunc=lambda v: v.mean(skipna=False),
        dropna=False,
    )
    return pivot.reindex(columns=[m for m in MODELS if m in pivot])


def complete(runs: pd.DataFrame, models: list[str]) -> list[str]:
    """Return the evaluation sets whose splits are the same for all models."""
    names = []
    for name, of_set in runs.groupby("set"):
        splits = of_set.groupby("model")["split"].apply(lambda s: tuple(sorted(s)))
        if name in EVALUATION and set(splits.index) >= set(models) and splits.nunique() == 1:
            names.append(name)
    return names


def summary(runs: pd.DataFrame) -> pd.DataFrame:
    """Return a row a model: mean ranks, wins of the cascade, ratios of time to 500 trees."""
    models = [m for m in MODELS if m in set(runs["model"])]
    runs = runs[runs["set"].isin(complete(runs, models))]
    table = pd.DataFrame(index=models)
    for metric, higher in HIGHER.items():
        ranks = means(runs, metric).rank(axis=1, ascending=not higher, na_option="bottom")
        table[f"rank {TITLES[metric]}"] = ranks.mean()
    for metric in LESS_IS_A_TIE:
        table[f"cascade w/t/l {TITLES[metric]}"] = [
            wins(means(runs, metric), metric, model) for model in models
        ]
    for metric, title in (("fit_seconds", "fit"), ("predict_seconds", "predict")):
        seconds = runs.pivot_table(index="set", columns="model", values=metric, aggfunc="median")
        if "random_forest" in seconds:
            ratio = seconds.div(seconds["random_forest"], axis=0)
            table[f"median {title} / forest's"] = ratio.median()
            table[f"most {title} / forest's"] = ratio.max()
    table["median peak MB"] = runs.groupby("model")["peak_mb"].median()
    table["failed runs"] = runs.groupby("model")["failed"].count()
    table.attrs["sets"] = runs["set"].nunique()
    return table


def wins(scores: pd.DataFrame, metric: str, rival: str) -> str:
    """Return on how many sets the cascade is better, about equal and worse."""
    if rival == "cascade" or "cascade" not in scores or rival not in scores:
        return ""
    worst = -np.inf if HIGHER[metric] else np.inf
    own, other = (scores[m].fillna(worst) for m in ("cascade", rival))
    gain = (own - other) if HIGHER[metric] else (other - own)
    least = LESS_IS_A_TIE[metric] * (1 if HIGHER[metric] else np.minimum(own, other))
    tie = (gain.abs() <= least) | (own == other)
    won = ~tie & ~(gain < 0)
    return f"{won.sum()}/{tie.sum()}/{(~tie & ~won).sum()}"


def markdown(table: pd.DataFrame, digits: int = 2) -> list[str]:
    def cell(value: object) -> str:
        if not isinstance(value, float):
            return str(value)
        return "" if np.isnan(value) else f"{value:.{digits}f}"

    lines = ["| | " + " | ".join(table.columns) + " |", "|---" * (len(table.columns) + 1) + "|"]
    for name, row in table.iterrows():
        lines.append(f"| {name} | " + " | ".join(cell(v) for v in row.to_list()) + " |")
    return lines


def per_set(runs: pd.DataFrame, metric: str) -> pd.DataFrame:
    """Return means with the standard deviation over splits, the best in bold."""
    mean = means(runs, metric)
    spread = runs.groupby(["set", "model"])[metric].std().unstack().reindex_like(mean)
    best = mean.max(axis=1) if HIGHER[metric] else mean.min(axis=1)
    table = mean.astype(object)
    for name in mean.index:
        for model in mean.columns:
            value = mean.loc[name, model]
            text = "" if np.isnan(value) else f"{value:.4g} ({spread.loc[name, model]:.2g})"
            table.loc[name, model] = f"**{text}**" if value == best[name] else text
    return table


def report(runs: pd.DataFrame) -> str:
    table = summary(runs)
    lines = [
        "# Tables",
        "",
        f"{table.attrs['sets']} sets on which every model was run. Ranks are of the means over",
        "splits; a failed run ranks last. Ties: less than 0.1 points of accuracy, 1 % of log loss",
        "or RMSE. Ratios of time are to RandomForest(500). `letter` has the rows of a development",
        "set. Boosters called stopped: see `rivals.py`. Run `tables.py`, then `tables_report.py`.",
        "",
        *markdown(table),
        "",
        "![Mean rank and fit time](tables.png)",
    ]
    for metric in HIGHER:
        lines += ["", f"## {TITLES[metric]}: mean (standard deviation over splits)", ""]
        lines += markdown(per_set(runs, metric))
    layers = runs[runs["model"] == "cascade"].pivot_table(
        index="set", columns="split", values="layers"
    )
    if len(layers):
        lines += ["", "## Layers kept, by split", ""]
        lines += markdown(layers.set_axis([str(c) for c in layers], axis=1), 0)
    failed = runs[runs["failed"].notna()]
    lines += ["", "## Failed runs", ""] + [
        f"- {r.set}, split {r.split}, {r.model}: {r.failed}" for r in failed.itertuples()
    ]
    return "\n".join(lines) + "\n"


def picture(table: pd.DataFrame, path: Path) -> None:
    figure, axes = plt.subplots(1, 3, figsize=(13, 4.5), layout="constrained")
    seconds = "median fit / forest's"
    for axis, column in zip(axes, RANKS, strict=False):
        for model, row in table.iterrows():
            color = "tab:red" if model == "cascade" else "tab:gray"
            axis.plot(row.get(seconds, 1), row[column], "o", color=color)
            axis.annotate(model, (row.get(seconds, 1), row[column]), fontsize=7, color=color)
        axis.set(xscale="log", xlabel="median fit time / RandomForest(500)'s", title=column)
        axis.invert_yaxis()
    figure.savefig(path, dpi=150)


def put_in(readme: Path, runs: pd.DataFrame) -> None:
    """Write the summary between the markers of a file."""
    text = readme.read_text()
    if BEGIN not in text or END not in text:
        raise SystemExit(f"{readme} needs the lines {BEGIN} and {END}.")
    table = summary(runs)
    short = table[[*RANKS[:3], *[c for c in table if c.startswith("median fit")]]]
    before, after = text.split(BEGIN)[0], text.split(END)[1]
    block = "\n".join(markdown(short.sort_values(RANKS[1])))
    readme.write_text(f"{before}{BEGIN}\n{block}\n{END}{after}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--readme", type=Path)
    options = parser.parse_args()
    runs = frame(options.results)
    options.results.with_suffix(".md").write_text(report(runs))
    picture(summary(runs), options.results.with_suffix(".png"))
    if options.readme:
        put_in(options.readme, runs)


if __name__ == "__main__":
    main()

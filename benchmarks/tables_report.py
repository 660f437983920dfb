"""Tables and picture from the runs of the suite. Needs matplotlib.

    python benchmarks/tables_report.py                      # results/tables.md, results/tables.png
    python benchmarks/tables_report.py --readme README.md   # and its table, between the markers

Only splits on which every model was run count, whatever versions they were run with. A failed run
has no score, and its model ranks last on the set.
"""

import argparse
from itertools import product
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.transforms import Bbox
from rivals import BUDGET, MODELS
from runs import read
from suite import EVALUATION, SINGLE
from tables import KEYS, RESULTS

BEGIN, END = "<!-- tables: begin -->", "<!-- tables: end -->"
TITLES = {"accuracy": "accuracy", "log_loss": "log loss", "rmse": "RMSE", "fit_seconds": "fit s"}
SCORES = ("accuracy", "log_loss", "rmse")
IN_TIME = {"cascade_best_in_time": "best", "autogluon_in_time": "AutoGluon"}
RELATIVE_TIE = {"log_loss": 0.01, "rmse": 0.01, "accuracy": 0.001}  # accuracy's is absolute
COLUMNS = [
    *TITLES,
    "predict_seconds",
    "fit_cpu_seconds",
    "predict_cpu_seconds",
    "peak_mb",
    "layers",
    "failed",
]


def suite_runs(runs: pd.DataFrame) -> pd.DataFrame:
    """Return the runs of the suite on the splits that every model was run on."""
    runs = runs[runs["set"].isin(EVALUATION) & runs["model"].isin(MODELS)]
    tried = runs.groupby(["set", "split"])["model"].transform("nunique")
    return runs[tried == runs["model"].nunique()]


def means(runs: pd.DataFrame, metric: str) -> pd.DataFrame:
    """Return means over splits, sets by models; NaN where a run failed."""
    runs = runs[runs.groupby("set")[metric].transform("count") > 0]
    mean = runs.groupby(["set", "model"])[metric].apply(lambda v: v.mean(skipna=False)).unstack()
    return mean.reindex(
        index=[name for name in EVALUATION if name in mean.index],
        columns=[model for model in MODELS if model in mean.columns],
    )


def mean_ranks(runs: pd.DataFrame) -> pd.DataFrame:
    """Return a row a model: mean rank over sets by each score, seconds, memory, failures."""
    table = pd.DataFrame(index=[m for m in MODELS if m in set(runs["model"])])
    for metric in SCORES:
        higher = metric == "accuracy"
        ranks = means(runs, metric).rank(axis=1, ascending=not higher, na_option="bottom")
        table[f"rank {TITLES[metric]}"] = ranks.mean()
    for metric, title in (("fit_cpu_seconds", "fit"), ("predict_cpu_seconds", "predict")):
        seconds = means(runs, metric)
        ratio = seconds.div(seconds["random_forest"], axis=0)
        table[f"{title} / forest's, median"] = ratio.median()
        table[f"{title}, most"] = ratio.max()
    table["peak MB, median"] = means(runs, "peak_mb").median()
    table["failed runs"] = runs.groupby("model")["failed"].count()
    return table


def wins(runs: pd.DataFrame) -> pd.DataFrame:
    """Return on how many sets the cascade is better than each rival, equal and worse."""
    table = pd.DataFrame(index=[m for m in MODELS if m in set(runs["model"]) and m != "cascade"])
    for metric in SCORES:
        scores = means(runs, metric)
        if metric == "accuracy":
            scores, least = 1 - scores, RELATIVE_TIE[metric]
        else:
            least = RELATIVE_TIE[metric] * scores.min(axis=1)
        scores = scores.fillna(np.inf)
        cells = []
        for rival in table.index:
            own, other = scores["cascade"], scores[rival]
            won, lost = (own < other - least).sum(), (own > other + least).sum()
            cells.append(f"{won} / {len(scores) - won - lost} / {lost}")
        table[TITLES[metric]] = cells
    return table


def per_set(runs: pd.DataFrame, metric: str) -> pd.DataFrame:
    """Return means with the standard deviation over splits, the best in bold."""
    mean = means(runs, metric)
    spread = runs.groupby(["set", "model"])[metric].std().unstack()
    best = mean.max(axis=1) if metric == "accuracy" else mean.min(axis=1)
    table = mean.astype(object)
    for name in mean.index:
        for model in mean.columns:
            value, deviation = mean.loc[name, model], spread.loc[name, model]
            text = "failed" if np.isnan(value) else with_spread(value, deviation)
            table.loc[name, model] = f"**{text}**" if value == best[name] else text
    return table


def with_spread(value: float, deviation: float) -> str:
    return f"{value:.4g}" + ("" if np.isnan(deviation) else f" ({deviation:.2g})")


def rows_of_their_own(runs: pd.DataFrame) -> pd.DataFrame:
    """Return a row a set and model for the sets that are in no mean, the most accurate first."""
    runs = runs[runs["set"].isin(SINGLE)]
    accuracy = runs.groupby(["set", "model"])["accuracy"].transform("mean")
    runs = runs.assign(mean=-accuracy).sort_values(["set", "mean", "split"])
    names, rows = [], []
    for (name, model), own in runs.groupby(["set", "model"], sort=False):
        cells = {"model": model, "runs": len(own), "train rows": int(own["n_train"].max())}
        for metric in ("accuracy", "log_loss"):
            cells[TITLES[metric]] = with_spread(own[metric].mean(), own[metric].std())
        for metric in ("fit_seconds", "predict_seconds", "peak_mb"):
            cells[metric.replace("_", " ")] = f"{own[metric].median():.3g}"
        cells["layers"] = ", ".join(f"{v:.0f}" for v in own["layers"].dropna())
        names.append(name)
        rows.append(cells)
    return pd.DataFrame(rows, index=names)


def same_seconds(runs: pd.DataFrame) -> list[str]:
    """Return the lines on the two that were given the same seconds."""
    runs = runs[runs["model"].isin(IN_TIME)]
    runs = runs[runs.groupby(["set", "split"])["model"].transform("nunique") == len(IN_TIME)]
    if runs.empty:
        return []
    table = pd.DataFrame(index=[name for name in EVALUATION if name in set(runs["set"])])
    table["splits"] = runs.groupby("set")["split"].nunique()
    ranks = []
    for metric in ("accuracy", "log_loss", "fit_seconds", "predict_seconds"):
        mean = runs.groupby(["set", "model"])[metric].mean().unstack()
        for model, short in IN_TIME.items():
            cell = "{:.4f}" if metric in SCORES else "{:.1f}"
            table[f"{metric.replace('_', ' ')}, {short}"] = mean[model].map(cell.format)
        if metric in SCORES:
            rank = mean.rank(axis=1, ascending=metric != "accuracy").mean()
            cells = ", ".join(f"{short} {rank[model]:.2f}" for model, short in IN_TIME.items())
            ranks.append(f"{metric.replace('_', ' ')}: {cells}")
    return [
        "",
        f"## The best preset beside AutoGluon, {BUDGET} seconds each",
        "",
        '`cascade_best_in_time` and `autogluon_in_time` of `rivals.py`: `preset="best"` with',
        "`max_time`, which it seldom needs, and AutoGluon's `best_quality` for the log loss, with",
        "LightGBM, CatBoost and XGBoost installed. Means over splits; 2 cores, nine tenths of",
        f"them. Mean ranks over {len(table)} sets: {'; '.join(ranks)}.",
        "",
        *markdown(table),
    ]


def markdown(table: pd.DataFrame, digits: int = 2) -> list[str]:
    def cell(value: object) -> str:
        if not isinstance(value, float):
            return str(value)
        return "" if np.isnan(value) else f"{value:.{digits}f}"

    lines = ["| | " + " | ".join(map(str, table.columns)) + " |"]
    lines.append("|---" * (len(table.columns) + 1) + "|")
    for name, row in zip(table.index, table.itertuples(index=False), strict=True):
        lines.append(f"| {name} | " + " | ".join(map(cell, row)) + " |")
    return lines


def report(runs: pd.DataFrame) -> str:
    counted = suite_runs(runs)
    versions = runs.groupby("model", sort=False)["version"].unique()
    lines = [
        "# Tables",
        "",
        f"{counted['set'].nunique()} of the {len(EVALUATION)} sets so far, and splits 0 to "
        f"{counted['split'].max()}",
        "(0 is the original one where there is one) and 20,000 training rows. Made by `tables.py`,",
        "then `tables_report.py`.",
        "",
        "Ranks are of the means over splits, 1 is best; a model that failed ranks last. Seconds of",
        "the processor as a multiple of those of scikit-learn's RandomForest(500) on the same set.",
        "Boosters called stopped have early stopping: see `rivals.py`. `letter` has the rows of a",
        "set that the default was chosen on, split otherwise.",
        "",
        *markdown(mean_ranks(counted).sort_values("rank log loss")),
        "",
        "![Mean rank and fit time](tables.png)",
        "",
        "## The cascade beside each rival: sets won / tied / lost",
        "",
        "Tied: within 0.1 points of accuracy, 1 % of log loss or RMSE.",
        "",
        *markdown(wins(counted)),
    ]
    for metric, title in TITLES.items():
        lines += ["", f"## {title}: mean (standard deviation over splits)", ""]
        lines += markdown(per_set(counted, metric))
    layers = counted[counted["model"] == "cascade"].pivot(
        index="set", columns="split", values="layers"
    )
    lines += [
        "",
        "## Layers of the cascade, by split",
        "",
        *markdown(layers.loc[means(counted, "fit_seconds").index], 0),
    ]
    single = rows_of_their_own(runs)
    if len(single):
        lines += ["", "## Rows of their own, in no mean", "", *markdown(single)]
    lines += same_seconds(runs)
    lines += ["", "## Versions", ""]
    lines += [f"- {model}: {', '.join(v.dropna())}" for model, v in versions.items()]
    lines += ["", "## Failed runs", ""]
    lines += [
        f"- {r.set}, split {r.split}, {r.model}: {r.failed}"
        for r in runs[runs["failed"].notna()].itertuples()
    ]
    return "\n".join(lines) + "\n"


def name_points(axis: plt.Axes, x: pd.Series, y: pd.Series) -> None:
    """Write the models' names beside their points, each where it covers no other and no point."""
    points = axis.transData.transform(np.column_stack([x, y]))
    taken = [Bbox.from_bounds(across - 4, up - 4, 8, 8) for across, up in points]
    for model in x.index:
        name = axis.annotate(
            model.removesuffix("_stopped"),
            (x[model], y[model]),
            xytext=(0, 0),
            textcoords="offset points",
            fontsize=7,
            color="tab:red" if model == "cascade" else "tab:gray",
        )
        for side, place in product(("left", "right"), (3, -9, 11, -17)):
            name.set(ha=side, position=(7 if side == "left" else -7, place))
            box = name.get_window_extent()
            if not any(box.overlaps(other) for other in taken):
                break
        taken.append(box)


def picture(table: pd.DataFrame, path: Path) -> None:
    """Draw mean rank against seconds, a panel a score."""
    figure, axes = plt.subplots(1, 3, figsize=(14, 4.5), layout="constrained", sharey=True)
    seconds = table["fit / forest's, median"]
    for axis, metric in zip(axes, SCORES, strict=True):
        ranks = table[f"rank {TITLES[metric]}"]
        for model in table.index:
            color = "tab:red" if model == "cascade" else "tab:gray"
            stopped = model.endswith("_stopped")
            axis.plot(seconds[model], ranks[model], "o", color=color, mfc="w" if stopped else color)
        axis.margins(x=0.35)  # for the names
        axis.set(xscale="log", xlabel="median fit time / RandomForest(500)'s", title=TITLES[metric])
    axes[0].set_ylabel("mean rank (open: with early stopping)")
    axes[0].invert_yaxis()
    figure.draw_without_rendering()  # so that places are known
    for axis, metric in zip(axes, SCORES, strict=True):
        name_points(axis, seconds, table[f"rank {TITLES[metric]}"])
    figure.savefig(path, dpi=120)
    plt.close(figure)


def put_in(readme: Path, table: pd.DataFrame, counted: pd.DataFrame) -> None:
    """Write ranks and seconds between the markers of a file."""
    text = readme.read_text()
    if BEGIN not in text or END not in text:
        raise SystemExit(f"{readme} needs the lines {BEGIN} and {END}.")
    columns = [f"rank {TITLES[m]}" for m in SCORES] + ["fit / forest's, median"]
    head = (
        f"On tables, mean ranks over {counted['set'].nunique()} of {len(EVALUATION)} sets so far, "
        f"{len(means(counted, 'rmse'))} of them of values ([all figures]"
        "(benchmarks/results/tables.md)).\nAll are at their defaults, `_stopped` with early "
        "stopping besides; fit is processor time, the median."
    )
    table = table[columns].rename(columns={"fit / forest's, median": "fit / RandomForest(500)'s"})
    block = "\n".join([head, "", *markdown(table.sort_values("rank log loss"))])
    before, after = text.split(BEGIN)[0], text.split(END)[1]
    readme.write_text(f"{before}{BEGIN}\n{block}\n{END}{after}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--readme", type=Path)
    options = parser.parse_args()
    runs = pd.DataFrame(list(read(options.results, KEYS).values()))
    runs = runs.reindex(columns=[*runs.columns, *[c for c in COLUMNS if c not in runs]])
    options.results.with_suffix(".md").write_text(report(runs))
    counted = suite_runs(runs)
    table = mean_ranks(counted)
    picture(table, options.results.with_suffix(".png"))
    if options.readme:
        put_in(options.readme, table, counted)


if __name__ == "__main__":
    main()

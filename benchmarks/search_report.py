"""The tables of the search for the default, from the runs of `search_default.py`.

    python benchmarks/search_report.py      # writes results/search_default.md

Only folds on which every composition was run count.
"""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
from runs import read
from search_default import COMPOSITIONS, KEYS, RESULTS, Composition
from tables_report import markdown

# Growth by, tol (relative for log loss and RMSE), most layers. A layer that gains nothing costs.
RULES = {
    "1 layer": ("error", 0, 1),
    "until accuracy gains nothing": ("error", 0, 3),
    "until accuracy gains < 0.1 points": ("error", 0.001, 3),
    "until loss gains nothing": ("loss", 0, 3),
    "until loss gains < 0.5 %": ("loss", 0.005, 3),
    "until loss gains < 2 %": ("loss", 0.02, 3),
    "2 layers at most, by accuracy": ("error", 0, 2),
    "2 layers at most, by loss": ("loss", 0, 2),
}
CHECKED = "until accuracy gains nothing"  # the base of the table of rules


def flat(runs: list[dict]) -> pd.DataFrame:
    """Return a row a run, depth and combination. Regression has RMSE as error and as loss."""
    rows = []
    names = {name for run in runs for layer in run["layers"] for name in layer["test"]}
    for run in runs:
        fit = predict = 0.0
        for depth, layer in enumerate(run["layers"], start=1):
            fit, predict = fit + layer["fit_cpu_seconds"], predict + layer["predict_cpu_seconds"]
            row = {key: run[key] for key in KEYS} | {"depth": depth, "fit": fit, "predict": predict}
            row |= {f"held-out {k}": v for k, v in error_and_loss(layer["held_out"]).items()}
            for name in names:  # what is for classes only stands for "select" in regression
                scores = layer["test"].get(name, layer["test"]["select"])
                rows.append({**row, "combine": name, **error_and_loss(scores)})
    return pd.DataFrame(rows)


def error_and_loss(scores: dict[str, float]) -> dict[str, float]:
    if "rmse" in scores:
        return {"error": scores["rmse"], "loss": scores["rmse"]}
    return {"error": 1 - scores["accuracy"], "loss": scores["log_loss"]}


def compared(rows: pd.DataFrame, by: str, base: str) -> pd.DataFrame:
    """Return a row for each value of a column: ranks, and ratios to the row `base`."""
    mean = rows.groupby(["set", by])[["error", "loss", "fit", "predict"]].mean().unstack(by)
    ratio = {name: mean[name].div(mean[name][base], axis=0) for name in ("error", "loss", "fit")}
    predict = mean["predict"].div(mean["predict"][base], axis=0)
    return pd.DataFrame(
        {
            "rank error": mean["error"].rank(axis=1).mean(),
            "rank loss": mean["loss"].rank(axis=1).mean(),
            "error": geometric_mean(ratio["error"]),
            "loss": geometric_mean(ratio["loss"]),
            "sets of less loss": (ratio["loss"] < 1).sum(),
            "fit, median": ratio["fit"].median(),
            "fit, most": ratio["fit"].max(),
            "predict, median": predict.median(),
        }
    ).sort_values("loss")


def geometric_mean(table: pd.DataFrame) -> pd.Series:
    return np.exp(np.log(table.clip(lower=1e-6)).mean())


def kept_and_grown(scores: list[float], tol: float, most: int) -> tuple[int, int]:
    """Return the depth kept and the depth grown; scores are held-out errors or losses."""
    best = 0
    for depth in range(1, min(most, len(scores))):
        if scores[depth] >= scores[best] - tol:
            return best + 1, depth + 1
        best = depth
    return best + 1, best + 1


def ruled(rows: pd.DataFrame) -> pd.DataFrame:
    """Return what each rule of growth makes of the runs (one composition and combination)."""
    result = []
    for _, run in rows.groupby(["set", "fold"]):
        run = run.sort_values("depth")
        for label, (metric, tol, most) in RULES.items():
            scores = run[f"held-out {metric}"].to_numpy()
            is_relative = metric == "loss" or (run["error"] == run["loss"]).all()
            scale = scores[0] if is_relative else 1
            kept, grown = kept_and_grown(list(scores / scale), tol, most)
            row = run.iloc[kept - 1].to_dict() | {"rule": label, "kept": kept}
            result.append(row | {"fit": run["fit"].iloc[grown - 1]})
    return pd.DataFrame(result)


def leak(rows: pd.DataFrame) -> pd.DataFrame:
    """Return held-out loss as a share of test loss, compositions by depths."""
    return pd.DataFrame(
        {
            f"layer {depth}": np.exp(
                np.log(at["held-out loss"] / at["loss"]).groupby(at["composition"]).mean()
            )
            for depth, at in rows.groupby("depth")
        }
    ).reindex([name for name in COMPOSITIONS if name in set(rows["composition"])])


def report(runs: list[dict]) -> str:
    tried = pd.Series([(run["set"], run["fold"]) for run in runs if "failed" not in run])
    counts = tried.value_counts()
    complete = set(counts.index[counts == counts.max()])
    rows = flat([r for r in runs if "failed" not in r and (r["set"], r["fold"]) in complete])
    selected = rows[rows["combine"] == "select"]
    same_models = [name for name, c in COMPOSITIONS.items() if c == Composition(c.layers)]
    scheduled = selected[selected["composition"].isin(same_models)]
    grown = [COMPOSITIONS[r.composition].layers[: r.depth] for r in scheduled.itertuples()]
    scheduled = scheduled.assign(layers=grown)
    with_boosting = [name for name, c in COMPOSITIONS.items() if c.layers.startswith("BB")]
    of_two = selected[(selected["depth"] == 2) & selected["composition"].isin(with_boosting)]
    default = rows[rows["composition"] == "default"]
    default = default.assign(variant=default["depth"].astype(str) + ", " + default["combine"])
    rules = ruled(selected[selected["composition"] == "default"])
    table_of_rules = compared(rules, "rule", CHECKED)
    table_of_rules.insert(0, "layers kept", rules.groupby("rule")["kept"].mean())
    lines = [
        "# The search for the default cascade",
        "",
        "Cross-validation on "
        + ", ".join(f"{name} ({n})" for name, n in rows.groupby("set")["fold"].nunique().items())
        + " (folds of 3). `python benchmarks/search_default.py`, then `search_report.py`. Error is",
        "1 - accuracy, loss is log loss; for regression both are RMSE. Fit and predict are seconds",
        "of the processor; those of a combination other than selection are left out. Figures are",
        "ratios to the row that has 1 in all of them, geometric means over sets; ranks are not.",
        "",
        "## What the layers are made of: two layers, selection over both",
        "",
        *markdown(compared(of_two, "composition", "default"), 3),
        "",
        "## Which layers have boosting (B) beside the forests (F: forests alone)",
        "",
        *markdown(compared(scheduled, "layers", "BB"), 3),
        "",
        "## How the class vectors are combined: the default's layers",
        "",
        "Depth and combination. Those that are for classes only stand for `select` in regression.",
        "",
        *markdown(compared(default, "variant", "2, select"), 3),
        "",
        "## When growth ends: the default's layers, selection",
        "",
        *markdown(table_of_rules, 3),
        "",
        "## Do held-out class vectors promise too much? Held-out loss / test loss",
        "",
        "Selection over all layers so far. Held-out class vectors of layer 1 are of fewer rows or",
        "trees than those of test rows: more than 1. Where a later layer has less, the class",
        "vectors that it was given tell of their rows.",
        "",
        *markdown(leak(selected), 3),
        "",
    ]
    failed = [run for run in runs if "failed" in run]
    lines += [f"- {', '.join(str(run[k]) for k in KEYS)}: {run['failed']}" for run in failed]
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--results", type=Path, default=RESULTS)
    options = parser.parse_args()
    runs = list(read(options.results, KEYS).values())
    options.results.with_suffix(".md").write_text(report(runs))


if __name__ == "__main__":
    main()

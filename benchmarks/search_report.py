"""The tables of the search for the default, from the runs of `search_default.py`.

python benchmarks/search_report.py      # writes results/search_default.md
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
BASE = "four_forests"
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
    """Return a row for each value of a column: ratios to `base` on the folds that both have.

    Values that were not run on every set are left out.
    """
    keyed = {label: of_one.set_index(["set", "fold"]) for label, of_one in rows.groupby(by)}
    result = {}
    for label, own in keyed.items():
        both = own.index.intersection(keyed[base].index)
        if set(both.get_level_values("set")) != set(rows["set"]):
            continue  # what was not run on every set says too little
        names = ["error", "loss", "fit", "predict"]
        ratio = own.loc[both, names] / keyed[base].loc[both, names].clip(lower=1e-6)
        result[label] = {
            "folds": len(both),
            "error": geometric_mean(ratio["error"]),
            "loss": geometric_mean(ratio["loss"]),
            "folds of less loss": int((ratio["loss"] < 1).sum()),
            "fit, median": ratio["fit"].median(),
            "fit, most": ratio["fit"].max(),
            "predict, median": ratio["predict"].median(),
        }
    return (
        pd.DataFrame(result).T.sort_values("loss").astype({"folds": int, "folds of less loss": int})
    )


def geometric_mean(ratio: pd.Series) -> float:
    return float(np.exp(np.log(ratio.clip(lower=1e-6)).mean()))


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


def table_of_rules(shipped: pd.DataFrame, composition: str) -> list[str]:
    rules = ruled(shipped[shipped["composition"] == composition])
    table = compared(rules, "rule", CHECKED)
    table.insert(1, "layers kept", rules.groupby("rule")["kept"].mean())
    return [f"## When growth ends: `{composition}`", "", *markdown(table, 3), ""]


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
    rows = flat([run for run in runs if "failed" not in run])
    shipped = rows[rows["combine"] == "select_calibrated"]
    of_presets = [name for name, c in COMPOSITIONS.items() if c.preset]
    presets = shipped[shipped["composition"].isin([*of_presets, BASE])]
    grown = pd.concat(
        [ruled(own)[lambda r: r["rule"] == CHECKED] for _, own in presets.groupby("composition")]
    )
    table_of_presets = compared(grown, "composition", BASE)
    table_of_presets.insert(1, "layers kept", grown.groupby("composition")["kept"].mean())
    same_models = [name for name, c in COMPOSITIONS.items() if c == Composition(c.layers)]
    scheduled = shipped[shipped["composition"].isin(same_models)]
    kinds = [COMPOSITIONS[r.composition].layers[: r.depth] for r in scheduled.itertuples()]
    scheduled = scheduled.assign(layers=kinds).drop_duplicates(["set", "fold", "layers"])
    of_two = shipped[(shipped["depth"] == 2) & ~shipped["composition"].isin(of_presets)]
    base = rows[rows["composition"] == BASE]
    base = base.assign(variant=base["depth"].astype(str) + ", " + base["combine"])
    lines = [
        "# The search for the default cascade",
        "",
        f"Cross-validation on {', '.join(sorted(set(rows['set'])))}.",
        "First all compositions were run on the first fold, then the better ones on others. Each",
        f"is compared with `{BASE}` (2 random forests and 2 extra-trees of 100 trees and",
        "LightGBM in every layer) on the folds that both were run on. Again:",
        "`python benchmarks/search_default.py`, then `search_report.py`. Error is 1 - accuracy,",
        "loss is log loss; for regression both are",
        "RMSE. Fit and predict are seconds of the processor. Figures are ratios, geometric means",
        "over folds. What the names stand for is in `search_default.py`. Only fast, balanced and",
        "best bound LightGBM's leaves; balanced_unbounded and best_unbounded_200, with 200",
        "trees in a forest, are what the last two were before.",
        "",
        "## The presets, grown until accuracy gains nothing",
        "",
        *markdown(table_of_presets, 3),
        "",
        "## What the layers are made of: two layers",
        "",
        *markdown(compared(of_two, "composition", BASE), 3),
        "",
        "## Which layers have boosting (B) beside the forests (F: forests alone)",
        "",
        *markdown(compared(scheduled, "layers", "BB"), 3),
        "",
        "## How the class vectors are combined",
        "",
        f"Depth and combination, of `{BASE}`. Those for classes only stand for `select` in",
        "regression.",
        "",
        *markdown(compared(base, "variant", "2, select_calibrated"), 3),
        "",
        *table_of_rules(shipped, BASE),
        *table_of_rules(shipped, "balanced"),
        "## Do held-out class vectors promise too much? Held-out loss / test loss",
        "",
        "Selection over all layers so far. Held-out class vectors of layer 1 are of fewer rows or",
        "trees than those of test rows: more than 1. Where a later layer has less, the class",
        "vectors that it was given tell of their rows.",
        "",
        *markdown(leak(rows[rows["combine"] == "select"]), 3),
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

"""The tables of the deep forest paper (Zhou and Feng, 2017): one config file a row.

    python benchmarks/paper/run.py yeast orl      # these rows; without names, all of them
    python benchmarks/paper/run.py --table        # writes results/paper.md only
    python benchmarks/paper/run.py orl --part 5 --validate my.toml    # tries a setting

Each run has a process of its own and becomes a line of results/paper/<row>.jsonl; runs that are
there already, with the config as it is now, are not run again. `--validate` scores a setting on
a fifth of the training rows and never sees the test rows: this is how the settings were chosen.
"""

import argparse
import hashlib
import json
import platform
import resource
import subprocess
import sys
import time
import tomllib
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

import numpy as np
from sklearn.ensemble import RandomForestClassifier
from sklearn.metrics import log_loss
from sklearn.model_selection import train_test_split
from sklearn.neighbors import KNeighborsClassifier

sys.path.insert(0, str(Path(__file__).parents[1]))
import datasets
from datasets import Split

from deepforest import load_config

HERE = Path(__file__).parent
RESULTS = HERE.parent / "results"
LIBRARIES = ("gcforest", "numpy", "scikit-learn", "numba", "lightgbm")


class Row(NamedTuple):
    """A row of the tables."""

    split: Callable[[str, int], Split]  # of a part and a seed
    parts: tuple[str, ...] = ("",)  # sizes or sets that the row is made of
    seeds: int = 3  # random splits, or seeds of the model where the split is fixed
    paper: tuple[str, ...] = ("",)  # gcForest's accuracy in the paper, for each part
    rival: tuple[str, ...] = ("",)  # its best neural rival's
    baselines: tuple[str, ...] = ()


ROWS = {
    "mnist": Row(
        lambda part, seed: datasets.original_split("mnist"),
        paper=("99.26",),
        rival=("99.05 (LeNet-5)",),
    ),
    "mnist_quick": Row(
        lambda part, seed: datasets.original_split("mnist"),
        paper=("99.26",),
        rival=("99.05 (LeNet-5)",),
    ),
    "orl": Row(
        lambda part, seed: datasets.faces(int(part), seed),
        parts=("5", "7", "9"),
        seeds=10,
        paper=("91.00", "96.67", "97.50"),
        rival=("86.50 (CNN)", "91.67 (CNN)", "95.00 (CNN)"),
    ),
    "semg": Row(
        lambda part, seed: datasets.hand_movements(seed),
        seeds=5,
        paper=("71.30",),
        rival=("45.37 (LSTM)",),
    ),
    "imdb": Row(lambda part, seed: datasets.reviews(), paper=("89.16",), rival=("89.02 (CNN)",)),
    "letter": Row(lambda part, seed: datasets.letter(), paper=("97.40",), rival=("95.70 (MLP)",)),
    "adult": Row(
        lambda part, seed: datasets.adult(), seeds=10, paper=("86.40",), rival=("85.25 (MLP)",)
    ),
    "yeast": Row(
        lambda part, seed: datasets.yeast(seed),
        seeds=100,  # the mean of ten wanders by two points
        paper=("63.45",),
        rival=("55.60 (MLP)",),
    ),
    "gtzan": Row(lambda part, seed: datasets.music_features(seed), seeds=10),
    "ts": Row(
        lambda part, seed: datasets.series(part),
        parts=datasets.SERIES,
        paper=("",) * len(datasets.SERIES),
        rival=("",) * len(datasets.SERIES),
        baselines=("1-NN, Euclidean", "RandomForest(500)"),
    ),
}
DEEP = "deep forest"


class Run(NamedTuple):
    """What is fitted and scored in one process."""

    row: str
    part: str
    seed: int
    model: str


def runs(row: str) -> list[Run]:
    """Return the runs of a row."""
    return [
        Run(row, part, seed, model)
        for part in ROWS[row].parts
        for model in (DEEP, *ROWS[row].baselines)
        # A nearest neighbour has no seed.
        for seed in range(1 if model.startswith("1-NN") else ROWS[row].seeds)
    ]


def result(run: Run, config: Path, split: Split, n_jobs: int) -> dict:
    """Fit and score one model."""
    X_train, X_test, y_train, y_test = split
    if run.model == DEEP:
        model = load_config(config).set_params(n_jobs=n_jobs, random_state=run.seed)
    else:
        X_train, X_test = (X.reshape(len(X), -1) for X in (X_train, X_test))
        model = KNeighborsClassifier(1)
        if run.model != "1-NN, Euclidean":
            model = RandomForestClassifier(500, n_jobs=n_jobs, random_state=run.seed)
    start = time.perf_counter()
    model.fit(X_train, y_train)
    fit_seconds = time.perf_counter() - start
    start = time.perf_counter()
    p = model.predict_proba(X_test).astype(np.float64)
    predict_seconds = time.perf_counter() - start
    # A fully grown forest may give a true class zero: counted as 1e-6, not as infinity.
    clipped = np.clip(p, 1e-6, 1)
    clipped /= clipped.sum(axis=1, keepdims=True)
    return {
        **run._asdict(),
        "config": fingerprint(config) if run.model == DEEP else "",
        "n_train": len(y_train),
        "n_test": len(y_test),
        "accuracy": float(np.mean(model.classes_[p.argmax(axis=1)] == y_test)),
        "log_loss": float(log_loss(y_test, clipped, labels=model.classes_)),
        "layers": getattr(model, "n_layers_", None),
        "held_out": [round(float(s), 5) for s in getattr(model, "layer_scores_", ())],
        "fit_seconds": round(fit_seconds, 2),
        "predict_seconds": round(predict_seconds, 2),
        "peak_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
        "n_jobs": n_jobs,
        "versions": {"python": platform.python_version()}
        | {name: version(name) for name in LIBRARIES},
    }


def fingerprint(config: Path) -> str:
    """Return what changes when a setting does, and not with comments."""
    settings = json.dumps(tomllib.loads(config.read_text()), sort_keys=True)
    return hashlib.sha256(settings.encode()).hexdigest()[:12]


def config_of(row: str) -> Path:
    return HERE / f"{row}.toml"


def results_of(row: str) -> list[dict]:
    """Return the finished runs of a row that are of the config as it is now."""
    path = RESULTS / "paper" / f"{row}.jsonl"
    if not path.exists():
        return []
    current = fingerprint(config_of(row))
    lines = map(json.loads, path.read_text().splitlines())
    return [line for line in lines if line["config"] in ("", current)]


def run_missing(rows: list[str], n_jobs: int) -> None:
    """Run what is not in the results, each in a process of its own."""
    for row in rows:
        path = RESULTS / "paper" / f"{row}.jsonl"
        path.parent.mkdir(parents=True, exist_ok=True)
        done = {Run(*(line[field] for field in Run._fields)) for line in results_of(row)}
        for run in runs(row):
            if run in done:
                continue
            child = [sys.executable, __file__, "--child", json.dumps(run), "--n-jobs", str(n_jobs)]
            line = subprocess.run(child, check=True, stdout=subprocess.PIPE, text=True).stdout
            with path.open("a") as file:
                file.write(line)
            r = json.loads(line)
            print(
                f"{row} {run.part} {run.model} {run.seed}: {r['accuracy']:.4f}, "
                f"{r['fit_seconds']} s, {r['peak_mb']} MB",
                flush=True,
            )


def validate(run: Run, config: Path, images: int | None, n_jobs: int) -> dict:
    """Score a setting on a fifth of the training rows (of `images` of them)."""
    X, _, y, _ = ROWS[run.row].split(run.part, run.seed)
    if images is not None:
        X, _, y, _ = train_test_split(X, y, train_size=images, stratify=y, random_state=run.seed)
    parts = train_test_split(X, y, test_size=0.2, stratify=y, random_state=run.seed)
    return result(run, config, Split(*parts), n_jobs)


def report() -> str:
    """Return the results as tables in Markdown."""
    columns = "data, runs, accuracy %, paper, its neural rival, log loss, layers, fit s, predict s"
    names = [*columns.split(", "), "peak MB"]
    lines = [
        "# The paper's tables",
        "",
        "Mean test accuracy +- standard deviation over random splits, or over seeds of the model",
        "where the split is fixed; mean log loss, median seconds on 2 cores that were shared with",
        "other work, largest peak memory of the process. Each row's settings are in",
        "`benchmarks/paper/`, where the README says how they were chosen;",
        "`python benchmarks/paper/run.py` makes it again.",
        "",
        "| " + " | ".join(names) + " |",
        "|" + "---|" * len(names),
    ]
    for row, about in ROWS.items():
        if about.baselines:
            continue
        for part, paper, rival in zip(about.parts, about.paper, about.rival, strict=True):
            found = [r for r in results_of(row) if r["part"] == part]
            if found:
                name = f"{row}, {part}" if part else row
                cells = [name, len(found), accuracy(found), paper, rival, *costs(found)]
                lines.append("| " + " | ".join(map(str, cells)) + " |")
    for row, about in ROWS.items():
        if about.baselines and results_of(row):
            lines += ["", *beside_baselines(row, about)]
    return "\n".join(lines) + "\n"


def beside_baselines(row: str, about: Row) -> list[str]:
    """Return a table with a column for each model."""
    found = results_of(row)
    models = (DEEP, *about.baselines)
    lines = [
        f"## {row}",
        "",
        "Test accuracy in % on the archive's own split.",
        "",
        "| data | train / test | " + " | ".join(models) + " | fit s | peak MB |",
        "|" + "---|" * (len(models) + 4),
    ]
    for part in about.parts:
        of_part = [r for r in found if r["part"] == part]
        by_model = [[r for r in of_part if r["model"] == model] for model in models]
        if all(by_model):
            first = by_model[0][0]
            cells = [part, f"{first['n_train']} / {first['n_test']}", *map(accuracy, by_model)]
            *_, fit, _, peak = costs(by_model[0])
            lines.append("| " + " | ".join([*cells, fit, peak]) + " |")
    return lines


def accuracy(found: list[dict]) -> str:
    values = 100 * np.array([r["accuracy"] for r in found])
    spread = f" +- {values.std(ddof=1):.2f}" if len(values) > 1 else ""
    return f"{values.mean():.2f}{spread}"


def costs(found: list[dict]) -> list[str]:
    """Return log loss, layers, fit s, predict s, peak MB."""
    layers = [r["layers"] for r in found]
    least, most = min(layers), max(layers)
    return [
        f"{np.mean([r['log_loss'] for r in found]):.3f}",
        f"{least}" if least == most else f"{least}-{most}",
        f"{np.median([r['fit_seconds'] for r in found]):.1f}",
        f"{np.median([r['predict_seconds'] for r in found]):.1f}",
        f"{max(r['peak_mb'] for r in found)}",
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("rows", nargs="*", choices=[*ROWS, []], help="all of them, if none")
    parser.add_argument("--n-jobs", type=int, default=2)
    parser.add_argument("--table", action="store_true", help="write the tables only")
    parser.add_argument("--validate", type=Path, nargs="+", metavar="CONFIG")
    parser.add_argument("--part", help="with --validate: the part of the row")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0], help="with --validate")
    parser.add_argument("--images", type=int, help="with --validate: use fewer training rows")
    parser.add_argument("--child", type=json.loads, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        run = Run(*options.child)
        split = ROWS[run.row].split(run.part, run.seed)
        print(json.dumps(result(run, config_of(run.row), split, options.n_jobs)))
        return
    if options.validate:
        for row in options.rows:
            for config in options.validate:
                for seed in options.seeds:
                    run = Run(row, options.part or ROWS[row].parts[0], seed, DEEP)
                    scored = validate(run, config, options.images, options.n_jobs)
                    print(config.name, json.dumps(scored), flush=True)
        return
    if not options.table:
        run_missing(options.rows or list(ROWS), options.n_jobs)
    (RESULTS / "paper.md").write_text(report())


if __name__ == "__main__":
    main()

"""Confidence screening: the time that it saves, and what becomes of accuracy.

    python benchmarks/screening.py [--sets pendigits shuttle ...] [--presets balanced best]
        [--rows N] [--screening 0.999]
    python benchmarks/screening.py --sets mnist_60000 pendigits shuttle --presets pixels

A cascade of each preset with and without `screening`, in turns, on the same rows and seeds: the
original splits of pendigits and MNIST (pixels, 10,000 drawn rows and all 60,000), and for
shuttle a third of the rows as test rows, drawn anew for each seed. "pixels" is no preset but
the layers of `rivals.layers_for_pixels`. Runs what is not in
results/screening.jsonl yet and writes results/screening.md. `--rows` caps the training rows,
to try the script; its results go to stdout only.
"""

import argparse
import json
import time
from itertools import product
from pathlib import Path

import numpy as np
from datasets import arrays
from numpy.typing import NDArray
from rivals import layers_for_pixels
from sklearn.metrics import log_loss
from sklearn.model_selection import train_test_split

from deepforest import CascadeForestClassifier

RESULTS = Path(__file__).parent / "results" / "screening.jsonl"
SETS = ("pendigits", "shuttle", "mnist_10000", "mnist_60000")
SEEDS = (0, 1, 2)
PRESETS = ("balanced", "best")
PIXELS = "pixels"


def rows_of(name: str, seed: int) -> tuple[NDArray, NDArray, NDArray, NDArray]:
    """Return X_train, X_test, y_train, y_test."""
    d = arrays(name.split("_")[0])
    if name == "shuttle":
        return train_test_split(d["X"], d["y"], test_size=1 / 3, stratify=d["y"], random_state=seed)
    X, y = d["X_train"].reshape(len(d["X_train"]), -1), d["y_train"]
    if name == "mnist_10000":
        X, _, y, _ = train_test_split(X, y, train_size=10_000, stratify=y, random_state=seed)
    return X, d["X_test"].reshape(len(d["X_test"]), -1), y, d["y_test"]


def run(
    name: str, preset: str, seed: int, screening: float | None, args: argparse.Namespace
) -> dict:
    """Fit and score one cascade."""
    X_train, X_test, y_train, y_test = rows_of(name, seed)
    if args.rows is not None and args.rows < len(X_train):
        X_train, _, y_train, _ = train_test_split(
            X_train, y_train, train_size=args.rows, random_state=seed
        )
        known = np.isin(y_test, y_train)
        X_test, y_test = X_test[known], y_test[known]
    layers = layers_for_pixels() if preset == PIXELS else {"preset": preset}
    cascade = CascadeForestClassifier(
        **layers,
        screening=screening,
        n_jobs=args.n_jobs,
        random_state=seed,
        verbose=args.verbose,
    )
    start = time.perf_counter()
    cascade.fit(X_train, y_train)
    fitted = time.perf_counter()
    probability = cascade.predict_proba(X_test)
    predicted = time.perf_counter()
    return {
        "set": name,
        "preset": preset,
        "seed": seed,
        "screening": screening,
        "n_train": len(X_train),
        "accuracy": float(np.mean(cascade.classes_[probability.argmax(axis=1)] == y_test)),
        "log_loss": float(log_loss(y_test, probability, labels=cascade.classes_)),
        "fit_s": fitted - start,
        "predict_s": predicted - fitted,
        "grown": len(cascade.layer_scores_),
        "kept": cascade.n_layers_,
        "left": [round(screen.share, 3) for screen in cascade.screens_],
    }


def done() -> list[dict]:
    if not RESULTS.exists():
        return []
    return [json.loads(line) for line in RESULTS.read_text().splitlines()]


def table(results: list[dict], screening: float) -> str:
    """Return a Markdown table: one line a set, means over the seeds and their spread."""
    lines = [
        f"# Screening ({screening}) beside none",
        "",
        "Means over seeds; ± is the standard deviation. The ratio of fit seconds is the median of",
        "pairs that ran one after the other. Left: share of the training rows that left behind",
        "the first layer.",
        "",
        "| set (training rows), preset | accuracy, all | screened | difference, points "
        "| log loss, all | screened | fit s, all | screened | times faster "
        "| layers grown, all | screened | left |",
        "|---|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for name, preset in sorted({(r["set"], r["preset"]) for r in results}):
        of_set = [r for r in results if (r["set"], r["preset"]) == (name, preset)]
        off = {r["seed"]: r for r in of_set if r["screening"] is None}
        on = {r["seed"]: r for r in of_set if r["screening"] == screening}
        seeds = sorted(off.keys() & on.keys())
        if not seeds:
            continue

        def mean(side: dict, key: str, seeds: list[int] = seeds) -> float:
            return float(np.mean([side[seed][key] for seed in seeds]))

        gains = [100 * (on[s]["accuracy"] - off[s]["accuracy"]) for s in seeds]
        ratio = np.median([off[s]["fit_s"] / on[s]["fit_s"] for s in seeds])
        left = np.mean([(on[s]["left"] or [0.0])[0] for s in seeds])
        lines.append(
            f"| {name} ({off[seeds[0]]['n_train']:,}), {preset} | {mean(off, 'accuracy'):.4f} "
            f"| {mean(on, 'accuracy'):.4f} | {np.mean(gains):+.2f} ± {np.std(gains):.2f} "
            f"| {mean(off, 'log_loss'):.4f} | {mean(on, 'log_loss'):.4f} "
            f"| {mean(off, 'fit_s'):.1f} | {mean(on, 'fit_s'):.1f} | {ratio:.2f} "
            f"| {mean(off, 'grown'):.1f} | {mean(on, 'grown'):.1f} | {left:.0%} |"
        )
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sets", nargs="+", default=SETS, choices=SETS)
    parser.add_argument("--presets", nargs="+", default=PRESETS, choices=(*PRESETS, PIXELS))
    parser.add_argument("--seeds", nargs="+", type=int, default=SEEDS)
    parser.add_argument("--rows", type=int)
    parser.add_argument("--screening", type=float, default=0.999)
    parser.add_argument("--n-jobs", type=int, default=2)
    parser.add_argument("--verbose", type=int, default=0)
    args = parser.parse_args()
    results = done() if args.rows is None else []
    known = {(r["set"], r["preset"], r["seed"], r["screening"]) for r in results}
    X = np.random.default_rng(0).normal(size=(200, 3))
    CascadeForestClassifier(n_estimators=2, max_layers=2).fit(X, X[:, 0] > 0)  # compiles
    for seed, name, preset in product(args.seeds, args.sets, args.presets):
        pair = [None, args.screening]
        for screening in pair if seed % 2 == 0 else reversed(pair):
            if (name, preset, seed, screening) in known:
                continue
            results.append(run(name, preset, seed, screening, args))
            print(json.dumps(results[-1]), flush=True)
            if args.rows is None:
                with RESULTS.open("a") as file:
                    file.write(json.dumps(results[-1]) + "\n")
    written = table(results, args.screening)
    if args.rows is None:
        RESULTS.with_suffix(".md").write_text(written)
    print(written)


if __name__ == "__main__":
    main()

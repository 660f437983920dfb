"""Scanner and cascade beside other learners on 10,000 training images of MNIST.

    python benchmarks/mnist_small.py

Runs what is not in results/mnist_small.jsonl yet and writes results/mnist_small.md. The
training images are drawn with a fixed seed for each repetition; the 10,000 test images are
the original ones.
"""

import argparse
import json
import time
from pathlib import Path

import numpy as np
from datasets import arrays
from lightgbm import LGBMClassifier
from sklearn.ensemble import RandomForestClassifier
from sklearn.metrics import log_loss
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler

from deepforest import GCForestClassifier, load_config

HERE = Path(__file__).parent
RESULTS = HERE / "results" / "mnist_small.jsonl"
N_JOBS = 2


def models(seed: int):
    """Return the learners by name, and whether each takes images or rows of pixels."""
    deep: GCForestClassifier = load_config(HERE / "mnist_small.toml")
    network = MLPClassifier((512, 256), random_state=seed)
    boosting = LGBMClassifier(n_estimators=400, colsample_bytree=0.3, verbosity=-1, n_jobs=N_JOBS)
    return {
        "GCForestClassifier": (deep.set_params(n_jobs=N_JOBS, random_state=seed, verbose=1), True),
        "MLPClassifier (512, 256)": (make_pipeline(MinMaxScaler(), network), False),
        "LightGBM, 400 rounds": (boosting.set_params(random_state=seed), False),
        "RandomForest(500)": (
            RandomForestClassifier(500, n_jobs=N_JOBS, random_state=seed),
            False,
        ),
    }


def run(name: str, seed: int) -> dict:
    """Fit and score one learner on one draw of the training images."""
    mnist = arrays("mnist")
    X_train, _, y_train, _ = train_test_split(
        mnist["X_train"],
        mnist["y_train"],
        train_size=10_000,
        stratify=mnist["y_train"],
        random_state=seed,
    )
    X_test, y_test = mnist["X_test"], mnist["y_test"]
    model, takes_images = models(seed)[name]
    if not takes_images:
        X_train, X_test = (X.reshape(len(X), -1) for X in (X_train, X_test))
    start = time.perf_counter()
    model.fit(X_train, y_train)
    fit_seconds = time.perf_counter() - start
    start = time.perf_counter()
    p = model.predict_proba(X_test).astype(np.float64)
    predict_seconds = time.perf_counter() - start
    clipped = np.clip(p, 1e-6, 1)
    return {
        "model": name,
        "seed": seed,
        "accuracy": float(np.mean(p.argmax(axis=1) == y_test)),
        "log_loss": log_loss(y_test, clipped / clipped.sum(axis=1, keepdims=True)),
        "fit_seconds": fit_seconds,
        "predict_seconds": predict_seconds,
    }


def read() -> list[dict]:
    return (
        [json.loads(line) for line in RESULTS.read_text().splitlines()] if RESULTS.exists() else []
    )


def report() -> str:
    """Return the results as a table in Markdown."""
    lines = [
        "# MNIST, 10,000 training and 10,000 test images",
        "",
        "Mean over draws of the training images, +- their standard deviation; median seconds on 2",
        "cores of a virtual machine (AMD EPYC) with nothing else to do. `python",
        "benchmarks/mnist_small.py` makes it again; the deep forest is `mnist_small.toml`.",
        "",
        "| model | draws | test accuracy | log loss | fit s | predict s |",
        "|---|---|---|---|---|---|",
    ]
    for name in models(0):
        runs = [row for row in read() if row["model"] == name]
        if runs:
            columns = ("accuracy", "log_loss", "fit_seconds", "predict_seconds")
            accuracy, loss, fit, predict = (np.array([row[c] for row in runs]) for c in columns)
            lines.append(
                f"| {name} | {len(runs)} | {accuracy.mean():.4f} +- {accuracy.std():.4f} "
                f"| {loss.mean():.3f} | {np.median(fit):.0f} | {np.median(predict):.1f} |"
            )
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repetitions", type=int, default=3)
    arguments = parser.parse_args()
    done = {(row["model"], row["seed"]) for row in read()}
    for seed in range(arguments.repetitions):
        for name in models(seed):
            if (name, seed) not in done:
                result = run(name, seed)
                print(result, flush=True)
                with RESULTS.open("a") as file:
                    file.write(json.dumps(result) + "\n")
    RESULTS.with_suffix(".md").write_text(report())


if __name__ == "__main__":
    main()

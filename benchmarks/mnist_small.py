"""Scanner and cascade beside other learners on 10,000 training images of MNIST.

    python benchmarks/mnist_small.py

Writes results/mnist_small.md. The training images are drawn with a fixed seed for each
repetition; the 10,000 test images are the original ones.
"""

import argparse
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
N_JOBS = 2


def models(seed: int):
    """Return the learners by name, and whether each takes images or rows of pixels."""
    deep: GCForestClassifier = load_config(HERE / "mnist_small.toml")
    network = MLPClassifier((512, 256), early_stopping=True, max_iter=100, random_state=seed)
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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repetitions", type=int, default=3)
    arguments = parser.parse_args()
    mnist = arrays("mnist")
    X_test, y_test = mnist["X_test"], mnist["y_test"]
    results: dict[str, list[tuple[float, float, float, float]]] = {}
    for seed in range(arguments.repetitions):
        X_train, _, y_train, _ = train_test_split(
            mnist["X_train"],
            mnist["y_train"],
            train_size=10_000,
            stratify=mnist["y_train"],
            random_state=seed,
        )
        for name, (model, takes_images) in models(seed).items():
            a, b = (X if takes_images else X.reshape(len(X), -1) for X in (X_train, X_test))
            start = time.perf_counter()
            model.fit(a, y_train)
            fit = time.perf_counter() - start
            start = time.perf_counter()
            p = model.predict_proba(b)
            predict = time.perf_counter() - start
            accuracy = float(np.mean(p.argmax(axis=1) == y_test))
            loss = log_loss(y_test, np.clip(p, 1e-6, 1))
            print(name, seed, accuracy, loss, fit, predict, flush=True)
            results.setdefault(name, []).append((accuracy, loss, fit, predict))

    lines = [
        "# MNIST, 10,000 training and 10,000 test images",
        "",
        f"Mean of {arguments.repetitions} draws of the training images, +- their standard",
        "deviation; median seconds on 2 cores of a shared virtual machine (AMD EPYC). `python",
        "benchmarks/mnist_small.py` makes it again; the deep forest is `mnist_small.toml`.",
        "",
        "| model | test accuracy | log loss | fit s | predict s |",
        "|---|---|---|---|---|",
    ]
    for name, runs in results.items():
        accuracy, loss, fit, predict = np.array(runs).T
        lines.append(
            f"| {name} | {accuracy.mean():.4f} +- {accuracy.std():.4f} | {loss.mean():.3f} "
            f"| {np.median(fit):.0f} | {np.median(predict):.1f} |"
        )
    (HERE / "results" / "mnist_small.md").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()

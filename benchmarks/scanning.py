"""Multi-grained scanning: against the straightforward way, and from 2,000 to 60,000 images.

    python benchmarks/scanning.py                                  # everything, some minutes
    python benchmarks/scanning.py --images 200 --sizes 200 400 --results try.json

The straightforward way is what a user of scikit-learn writes: the windows of all images as rows
(`sliding_window_view`), its forests cross-fitted in three folds of images (the folds that the
original gcForest uses; scikit-learn cannot leave the windows of an image out of a tree's bag, so
that out-of-bag votes would leak), class vectors pooled. Trees, leaves and candidate features are
the same. A tree sees all windows of the images in its bag, 63 % of the images; scikit-learn's as
many windows as the training images of its fold have, drawn with replacement.
Each run has a process of its own; the two ways alternate, and their figures are medians. Memory is
the peak beyond what the process held before `fit_transform`; code is compiled before.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import time
from importlib.metadata import version
from pathlib import Path

import numpy as np
from datasets import original_split
from sklearn.ensemble import ExtraTreesClassifier, RandomForestClassifier
from sklearn.model_selection import StratifiedKFold

from deepforest import MultiGrainedScanner, load_config

HERE = Path(__file__).parent
RESULTS = HERE / "results" / "scanning.json"
QUICK = HERE / "paper" / "mnist_quick.toml"
N_JOBS = os.cpu_count()

WINDOWS, STRIDE, POOL = (7, 10, 13), 2, 2
TREES, LEAF, FOLDS = 20, 10, 3
ALL_WINDOWS = 10**9  # no tree is grown on fewer than all windows of its bag


def scan(X, y):
    """Return held-out features from this library."""
    scanner = MultiGrainedScanner(
        WINDOWS,
        stride=STRIDE,
        pool=POOL,
        n_estimators=TREES,
        max_windows=ALL_WINDOWS,
        n_jobs=N_JOBS,
        random_state=0,
    )
    return scanner.fit_transform(X, y), scanner


def scan_straightforwardly(X, y):
    """Return the same kind of features from scikit-learn, and the fold models."""
    folds = list(StratifiedKFold(FOLDS, shuffle=True, random_state=0).split(X, y))
    features, models = [], []
    for size in WINDOWS:
        windows = np.lib.stride_tricks.sliding_window_view(X, (size, size), axis=(1, 2))
        windows = windows[:, ::STRIDE, ::STRIDE]
        n, side = windows.shape[0], windows.shape[1]
        rows = windows.reshape(n, side * side, size * size)
        for kind in (RandomForestClassifier, ExtraTreesClassifier):
            vectors = np.empty((n, side * side, len(np.unique(y))))
            for train, test in folds:
                forest = kind(
                    TREES,
                    bootstrap=True,
                    min_samples_leaf=LEAF,
                    max_features="sqrt",
                    n_jobs=N_JOBS,
                    random_state=0,
                )
                forest.fit(rows[train].reshape(-1, size * size), np.repeat(y[train], side * side))
                said = forest.predict_proba(rows[test].reshape(-1, size * size))
                vectors[test] = said.reshape(len(test), side * side, -1)
                models.append(forest)
            features.append(pooled(vectors.reshape(n, side, side, -1)).reshape(n, -1))
    return np.hstack(features), models


def pooled(vectors):
    """Return the means over blocks of positions; a last block may be smaller."""
    for axis in (1, 2):
        starts = np.arange(0, vectors.shape[axis], POOL)
        counts = np.minimum(POOL, vectors.shape[axis] - starts)
        sums = np.add.reduceat(vectors, starts, axis=axis)
        vectors = sums / counts.reshape((-1,) + (1,) * (vectors.ndim - axis - 1))
    return vectors


def images(n):
    mnist = original_split("mnist")
    return mnist.X_train[:n], mnist.y_train[:n]


def compare(way, n):
    """Return seconds and memory of one way to the features of n images."""
    call = {"ours": scan, "straightforward": scan_straightforwardly}[way]
    call(*images(60))  # compiles, and imports
    X, y = images(n)
    features, seconds, peak, models = measured(call, X, y)
    # How good the held-out features are: the class that all windows together vote for.
    votes = features.reshape(len(X), -1, 10).mean(axis=1)
    return {
        "seconds": seconds,
        "peak_mb": peak,
        "held_out_vote": float(np.mean(votes.argmax(axis=1) == y)),
        "models": len(models.grains_ if way == "ours" else models),
    }


def scale(n):
    """Return seconds and memory of the quick config's scanner on n images."""
    scanner = load_config(QUICK).set_params(n_jobs=N_JOBS, random_state=0)._scanner()
    scanner.fit_transform(*images(60))
    X, y = images(n)
    _, seconds, peak, _ = measured(lambda X, y: (scanner.fit_transform(X, y), scanner), X, y)
    X_test = original_split("mnist").X_test
    start = time.perf_counter()
    scanner.transform(X_test)
    return {
        "seconds": seconds,
        "peak_mb": peak,
        "transform_test_seconds": time.perf_counter() - start,
    }


def measured(call, X, y):
    """Return features, seconds, peak memory in MB beyond that before, and models."""
    Path("/proc/self/clear_refs").write_text("5")  # forget the peak so far
    before = status("VmRSS")
    start = time.perf_counter()
    features, models = call(X, y)
    seconds = time.perf_counter() - start
    return features, seconds, (status("VmHWM") - before) / 1024, models


def status(field):
    """Return a figure of this process from the kernel, in kB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(field))


def in_own_process(*job):
    child = [sys.executable, __file__, "--child", json.dumps(job)]
    line = subprocess.run(child, check=True, stdout=subprocess.PIPE, text=True).stdout
    print(*job, line, end="", flush=True)
    return json.loads(line)


def comparison(n, n_runs):
    """Return the medians of both ways over runs in turn, and of how many times ours is faster."""
    pairs = [
        [in_own_process("compare", way, n) for way in ("ours", "straightforward")]
        for _ in range(n_runs)
    ]
    ours, theirs = (
        {key: float(np.median([run[key] for run in runs])) for key in runs[0]}
        for runs in zip(*pairs, strict=True)
    )
    ratios = [theirs["seconds"] / ours["seconds"] for ours, theirs in pairs]
    times_faster = float(np.median(ratios))
    return {"ours": ours, "straightforward": theirs, "times_faster": times_faster}


def machine():
    cpus = [
        line.split(":")[1].strip()
        for line in Path("/proc/cpuinfo").read_text().splitlines()
        if line.startswith("model name")
    ]
    libraries = {name: version(name) for name in ("gcforest", "numpy", "scikit-learn", "numba")}
    return {"cpu": f"{len(cpus)} x {cpus[0]}", "python": platform.python_version()} | libraries


def report(results):
    """Return the results as tables in Markdown."""
    about = results["machine"]
    ours, theirs = results["ours"], results["straightforward"]
    lines = [
        "# Multi-grained scanning",
        "",
        f"{about['cpu']}, Python {about['python']}, scikit-learn {about['scikit-learn']}, all",
        "cores. `python benchmarks/scanning.py` makes it again and says what is measured.",
        "",
        "## Against the straightforward way",
        "",
        f"{results['images']} MNIST images, windows {WINDOWS} at stride {STRIDE}, a random forest",
        f"and extra-trees of {TREES} trees a grain, {LEAF} samples a leaf, {POOL}x{POOL} mean",
        f"pooling. Out-of-bag votes by image here, {FOLDS} folds of images in scikit-learn. The",
        "vote is the share of images whose held-out class vectors, averaged over all windows,",
        f"name the right class. Medians of {results['runs']} runs in turn.",
        "",
        "| | seconds | peak MB | held-out vote |",
        "|---|---|---|---|",
    ]
    for name, r in (
        ("MultiGrainedScanner", ours),
        ("sliding_window_view, scikit-learn's forests", theirs),
    ):
        lines.append(
            f"| {name} | {r['seconds']:.1f} | {r['peak_mb']:.0f} | {r['held_out_vote']:.3f} |"
        )
    lines += [
        f"| ratio (aim) | {results['times_faster']:.1f} (20) "
        f"| {theirs['peak_mb'] / ours['peak_mb']:.1f} (10) | |",
        "",
        "## From 2,000 to 60,000 images",
        "",
        "`fit_transform` of the scanner of `paper/mnist_quick.toml`, then `transform` of the",
        "10,000 test images (aim: under 15 s).",
        "",
        "| images | fit_transform s | s per 1,000 images | peak MB | transform of 10,000 s |",
        "|---|---|---|---|---|",
    ]
    for n, r in results["sizes"].items():
        lines.append(
            f"| {int(n):,} | {r['seconds']:.1f} | {1000 * r['seconds'] / int(n):.2f} "
            f"| {r['peak_mb']:.0f} | {r['transform_test_seconds']:.1f} |"
        )
    return "\n".join(lines) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=2000, help="of the comparison")
    parser.add_argument("--runs", type=int, default=3, help="of the comparison")
    parser.add_argument("--sizes", type=int, nargs="+", default=[2000, 5000, 10000, 30000, 60000])
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--child", type=json.loads, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        job, *arguments = options.child
        print(json.dumps({"compare": compare, "scale": scale}[job](*arguments)))
        return
    results = {
        "machine": machine(),
        "images": options.images,
        "runs": options.runs,
        **comparison(options.images, options.runs),
        "sizes": {str(n): in_own_process("scale", n) for n in options.sizes},
    }
    options.results.write_text(json.dumps(results, indent=1) + "\n")
    options.results.with_suffix(".md").write_text(report(results))


if __name__ == "__main__":
    main()

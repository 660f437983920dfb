"""The histogram forests against scikit-learn's: seconds, memory, size and accuracy.

    python benchmarks/forest.py --data FOLDER [--only mnist10k,letter] [--trees 100] [--runs 3]

`fashion10k` needs FOLDER/fashion_mnist.npz, which `benchmarks/fashion_mnist.py` makes.

Both libraries grow the same number of trees on the same rows with the same bootstrap and threads.
Runs alternate, and the order within a pair changes from run to run, so a busy machine is unfair to
neither; the figures are medians. Memory is the peak of a fresh process beyond what it held before
``fit``. Results are written to ``results/forest.json`` as they come, and as a table to
``results/forest.md``.
"""

import argparse
import json
import multiprocessing
import os
import pickle
import platform
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import sklearn
from sklearn.ensemble import (
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)

from deepforest.forest import HistForestClassifier, HistForestRegressor

RESULTS = Path(__file__).parent / "results" / "forest.json"


def load(name, folder):
    """Return X, y, X_test, y_test; categories as ordinal numbers for both libraries alike."""
    folder = Path(folder)
    if name == "fashion10k":
        data = np.load(folder / "fashion_mnist.npz")
        X, y = data["X"].reshape(70_000, -1), data["y"]
        return X[:10_000], y[:10_000], X[60_000:], y[60_000:]
    if name.startswith("mnist"):
        data = np.load(folder / "mnist.npz")
        n = 10_000 if name == "mnist10k" else 60_000
        X, X_test = data["X_train"].reshape(60_000, -1), data["X_test"].reshape(10_000, -1)
        return X[:n], data["y_train"][:n], X_test, data["y_test"]
    if name == "covtype":
        data = np.load(folder / "covtype_part.npz")
        X, y = data["X"].astype(np.float32), data["y"]
        return X[:100_000], y[:100_000], X[-50_000:], y[-50_000:]
    if name == "letter":
        data = np.load(folder / "letter.npz")
        X, X_test = data["X_train"].astype(np.float32), data["X_test"].astype(np.float32)
        return X, data["y_train"], X_test, data["y_test"]
    if name == "adult":
        table = pd.read_csv(folder / "adult.csv.gz")
        train = (table["split"] == "train").to_numpy()
        y = (table["income"] == ">50K").to_numpy().astype(int)
    else:
        table = pd.read_csv(folder / "california_housing_raw.csv.gz").dropna()
        train = np.random.default_rng(0).random(len(table)) < 0.8
        y = table["median_house_value"].to_numpy()
    table = table.drop(columns=["income", "split", "median_house_value"], errors="ignore")
    X = np.column_stack(
        [
            column if column.dtype.kind in "iuf" else column.astype("category").cat.codes
            for _, column in table.items()
        ]
    ).astype(np.float32)
    return X[train], y[train], X[~train], y[~train]


def make(library, kind, trees, jobs, seed, regression):
    common = {"n_estimators": trees, "n_jobs": jobs, "random_state": seed, "bootstrap": True}
    if library == "ours":
        ours = HistForestRegressor if regression else HistForestClassifier
        return ours(splitter="best" if kind == "random forest" else "random", **common)
    theirs = {
        ("random forest", False): RandomForestClassifier,
        ("extra-trees", False): ExtraTreesClassifier,
        ("random forest", True): RandomForestRegressor,
        ("extra-trees", True): ExtraTreesRegressor,
    }
    return theirs[kind, regression](**common)


def seconds(call, *arguments):
    start = time.perf_counter()
    call(*arguments)
    return time.perf_counter() - start


def fit_peak(library, kind, trees, jobs, regression, name, folder, queue):
    """Put the peak memory of one fit, beyond what the process held before, in MB."""
    X, y, *_ = load(name, folder)
    make(library, kind, 2, jobs, 0, regression).fit(X[:200], y[:200])
    Path("/proc/self/clear_refs").write_text("5")  # forget the peak of loading
    before = status("VmRSS")
    forest = make(library, kind, trees, jobs, 0, regression).fit(X, y)
    queue.put((status("VmHWM") - before) / 1024)
    del forest


def status(field):
    """Return a figure of this process from the kernel, in kB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(field))


def peak_memory(*arguments):
    context = multiprocessing.get_context("spawn")
    queue = context.Queue()
    process = context.Process(target=fit_peak, args=(*arguments, queue))
    process.start()
    peak = queue.get()
    process.join()
    return peak


def looks(forest, X):
    """Rows times features looked at for a split, per forest; constant features included."""
    trees = forest.trees_
    inner = trees.feature >= 0
    depth = np.zeros(len(inner))
    for node in np.flatnonzero(inner):
        child = trees.children_left[node]
        depth[child] = depth[child + 1] = depth[node] + 1
    leaves = forest.apply(X) + trees.roots
    # A bag holds 1 - 1/e of the rows.
    return depth[leaves].sum() * (1 - np.exp(-1)) * max(1, int(np.sqrt(X.shape[1])))


def measure(name, kind, options):
    X, y, X_test, y_test = load(name, options.data)
    regression = name == "california"
    record = {}
    for library in ("ours", "theirs"):  # compile, and wake the threads
        make(library, kind, 2, options.jobs, 0, regression).fit(X[:2000], y[:2000]).predict(X[:99])
    times = {library: {"fit": [], "predict": [], "score": []} for library in ("ours", "theirs")}
    for run in range(max(options.runs, options.seeds)):
        pair = ("ours", "theirs") if run % 2 else ("theirs", "ours")
        for library in pair:
            forest = make(library, kind, options.trees, options.jobs, run, regression)
            fit = seconds(forest.fit, X, y)
            predict = seconds(forest.predict if regression else forest.predict_proba, X_test)
            if run < options.runs:
                times[library]["fit"].append(fit)
                times[library]["predict"].append(predict)
            times[library]["score"].append(forest.score(X_test, y_test))
            if run == 0:
                record[f"{library}_pickle_mb"] = len(pickle.dumps(forest)) / 2**20
                if library == "ours" and not regression:
                    record["looks"] = looks(forest, X)
    for library, values in times.items():
        record[f"{library}_fit"] = float(np.median(values["fit"]))
        record[f"{library}_predict"] = float(np.median(values["predict"]))
        record[f"{library}_score"] = float(np.mean(values["score"]))
        record[f"{library}_score_sd"] = float(np.std(values["score"]))
        if options.memory:
            record[f"{library}_peak_mb"] = peak_memory(
                library, kind, options.trees, options.jobs, regression, name, options.data
            )
    record["fit_ratio"] = float(np.median(np.divide(times["theirs"]["fit"], times["ours"]["fit"])))
    record["predict_ratio"] = float(
        np.median(np.divide(times["theirs"]["predict"], times["ours"]["predict"]))
    )
    if "looks" in record:
        record["ns_per_look"] = record["ours_fit"] * options.jobs / record["looks"] * 1e9
    record |= {"runs": options.runs, "seeds": len(times["ours"]["score"])}
    return record


def measure_layer(name, options):
    """Two random forests and two extra-trees with out-of-bag votes, as in a layer."""
    X, y, *_ = load(name, options.data)
    layer = [("random forest", 0), ("random forest", 1), ("extra-trees", 2), ("extra-trees", 3)]
    times = {"ours": [], "theirs": []}
    for library in times:
        make(library, "random forest", 2, options.jobs, 0, False).fit(X[:2000], y[:2000])
    for run in range(options.runs):
        for library in ("ours", "theirs") if run % 2 else ("theirs", "ours"):
            forests = [
                make(library, kind, options.trees, options.jobs, seed, False).set_params(
                    oob_score=True
                )
                for kind, seed in layer
            ]
            times[library].append(sum(seconds(forest.fit, X, y) for forest in forests))
    return {
        "ours_fit": float(np.median(times["ours"])),
        "theirs_fit": float(np.median(times["theirs"])),
        "fit_ratio": float(np.median(np.divide(times["theirs"], times["ours"]))),
        "runs": options.runs,
    }


def machine():
    names = [
        line.split(":")[1].strip()
        for line in Path("/proc/cpuinfo").read_text().splitlines()
        if line.startswith("model name")
    ]
    return {
        "cpu": f"{len(names)} x {names[0]}",
        "python": platform.python_version(),
        "numpy": np.__version__,
        "scikit-learn": sklearn.__version__,
    }


ALL = "fashion10k,mnist10k,mnist60k,covtype,adult,letter,california,layer fashion10k,layer mnist10k"

# scikit-learn's time over ours: what was aimed at for fit and predict.
AIMS = {
    "fashion10k": (10, 5, 5),
    "mnist10k": (10, 5, 5),
    "mnist60k": (7, 4, 5),
    "covtype": (5, 3, 4),
    "adult": (5, 3, 4),
    "letter": (4, 3, 4),
    "layer": (12, 12, None),
}


def report(results):
    """Return the results as a table in Markdown."""
    about = results["machine"]
    lines = [
        "# Histogram forests against scikit-learn's",
        "",
        f"{about['cpu']}, Python {about['python']}, numpy {about['numpy']}, scikit-learn",
        f"{about['scikit-learn']}; a virtual machine with nothing else to do. 100 trees; bootstrap",
        "and threads alike in both, alternating runs; seconds and ratios are medians. A ratio is",
        "scikit-learn's figure over ours, its aim stands behind it. Scores are accuracy (R2 on",
        "california) with the standard deviation over seeds. Memory is the peak of a fresh",
        "process beyond what it held before `fit`. A look is a row at a candidate feature of a",
        "node. covtype has 100,000 rows, fashion10k is Fashion-MNIST, a layer is 2 random forests",
        "and 2 extra-trees with out-of-bag votes. Again:",
        "`python benchmarks/forest.py --data FOLDER`.",
        "",
        "| data, forest | fit s: ours, theirs | ratio (aim) | predict ms | ratio (aim) "
        "| score: ours, theirs | peak MB | pickle MB | ns a look |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for name, r in results.items():
        if name == "machine":
            continue
        data, kind = name.split(", ")
        aims = AIMS.get(data, (None,) * 3)
        fit_aim, predict_aim = aims[kind == "extra-trees"], aims[2]
        cells = [
            name,
            f"{r['ours_fit']:.2f}, {r['theirs_fit']:.2f}",
            ratio(r["fit_ratio"], fit_aim),
        ]
        if "ours_predict" in r:
            cells += [
                f"{r['ours_predict'] * 1000:.0f}, {r['theirs_predict'] * 1000:.0f}",
                ratio(r["predict_ratio"], predict_aim),
                f"{r['ours_score']:.4f} ({r['ours_score_sd']:.4f}), "
                f"{r['theirs_score']:.4f} ({r['theirs_score_sd']:.4f})",
                f"{r['ours_peak_mb']:.0f}, {r['theirs_peak_mb']:.0f}",
                f"{r['ours_pickle_mb']:.0f}, {r['theirs_pickle_mb']:.0f}",
                f"{r['ns_per_look']:.1f}" if "ns_per_look" in r else "",
            ]
        lines.append("| " + " | ".join(cells + [""] * (9 - len(cells))) + " |")
    return "\n".join(lines) + "\n"


def ratio(value, aim):
    return f"{value:.1f}" if aim is None else f"{value:.1f} ({aim})"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", required=True, help="folder with the data sets")
    parser.add_argument("--only", default=ALL)
    parser.add_argument("--kinds", default="random forest,extra-trees")
    parser.add_argument("--trees", type=int, default=100)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--no-memory", dest="memory", action="store_false")
    options = parser.parse_args()
    results = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    results["machine"] = machine()
    for name in options.only.split(","):
        layer, _, data = name.partition(" ")
        for kind in [data] if data else options.kinds.split(","):
            record = measure_layer(data, options) if data else measure(name, kind, options)
            record |= {"trees": options.trees, "jobs": options.jobs}
            results[f"{layer}, {kind}"] = record
            RESULTS.write_text(json.dumps(results, indent=1) + "\n")
            RESULTS.with_suffix(".md").write_text(report(results))
            sys.stdout.write(f"{name}, {kind}: {json.dumps(record)}\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()

"""
Images: a deep forest beside a CNN and an MLP
=============================================

On images convolutional networks are at home. How far is a deep forest from them, what does each
cost, and how much had to be chosen for it? A multi-layer perceptron and a LeNet-style network, each
with and without batch normalisation, stop early on rows held out of the training rows and keep
their best epoch; the deep forest chooses its depth on held-out class vectors.
"""

import os
import pickle
import threading
from pathlib import Path
from time import process_time, sleep

import matplotlib.pyplot as plt
from matplotlib.ticker import LogLocator
from neural import draw_training, networks
from real_data import FULL_SIZE, REPOSITORY, images
from sklearn.ensemble import RandomForestClassifier
from sklearn.metrics import accuracy_score, log_loss

from deepforest import (
    GCForestClassifier,
    LayerScoreDisplay,
    ScanImportanceDisplay,
    default_estimators,
    load_config,
)

data = images()
print(
    f"{data.name}: {len(data.X_train)} images of {data.X_train.shape[1:]} to train on, "
    f"{len(data.X_test)} to test"
)

# %%
# On MNIST the forest is that of ``benchmarks/paper/mnist_quick.toml``; on digits of 8 by 8 pixels
# its windows are smaller and its layers have no LightGBM, to be quick.
if FULL_SIZE:
    config = REPOSITORY / "benchmarks" / "paper" / "mnist_quick.toml"
    forest = load_config(config).set_params(n_jobs=-1, random_state=0)
else:
    forest = GCForestClassifier(
        [3, 5],
        stride=1,
        n_scan_estimators=20,
        grains="concatenate",
        estimators=default_estimators("classification", n_estimators=50)[:2],
        max_layers=3,
        n_jobs=-1,
        random_state=0,
    )
of_networks = {"batch_size": 128, "patience": 3, "max_epochs": 20} if FULL_SIZE else {}
models = {
    "deep forest": forest,
    **networks("mlp", "lenet", **of_networks),
    "random forest on pixels": RandomForestClassifier(200, n_jobs=-1, random_state=0),
}

# %%
# What had to be chosen by somebody, for each of them.
of_training = ["optimiser", "rate", "batch size", "epochs", "patience"]
chosen = {
    "deep forest": ["windows", "stride", "pooling", "trees to scan", "layer", "trees"],
    "MLP": ["layers", "width", "activation", *of_training],
    "CNN": ["layers", "width", "activation", "kernels", "channels", "pooling", *of_training],
    "random forest": ["trees"],
}


class PeakMemory:
    """The most memory of the process inside a `with`, beyond what it held before, in MB (Linux)."""

    def __enter__(self):
        self.before, self.megabytes, self._ended = self._now(), 0.0, False
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()
        return self

    def __exit__(self, *error):
        self._ended = True
        self._thread.join()

    def _watch(self):
        while not self._ended:
            self.megabytes = max(self.megabytes, self._now() - self.before)
            sleep(0.01)

    def _now(self):
        statm = Path("/proc/self/statm")
        if not statm.exists():
            return float("nan")
        return int(statm.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


results = {}
for name, model in models.items():
    as_rows = isinstance(model, RandomForestClassifier)
    X_train, X_test = (X.reshape(len(X), -1) if as_rows else X for X in (data.X_train, data.X_test))
    start = process_time()
    with PeakMemory() as memory:
        model.fit(X_train, data.y_train)
    fitted = process_time()
    probability = model.predict_proba(X_test)
    predicted = process_time()
    results[name] = {
        "accuracy": accuracy_score(data.y_test, model.classes_[probability.argmax(axis=1)]),
        "log loss": log_loss(data.y_test, probability),
        "fit CPU s": fitted - start,
        "pred. CPU s": predicted - fitted,
        "fit MB": memory.megabytes,
        "model MB": len(pickle.dumps(model.module_ if hasattr(model, "module_") else model)) / 1e6,
        "chosen": next(len(names) for kind, names in chosen.items() if name.startswith(kind)),
    }

# %%
# The curves by which training and growth were ended, and where each model ended up.
figure, (left, middle, right) = plt.subplots(1, 3, figsize=(13, 4), layout="constrained")
LayerScoreDisplay.from_estimator(forest, ax=left)
left.set_title("deep forest")
draw_training(models, middle)
for colour, (name, result) in enumerate(results.items()):
    right.plot(result["fit CPU s"], result["accuracy"], "o", color=f"C{colour}", label=name)
right.set(title="what it costs", xscale="log", xlabel="CPU seconds to fit", ylabel="test accuracy")
right.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
right.xaxis.set_major_formatter("{x:g}")
right.xaxis.set_minor_formatter("")
figure.legend(*right.get_legend_handles_labels(), loc="outside lower center", ncols=3)

# %%
# The pixels that the forest goes by, over the mean training image.
ScanImportanceDisplay.from_estimator(forest, data.X_train.mean(axis=0))
plt.show()

# %%
# Everything side by side; the last column counts the settings in ``chosen`` above. Seconds are of
# the processor, summed over its cores, so that models that use one core and several are compared.
print(f"{'':27}" + "".join(f"{key:>12}" for key in results["deep forest"]))
for name, result in results.items():
    numbers = "".join(f"{value:>12.4g}" for value in result.values())
    print(f"{name:27}{numbers}")
best = max(results, key=lambda name: results[name]["accuracy"])
print(f"most accurate: {best}")

"""
What tuning costs
=================

A result is as good as the settings somebody found for it. Given the same number of random trials,
how far do a network, LightGBM and a deep forest get, and how much of that do they have at the
start, with the settings they come with?
"""

from time import process_time

import matplotlib.pyplot as plt
import numpy as np
from lightgbm import LGBMClassifier
from neural import network, torch
from real_data import FULL_SIZE, images
from scipy.stats import loguniform, randint
from sklearn.model_selection import ParameterSampler, train_test_split

from deepforest import GCForestClassifier, default_estimators

# %%
# A quarter of the training rows is held out: it chooses among trials. At full size these are the
# first 2,000 images of MNIST.
data = images(2000)
X_fit, X_held, y_fit, y_held = train_test_split(
    data.X_train, data.y_train, test_size=0.25, stratify=data.y_train, random_state=0
)
n_trials = 8 if FULL_SIZE else 4
print(
    f"{data.name}: {len(X_fit)} images to fit, {len(X_held)} held out, {len(data.X_test)} to test"
)

# %%
# What is drawn, as somebody would who knows the method. The first trial of each is what it comes
# with; the networks' defaults are Adam's usual rate and the layers of the other pages. They stop
# early on a part of the rows they are given. The deep forest scans as it comes, but has no LightGBM
# in its layers, to be quick.


def deep_forest(n_trees=None, **chosen):
    layer = default_estimators("classification", n_estimators=n_trees)[:2]
    return GCForestClassifier(estimators=layer, n_jobs=-1, random_state=0, **chosen)


of_training = {"learning_rate": loguniform(1e-4, 1e-1), "batch_size": [16, 32, 64, 128]}
families = {
    "MLP": (
        lambda **chosen: network("mlp", **chosen),
        {**of_training, "width": [64, 128, 256, 512], "batch_norm": [False, True]},
    ),
    "CNN": (
        lambda **chosen: network("lenet", **chosen),
        {**of_training, "channels": [(8, 16), (16, 32), (32, 64)], "batch_norm": [False, True]},
    ),
    "LightGBM": (
        lambda **chosen: LGBMClassifier(verbosity=-1, n_jobs=0, random_state=0, **chosen),
        {
            "n_estimators": randint(50, 300),
            "learning_rate": loguniform(1e-2, 3e-1),
            "num_leaves": [7, 15, 31, 63],
            "min_child_samples": [5, 10, 20, 40],
            "colsample_bytree": [0.1, 0.3, 1.0],
        },
    ),
    "deep forest": (
        deep_forest,
        {
            "windows": [[0.25], [0.25, 0.5], [0.25, 0.375, 0.5], [0.375, 0.5]],
            "pool": [1, 2, 3],
            "grains": ["cycle", "concatenate"],
            "passthrough": [False, True],
            "n_trees": [100, 200, 400],
        },
    ),
}
if torch is None:
    del families["CNN"]


def trials(make, space, as_rows):
    """Return held-out accuracy, test accuracy and CPU seconds of each trial, (n_trials, 3)."""
    found = []
    for chosen in [{}, *ParameterSampler(space, n_trials - 1, random_state=0)]:
        rows = [X.reshape(len(X), -1) if as_rows else X for X in (X_fit, X_held, data.X_test)]
        start = process_time()
        model = make(**chosen).fit(rows[0], y_fit)
        seconds = process_time() - start
        found.append((model.score(rows[1], y_held), model.score(rows[2], data.y_test), seconds))
    return np.array(found)


results = {name: trials(*family, as_rows=name == "LightGBM") for name, family in families.items()}

# %%
# Which trial comes second or third is chance. So the trials behind the first are put in 200 random
# orders, and what is drawn is the mean over them, with the range in which 80 % of the orders lie.
random = np.random.default_rng(0)
orders = [np.r_[0, 1 + random.permutation(n_trials - 1)] for _ in range(200)]
counts = 2 ** np.arange(int(np.log2(n_trials)) + 1)


def best_after(found, n):
    """Return of each order the trial that is best on held-out rows among the first n."""
    return np.array([order[found[order[:n], 0].argmax()] for order in orders])


figure, axes = plt.subplots(1, 2, figsize=(10, 4), sharey=True, layout="constrained")
for name, found in results.items():
    for column, (ax, title) in enumerate(zip(axes, ("held-out", "test"), strict=True)):
        scores = np.array([found[best_after(found, n), column] for n in counts])
        (line,) = ax.plot(counts, scores.mean(axis=1), "o-", label=name)
        low, high = np.quantile(scores, (0.1, 0.9), axis=1)
        ax.fill_between(counts, low, high, color=line.get_color(), alpha=0.15)
        ax.set(title=f"{title} accuracy", xlabel="trials", xscale="log")
        ax.set_xticks(counts, counts)
        ax.minorticks_off()
axes[1].legend()
plt.show()

# %%
# Test accuracy of the trial that held-out rows choose, after 1, 2, 4, ... trials, and the CPU
# seconds that all of them took together.
print(f"{'trials':12}" + "".join(f"{n:>8}" for n in counts) + "    gain   CPU s")
for name, found in results.items():
    means = [found[best_after(found, n), 1].mean() for n in counts]
    line = "".join(f"{mean:8.4f}" for mean in means)
    print(f"{name:12}{line}{means[-1] - means[0]:+8.4f}{found[:, 2].sum():8.0f}")
for when, n in (("at the defaults", 1), ("in the end", n_trials)):
    reached = {name: found[best_after(found, n), 1].mean() for name, found in results.items()}
    print(f"most accurate {when}: {max(reached, key=reached.get)}")

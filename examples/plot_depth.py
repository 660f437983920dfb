"""
Depth: gradients vanish, layers of forests do not
=================================================

A deep network is trained from its last layer backwards: the gradient of the first layer is a
product of as many matrices as there are layers. How small or large does that product become, what
do careful initialisation and batch normalisation mend, and what does a cascade of forests, which
sends no gradient anywhere, do at the same depths?

The networks are written out in numpy, so that every gradient can be looked at. At full size the
data are the first 10,000 images of MNIST.
"""

from itertools import pairwise
from operator import itemgetter

import matplotlib.pyplot as plt
import numpy as np
from real_data import FULL_SIZE, images
from sklearn.base import clone
from sklearn.model_selection import train_test_split

from deepforest import CascadeForestClassifier, LayerScoreDisplay, default_estimators

data = images(10_000)
mean, spread = data.X_train.mean(), data.X_train.std()
X_train, X_test = (
    ((X.reshape(len(X), -1) - mean) / spread).astype(np.float32)
    for X in (data.X_train, data.X_test)
)
# The networks stop early on rows held out of the training rows, and choose their rate on them.
X_fit, X_held, y_fit, y_held = train_test_split(
    X_train, data.y_train, test_size=0.15, stratify=data.y_train, random_state=0
)
print(f"{data.name}: {len(X_fit)} rows to fit, {len(X_held)} held out, {len(X_test)} to test")

depths = (2, 5, 10, 20, 30) if FULL_SIZE else (2, 8, 20)
rates = (3e-4, 1e-3, 3e-3) if FULL_SIZE else (3e-3,)
n_epochs, batch, width, n_layers = (12, 128, 64, 12) if FULL_SIZE else (12, 32, 32, 6)

# %%
# A network of `depth` hidden layers of equal width. An activation comes with its derivative, as a
# function of its own value. The initial weights are normal: with a small spread, a large one, or
# one scaled so that the variance of what a layer passes on stays as it was (Xavier: 1 / width;
# He, for ReLU, which drops one half: 2 / width).
activations = {
    "sigmoid": (lambda a: 1 / (1 + np.exp(-np.clip(a, -30, 30))), lambda h: h * (1 - h)),
    "tanh": (np.tanh, lambda h: 1 - h * h),
    "ReLU": (lambda a: np.maximum(a, 0), lambda h: (h > 0).astype(h.dtype)),
}
spreads = {
    "small weights (0.01)": lambda n, activation: 0.01,
    "large weights (1)": lambda n, activation: 1.0,
    "scaled weights": lambda n, activation: np.sqrt((2 if activation == "ReLU" else 1) / n),
}


def network(depth, activation, weights, batch_norm):
    """Return the initial parameters: of each layer W, b and, normalised, the scale of values."""
    random = np.random.default_rng(0)
    sizes = [X_train.shape[1]] + [width] * depth + [10]
    layers = []
    for n, m in pairwise(sizes):
        W = random.normal(scale=spreads[weights](n, activation), size=(n, m))
        layers.append([W.astype(np.float32), np.zeros(m, np.float32), np.ones(m, np.float32)])
    return {"layers": layers, "phi": activations[activation], "batch_norm": batch_norm}


def forward(net, X, statistics=None):
    """Return what each layer was given and passed on, and the class probabilities.

    Batch normalisation takes mean and variance of the rows themselves, or `statistics`.
    """
    phi = net["phi"][0]
    kept, h = [], X
    last = len(net["layers"]) - 1
    for i, (W, b, scale) in enumerate(net["layers"]):
        a, given, root = h @ W, h, None
        normalised = a
        if net["batch_norm"] and i < last:
            mean, variance = (a.mean(0), a.var(0)) if statistics is None else statistics[i]
            root = np.sqrt(variance + 1e-5)
            normalised = (a - mean) / root
            kept_statistics = (mean, variance)
        else:
            kept_statistics = None
        a = normalised * scale + b
        h = phi(a) if i < last else a
        kept.append((given, normalised, root, h, kept_statistics))
    odds = np.exp(h - h.max(axis=1, keepdims=True))
    return kept, odds / odds.sum(axis=1, keepdims=True)


def gradients(net, X, y):
    """Return the gradient of the mean log loss for each layer's W, b and scale."""
    kept, probability = forward(net, X)
    slope = (probability - np.eye(10, dtype=np.float32)[y]) / len(X)
    found = []
    for i in reversed(range(len(kept))):
        given, normalised, root, h, _ = kept[i]
        W, _, scale = net["layers"][i]
        if i < len(kept) - 1:
            slope = slope * net["phi"][1](h)
        of_b, of_scale = slope.sum(0), (slope * normalised).sum(0)
        slope = slope * scale
        if root is not None:  # the mean and the variance depend on every row, too
            shift = slope.mean(0) + normalised * (slope * normalised).mean(0)
            slope = (slope - shift) / root
        found.append((given.T @ slope, of_b, of_scale if root is not None else 0 * of_scale))
        slope = slope @ W.T
    return found[::-1]


# %%
# That these are the gradients is checked by a difference quotient: of one weight of the first
# layer, with batch normalisation, in double precision.
net = network(3, "tanh", "scaled weights", batch_norm=True)
net["layers"] = [[part.astype(np.float64) for part in layer] for layer in net["layers"]]
X_few, y_few = X_fit[:50].astype(np.float64), y_fit[:50]
at = np.unravel_index(
    np.abs(gradients(net, X_few, y_few)[0][0]).argmax(), net["layers"][0][0].shape
)
computed = gradients(net, X_few, y_few)[0][0][at]
losses = []
for step in (1e-5, -2e-5):
    net["layers"][0][0][at] += step
    losses.append(-np.log(forward(net, X_few)[1][range(50), y_few]).mean())
np.testing.assert_allclose((losses[0] - losses[1]) / 2e-5, computed, rtol=1e-4)

# %%
# The gradient before any training, layer by layer. Small weights make it vanish (where the values
# themselves fade, as with tanh and ReLU, at all layers), large ones make it explode with tanh and
# ReLU. The derivative of a sigmoid is 1/4 at the most, so there even scaled weights lose a factor
# at every layer; with tanh and ReLU they keep it level. Dashed: batch normalisation takes the
# scale of the weights out.
deepest = max(depths)
figure, axes = plt.subplots(1, 3, figsize=(11, 4), sharey=True, layout="constrained")
for ax, activation in zip(axes, activations, strict=True):
    for colour, weights in enumerate(spreads):
        for batch_norm in (False, True):
            net = network(deepest, activation, weights, batch_norm)
            with np.errstate(over="ignore", invalid="ignore"):
                found = gradients(net, X_fit[:256], y_fit[:256])
                norms = [np.linalg.norm(of_W.astype(np.float64)) for of_W, _, _ in found]
            label = weights + (", batch normalisation" if batch_norm else "")
            ax.plot(
                range(1, len(norms) + 1),
                np.maximum(norms, 1e-30),
                "--" if batch_norm else "-",
                color=f"C{colour}",
                label=label,
            )
            if not batch_norm:
                print(f"{activation}, {weights}: first layer {norms[0]:.1e}, last {norms[-1]:.1e}")
    ax.set(title=activation, xlabel="layer", yscale="log")
axes[0].set_ylabel("norm of the gradient")
figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=3)

# %%
# Now they are trained, with Adam, and the epoch (at full size also the learning rate) that is
# best on held-out rows is kept.


def trained(net, rate):
    """Return held-out and test accuracy of the epoch that was best on the held-out rows."""
    random = np.random.default_rng(0)
    moments = [[(0.0, 0.0)] * 3 for _ in net["layers"]]
    step, best = 0, (0.0, 0.0)
    for _ in range(n_epochs):
        order = random.permutation(len(X_fit))
        for start in range(0, len(order) - 1, batch):
            rows = order[start : start + batch]
            step += 1
            for i, found in enumerate(gradients(net, X_fit[rows], y_fit[rows])):
                for j, slope in enumerate(found):
                    m, v = moments[i][j]
                    m, v = 0.9 * m + 0.1 * slope, 0.999 * v + 0.001 * slope**2
                    moments[i][j] = (m, v)
                    unbiased = np.sqrt(v / (1 - 0.999**step)) + 1e-8
                    net["layers"][i][j] -= rate * (m / (1 - 0.9**step)) / unbiased
        statistics = None
        if net["batch_norm"]:  # of training rows, so that no test row depends on another
            statistics = [layer[-1] for layer in forward(net, X_fit[:2000])[0]]
        held, test = (
            float(np.mean(forward(net, X, statistics)[1].argmax(1) == y))
            for X, y in ((X_held, y_held), (X_test, data.y_test))
        )
        best = max(best, (held, test), key=itemgetter(0))
    return best


kinds = [(weights, False) for weights in spreads] + [("scaled weights", True)]
accuracy = {}
with np.errstate(over="ignore", invalid="ignore"):
    for activation in activations:
        for weights, batch_norm in kinds:
            accuracy[activation, weights, batch_norm] = [
                max(
                    (trained(network(depth, activation, weights, batch_norm), r) for r in rates),
                    key=itemgetter(0),
                )[1]
                for depth in depths
            ]

# %%
# The cascade takes the same pixels and is grown far beyond the depth at which it would stop.
# The test rows choose nothing: they are only scored behind every layer.
forests = default_estimators("classification", n_estimators=100 if FULL_SIZE else 50)[:2]
cascade = CascadeForestClassifier(
    forests, max_layers=n_layers, n_iter_no_change=n_layers, n_jobs=-1, random_state=0
)
watched = clone(cascade).fit(X_train, data.y_train, X_val=X_test, y_val=data.y_test)
cascade.fit(X_train, data.y_train)

figure, axes = plt.subplots(1, 4, figsize=(13, 4), sharey=True, layout="constrained")
for ax, activation in zip(axes, activations, strict=False):
    for colour, (weights, batch_norm) in enumerate(kinds):
        ax.plot(
            depths,
            accuracy[activation, weights, batch_norm],
            "o--" if batch_norm else "o-",
            color="C2" if batch_norm else f"C{colour}",
            label=weights + (", batch normalisation" if batch_norm else ""),
        )
    ax.set(title=f"network, {activation}", xlabel="hidden layers", xticks=depths)
LayerScoreDisplay.from_estimator(cascade, ax=axes[3], color="C4", label="held-out")
axes[3].plot(np.arange(1, n_layers + 1), watched.layer_scores_, "C5s-", label="test")
axes[3].set(title="cascade of forests", ylabel="")
axes[3].legend(loc="lower right")
axes[0].set_ylabel("test accuracy")
figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=4)
plt.show()

# %%
# Test accuracy by depth, all of it from this run.
print(f"{'':43}" + "".join(f"{depth:>8}" for depth in depths))
for (activation, weights, batch_norm), scores in accuracy.items():
    name = f"{activation}, {weights}" + (", batch norm." if batch_norm else "")
    print(f"{name:43}" + "".join(f"{score:8.3f}" for score in scores))
print("cascade, layer by layer: " + " ".join(f"{score:.3f}" for score in watched.layer_scores_))
print(f"its held-out score keeps {cascade.n_layers_} layers")

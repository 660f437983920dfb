"""
Preprocessing: what networks need and trees do not
==================================================

Before a network is trained, the mean is usually taken off, columns are scaled, or the data are
turned to their principal components. What does that do for a network, what for a deep forest, and
what does a tree not even notice?
"""

import matplotlib.pyplot as plt
import numpy as np
from neural import network
from real_data import FULL_SIZE, images
from sklearn.decomposition import PCA
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from deepforest import CascadeForestClassifier, default_estimators

# %%
# Pixels as a table. At full size these are the first 5,000 images of MNIST.
data = images(5000)
X_train, X_test = (X.reshape(len(X), -1).astype(np.float32) for X in (data.X_train, data.X_test))
print(f"{data.name}: {X_train.shape} to train on, {len(X_test)} to test")

# %%
# Principal components by gradient ascent
# ---------------------------------------
# The variance in the direction :math:`v` of length 1 is :math:`v^T C v`, with the covariances
# :math:`C`. Its gradient is :math:`2 C v`: go a step that way, and come back to directions of
# length 1 that are at right angles to each other (the QR decomposition does both, the first
# direction first). Where it comes to rest, these are the principal components, as found by
# scikit-learn, up to their sign.
n_shown = 6
centred = X_train.astype(np.float64) - X_train.mean(axis=0, dtype=np.float64)
C = centred.T @ centred / (len(centred) - 1)
rate = 10 / np.trace(C)
V = np.linalg.qr(np.random.default_rng(0).normal(size=(len(C), n_shown)))[0]
slope, variances = C @ V, []
for _ in range(300):
    V = np.linalg.qr(V + rate * 2 * slope)[0]
    slope = C @ V
    variances.append((V * slope).sum(axis=0))
components = PCA(n_shown, svd_solver="covariance_eigh").fit(centred).components_
alignment = np.abs(np.einsum("ij,ji->i", components, V))
np.testing.assert_allclose(alignment, 1, atol=1e-4)
print("cosines to scikit-learn's components: " + " ".join(f"{c:.6f}" for c in alignment))

shape = data.X_train.shape[1:]
figure = plt.figure(figsize=(11, 3.2), layout="constrained")
left, right = figure.subfigures(1, 2, width_ratios=(1, 2))
ax = left.subplots()
ax.plot(np.arange(1, len(variances) + 1), variances)
ax.set(xlabel="step", ylabel="variance", xscale="log", title="ascent")
axes = right.subplots(2, n_shown)
for row, (name, found) in zip(axes, {"ascent": V.T, "PCA": components}.items(), strict=True):
    for ax, component, known in zip(row, found, components, strict=True):
        ax.imshow(component.reshape(shape) * np.sign(component @ known), cmap="RdBu")
        ax.set(xticks=[], yticks=[])
    row[0].set_ylabel(name)

# %%
# What a network makes of it
# --------------------------
# Whitening scales the principal components to variance 1. The curvature of a linear model's squared
# error is the matrix of second moments of its inputs, and :doc:`descent
# </gallery/plot_learning_rate>` needs a rate below 2 over its largest eigenvalue, whatever the
# smaller ones would need: the wider these are apart, the slower. The table below gives the largest
# one, and by what factor it exceeds the mean. Each network's rate is the one that is best on
# held-out rows.
n_components = 100 if FULL_SIZE else 30
steps = {
    "as it is": FunctionTransformer(),
    "mean subtracted": StandardScaler(with_std=False),
    "mean subtracted, scaled": StandardScaler(),
    "PCA": PCA(n_components, random_state=0),
    "PCA, whitened": PCA(n_components, whiten=True, random_state=0),
    "square root": FunctionTransformer(np.sqrt),
}
rates = {
    "SGD": np.logspace(-6, 0, 7) if FULL_SIZE else np.logspace(-3, 0, 4),
    "Adam": (1e-4, 1e-3, 1e-2) if FULL_SIZE else (1e-3,),
}
width, n_epochs = (256, 30) if FULL_SIZE else (64, 20)


def best_network(optimiser, X):
    """Return the network whose rate is best on held-out rows, and that rate."""
    models = [
        network(
            "mlp",
            optimiser=optimiser,
            learning_rate=rate,
            standardise=False,
            width=width,
            max_epochs=n_epochs,
            patience=n_epochs,
        )
        for rate in rates[optimiser]
    ]
    scores = [max(model.fit(X, data.y_train).validation_scores_) for model in models]
    best = int(np.argmax(scores))
    return models[best], rates[optimiser][best]


forests = default_estimators("classification", n_estimators=100 if FULL_SIZE else 50)[:2]
rows, curves, cascades = {}, {}, {}
for name, step in steps.items():
    Z_train, Z_test = step.fit_transform(X_train), step.transform(X_test)
    eigenvalues = np.linalg.eigvalsh(Z_train.T.astype(np.float64) @ Z_train / len(Z_train))
    rows[name] = {"largest": eigenvalues[-1], "by mean": eigenvalues[-1] / eigenvalues.mean()}
    for optimiser in rates:
        model, rate = best_network(optimiser, Z_train)
        curves[name, optimiser] = model.validation_scores_
        rows[name] |= {
            f"{optimiser} rate": rate,
            optimiser: model.score(Z_test, data.y_test),
        }
    cascade = CascadeForestClassifier(forests, max_layers=3, n_jobs=-1, random_state=0)
    cascades[name] = cascade.fit(Z_train, data.y_train)
    rows[name]["cascade"] = cascade.score(Z_test, data.y_test)

# %%
# The training of the networks by plain gradient descent, and where all ended up.
figure, (left, right) = plt.subplots(1, 2, figsize=(12, 4), layout="constrained")
for name in steps:
    scores = curves[name, "SGD"]
    left.plot(range(1, len(scores) + 1), scores, label=name)
left.set(title="networks, SGD", xlabel="epoch", ylabel="held-out accuracy")
left.xaxis.get_major_locator().set_params(integer=True)
left.legend()
places = np.arange(len(steps))
for marker, kind in zip("osD", ("SGD", "Adam", "cascade"), strict=True):
    label = kind if kind == "cascade" else f"network, {kind}"
    right.plot([rows[name][kind] for name in steps], places, marker, label=label)
right.set(
    title="where all ended up", xlabel="test accuracy", yticks=places, yticklabels=list(steps)
)
right.invert_yaxis()
right.grid(axis="y", color="0.9")
right.locator_params(axis="x", nbins=6)
right.legend(loc="upper left", bbox_to_anchor=(1, 1))
plt.show()

print(f"{'':24}" + "".join(f"{key:>10}" for key in rows["as it is"]))
for name, row in rows.items():
    print(f"{name:24}" + "".join(f"{number:10.4g}" for number in row.values()))
most = {kind: max(row[kind] for row in rows.values()) for kind in ("SGD", "Adam", "cascade")}
print(f"most accurate: {max(most, key=most.get)}")

# %%
# What a tree does not notice
# ---------------------------
# A split asks on which side of a threshold a value lies. A strictly monotone map of a column leaves
# every training row on its side, and a forest on histograms puts its bins where the ranks of the
# values say. So forests on mapped columns are the same trees, and the held-out scores of all layers
# are equal to the last bit; it takes no more than that the map keeps different values different in
# float32. A new value that lies strictly between two known ones may change sides, because the
# threshold is put in the middle of the two and a map need not keep the middle. Principal components
# mix columns: there the trees are others.
plain = cascades["as it is"]
for name in ("mean subtracted", "mean subtracted, scaled", "square root"):
    mapped, step = cascades[name], steps[name]
    np.testing.assert_array_equal(mapped.layer_scores_, plain.layer_scores_)
    np.testing.assert_array_equal(
        mapped.predict_proba(step.transform(X_train)), plain.predict_proba(X_train)
    )
    differ = (mapped.predict(step.transform(X_test)) != plain.predict(X_test)).sum()
    print(f"{name}: the same model; {differ} of {len(X_test)} test images get another class")
differ = np.abs(cascades["PCA"].layer_scores_[0] - plain.layer_scores_[0])
print(f"PCA: another model, whose first layer scores {differ:.4f} off")

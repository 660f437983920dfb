"""
What the layers learn: class vectors in two dimensions
======================================================

Behind each layer every image is described by class vectors alone. How far are the classes apart
there, layer by layer? The class vectors of test images are drawn by their first two principal
components, and measured in all dimensions: how well a class can be read off the nearest
neighbours. Beside them stand the probabilities of a network.
"""

import matplotlib.pyplot as plt
import numpy as np
from neural import networks
from real_data import FULL_SIZE, images
from sklearn.decomposition import PCA
from sklearn.model_selection import cross_val_score
from sklearn.neighbors import KNeighborsClassifier

from deepforest import CascadeForestClassifier, default_estimators

data = images()
X_train, X_test = (X.reshape(len(X), -1).astype(np.float32) for X in (data.X_train, data.X_test))

# %%
# ``layers_`` holds the layers that were kept. What prediction does can be done by hand: the first
# layer takes the pixels, every other one the pixels and the class vectors of the layer before.
layer = default_estimators("classification", n_estimators=100 if FULL_SIZE else 50)[:2]
cascade = CascadeForestClassifier(
    layer,
    max_layers=4,
    n_iter_no_change=4,
    scoring="neg_log_loss",
    combine="mean",
    n_jobs=-1,
    random_state=0,
)
cascade.fit(X_train, data.y_train)
seen = {"pixels": X_test}
rows = X_test
for number, fitted in enumerate(cascade.layers_, start=1):
    vectors = np.hstack([*fitted.transform(rows)])  # (n, estimators x classes)
    seen[f"class vectors of layer {number}"] = vectors
    rows = np.hstack([X_test, vectors])
print(f"{data.name}: {len(X_train)} training images, {cascade.n_layers_} layers kept")

# %%
# For comparison, the class probabilities of a network.
name, network = next(iter(networks("mlp").items()))
network.fit(data.X_train, data.y_train)
seen[f"probabilities of the {name}"] = network.predict_proba(data.X_test)

# %%
# Test images by two principal components. The numbers are accuracies of a nearest-neighbour
# classifier that is told the labels of four fifths of the test images: what can be read off
# neighbours.
shown = np.random.default_rng(0).permutation(len(X_test))[:1500]
figure, axes = plt.subplots(
    2, (len(seen) + 1) // 2, figsize=(10, 7), layout="constrained", squeeze=False
)
for ax, (name, values) in zip(axes.flat, seen.items(), strict=False):
    points = PCA(2, random_state=0).fit_transform(values[shown])
    neighbours = KNeighborsClassifier(5)
    near = cross_val_score(neighbours, values[shown], data.y_test[shown], cv=5).mean()
    colours = ax.scatter(*points.T, c=data.y_test[shown], cmap="tab10", s=6)
    ax.set(title=f"{name}\n5 neighbours: {near:.3f}", xticks=[], yticks=[])
    print(f"{name:30} read off by 5 neighbours: {near:.4f}")
for ax in axes.flat[len(seen) :]:
    ax.set_axis_off()
figure.colorbar(colours, ax=axes, label="class", shrink=0.6)
plt.show()

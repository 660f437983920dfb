"""
Image gradients as channels
===========================

The first layer of a convolutional network learns to see edges. A tree splits on one pixel at a
time, and needs many splits to say that the left one is brighter than the right one. Does it help a
deep forest to be given the differences of neighbouring pixels, as further channels of the image?
"""

import matplotlib.pyplot as plt
import numpy as np
from neural import network, torch
from real_data import FULL_SIZE, faces, images

from deepforest import GCForestClassifier, default_estimators

# %%
# The gradient of an image has a horizontal and a vertical part; or, as a length and a direction, a
# magnitude and an orientation. As channels, (n, h, w, c), they go through the windows with the
# pixels.


def horizontal_and_vertical(X):
    """Return half the difference of the pixels on both sides, (n, h, w, 2) float32."""
    vertical, horizontal = np.gradient(X.astype(np.float32), axis=(1, 2))
    return np.stack([horizontal, vertical], axis=-1)


def magnitude_and_orientation(X):
    """Return the length of the gradient and its angle in radians, (n, h, w, 2) float32."""
    horizontal, vertical = np.moveaxis(horizontal_and_vertical(X), -1, 0)
    return np.stack([np.hypot(horizontal, vertical), np.arctan2(vertical, horizontal)], axis=-1)


def with_pixels(channels):
    return lambda X: np.concatenate([X[..., None].astype(np.float32), channels(X)], axis=-1)


inputs = {
    "pixels": lambda X: X,
    "pixels, horizontal, vertical": with_pixels(horizontal_and_vertical),
    "pixels, magnitude, orientation": with_pixels(magnitude_and_orientation),
    "horizontal, vertical": horizontal_and_vertical,
}
# At full size: the first 4,000 images of MNIST, and five photographs of each of 40 persons.
sets = {"images": images(4000), "faces": faces(n_each=5)}

figure, axes = plt.subplots(2, 5, num="photographs", figsize=(9, 4), layout="constrained")
for row, data in zip(axes, sets.values(), strict=True):
    image = data.X_train[:1]
    channels = {"pixels": image[0]}
    for names, found in (
        (("horizontal", "vertical"), horizontal_and_vertical(image)),
        (("magnitude", "orientation"), magnitude_and_orientation(image)),
    ):
        channels |= {name: found[0, ..., c] for c, name in enumerate(names)}
    for ax, (name, channel) in zip(row, channels.items(), strict=True):
        ax.imshow(channel, cmap="gray")
        ax.set_title(name, fontsize="small")
        ax.set_axis_off()

# %%
# The same forests and windows for all inputs, with three seeds; beside them a LeNet-style
# network with the pixels, and with the channels too. One number in a window's size is for one axis:
# two of them leave all channels of a pixel in the window.


def forest(name, seed):
    """Return a deep forest for the set of this name."""
    if not FULL_SIZE:
        windows, stride, pool = [(3, 3), (5, 5)], 1, 2
    elif name == "images":
        windows, stride, pool = [(7, 7), (10, 10)], 2, 2
    else:
        windows, stride, pool = [(14, 12), (28, 23)], 4, 4
    return GCForestClassifier(
        windows,
        stride=stride,
        pool=pool,
        n_scan_estimators=n_trees // 5,
        grains="concatenate",
        estimators=default_estimators("classification", n_estimators=n_trees)[:2],
        max_layers=2,
        n_jobs=-1,
        random_state=seed,
    )


n_trees, n_epochs = (100, 60) if FULL_SIZE else (50, 30)
seeds = range(3)
accuracy = {}
for name, data in sets.items():
    for given, change in inputs.items():
        X_train, X_test = change(data.X_train), change(data.X_test)
        models = [forest(name, seed) for seed in seeds]
        accuracy[name, "forest", given] = [
            model.fit(X_train, data.y_train).score(X_test, data.y_test) for model in models
        ]
        if torch is not None:
            # With few images of a class nearly all of them are trained on, as on the page of faces.
            few = {} if name == "images" else {"held_out": 0.2, "batch_size": 16, "patience": 15}
            model = network("lenet", batch_norm=True, max_epochs=n_epochs, **few)
            # A network's channels have to be of one scale.
            mean, spread = X_train.mean(axis=(0, 1, 2)), X_train.std(axis=(0, 1, 2))
            model.fit((X_train - mean) / spread, data.y_train)
            score = model.score((X_test - mean) / spread, data.y_test)
            accuracy[name, "network", given] = [score]

# %%
figure, axes = plt.subplots(1, 2, figsize=(11, 3.2), sharey=True, layout="constrained")
places = np.arange(len(inputs))
for ax, (name, data) in zip(axes, sets.items(), strict=True):
    for shift, (kind, label) in zip(
        (-0.1, 0.1), {"forest": "deep forest, 3 seeds", "network": "CNN"}.items(), strict=True
    ):
        points = [
            (score, place + shift)
            for place, given in zip(places, inputs, strict=True)
            for score in accuracy.get((name, kind, given), [])
        ]
        if points:
            ax.plot(*zip(*points, strict=True), "o" if kind == "forest" else "s", label=label)
    ax.set(title=f"{data.name}, {len(data.X_train)} images", xlabel="test accuracy")
    ax.grid(axis="y", color="0.9")
    ax.locator_params(axis="x", nbins=5)
    ax.margins(y=0.15)
axes[0].set(yticks=places, yticklabels=list(inputs))
axes[0].invert_yaxis()
figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=2)
plt.show()

for (name, kind, given), scores in accuracy.items():
    spread = f" +- {np.std(scores):.4f}" if len(scores) > 1 else ""
    print(f"{sets[name].name:24}{kind:9}{given:32}{np.mean(scores):.4f}{spread}")
for name, data in sets.items():
    of_set = {key[1:]: np.mean(scores) for key, scores in accuracy.items() if key[0] == name}
    kind, given = max(of_set, key=of_set.get)
    print(f"most accurate on {data.name}, {len(data.X_train)} images: {kind}, {given}")

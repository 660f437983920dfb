"""
Faces with five photographs a person
====================================

Networks want many examples of each class. Of each of the forty persons of the ORL set there are ten
photographs, and five of them are all that may be learned from. How does a deep forest do with so
little, beside a convolutional network with the same photographs?

Where the faces are not at hand (see ``examples/README.md``), digits stand in: five of each.
"""

import matplotlib.pyplot as plt
import numpy as np
from neural import draw_training, networks
from real_data import FULL_SIZE, faces
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier

from deepforest import GCForestClassifier, HistForestClassifier

data = faces(n_each=5)
n_classes = len(np.unique(data.y_train))
print(f"{data.name}: {n_classes} classes, {len(data.X_train)} images to train on")
print(f"{len(data.X_test)} to test")

figure, axes = plt.subplots(2, 5, num="photographs", figsize=(7, 3.5), layout="constrained")
for row, label in zip(axes, (0, 1), strict=True):
    for ax, image in zip(row, data.X_train[data.y_train == label], strict=True):
        ax.imshow(image, cmap="gray")
        ax.set_axis_off()
figure.suptitle("all that is known of two of the classes")

# %%
# Windows of an eighth and a quarter of the side, as in the deep forest paper; on 8 by 8 pixels they
# are 3 and 5. With five photographs a class, early stopping has little to go by, so the networks
# train for a fixed number of epochs on nearly all of them.
windows, stride = ([0.125, 0.25], 4) if FULL_SIZE else ([3, 5], 1)
layer = [
    ("trees", HistForestClassifier(500 if FULL_SIZE else 100, splitter="random")),
    ("linear", LogisticRegression(C=100, max_iter=500)),
]
forest = GCForestClassifier(
    windows,
    stride=stride,
    pool=4 if FULL_SIZE else 2,
    grains="concatenate",
    estimators=layer,
    max_layers=2,
    n_jobs=-1,
    random_state=0,
)
settings = {"held_out": n_classes / len(data.X_train), "batch_size": 16, "patience": 15}
models = {
    "deep forest": forest,
    **networks("lenet", max_epochs=60, **settings),
    "nearest neighbour": KNeighborsClassifier(1),
}
accuracy = {}
for name, model in models.items():
    as_rows = isinstance(model, KNeighborsClassifier)
    X_train, X_test = (
        X.reshape(len(X), -1).astype(float) if as_rows else X for X in (data.X_train, data.X_test)
    )
    accuracy[name] = model.fit(X_train, data.y_train).score(X_test, data.y_test)
    print(f"{name:27} test accuracy {accuracy[name]:.4f}")
print(f"most accurate: {max(accuracy, key=accuracy.get)}")

figure, ax = plt.subplots(figsize=(6, 3.5), layout="constrained")
draw_training(models, ax)
ax.legend()

# %%
# The test images that the forest takes for somebody else, the surest mistakes first, above a
# training image of whom it takes them for.
probability = forest.predict_proba(data.X_test)
said = forest.classes_[probability.argmax(axis=1)]
mistakes = np.flatnonzero(said != data.y_test)
mistakes = mistakes[np.argsort(-probability.max(axis=1)[mistakes])][:5]
figure, axes = plt.subplots(2, 5, num="photographs mistaken", figsize=(7, 4), layout="constrained")
for above, below, i in zip(*axes, mistakes, strict=False):
    above.imshow(data.X_test[i], cmap="gray")
    above.set_title(f"is {data.y_test[i]}", fontsize="small")
    below.imshow(data.X_train[data.y_train == said[i]][0], cmap="gray")
    below.set_title(f"taken for {said[i]}", fontsize="small")
for ax in axes.flat:
    ax.set_axis_off()
plt.show()

"""
A time series: windows over heartbeats
======================================

Windows slide over sequences as they do over images. Does it help to scan, beside forests that take
every time step as a column of a table and a convolutional network over time?

At full size these are 5 kinds of heartbeats (ECG5000), 500 to learn from; in quick mode the rows of
scikit-learn's digits are read as sequences of eight steps with eight channels.
"""

import matplotlib.pyplot as plt
import numpy as np
from neural import draw_training, networks
from real_data import FULL_SIZE, series
from sklearn.ensemble import RandomForestClassifier
from sklearn.metrics import balanced_accuracy_score
from sklearn.neighbors import KNeighborsClassifier

from deepforest import (
    CascadeForestClassifier,
    GCForestClassifier,
    ScanImportanceDisplay,
    default_estimators,
)

data = series()
shape = data.X_train.shape[1:]
print(f"{data.name}: {len(data.X_train)} of shape {shape}, {len(data.X_test)} to test")
labels, counts = np.unique(data.y_train, return_counts=True)
print("training sequences of each class: " + ", ".join(map(str, counts)))

# %%
# Windows as fractions of the length. One number in a tuple slides over time alone, and takes all
# channels of a step.
windows = [(0.1,), (0.2,), (0.4,)] if FULL_SIZE else [(2,), (4,)]
layer = default_estimators("classification", n_estimators=200 if FULL_SIZE else 50)[:2]
settings = {"estimators": layer, "max_layers": 3, "n_jobs": -1, "random_state": 0}
scanned = GCForestClassifier(windows, passthrough=True, grains="concatenate", **settings)
models = {
    "deep forest, scanned": scanned,
    "cascade on time steps": CascadeForestClassifier(**settings),
    "random forest on time steps": RandomForestClassifier(500, n_jobs=-1, random_state=0),
    "nearest neighbour": KNeighborsClassifier(1),
    **networks("series", max_epochs=300, batch_size=32, patience=50),
}
accuracy, balanced = {}, {}
for name, model in models.items():
    takes_rows = isinstance(
        model, CascadeForestClassifier | RandomForestClassifier | KNeighborsClassifier
    ) and not isinstance(model, GCForestClassifier)
    X_train, X_test = (
        X.reshape(len(X), -1) if takes_rows else X for X in (data.X_train, data.X_test)
    )
    predicted = model.fit(X_train, data.y_train).predict(X_test)
    accuracy[name] = np.mean(predicted == data.y_test)
    balanced[name] = balanced_accuracy_score(data.y_test, predicted)
    print(f"{name:35} accuracy {accuracy[name]:.4f}, mean over classes {balanced[name]:.4f}")
print(f"most accurate: {max(accuracy, key=accuracy.get)}")

# %%
# Right over all rows, and on average over the classes, of which some may be rare; how the networks
# were trained; below, which time steps the scanned forest goes by, over one sequence of each of the
# first classes.
figure, (ax, training) = plt.subplots(1, 2, figsize=(12, 3.5), layout="constrained")
draw_training(models, training)
training.legend()
places = np.arange(len(models))
ax.barh(places - 0.2, list(accuracy.values()), 0.4, label="accuracy")
ax.barh(places + 0.2, list(balanced.values()), 0.4, label="mean over classes")
ax.set(yticks=places, yticklabels=list(models), xlim=(0, 1))
ax.invert_yaxis()
ax.legend(loc="lower center", bbox_to_anchor=(0.5, 1), ncols=2)

figure, axes = plt.subplots(1, 3, figsize=(12, 3), layout="constrained")
for ax, label in zip(axes, labels, strict=False):
    sequence = data.X_test[data.y_test == label][0]
    ScanImportanceDisplay.from_estimator(scanned, sequence, ax=ax)
    ax.set_title(f"class {label}")
plt.show()

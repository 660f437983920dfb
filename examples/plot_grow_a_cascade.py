"""
How deep does a cascade grow?
=============================

A cascade adds layers while the held-out score of its combination gains, and is cut back to
the best depth. Here it grows twice on the bundled digits: on the pixels as they are, and
behind multi-grained scanning. The dotted line is what a random forest reaches on the pixels.

Run it from anywhere: ``python examples/plot_grow_a_cascade.py`` (needs ``gcforest[plot]``).
"""

import matplotlib.pyplot as plt
from sklearn.datasets import load_digits
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import train_test_split

from deepforest import CascadeForestClassifier, GCForestClassifier, default_estimators

pixels, y = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(
    pixels, y, test_size=0.5, stratify=y, random_state=0
)

# %%
# `n_iter_no_change=2` looks two layers further after the best one. LightGBM is left out to be
# quick: two kinds of forests are a layer too.
forests = default_estimators("classification", n_estimators=50)[:2]
settings = {"estimators": forests, "max_layers": 5, "n_iter_no_change": 2, "random_state": 0}

cascade = CascadeForestClassifier(**settings).fit(X_train, y_train)
scanned = GCForestClassifier([3, 5], stride=1, n_scan_estimators=20, **settings)
scanned.fit(X_train.reshape(-1, 8, 8), y_train)
forest = RandomForestClassifier(200, random_state=0).fit(X_train, y_train)

# %%
# The held-out score chose the depth, so it is mildly optimistic; the test score is the honest one.
figure, axes = plt.subplots(layout="constrained")
for name, model, X in (
    ("pixels", cascade, X_test),
    ("two grains", scanned, X_test.reshape(-1, 8, 8)),
):
    test = model.score(X, y_test)
    layers = range(1, len(model.layer_scores_) + 1)
    (line,) = axes.plot(layers, model.layer_scores_, "o-", label=f"{name}: held-out")
    axes.plot(
        model.n_layers_,
        test,
        "*",
        markersize=14,
        color=line.get_color(),
        label=f"{name}: test {test:.3f}",
    )
    print(f"{name}: {model.n_layers_} layers kept, test accuracy {test:.4f}")
axes.axhline(forest.score(X_test, y_test), linestyle=":", color="gray", label="random forest: test")
axes.set(xlabel="layer", ylabel="accuracy", xticks=layers)
axes.legend()
plt.show()

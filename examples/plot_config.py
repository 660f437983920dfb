"""
Growing a cascade from a config file
====================================

A model can be written down in a TOML file: which windows slide, what a layer is made of, when
growth ends. The same file always gives the same model, and two files are easily compared. Here the
question is what a layer should be made of; the files are written by the script, so that it runs
from anywhere.
"""

import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
from real_data import FULL_SIZE, images

from deepforest import LayerScoreDisplay, load_config

data = images()
n_trees = 100 if FULL_SIZE else 40
shared = f"""
random_state = 0
n_jobs = -1

[scanner]
windows = [0.25, 0.5]
n_estimators = 20
grains = "concatenate"

[cascade]
max_layers = 4
n_iter_no_change = 2
scoring = "neg_log_loss"     # depth by probabilities, which gain longer than accuracy
cv = 3

[[cascade.estimators]]
type = "random_forest"
n_estimators = {n_trees}
"""
configs = {
    "one random forest": "",
    "and extra-trees": f"""
[[cascade.estimators]]
type = "extra_trees"
n_estimators = {n_trees}
""",
    "and a linear model": """
[[cascade.estimators]]
type = "linear"
C = 2.0
max_iter = 500
""",
}

# %%
# Each file has the estimators of the one before, and one more.
fig, ax = plt.subplots(layout="constrained")
folder = Path(tempfile.mkdtemp())
text = shared
for name, more in configs.items():
    text += more
    path = folder / "model.toml"
    path.write_text(text)
    forest = load_config(path).fit(data.X_train, data.y_train)
    test = forest.score(data.X_test, data.y_test)
    LayerScoreDisplay.from_estimator(forest, ax=ax, label=f"{name}: test accuracy {test:.4f}")
    print(f"{name}: keeps {forest.n_layers_} of {len(forest.layer_scores_)} layers, {test:.4f}")
ax.legend()
plt.show()

# %%
# The last file as it was read. An unknown key, or a wrong value, is an error that names the file,
# the key and what is accepted; see :doc:`the page of all keys </config>`.
print(text)

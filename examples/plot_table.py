"""
A table with categories and holes
=================================

Real tables hold words and empty cells. A network needs the words turned to numbers, the holes
filled and the columns scaled, and each of these is a choice. A cascade takes the data frame as it
is. Does it have to pay for that?

At full size this is the census table "adult": who earns more than 50,000 dollars a year? In quick
mode it is scikit-learn's breast cancer set, with words in place of every third column's numbers and
a tenth of the cells emptied by the script.
"""

import matplotlib.pyplot as plt
import numpy as np
from lightgbm import LGBMClassifier, early_stopping
from neural import draw_training, networks
from real_data import table
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.metrics import accuracy_score, log_loss, roc_auc_score
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from deepforest import CascadeForestClassifier, FeatureImportanceDisplay

data = table()
words = data.X_train.select_dtypes(exclude="number").columns
holes = data.X_train.isna().to_numpy().mean()
print(f"{data.name}: {len(data.X_train)} rows to train on, {len(data.X_test)} to test")
print(f"{data.X_train.shape[1]} columns, {len(words)} of words; {holes:.1%} of the cells are empty")
print(f"of words: {', '.join(words)}")

# %%
# The cascade takes the frame, at its defaults.
cascade = CascadeForestClassifier(n_jobs=-1, random_state=0)
cascade.fit(data.X_train, data.y_train)
models = {"cascade": cascade}

# %%
# The networks get columns of numbers: words one-hot, a missing word being a word of its own; holes
# among the numbers filled with the median and marked by a column; all on one scale.
to_numbers = make_column_transformer(
    (
        make_pipeline(SimpleImputer(strategy="median", add_indicator=True), StandardScaler()),
        make_column_selector(dtype_include="number"),
    ),
    (
        OneHotEncoder(handle_unknown="ignore", sparse_output=False),
        make_column_selector(dtype_exclude="number"),
    ),
)
for name, model in networks("mlp", batch_size=128).items():
    models[name] = make_pipeline(to_numbers, model).fit(data.X_train, data.y_train)
print(f"the networks' table has {models[name][0].transform(data.X_test[:1]).shape[1]} columns")

# %%
# LightGBM wants its words as the same categories in both frames, and its rounds are ended by
# held-out rows, whose labels it takes as numbers only.
categories = {column: data.X_train[column].astype("category").dtype for column in words}
frames = [frame.astype(categories) for frame in (data.X_train, data.X_test)]
is_second = np.asarray(data.y_train == cascade.classes_[1])
X_fit, X_held, y_fit, y_held = train_test_split(
    frames[0], is_second, test_size=0.15, stratify=is_second, random_state=0
)
boosted = LGBMClassifier(n_estimators=2000, learning_rate=0.05, verbosity=-1, random_state=0)
boosted.fit(
    X_fit, y_fit, eval_X=X_held, eval_y=y_held, callbacks=[early_stopping(50, verbose=False)]
)
models["LightGBM"] = boosted

# %%
# All of them on the test rows.
probability = {
    name: model.predict_proba(frames[1] if name == "LightGBM" else data.X_test)
    for name, model in models.items()
}
scores = {}
for name, p in probability.items():
    scores[name] = {
        "accuracy": accuracy_score(data.y_test, cascade.classes_[p.argmax(axis=1)]),
        "ROC AUC": roc_auc_score(data.y_test, p[:, 1]),
        "log loss": log_loss(data.y_test, p),
    }
print(f"{'':27}" + "".join(f"{key:>10}" for key in scores["cascade"]))
for name, row in scores.items():
    print(f"{name:27}" + "".join(f"{score:10.4f}" for score in row.values()))
print(f"most accurate: {max(scores, key=lambda name: scores[name]['accuracy'])}")
print(f"lowest log loss: {min(scores, key=lambda name: scores[name]['log loss'])}")

# %%
# The columns that the cascade goes by; and how often it is right among rows that it is as sure of.
# Who may leave out the rows that it is unsure of is right about the others more often. Last, how
# the networks were trained.
figure, (left, right, training) = plt.subplots(1, 3, figsize=(14, 4), layout="constrained")
FeatureImportanceDisplay.from_estimator(cascade, n_shown=10, ax=left)
left.set_title("what the cascade goes by")
for name, p in probability.items():
    sure, correct = p.max(axis=1), cascade.classes_[p.argmax(axis=1)] == data.y_test
    ranked = np.asarray(correct)[np.argsort(-sure, kind="stable")]
    kept = np.arange(1, len(ranked) + 1)
    shown = kept >= 0.1 * len(kept)
    right.plot((kept / len(kept))[shown], (ranked.cumsum() / kept)[shown], label=name)
right.set(title="the surest rows", xlabel="share of the test rows", ylabel="accuracy among them")
right.legend()
draw_training(models, training)
training.legend()
plt.show()

# %%
# The test rows that the cascade is least sure of: to be looked at by somebody.
p = probability["cascade"]
unsure = np.argsort(p.max(axis=1))[: len(p) // 20]
right = np.mean(cascade.classes_[p[unsure].argmax(axis=1)] == np.asarray(data.y_test)[unsure])
print(f"of the twentieth of the rows that it is least sure of it has {right:.0%} right")

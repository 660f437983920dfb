"""Writes docs/config.md from the estimators' signatures and docstrings."""

from inspect import signature
from pathlib import Path

from deepforest import HistForestClassifier
from deepforest.config_files import NONE
from deepforest.config_schema import documented_parameters, in_a_file, table_keys
from deepforest.estimators import ESTIMATORS, LIGHTGBM_PARAMETERS
from deepforest.tuning import SETTINGS

TOP = """\
# Config files

`deepforest.load_config(path)` reads a config file and returns an unfitted estimator;
`deepforest.dump_config(estimator, path)` writes one. Files end in `.toml`, `.json` or `.yaml` (with
`pip install '.[yaml]'`) and hold the same keys. None is spelled "none"; `null` does too.
JSON may have `//` comments. In YAML, write 1.0e-3: the format takes 1e-3 for a word.
Files of [gcForest](from_gcforest.md) are read too.

```sh
deepforest config init --kind image --output model.toml   # also: table, sequence
deepforest config check model.toml
```

`config init` writes every key with its default as a comment. An unknown key or a wrong value is an
error that names the file, the key, the value, what is accepted and the nearest known key; what is
no TOML, JSON or YAML is an error with its line. Estimators are chosen by registered names: no file
can name anything to import.

```toml
task = "classification"        # or "regression"
random_state = 0
n_jobs = -1
verbose = 1

[scanner]                      # leave this table out for tables: then it is a CascadeForest
windows = [[7, 7], [0.5, 0.5], { size = [9, 9], stride = 3, padding = 1 }]
stride = 2
pool = 2
n_estimators = 30              # trees in each forest that scans

[cascade]
max_layers = 6
n_iter_no_change = 1
tol = 0.0
scoring = "neg_log_loss"
cv = 5

[[cascade.estimators]]         # without these, the default layer
type = "random_forest"
n_estimators = 200

[[cascade.estimators]]
type = "lightgbm"
name = "boosting"
learning_rate = 0.05
```

This page is written by `docs/make_config_page.py` from the constructors' signatures and docstrings.
"""
HEADINGS = {
    "": "## Top of the file",
    "scanner": "## `[scanner]`\n\nWhere this table stands, the estimator is a `GCForestClassifier` "
    "or `GCForestRegressor`.\nAn entry of `windows` is a size (values, or fractions of the side; "
    "one number for all axes or a list)\nor a table of the grain's own: `size` and any of "
    "`stride`, `padding`, `pool`, `pool_method`, which take\nthe place of the scanner's.",
    "cascade": "## `[cascade]`",
}
ESTIMATOR_TABLES = """\
## `[[scanner.estimators]]` and `[[cascade.estimators]]`

One table an estimator: `type`, a `name` of its own (the type, where it is left out) and the type's
own parameters. Keys of `class_weight` that are written as integers are integers.

| type | classification | regression |
|---|---|---|
"""
NOT_SCANNING = " (Not beside a `[scanner]`.)"
FOREST = """
Parameters of `random_forest`, `extra_trees` (the same with `splitter = "random"`) and
`completely_random` (`max_features = 1` besides):
"""
FOREIGN = """
The others have their library's parameters, as they are documented there. `lightgbm` also takes what
LightGBM knows besides its constructor's parameters: {lightgbm}.
"""
TUNE = """\
## `[tune]`

What `deepforest tune FILE DATA` tries. Tables in it are called as those of the file, with a list of
candidates for each key; estimators are found by their names. All combinations are candidates.

```toml
[tune]
search = "halving"

[tune.cascade]
max_layers = [1, 4, 8]
scoring = ["accuracy", "neg_log_loss"]

[tune.cascade.estimators.boosting]
learning_rate = [0.02, 0.05, 0.1]
```

| key | default | what it is |
|---|---|---|
"""


def _row(*cells: str) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _default(value: object) -> str:
    if value is None:
        return f'`"{NONE}"`'
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, tuple):
        value = list(value)
    return f'`"{value}"`' if isinstance(value, str) else f"`{value}`"


def _plain(text: str) -> str:
    return text.replace("``", "`")


def page() -> str:
    """Return the text of docs/config.md."""
    head = ["| key | accepted | default | what it is |", "|---|---|---|---|"]
    lines = [TOP]
    scanning = table_keys("classification")
    for table, keys in (scanning | table_keys("classification", scanning=False)).items():
        lines += [HEADINGS[table], "", *head]
        if not table:
            lines.append(
                _row(
                    "`task`",
                    '{"classification", "regression"}',
                    '`"classification"`',
                    "Of what y is.",
                )
            )
        lines += [
            _row(
                f"`{key.name}`",
                key.accepted,
                _default(key.default),
                _plain(key.meaning) + ("" if key.name in scanning[table] else NOT_SCANNING),
            )
            for key in keys.values()
            if key.name != "estimators"
        ]
        lines.append("")
    lines.append(ESTIMATOR_TABLES.rstrip())
    for name, make in ESTIMATORS.items():
        kinds = []
        for task in ("classification", "regression"):
            try:
                kinds.append(f"`{type(make(task)).__name__}`")
            except ValueError:
                kinds.append("")
        lines.append(_row(f"`{name}`", *kinds))
    lines += [FOREST, *head]
    documented = documented_parameters(HistForestClassifier)
    for name, parameter in signature(HistForestClassifier).parameters.items():
        accepted, meaning = documented[name]
        cells = (in_a_file(accepted), _default(parameter.default), _plain(meaning))
        lines.append(_row(f"`{name}`", *cells))
    names = ", ".join(f"`{name}`" for name in LIGHTGBM_PARAMETERS)
    lines += [FOREIGN.format(lightgbm=names), TUNE.rstrip()]
    lines += [
        _row(f"`{name}`", _default(default), meaning)
        for name, (default, meaning) in SETTINGS.items()
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    (Path(__file__).parent / "config.md").write_text(page(), encoding="utf-8")

"""The official gcForest's JSON files, as the content of config files.

What has no counterpart here is named in notes; what would change the structure of the model is
an error. Only facts about the format are used; gcForest's own code was not read.
"""

from collections.abc import Iterable
from typing import Any

from deepforest.config_files import ConfigError, Content

Table = dict[str, Any]
# What a layer of the net gives: (number of the window layer, number of the estimator).
Outputs = frozenset[tuple[int, int]]

RAW: tuple[int, int] = (-1, 0)  # X itself
NO_LIMIT = 1000  # layers; `max_layers` of 0 means no limit
TYPES = {
    "RandomForestClassifier": "random_forest",
    "ExtraTreesClassifier": "extra_trees",
    "XGBClassifier": "lightgbm",
    "LogisticRegression": "logistic_regression",
    "SGDClassifier": "sgd",
}
ONLY_HERE = {"early_stopping_rounds", "n_classes", "look_indexs_cycle", "data_save_dir"}
SHARED_SETTINGS = ("stride", "padding", "pool", "pool_method")

# The boosted trees' keys in LightGBM's words.
BOOSTING = {
    "gamma": "min_split_gain",
    "min_child_weight": "min_child_weight",
    "eta": "learning_rate",
    **{
        key: key
        for key in (
            "n_estimators",
            "max_depth",
            "learning_rate",
            "subsample",
            "colsample_bytree",
            "reg_alpha",
            "reg_lambda",
            "scale_pos_weight",
        )
    },
}
FOREST = (
    "n_estimators",
    "max_depth",
    "max_features",
    "min_samples_split",
    "min_samples_leaf",
    "bootstrap",
    "max_samples",
    "class_weight",
)
LOGISTIC = ("C", "penalty", "solver", "tol", "max_iter", "fit_intercept", "class_weight")
SGD = ("loss", "penalty", "alpha", "l1_ratio", "tol", "max_iter", "fit_intercept", "class_weight")
KEYS = {"random_forest": FOREST, "extra_trees": FOREST, "logistic_regression": LOGISTIC, "sgd": SGD}

# Keys that need no counterpart: where things are cached and saved, seeds and threads of parts.
NOT_NEEDED = {
    "train": "models stay in memory and nothing is cached",
    "n_classes": "classes are those of y",
    "data_save_dir": "class vectors are not saved",
    "data_save_rounds": "class vectors are not saved",
    "random_state": "every estimator's seed comes from random_state at the top",
    "verbose": "see verbose at the top",
    "silent": "see verbose at the top",
    "oob_score": "out-of-bag votes are always used",
    "warm_start": "every layer is fitted afresh",
}


def is_gcforest(content: Content) -> bool:
    """Return whether this is the content of one of gcForest's files and not of ours."""
    cascade = content.get("cascade")
    if "net" in content or "train" in content:
        return True
    if not isinstance(cascade, dict):
        return False
    estimators = cascade.get("estimators")
    types = [e.get("type") for e in estimators or () if isinstance(e, dict)]
    return bool(ONLY_HERE & cascade.keys() or TYPES.keys() & set(map(str, types)))


def gcforest_content(source: Content) -> tuple[Content, list[str]]:
    """Return the content of our config file, and a note for each key without a counterpart.

    Raises
    ------
    ConfigError
        For a net that no scanner can be: windows over the output of other windows, an unknown
        type of layer or estimator, a name that no layer gives.
    """
    return _Conversion().run(source)


class _Conversion:
    """One file on its way; gathers what estimators say of the whole."""

    def __init__(self) -> None:
        self.notes: list[str] = []
        self.n_folds: list[int] = []
        self.n_jobs: list[int] = []

    def run(self, source: Content) -> tuple[Content, list[str]]:
        self._note_others("", source, ("train", "net", "cascade", "dataset"))
        train = _table("train", source.get("train", {}))
        cascade = _table("cascade", source.get("cascade"))
        layers = {
            "n_iter_no_change": cascade.get("early_stopping_rounds", 1),
            "combine": "mean",
            "max_layers": cascade.get("max_layers", 0) or NO_LIMIT,
            "estimators": self._estimators("cascade.estimators", cascade.get("estimators")),
        }
        self._note_others(
            "cascade",
            cascade,
            ("early_stopping_rounds", "max_layers", "estimators", "look_indexs_cycle"),
            known=("random_state",),
        )
        self._note_others("train", train, (), known=("random_state",))
        if "dataset" in source:
            self._note("dataset", source["dataset"], "data are given to fit")
        scanner = {}
        if source.get("net"):
            scanner = self._scanner(_table("net", source["net"]), cascade.get("look_indexs_cycle"))
        content: Content = {"task": "classification"}
        seed = cascade.get("random_state", train.get("random_state"))
        if seed is not None:
            content["random_state"] = seed
        if self.n_jobs:
            content["n_jobs"] = self.n_jobs[0]
        if scanner:
            content["scanner"] = scanner
        content["cascade"] = layers
        folds = list(dict.fromkeys(self.n_folds))
        if folds:
            layers["cv"] = folds[0]
        if len(folds) > 1:
            self.notes.append(
                f"n_folds={folds}: the cascade and its scanner share one cv; {folds[0]} is taken"
            )
        return content, self.notes

    # --- estimators ------------------------------------------------------------------------

    def _estimators(self, path: str, entries: Any) -> list[Table]:
        if not isinstance(entries, list) or not entries:
            raise ConfigError(f"{path}={entries!r} must be a list of estimators.")
        tables = [
            self._estimator(f"{path}[{i}]", _table(f"{path}[{i}]", entry))
            for i, entry in enumerate(entries)
        ]
        for i, table in enumerate(tables):
            number = sum(other["type"] == table["type"] for other in tables[: i + 1])
            prefix = "scanning_" if path.startswith("net") else ""
            table["name"] = f"{prefix}{table['type']}_{number}"
        return [{"type": table.pop("type"), "name": table.pop("name"), **table} for table in tables]

    def _estimator(self, path: str, entry: Table) -> Table:
        entry = dict(entry)
        name = entry.pop("type", None)
        if name not in TYPES:
            raise ConfigError(f"{path}.type={name!r} must be one of {', '.join(TYPES)}.")
        self.n_folds += [entry.pop("n_folds")] if "n_folds" in entry else []
        n_jobs = entry.pop("n_jobs", entry.pop("nthread", None))
        self.n_jobs += [] if n_jobs is None else [n_jobs]
        kind = TYPES[name]
        if kind == "lightgbm":
            return self._boosting(path, entry)
        table: Table = {"type": kind}
        for key, value in entry.items():
            if key in KEYS[kind]:
                table[key] = value
            elif not (key == "criterion" and value == "gini"):
                self._note(f"{path}.{key}", value, NOT_NEEDED.get(key, "no counterpart"))
        if table.get("max_features") == "auto":
            table["max_features"] = "sqrt"
        if kind == "extra_trees" and table.get("max_features") == 1:
            table["type"] = "completely_random"
            del table["max_features"]
        if kind == "logistic_regression" and table.get("penalty") == "l2":
            del table["penalty"]  # the default
        if kind == "sgd" and table.get("loss", "hinge") not in ("log_loss", "modified_huber"):
            loss = table.pop("loss", "hinge")
            if loss != "log":  # the old name of log_loss, which is the default here
                self._note(f"{path}.loss", loss, "it gives no probabilities; log_loss is taken")
        return table

    def _boosting(self, path: str, entry: Table) -> Table:
        """Return LightGBM's table: the boosting that is at hand here."""
        table: Table = {"type": "lightgbm"}
        for key, value in entry.items():
            if key in BOOSTING:
                table[BOOSTING[key]] = value
            elif key not in ("objective", "num_class", "booster"):
                self._note(f"{path}.{key}", value, NOT_NEEDED.get(key, "no counterpart"))
        if "max_depth" in table:
            depth = table["max_depth"]
            if not isinstance(depth, int | None):
                raise ConfigError(f"{path}.max_depth={depth!r} must be an integer or null.")
            if depth is None or depth < 1:
                del table["max_depth"]  # no limit
            else:
                table["num_leaves"] = 2 ** min(depth, 10)  # as many as the depth allows
        if "subsample" in table:
            table["subsample_freq"] = 1  # LightGBM's default is never
        self._note(f"{path}.type", "XGBClassifier", "LightGBM boosts here")
        return table

    # --- scanning --------------------------------------------------------------------------

    def _scanner(self, net: Table, cycle: Any) -> Table:
        """Return the table [scanner]; empty where the cascade takes X alone."""
        self._note_others("net", net, ("layers", "outputs"))
        tops: dict[str, Outputs] = {"X": frozenset([RAW])}
        self.grains: list[Table] = []
        self.estimators: list[list[Table]] = []
        used: set[str] = set()
        for i, layer in enumerate(net.get("layers") or ()):
            path = f"net.layers[{i}]"
            layer = _table(path, layer)
            kind = layer.get("type")
            make = {
                "FGWinLayer": self._window_layer,
                "FGPoolLayer": self._pool_layer,
                "FGConcatLayer": self._concat_layer,
            }.get(str(kind))
            if make is None:
                raise ConfigError(
                    f"{path}.type={kind!r} must be one of FGWinLayer, FGPoolLayer, FGConcatLayer."
                )
            bottoms = _names(f"{path}.bottoms", layer.get("bottoms"))
            names = _names(f"{path}.tops", layer.get("tops"))
            used |= set(bottoms)
            given = make(path, layer, [_known(path, b, tops) for b in bottoms if b != "y"], names)
            tops |= dict(zip(names, given, strict=True))
        outputs = net.get("outputs") or [name for name in tops if name not in used | {"X", "y"}]
        outputs = _names("net.outputs", outputs)
        return self._arranged([_known("net.outputs", name, tops) for name in outputs], cycle)

    def _window_layer(
        self, path: str, layer: Table, bottoms: list[Outputs], tops: list[str]
    ) -> list[Outputs]:
        if bottoms != [frozenset([RAW])]:
            raise ConfigError(
                f"{path}.bottoms={layer['bottoms']!r}: a scanner's windows slide over X only; "
                "windows over the output of other layers have no counterpart."
            )
        for key in ("win_x", "win_y"):
            if key not in layer:
                raise ConfigError(f"{path}.{key} is missing.")
        self.grains.append(
            {
                "size": [layer["win_y"], layer["win_x"]],
                "stride": [layer.get("stride_y", 1), layer.get("stride_x", 1)],
                "padding": [layer.get("pad_y", 0), layer.get("pad_x", 0)],
                "pool": [1, 1],
                "pool_method": "mean",
            }
        )
        self.estimators.append(self._estimators(f"{path}.estimators", layer.get("estimators")))
        known = ("win_x", "win_y", "stride_x", "stride_y", "pad_x", "pad_y", "estimators")
        self._note_others(path, layer, (*known, "name", "type", "bottoms", "tops"))
        if len(tops) != len(self.estimators[-1]):
            raise ConfigError(f"{path}.tops={tops!r} must name one top for each estimator.")
        return [frozenset([(len(self.grains) - 1, e)]) for e in range(len(tops))]

    def _pool_layer(
        self, path: str, layer: Table, bottoms: list[Outputs], tops: list[str]
    ) -> list[Outputs]:
        methods = {"avg": "mean", "max": "max"}
        method = layer.get("pool_method", "avg")
        if method not in methods:
            raise ConfigError(f"{path}.pool_method={method!r} must be one of 'avg', 'max'.")
        pool = {
            "pool": [layer.get("win_y", 1), layer.get("win_x", 1)],
            "pool_method": methods[method],
        }
        for grain in sorted({grain for bottom in bottoms for grain, _ in bottom}):
            if grain < 0:
                raise ConfigError(f"{path}.bottoms: X itself cannot be pooled.")
            before = {key: self.grains[grain][key] for key in pool}
            if before["pool"] != [1, 1] and before != pool:
                self._note(path, pool, f"the windows are pooled already; {before} is taken")
            else:
                self.grains[grain] |= pool
        known = ("win_x", "win_y", "pool_method", "name", "type", "bottoms", "tops")
        self._note_others(path, layer, known)
        if len(tops) != len(bottoms):
            raise ConfigError(f"{path}.tops={tops!r} must name one top for each bottom.")
        return bottoms

    def _concat_layer(
        self, path: str, layer: Table, bottoms: list[Outputs], tops: list[str]
    ) -> list[Outputs]:
        # Every grain is flattened here, so that the axis makes no difference.
        self._note_others(path, layer, ("axis", "name", "type", "bottoms", "tops"))
        if len(tops) != 1:
            raise ConfigError(f"{path}.tops={tops!r} must be one name.")
        return [frozenset().union(*bottoms)]

    def _arranged(self, outputs: list[Outputs], cycle: Any) -> Table:
        """Return the scanner whose grains the layers see in the order of the cycle."""
        path = "cascade.look_indexs_cycle"
        if cycle is None:
            cycle = [list(range(len(outputs)))]
        try:
            groups = [frozenset().union(*(outputs[int(i)] for i in group)) for group in cycle]
        except (TypeError, ValueError, IndexError) as error:
            raise ConfigError(
                f"{path}={cycle!r} must be lists of numbers below {len(outputs)}, the outputs."
            ) from error
        if not groups or not all(groups):
            raise ConfigError(f"{path}={cycle!r} must hold groups of outputs.")
        seen = list(dict.fromkeys(g for group in groups for g, _ in sorted(group)))
        grains = [grain for grain in seen if grain >= 0]
        if not grains:
            return {}
        self._note_unused(frozenset().union(*groups), grains)
        sets = [frozenset(grain for grain, _ in group) for group in groups]
        together = all(group == frozenset(seen) for group in sets)
        in_turn = all(len(group) == 1 for group in sets) and len(sets) == len(set(sets))
        if not together and not (in_turn and -1 not in seen[:-1]):
            self._note(path, cycle, "layers take one grain in turn, raw values last")
        scanner: Table = {"grains": "concatenate" if together else "cycle"}
        if -1 in seen:
            scanner["passthrough"] = True
        windows = [dict(self.grains[grain]) for grain in grains]
        for key in SHARED_SETTINGS:
            if all(window[key] == windows[0][key] for window in windows):
                scanner[key] = windows[0][key]
                for window in windows:
                    del window[key]
        scanner["windows"] = [w["size"] if len(w) == 1 else w for w in windows]
        scanner["estimators"] = self.estimators[grains[0]]
        for grain in grains[1:]:
            if self.estimators[grain] != self.estimators[grains[0]]:
                size = self.grains[grain]["size"]
                self.notes.append(
                    f"the estimators of the windows {size} (y, x) are those of "
                    f"{self.grains[grains[0]]['size']} here: all grains share them"
                )
        return scanner

    def _note_unused(self, used: Outputs, grains: Iterable[int]) -> None:
        for grain, estimators in enumerate(self.estimators):
            size = self.grains[grain]["size"]
            if grain not in grains:
                self.notes.append(f"the windows {size} (y, x) feed no layer and are left out")
                continue
            missing = [e["name"] for i, e in enumerate(estimators) if (grain, i) not in used]
            if missing:
                self.notes.append(
                    f"all estimators of the windows {size} (y, x) feed the cascade, "
                    f"{', '.join(missing)} too"
                )

    # --- notes -----------------------------------------------------------------------------

    def _note(self, path: str, value: Any, reason: str) -> None:
        self.notes.append(f"{path}={value!r}: {reason}")

    def _note_others(
        self, table: str, content: Table, taken: tuple[str, ...], known: tuple[str, ...] = ()
    ) -> None:
        """Note the keys of a table that are not taken over."""
        for key, value in content.items():
            if key not in (*taken, *known):
                reason = NOT_NEEDED.get(key, NOT_NEEDED.get(table, "no counterpart"))
                self._note(f"{table}.{key}" if table else key, value, reason)


def _table(path: str, value: Any) -> Table:
    if not isinstance(value, dict):
        raise ConfigError(f"{path}={value!r} must be an object.")
    return value


def _names(path: str, value: Any) -> list[str]:
    if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
        raise ConfigError(f"{path}={value!r} must be a list of names.")
    return value


def _known(path: str, name: str, tops: dict[str, Outputs]) -> Outputs:
    if name not in tops:
        raise ConfigError(f"{path}: no layer before gives {name!r}, but {', '.join(tops)}.")
    return tops[name]

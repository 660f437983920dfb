"""The command `deepforest`."""

import csv
import io
from pathlib import Path
from time import perf_counter
from typing import Annotated, Any

import numpy as np
import typer
from numpy.typing import NDArray
from sklearn.base import is_classifier

import deepforest
from deepforest import __version__
from deepforest.cascade_base import CascadeForestBase
from deepforest.cli_config import config_app, convert
from deepforest.cli_data import (
    DataPath,
    Drop,
    Features,
    ImageSize,
    Jobs,
    Json,
    ModelPath,
    Target,
    check_writable,
    image_shape,
    in_words,
    names_in,
    with_target,
    words_among_numbers,
)
from deepforest.cli_tune import tune
from deepforest.config import load_config, make_estimator, packaged_config, read_config
from deepforest.config_files import errors_of, write_bytes, write_text
from deepforest.console import (
    FAILED,
    INTERRUPTED,
    WRONG_USE,
    end,
    ends_cleanly,
    progress,
    say,
    say_notes,
    show_json,
    show_table,
)
from deepforest.data_files import DataError, Fitted, read_data
from deepforest.demo import digits_split, draw_scores, fit_and_score, rivals, warm_up
from deepforest.summary import new_scores, summary

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Deep forests (gcForest): deep models of trees.",
    epilog="Exit status: 0 done, 1 failed, 2 wrong use, 130 interrupted.",
)
app.add_typer(config_app, name="config")
app.command()(convert)
app.command()(tune)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def main(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show it.")
    ] = False,
) -> None:
    """Deep forests (gcForest): deep models of trees."""


@app.command()
@ends_cleanly
def fit(
    config: Annotated[Path, typer.Argument(help="A config file: TOML, JSON or YAML.")],
    data: DataPath,
    target: Target = None,
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Where the model is written.")
    ] = Path("model.dforest"),
    validation: Annotated[
        Path | None, typer.Option(help="Data that choose the depth instead of held-out rows.")
    ] = None,
    features: Features = None,
    drop: Drop = None,
    image_size: ImageSize = None,
    checkpoint: Annotated[
        Path | None,
        typer.Option(
            help="A folder that keeps finished layers: after a kill, the same command goes on."
        ),
    ] = None,
    n_jobs: Jobs = None,
    as_json: Json = False,
) -> None:
    """Fit the model of a config file and write it to one file."""
    content, notes = read_config(config)
    say_notes(notes)
    with errors_of(config):
        estimator = make_estimator(content)
    check_writable(output)
    options: dict[str, Any] = {"target": target, "features": features, "drop": drop or ()}
    X, y = with_target(data, read_data(data, image_size=image_shape(image_size), **options))
    held_out: dict[str, Any] = {}
    if validation is not None:
        options["fitted"] = Fitted.like(X, y)
        X_val, y_val = with_target(validation, read_data(validation, **options))
        held_out = {"X_val": X_val, "y_val": y_val}
    if checkpoint is not None:
        estimator.set_params(checkpoint=checkpoint)
    if n_jobs is not None:
        estimator.set_params(n_jobs=n_jobs)
    say(f"{type(estimator).__name__} on {in_words(X)}")
    for column, word in words_among_numbers(X).items():
        say(
            f"{column!r} holds numbers, but for words such as {word!r}, so that all are taken for "
            "words: leave cells empty where a value is missing",
            style="yellow",
        )
    for column, n_words in names_in(X).items():
        say(
            f"{column!r} has {n_words} different words in {len(X)} rows: names and dates teach "
            f"nothing about new rows; --drop {column!r} leaves them out",
            style="yellow",
        )
    start = perf_counter()
    try:
        with progress(estimator.max_layers):
            estimator.fit(X, y, **held_out)
    except KeyboardInterrupt:
        if estimator.checkpoint is None:
            raise
        end(INTERRUPTED, f"interrupted; finished layers are in {estimator.checkpoint}")
    seconds = perf_counter() - start
    estimator.save(output)
    scores = [float(score) for score in estimator.layer_scores_]
    say(f"kept {estimator.n_layers_} of {len(scores)} layers after {seconds:.1f} s: {output}")
    if as_json:
        show_json(
            {
                "model": str(output),
                "n_layers": int(estimator.n_layers_),
                "layer_scores": scores,
                "seconds": seconds,
            }
        )


@app.command()
@ends_cleanly
def predict(
    model: ModelPath,
    data: DataPath,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="A .csv or .npy file; default: stdout.")
    ] = None,
    proba: Annotated[bool, typer.Option("--proba", help="Class probabilities too.")] = False,
    target: Target = None,
    features: Features = None,
    drop: Drop = None,
    n_jobs: Jobs = None,
    as_json: Json = False,
) -> None:
    """Predict the rows of a data file, as CSV."""
    if output is not None:
        check_writable(output)
        if output.suffix not in (".csv", ".npy"):
            raise DataError(f"{output}: predictions are written to .csv or .npy.")
    estimator = _load(model, n_jobs)
    if proba and not is_classifier(estimator):
        end(WRONG_USE, f"{model}: --proba is for classification, and this model predicts values.")
    read = read_data(
        data, target=target, features=features, drop=drop or (), fitted=Fitted.of(estimator)
    )
    probability = estimator.predict_proba(read.X) if proba else None
    said = estimator.predict(read.X)
    if as_json:
        result: dict[str, Any] = {"predictions": said.tolist()}
        if probability is not None:
            result |= {"classes": estimator.classes_.tolist(), "proba": probability.tolist()}
        if read.names is not None:
            result["files"] = read.names
        show_json(result)
    if output is not None and output.suffix == ".npy":
        file = io.BytesIO()
        np.save(file, said if probability is None else probability, allow_pickle=False)
        write_bytes(output, file.getvalue())
    elif output is not None:
        write_text(output, _as_csv(estimator, said, probability, read.names))
    elif not as_json:
        typer.echo(_as_csv(estimator, said, probability, read.names), nl=False)
    if output is not None:
        say(f"{len(said)} predictions: {output}")


def _as_csv(
    estimator: CascadeForestBase,
    said: NDArray[Any],
    probability: NDArray[np.float64] | None,
    names: list[str] | None,
) -> str:
    """Return predictions as the text of a CSV file, one row each."""
    columns = {} if names is None else {"file": names}
    if said.ndim == 1:
        columns["prediction"] = said.tolist()
    else:
        columns |= {f"prediction_{k}": values.tolist() for k, values in enumerate(said.T)}
    if probability is not None:
        for label, of_class in zip(estimator.classes_.tolist(), probability.T, strict=True):
            columns[f"probability_{label}"] = of_class.tolist()
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(zip(*columns.values(), strict=True))
    return text.getvalue()


@app.command()
@ends_cleanly
def evaluate(
    model: ModelPath,
    data: DataPath,
    target: Target = None,
    features: Features = None,
    drop: Drop = None,
    n_jobs: Jobs = None,
    as_json: Json = False,
) -> None:
    """Score a model on data with known labels or values."""
    estimator = _load(model, n_jobs)
    fitted = Fitted.of(estimator)
    read = read_data(data, target=target, features=features, drop=drop or (), fitted=fitted)
    X, y = with_target(data, read)
    if read.target is not None and target is None:
        say(f"target: {read.target}")
    if is_classifier(estimator):
        _check_labels(data, y, estimator.classes_)
    scores = new_scores(estimator, X, y)
    if as_json:
        show_json({"n_rows": len(y), **scores})
    else:
        say(f"{model.name} on {in_words(X)}")
        show_table(["score", "value"], list(scores.items()))


def _check_labels(path: Path, y: NDArray[Any], classes: NDArray[Any]) -> None:
    """Say which labels are no class of the model; raise an error if none is."""
    unknown = ~np.isin(y, classes)
    if not unknown.any():
        return
    some = ", ".join(map(str, np.unique(y[unknown])[:5]))
    if unknown.all():
        known = ", ".join(map(str, classes[:5]))
        raise DataError(
            f"{path}: no label is a class of the model: there are {some}, but it knows {known}. "
            "Name the right column with --target."
        )
    say(f"{unknown.sum()} of {len(y)} labels are no class of the model: {some}", style="yellow")


@app.command()
@ends_cleanly
def inspect(
    model: ModelPath,
    top: Annotated[int, typer.Option(help="How many features, by importance.", min=0)] = 20,
    as_json: Json = False,
) -> None:
    """Show what a model is made of: layers, scores, weights, sizes and importances."""
    content = summary(_load(model, None))
    content["bytes"] = model.stat().st_size
    if as_json:
        show_json(content)
        return
    classes = f", {len(content['classes'])} classes" if "classes" in content else ""
    say(
        f"{content['estimator']}: {content['n_layers']} layers, {content['n_features']} features"
        f"{classes}, {content['bytes'] / 1e6:.1f} MB"
    )
    for grain in content.get("grains", ()):
        size = "x".join(map(str, grain["window"]))
        pooled = "x".join(map(str, grain["pooled"]))
        trees = sum(estimator["trees"] for estimator in grain["estimators"])
        say(f"windows of {size}: class vectors at {pooled} places, {trees} trees")
    columns = ["layer", content["score"], "estimator", "kind", "models", "trees", "nodes", "weight"]
    rows = [
        [layer["layer"], layer["score"], *(part[key] for key in ("name", *columns[3:]))]
        for layer in content["layers"]
        for part in layer["estimators"]
    ]
    show_table(columns, rows)
    cut = content["layer_scores"][content["n_layers"] :]
    if cut:
        say(f"behind them and cut off: {', '.join(f'{score:.4f}' for score in cut)}")
    for screen in content.get("screens", ()):
        say(
            f"{screen['share']:.1%} of the training rows left behind layer {screen['behind_layer']}"
        )
    if content["importances"] is None:
        say("no importances: the layers see class vectors, or no estimator has any")
    else:
        show_table(["feature", "importance"], [[*i.values()] for i in content["importances"][:top]])


@app.command()
@ends_cleanly
def demo(
    config: Annotated[
        Path | None, typer.Option(help="A config file for 8x8 images; default: the packaged one.")
    ] = None,
    picture: Annotated[
        Path, typer.Option(help="Where the picture of score by layer is written.")
    ] = Path("deepforest_demo.png"),
    n_jobs: Annotated[int, typer.Option(help="Threads; -1 is one for each core.")] = -1,
) -> None:
    """Learn scikit-learn's digits, beside an MLP, a random forest and LightGBM."""
    start = perf_counter()
    check_writable(picture)
    estimator = load_config(packaged_config("digits") if config is None else config)
    estimator.set_params(n_jobs=n_jobs)
    split = digits_split()
    say(f"{len(split.y_train)} training and {len(split.y_test)} test images of 8x8 pixels")
    say("compiling the engine, which the first fit in an environment does")
    warm_up(estimator, split)
    with progress(estimator.max_layers):
        result = fit_and_score("deep forest", estimator, split, as_rows=False)
    kept = f"{estimator.n_layers_} of {len(estimator.layer_scores_)} layers"
    say(f"kept {kept} after {result.seconds:.1f} s")
    results = [result]
    for name, rival in rivals(n_jobs):
        results.append(fit_and_score(name, rival, split, as_rows=True))
    columns = ["model", "test accuracy", "fit seconds"]
    show_table(columns, [[r.name, f"{r.accuracy:.4f}", f"{r.seconds:.1f}"] for r in results])
    try:
        draw_scores(estimator.layer_scores_, estimator.n_layers_, result.accuracy, picture)
    except ImportError:
        say("no picture, because matplotlib is missing: pip install 'gcforest[plot]'")
    else:
        say(f"score by layer: {picture}")
    say(f"all done in {perf_counter() - start:.0f} s")


def _load(model: Path, n_jobs: int | None) -> CascadeForestBase:
    """Return the estimator of a model file."""
    if not model.is_file():
        raise DataError(f"{model}: there is no such model file.")
    estimator = deepforest.load(model)
    if not isinstance(estimator, CascadeForestBase):
        end(FAILED, f"{model}: a {type(estimator).__name__} cannot be used by the commands.")
    return estimator if n_jobs is None else estimator.set_params(n_jobs=n_jobs)

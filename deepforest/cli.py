"""The command `deepforest`."""

import logging
from pathlib import Path
from time import perf_counter
from typing import Annotated

import typer
from rich.console import Console
from rich.logging import RichHandler
from rich.table import Table

from deepforest import __version__
from deepforest.cascade import CascadeForestBase
from deepforest.config import ConfigError, load_config, packaged_config
from deepforest.demo import digits_split, draw_scores, fit_and_score, rivals

app = typer.Typer(no_args_is_help=True, add_completion=False, help="Deep forests (gcForest).")
console = Console(stderr=True)  # for people; data goes to stdout

WRONG_USE = 2


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
    estimator = _load(packaged_config("digits") if config is None else config)
    estimator.set_params(n_jobs=n_jobs, verbose=1)
    _log_to_console()
    split = digits_split()
    console.print(
        f"{len(split.y_train)} training and {len(split.y_test)} test images of 8x8 pixels"
    )
    result = fit_and_score("deep forest", estimator, split, as_rows=False)
    console.print(
        f"kept {estimator.n_layers_} of {len(estimator.layer_scores_)} layers "
        f"after {result.seconds:.1f} s"
    )
    results = [result]
    for name, rival in rivals(n_jobs):
        results.append(fit_and_score(name, rival, split, as_rows=True))

    table = Table("model", "test accuracy", "fit seconds")
    best = max(r.accuracy for r in results)
    for r in results:
        style = "bold" if r.accuracy == best else None
        table.add_row(r.name, f"{r.accuracy:.4f}", f"{r.seconds:.1f}", style=style)
    Console().print(table)
    try:
        draw_scores(estimator.layer_scores_, estimator.n_layers_, result.accuracy, picture)
    except ImportError:
        console.print("no picture, because matplotlib is missing: pip install 'gcforest\\[plot]'")
    else:
        console.print(f"score by layer: {picture}")
    console.print(f"all done in {perf_counter() - start:.0f} s")


def _load(config: Path) -> CascadeForestBase:
    """Return the estimator of a config file, or end the program with status 2."""
    try:
        return load_config(config)
    except (ConfigError, OSError) as error:
        console.print(str(error), style="red", markup=False)
        raise typer.Exit(WRONG_USE) from error


def _log_to_console() -> None:
    logger = logging.getLogger("deepforest")
    logger.setLevel(logging.INFO)
    logger.handlers = [
        RichHandler(console=console, show_time=False, show_level=False, show_path=False)
    ]
    logger.propagate = False

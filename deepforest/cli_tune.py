"""The command `deepforest tune`."""

from pathlib import Path
from typing import Annotated

import typer

from deepforest.cli_data import (
    DataPath,
    Drop,
    Features,
    ImageSize,
    Jobs,
    Json,
    Target,
    check_writable,
    image_shape,
    in_words,
    with_target,
)
from deepforest.config import read_config
from deepforest.config_files import content_text, errors_of, write_text
from deepforest.console import ends_cleanly, say, say_notes, show_json
from deepforest.data_files import read_data
from deepforest.tuning import Trial, read_tuning, scored_by
from deepforest.tuning import tune as try_candidates


@ends_cleanly
def tune(
    config: Annotated[Path, typer.Argument(help="A config file with a table \\[tune].")],
    data: DataPath,
    target: Target = None,
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Where the winning config is written.")
    ] = Path("tuned.toml"),
    features: Features = None,
    drop: Drop = None,
    image_size: ImageSize = None,
    n_jobs: Jobs = None,
    as_json: Json = False,
) -> None:
    r"""Try the values of the \[tune] table on held-out rows; write the winning config."""
    content, notes = read_config(config)
    say_notes(notes)
    if n_jobs is not None:
        content["n_jobs"] = n_jobs
    with errors_of(config):
        tuning = read_tuning(content)
    check_writable(output)
    content_text({}, output.suffix)  # an error now, not after hours
    size = image_shape(image_size)
    read = read_data(data, target=target, features=features, drop=drop or (), image_size=size)
    X, y = with_target(data, read)
    paths = list(tuning.candidates)
    widths = [max(len(path), 12) for path in paths]
    score = f"held-out {scored_by(tuning)}"

    def line(*cells: str) -> str:
        numbers = [cell.rjust(12) for cell in cells[len(paths) :]]
        values = [cell.ljust(width) for cell, width in zip(cells, widths, strict=False)]
        return "  ".join([*values, *numbers])

    def report(trial: Trial) -> None:
        if as_json:
            show_json(trial._asdict())
            return
        values = [str(trial.values[path]) for path in paths]
        numbers = [f"{trial.score:.4f}", f"{trial.spread:.4f}", f"{trial.n_layers:.1f}"]
        typer.echo(line(*values, str(trial.n_rows), *numbers, f"{trial.seconds:.1f}"))

    say(f"{in_words(X)}; score: {score}")
    if not as_json:
        typer.echo(line(*paths, "rows", "score", "spread", "layers", "seconds"))
    best, winner = try_candidates(tuning, X, y, report)
    write_text(output, content_text(winner, output.suffix))
    values = ", ".join(f"{path} = {value}" for path, value in best.values.items())
    say(f"best: {values} ({best.score:.4f}): {output}")
    if as_json:
        show_json({"best": best.values, "score": best.score, "config": str(output)})

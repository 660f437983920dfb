"""The commands for config files: `deepforest config check`, `config init` and `convert`."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from deepforest.cascade_base import CascadeForestBase
from deepforest.cli_data import check_writable
from deepforest.config import make_estimator, read_config
from deepforest.config_files import (
    ConfigError,
    Content,
    content_text,
    errors_of,
    write_text,
)
from deepforest.config_starter import starter
from deepforest.console import ends_cleanly, say, say_notes, show_json
from deepforest.df21 import df21_content, is_df21
from deepforest.estimators import Task
from deepforest.tuning import read_tuning

config_app = typer.Typer(no_args_is_help=True, help="Check and start config files.")


class Kind(StrEnum):
    """What a starter file is for."""

    TABLE = "table"
    IMAGE = "image"
    SEQUENCE = "sequence"


class TaskName(StrEnum):
    """The tasks, as choices of an option."""

    CLASSIFICATION = "classification"
    REGRESSION = "regression"

    @property
    def task(self) -> Task:
        """The task itself."""
        return "classification" if self is TaskName.CLASSIFICATION else "regression"


Output = Annotated[
    Path | None, typer.Option("--output", "-o", help="Where it is written; default: stdout.")
]


@config_app.command()
@ends_cleanly
def check(
    file: Annotated[Path, typer.Argument(help="TOML, JSON or YAML; also gcForest's JSON.")],
    as_json: Annotated[bool, typer.Option("--json", help="Say it in JSON.")] = False,
) -> None:
    """Say whether a config file can be used, and what it describes."""
    content, notes = read_config(file)
    with errors_of(file):
        estimator = make_estimator({k: v for k, v in content.items() if k != "tune"})
        tuned = list(read_tuning(content).candidates) if "tune" in content else []
    say_notes(notes)
    if as_json:
        show_json({"estimator": type(estimator).__name__, "tuned": tuned, "notes": notes})
    else:
        values = f"; [tune] tries values of {', '.join(tuned)}" if tuned else ""
        say(f"{file}: {_described(estimator)}{values}")


def _described(estimator: CascadeForestBase) -> str:
    names = [name for name, _ in estimator._layers()[0]]
    return (
        f"a {type(estimator).__name__} of at most {estimator.max_layers} layers of "
        f"{', '.join(names)}"
    )


@config_app.command()
@ends_cleanly
def init(
    kind: Annotated[Kind, typer.Option(help="What the rows are.")] = Kind.TABLE,
    task: Annotated[TaskName, typer.Option(help="What is learnt.")] = TaskName.CLASSIFICATION,
    output: Output = None,
) -> None:
    """Write a commented starter file, with every key and its default."""
    text = starter(kind.value, task.task)
    if output is None:
        typer.echo(text, nl=False)
        return
    if output.exists():
        raise ConfigError(f"{output}: this file is there already; give another name.")
    check_writable(output)
    if output.suffix != ".toml":
        raise ConfigError(f"{output}: a starter file is TOML, because comments are; end it so.")
    write_text(output, text)
    data = "FOLDER` with a sub-folder a class" if kind is Kind.IMAGE else "DATA --target NAME`"
    say(f"{output}: now `deepforest fit {output} {data}")


@ends_cleanly
def convert(
    file: Annotated[
        Path, typer.Argument(help="gcForest's JSON, DF21's arguments, or a config file of ours.")
    ],
    output: Output = None,
    task: Annotated[
        TaskName, typer.Option(help="Of DF21's arguments, which do not say it.")
    ] = TaskName.CLASSIFICATION,
) -> None:
    """Turn gcForest's and DF21's settings, or another format, into a config file."""
    content, notes = _converted(file, task.task)
    say_notes(notes)
    text = content_text(content, ".toml" if output is None else output.suffix)
    if output is None:
        typer.echo(text, nl=False)
    else:
        check_writable(output)
        write_text(output, text)
        say(str(output))


def _converted(file: Path, task: Task) -> tuple[Content, list[str]]:
    """Return the content of our config file, checked, and notes on what has no counterpart."""
    content, notes = read_config(file)
    with errors_of(file):
        if is_df21(content):
            content, notes = df21_content(content, task)
        make_estimator(content)
    return content, notes

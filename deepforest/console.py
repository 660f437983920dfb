"""What the commands show: words for people on stderr, data on stdout, one exit status each."""

import json
import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import wraps
from math import isfinite
from typing import Any, NoReturn, ParamSpec

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from deepforest.config_files import ConfigError
from deepforest.data_files import DataError

FAILED, WRONG_USE, INTERRUPTED = 1, 2, 130  # the last as shells have it: 128 + SIGINT

Parameters = ParamSpec("Parameters")


def people() -> Console:
    """Return where people read; made anew, because tests and callers replace stderr."""
    return Console(stderr=True, highlight=False, soft_wrap=True)


def say(message: str, style: str | None = None) -> None:
    """Show a line to people."""
    people().print(message, style=style, markup=False)


def say_notes(notes: Sequence[str]) -> None:
    """Show what of another library's file has no counterpart."""
    for note in notes:
        say(f"no counterpart: {note}", style="yellow")


def end(status: int, message: str) -> NoReturn:
    """End the command with a message and an exit status."""
    say(message, style="red")
    raise typer.Exit(status)


def ends_cleanly(command: Callable[Parameters, None]) -> Callable[Parameters, None]:
    """Turn what a command raises into a message and an exit status.

    Anything else is a mistake of ours and keeps its traceback.
    """

    @wraps(command)
    def run(*arguments: Parameters.args, **options: Parameters.kwargs) -> None:
        try:
            command(*arguments, **options)
        except (ConfigError, DataError, FileNotFoundError) as error:
            end(WRONG_USE, str(error))
        except KeyboardInterrupt:
            end(INTERRUPTED, "interrupted; nothing was written")
        except BrokenPipeError:
            raise  # click ends quietly where the reader has gone
        except (ValueError, OSError, ImportError, MemoryError) as error:
            end(FAILED, f"failed: {error or type(error).__name__}")

    return run


def show_json(value: Any) -> None:
    """Write a value to stdout as one line of JSON, which has no word for NaN: null."""
    typer.echo(json.dumps(_without_nan(value), ensure_ascii=False))


def _without_nan(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nan(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [_without_nan(entry) for entry in value]
    return None if isinstance(value, float) and not isfinite(value) else value


def show_table(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Write a table to stdout: drawn on a terminal, tab-separated lines in a pipe."""
    cells = [[_cell(value) for value in row] for row in rows]
    console = Console()
    if console.is_terminal:
        table = Table(*columns)
        for row in cells:
            table.add_row(*row)
        console.print(table)
    else:
        for line in [columns, *cells]:
            typer.echo("\t".join(line))


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return f"{value:.4f}" if isinstance(value, float) else str(value)


@contextmanager
def progress(max_layers: int) -> Iterator[None]:
    """Show the library's lines of progress, on a terminal with a bar that counts layers.

    The estimator's `verbose` stays as it is: a model that a command fits is the same as one
    that Python fits.
    """
    logger = logging.getLogger("deepforest")
    before = logger.handlers, logger.level, logger.propagate
    console = people()
    bar = Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        TimeElapsedColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )
    task = bar.add_task(f"at most {max_layers} layers", total=max_layers)

    class Lines(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            message = record.getMessage()
            console.print(message, markup=False)
            if message.startswith("layer "):
                bar.advance(task)

    logger.handlers, logger.propagate = [Lines()], False
    logger.setLevel(logging.DEBUG)
    try:
        with bar:
            yield
    finally:
        logger.handlers, logger.propagate = before[0], before[2]
        logger.setLevel(before[1])

"""Config files as plain dicts: TOML, JSON and YAML, read and written."""

import json
import os
import re
import tempfile
import tomllib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import tomli_w

# TOML has no null; the word is understood in JSON and YAML too.
NONE = "none"

Content = dict[str, Any]


class ConfigError(ValueError):
    """A config file that cannot be used; the message names file, key and remedy."""


class ConfigWarning(UserWarning):
    """Something in a file of another library has no counterpart here."""


def read_content(path: Path) -> Content:
    """Return what a config file holds, with None where it says "none".

    The suffix says the format. JSON may hold `//` comments.

    Raises
    ------
    FileNotFoundError
        Where there is no such file.
    ConfigError
        For another suffix, and for text that is not of the format: with its line.
    """
    reader = READERS.get(path.suffix.lower())
    if reader is None:
        raise ConfigError(
            f"{path}: a config file ends in {', '.join(READERS)}, which say its format."
        )
    try:
        content = reader(path.read_text(encoding="utf-8-sig"))
    except ConfigError as error:  # a parser is missing
        raise ConfigError(f"{path}: {error}") from error
    except ValueError as error:  # the parsers' own errors, and text that is not UTF-8
        name = FORMAT_NAMES[path.suffix.lower()]
        raise ConfigError(f"{path}: this is no {name} file: {error}") from error
    if content is None:
        content = {}  # an empty YAML file
    if not isinstance(content, dict):
        raise ConfigError(f"{path}: the file must hold keys and values, not {content!r}.")
    with_none: Content = _without_none_word(content)
    return with_none


def content_text(content: Content, suffix: str) -> str:
    """Return the text of a config file of the format that `suffix` says, such as ".toml"."""
    writer = WRITERS.get(suffix.lower())
    if writer is None:
        raise ConfigError(
            f"{suffix!r} is no format of config files: choose one of {', '.join(WRITERS)}."
        )
    return writer(content)


def write_text(path: Path, text: str) -> None:
    """Write a text file as `write_bytes` does."""
    write_bytes(path, text.encode())


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file whole or not at all: an interrupt leaves what was there before."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        # As `open` would have made it; mkstemp lets nobody else read.
        mask = os.umask(0)
        os.umask(mask)
        os.chmod(temporary, 0o666 & ~mask)
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


@contextmanager
def errors_of(path: Path) -> Iterator[None]:
    """Put the file's name before the message of a ConfigError."""
    try:
        yield
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from error.__cause__


def _without_none_word(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_none_word(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [_without_none_word(entry) for entry in value]
    return None if value == NONE else value


def _with_none_word(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _with_none_word(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [_with_none_word(entry) for entry in value]
    return NONE if value is None else value


def _read_json(text: str) -> Any:
    return json.loads(without_comments(text), object_pairs_hook=_once_each)


def without_comments(text: str) -> str:
    """Return JSON without its `//` comments; lines and columns stay where they are."""
    # A string is matched first, so that the slashes of "http://..." are none.
    parts = re.compile(r'"(?:\\.|[^"\\\n])*"|//[^\n]*')
    return parts.sub(lambda part: " " * len(part[0]) if part[0][0] == "/" else part[0], text)


def _once_each(pairs: list[tuple[str, Any]]) -> Content:
    content: Content = {}
    for key, value in pairs:
        if key in content:
            raise ValueError(f"the key {key!r} stands twice in one object.")
        content[key] = value
    return content


def _import_yaml() -> ModuleType:
    try:
        import yaml
    except ImportError as error:
        raise ConfigError(
            "YAML needs PyYAML: pip install 'gcforest[yaml]', or use TOML or JSON."
        ) from error
    module: ModuleType = yaml
    return module


def _read_yaml(text: str) -> Any:
    yaml = _import_yaml()
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        # Its lines in one: with the line and column that it names.
        raise ValueError(" ".join(str(error).split())) from error


def _write_yaml(content: Content) -> str:
    return str(_import_yaml().safe_dump(content, sort_keys=False, allow_unicode=True))


READERS: dict[str, Callable[[str], Any]] = {
    ".toml": tomllib.loads,
    ".json": _read_json,
    ".yaml": _read_yaml,
    ".yml": _read_yaml,
}
WRITERS: dict[str, Callable[[Content], str]] = {
    ".toml": lambda content: tomli_w.dumps(_with_none_word(content)),
    ".json": lambda content: json.dumps(content, indent=2, ensure_ascii=False) + "\n",
    ".yaml": _write_yaml,
    ".yml": _write_yaml,
}
FORMAT_NAMES = {".toml": "TOML", ".json": "JSON", ".yaml": "YAML", ".yml": "YAML"}

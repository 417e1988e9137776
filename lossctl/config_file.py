"""A config as a document: its tables, and the file, line and key of what is wrong in it."""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Mapping
from typing import Any, NamedTuple

from lossctl.config_keys import shown
from lossctl.config_lines import Path, line_of, lines_of
from lossctl.errors import ConfigError

NAME = "lossctl.toml"
PROJECT = "pyproject.toml"
INIT = f"'lossctl check --init preds.csv' writes a {NAME}"


class Book(NamedTuple):
    """A document: its file, its tables, and the line of every key."""

    file: str
    document: Mapping[str, Any]
    lines: Mapping[Path, int]
    root: Path

    def error(self, path: Path, message: str) -> ConfigError:
        """Return the error that points at a key."""
        line = line_of(self.lines, (*self.root, *path))
        names = [str(part) for part in path if isinstance(part, str)]
        names = names[1:] if names[:1] in (["check"], ["defaults"]) and names[1:] else names
        return ConfigError(message, file=self.file, line=line, key=".".join(names) or None)

    def line(self, path: Path) -> int:
        """Return the line of a key."""
        return line_of(self.lines, (*self.root, *path))


def open_book(file: str) -> Book:
    """Return a config, or raise ConfigError."""
    document, lines = _parsed(_text(file), file)
    if os.path.basename(file) != PROJECT:
        return Book(file, document, lines, ())
    root: Path = ()
    for part in ("tool", "lossctl"):
        root = (*root, part)
        if part not in document:
            raise ConfigError(f"has no [tool.lossctl]: {INIT}", file=file)
        document = document[part]
        if not isinstance(document, Mapping):
            raise Book(file, {}, lines, ()).error(root, f"must be a table, got {shown(document)}")
    return Book(file, document, lines, root)


def _text(file: str) -> str:
    try:
        with open(file, "rb") as stream:
            return stream.read().decode()
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise ConfigError("is not UTF-8 text", file=file, line=line) from None
    except (OSError, ValueError) as error:  # a path with a NUL in it is a ValueError
        why = error.strerror if isinstance(error, OSError) else "that is no path"
        raise ConfigError(f"cannot be read: {why}", file=file) from None


def _parsed(text: str, file: str) -> tuple[Mapping[str, Any], Mapping[Path, int]]:
    text = text.removeprefix("\ufeff")
    try:
        return tomllib.loads(text), lines_of(text)
    except RecursionError:
        raise ConfigError("is nested too deep", file=file) from None
    except ValueError as error:  # TOMLDecodeError is one, and so is a number of too many digits
        said = " ".join(str(error).split())
        place = re.search(r" \(at line (\d+), column (\d+)\)$", said)
        end = said.endswith(" (at end of document)")
        what = said[: place.start()] if place else said.removesuffix(" (at end of document)")
        line = int(place[1]) if place else text.count("\n") + 1 if end else None
        column = f", column {place[2]}" if place else " at the end" if end else ""
        raise ConfigError(f"is not TOML{column}: {what}", file=file, line=line) from None

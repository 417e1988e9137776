"""On which line of a TOML text every key stands, which ``tomllib`` does not say.

The text has been read by ``tomllib``, so it is known to be valid: this only walks over it.
"""

from __future__ import annotations

import re
import tomllib
from bisect import bisect_right
from collections.abc import Mapping

Path = tuple[str | int, ...]

_BLANK = re.compile(r"(?:[ \t\n]|#[^\n]*)*")
_KEY = re.compile(r"""[ \t]*([A-Za-z0-9_-]+|"(?:[^"\\]|\\.)*"|'[^']*')[ \t]*""")
# Quotes that end a multi-line string may have one or two more before them, which belong to it.
_STRING = re.compile(
    r'"""(?:[^\\]|\\.)*?"{3,5}(?!")'
    r"|'''.*?'{3,5}(?!')"
    r'|"(?:[^"\\\n]|\\.)*"'
    r"|'[^'\n]*'",
    re.DOTALL,
)
_SCALAR = re.compile(r"[^,\]}\n#]+")  # a date may hold a blank


def lines_of(text: str) -> dict[Path, int]:
    r"""Return the line (1-based) on which every key, table and list item is first named.

    >>> lines_of('[defaults]\ndata = "a"\n[[check]]\nmax = 1\n')[("check", 0, "max")]
    4
    """
    walk = _Walk(text.replace("\r\n", "\n"))
    walk.document()
    return walk.lines


def line_of(lines: Mapping[Path, int], path: Path) -> int:
    """Return the line of a key; where it is not known, that of the table it is in."""
    while path and path not in lines:
        path = path[:-1]
    return lines.get(path, 1)


class _Walk:
    """A walk over a valid document, which notes the line of everything that has a name."""

    def __init__(self, text: str) -> None:
        self.lines: dict[Path, int] = {}
        self._text = text
        self._at = 0
        self._breaks = [match.start() for match in re.finditer("\n", text)]
        self._items: dict[Path, int] = {}  # how many tables a list of tables has so far

    def document(self) -> None:
        table: Path = ()
        self._skip()
        while self._at < len(self._text):
            table = self._header() if self._text[self._at] == "[" else self._pair(table)
            self._skip()

    def _skip(self) -> None:
        match = _BLANK.match(self._text, self._at)
        self._at = match.end() if match else self._at

    def _note(self, path: Path, at: int) -> None:
        self.lines.setdefault(path, bisect_right(self._breaks, at - 1) + 1)

    def _header(self) -> Path:
        many = self._text.startswith("[[", self._at)
        self._at += 2 if many else 1
        start = self._at
        keys = self._keys()
        self._at += 2 if many else 1
        path: Path = ()
        for index, key in enumerate(keys):
            path = (*path, key)
            self._note(path, start)
            if many and index == len(keys) - 1:
                self._items[path] = self._items.get(path, 0) + 1
            if path in self._items:
                path = (*path, self._items[path] - 1)
                self._note(path, start)
        return path

    def _pair(self, table: Path) -> Path:
        start = self._at
        path = table
        for key in self._keys():
            path = (*path, key)
            self._note(path, start)
        self._at += 1  # the equals sign
        self._value(path)
        return table

    def _keys(self) -> list[str]:
        keys = []
        while match := _KEY.match(self._text, self._at):
            keys.append(_decoded(match[1]))
            self._at = match.end()
            if not self._text.startswith(".", self._at):
                break
            self._at += 1
        return keys

    def _value(self, path: Path) -> None:
        self._skip()
        match self._text[self._at]:
            case "[":
                self._list(path)
            case "{":
                self._inline(path)
            case '"' | "'":
                self._at = _end(_STRING.match(self._text, self._at), self._at)
            case _:
                self._at = _end(_SCALAR.match(self._text, self._at), self._at)

    def _list(self, path: Path) -> None:
        self._at += 1
        index = 0
        while not self._closed("]"):
            self._note((*path, index), self._at)
            self._value((*path, index))
            index += 1

    def _inline(self, path: Path) -> None:
        self._at += 1
        while not self._closed("}"):
            self._pair(path)

    def _closed(self, bracket: str) -> bool:
        """Pass over blanks and a comma; whether the bracket follows, which is passed as well."""
        self._skip()
        if self._text.startswith(",", self._at):
            self._at += 1
            self._skip()
        closed = self._text.startswith(bracket, self._at)
        self._at += closed
        return closed


def _decoded(key: str) -> str:
    if key.startswith('"'):
        (name,) = tomllib.loads(f"{key} = 0")
        return name
    return key.strip("'")


def _end(match: re.Match[str] | None, at: int) -> int:
    return match.end() if match else at + 1

"""Every key of a TOML text is found on its line: held against generated texts and tomllib."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lossctl.config_lines import Path, line_of, lines_of

# What a string may hold that looks like something else.
TRAPS = ["", "[[check]]", "[a]", "x = 1", "# no", "{", "]", ",", "'", '"', "\\", "a.b", "é", "={["]
KEYS = st.sampled_from(["a", "b-c", "7", "_", "a.b", "", "x y", "é", 'q"', "tab\t", "#", "[z]"])
BLANKS = st.sampled_from(["", " ", "\t", "  "])
COMMENTS = st.sampled_from(["", "# a = 1", " # [b]", "#'''", '# """'])


class Writer:
    """Writes a document at random, and remembers on which line it wrote every key."""

    def __init__(self, draw: Callable[[st.SearchStrategy[Any]], Any]) -> None:
        self.draw = draw
        self.text = ""
        self.lines: dict[Path, int] = {}

    def note(self, path: Path) -> None:
        self.lines.setdefault(path, self.text.count("\n") + 1)

    def blank(self) -> None:
        self.text += self.draw(BLANKS)

    def loose(self) -> None:
        """Between the items of a list there may be anything that is no item."""
        for _ in range(self.draw(st.integers(0, 2))):
            self.text += self.draw(COMMENTS) + "\n"
        self.blank()

    def end(self) -> None:
        self.blank()
        self.text += self.draw(COMMENTS) + "\n"
        for _ in range(self.draw(st.integers(0, 1))):
            self.text += self.draw(COMMENTS) + "\n"

    def keys(self, keys: Path, path: Path) -> None:
        for index, key in enumerate(keys):
            self.blank()
            self.note((*path, *keys[: index + 1]))
            self.text += spelled(str(key), self.draw(st.booleans()))
            self.blank()
            self.text += "." if index < len(keys) - 1 else ""

    def table(self, path: Path, depth: int) -> None:
        """Write the pairs of a table, and the tables in it."""
        names = self.draw(st.lists(KEYS, unique=True, max_size=4))
        later = []
        for name in names:
            kind = self.draw(st.sampled_from(["pair", "dotted", "table", "tables"]))
            if depth and kind in ("table", "tables"):
                later.append((name, kind))
            elif kind == "dotted":
                for key in self.draw(st.lists(KEYS, unique=True, min_size=1, max_size=2)):
                    self.pair((name, key), path, 1)
                    self.end()
            else:
                self.pair((name,), path, 2)
                self.end()
        for name, kind in later:
            for index in range(1 if kind == "table" else self.draw(st.integers(1, 3))):
                many = kind == "tables"
                self.blank()
                self.text += "[[" if many else "["
                keys = tuple(part for part in (*path, name) if isinstance(part, str))
                inner = (*path, name, index) if many else (*path, name)
                self.note((*path, name))
                self.note(inner)
                for at, key in enumerate(keys):
                    self.blank()
                    self.text += spelled(key, self.draw(st.booleans()))
                    self.text += "." if at < len(keys) - 1 else ""
                self.blank()
                self.text += "]]" if many else "]"
                self.end()
                self.table(inner, depth - 1)

    def pair(self, keys: Path, path: Path, depth: int) -> None:
        self.keys(keys, path)
        self.text += "="
        self.blank()
        self.value((*path, *keys), depth)

    def value(self, path: Path, depth: int) -> None:
        kind = self.draw(st.sampled_from(["scalar", "list", "inline"])) if depth else "scalar"
        if kind == "list":
            self.text += "["
            for index in range(self.draw(st.integers(0, 3))):
                self.loose()
                self.note((*path, index))
                self.value((*path, index), depth - 1)
                self.loose()
                self.text += ","
            self.loose()
            self.text += "]"
        elif kind == "inline":
            self.text += "{"
            for index, key in enumerate(self.draw(st.lists(KEYS, unique=True, max_size=3))):
                self.text += "," if index else ""
                self.pair((key,), path, depth - 1)
            self.blank()
            self.text += "}"
        else:
            self.text += self.draw(SCALARS)


def spelled(key: str, plain: bool) -> str:
    bare = key.isascii() and key.replace("-", "").replace("_", "x").isalnum()
    if bare and plain:
        return key
    if plain and key.isprintable() and "'" not in key:
        return f"'{key}'"
    return basic(key)


def basic(text: str) -> str:
    return (
        '"' + "".join(c if c.isalnum() and c.isascii() else f"\\u{ord(c):04x}" for c in text) + '"'
    )


def _strings(text: str) -> list[str]:
    found = [basic(text), '"""\n' + text.replace("\\", "\\\\").replace('"', '\\"') + '\n"""']
    if "'" not in text:
        found += [f"'{text}'", f"'''\n{text}\n\n'''"]
    return found


SCALARS = st.sampled_from(
    [
        *(spelling for trap in TRAPS for spelling in _strings(trap)),
        '"""two""\n"" quotes"""""',
        "'''it''s\n'''''",
        '"""a\\\n   b"""',
        '""""""',
        "''''''",
        "1979-05-27 07:32:00",
        "07:32:00",
        "1_000",
        "-inf",
        "true",
        "0.5e-3",
    ]
)


@st.composite
def documents(draw: Callable[[st.SearchStrategy[Any]], Any]) -> tuple[str, dict[Path, int]]:
    writer = Writer(draw)
    writer.table((), 2)
    return writer.text, writer.lines


def paths(value: Any, path: Path = ()) -> Iterator[Path]:
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, inner in items:
        yield (*path, key)
        if isinstance(inner, (dict, list)):
            yield from paths(inner, (*path, key))


@settings(deadline=None)
@given(documents(), st.sampled_from(["\n", "\r\n"]))
def test_every_key_is_found_on_its_line(document: tuple[str, dict[Path, int]], end: str) -> None:
    text, expected = document
    text = text.replace("\n", end)
    found = lines_of(text)
    assert found == expected
    assert set(found) == set(paths(tomllib.loads(text)))


@pytest.mark.parametrize(
    ("text", "path", "line"),
    [
        ("[[tool.lossctl.check]]\nmax = 1\n[[tool.lossctl.check]]\n\nmax = 2",
         ("tool", "lossctl", "check", 1, "max"), 5),
        ("[[check]]\n[check.class_weight]\ncat = 1", ("check", 0, "class_weight", "cat"), 3),
        ("[[check]]\nclass_weight.cat = 1", ("check", 0, "class_weight", "cat"), 2),
        ("check = [\n {max = 1},\n {min = 2}]", ("check", 1, "min"), 3),
        ("[[a]]\n[[a.b]]\n[[a.b]]\nc=1\n[[a]]\n[[a.b]]\nc=2", ("a", 1, "b", 0, "c"), 7),
        ("[a.b]\nc = 1\n[a]\nd = 2", ("a", "d"), 4),
        ("a = [\n# ]\n'x', # y\n\n'z',\n]", ("a", 1), 5),
    ],
)  # fmt: skip
def test_the_ways_to_write_a_table(text: str, path: Path, line: int) -> None:
    assert lines_of(text)[path] == line


def test_what_is_not_found_is_on_the_line_of_its_table() -> None:
    lines = lines_of("\n[[check]]\nmax = 1\n")
    assert line_of(lines, ("check", 0, "min")) == 2
    assert line_of(lines, ("defaults", "max")) == 1

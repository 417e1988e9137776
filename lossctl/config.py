"""The file that ``lossctl check`` reads: which losses of which data must hold which lines.

It names data and losses, never code: nothing in it is executed or expanded. Paths in it are
relative to its folder.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from lossctl.config_file import INIT, NAME, PROJECT, Book, open_book
from lossctl.config_keys import GATES, KEYS, MARGINS, WEIGHTS, shown
from lossctl.config_lines import Path
from lossctl.errors import ConfigError, UsageError
from lossctl.guards import allowed_guards
from lossctl.losses.registry import nearest
from lossctl.losses.spec import parse_specs
from lossctl.margins import Margin
from lossctl.options import Options

ALPHA = 0.05
REPORT = ".json"  # what a recorded report ends with


class Reading(NamedTuple):
    """What is read, and how: checks of equal readings can share a pass.

    ``data``, ``truth`` and ``baseline`` are paths as the working directory has them; ``baseline``
    is empty where the baseline is another column of the data, a report, or none.
    """

    data: tuple[str, ...]
    truth: tuple[str, ...] = ()
    key: tuple[str, ...] = ()
    by_position: bool = False
    baseline: tuple[str, ...] = ()
    missing: str = "error"
    delimiter: str | None = None
    header: bool = True
    input_format: str | None = None


class CheckSpec(NamedTuple):
    """One check as it was asked for, and the line of the config that it begins on.

    ``loss`` is one spec. ``recorded`` is the path of a report whose values are the baseline,
    ``baseline_pred`` the column of the baseline's predictions: in ``reading.baseline``, else in
    the data. ``better`` says which way the margin goes. ``options`` are keyword arguments of
    ``lossctl.options.make_options``, without what is a field here.
    """

    name: str
    line: int
    loss: str
    reading: Reading
    options: Mapping[str, Any]
    maximum: float | None = None
    minimum: float | None = None
    recorded: str | None = None
    baseline_pred: str | None = None
    margin: Margin | None = None
    better: bool = False
    alpha: float = ALPHA
    cluster: str | None = None
    allow: frozenset[str] = frozenset()

    @property
    def compares(self) -> bool:
        """Whether there is a baseline whose rows are read."""
        return bool(self.reading.baseline) or (
            self.recorded is None and self.baseline_pred is not None
        )


class Config(NamedTuple):
    """The checks of a file, in its order."""

    path: str
    checks: tuple[CheckSpec, ...]


def load(path: str | None = None) -> Config:
    """Return the checks of a config, or raise ConfigError (exit 2) with its line and key.

    Without a path it is ``lossctl.toml`` or the table ``tool.lossctl`` of ``pyproject.toml``, in
    the working directory.
    """
    if path is None:
        path = NAME if os.path.lexists(NAME) or not os.path.lexists(PROJECT) else PROJECT
        if not os.path.lexists(path):
            raise UsageError(f"there is no {NAME} here, and no {PROJECT}: {INIT}")
    return _config(open_book(path))


class _Said(NamedTuple):
    """What a key says, and where it says it; ``own``: in the check itself, not in the defaults."""

    value: Any
    path: Path
    own: bool


_Says = dict[str, _Said]


def _config(book: Book) -> Config:
    document = book.document
    for key in document:
        if key not in ("defaults", "check"):
            raise book.error((key,), _unknown(key, ("defaults", "check"), "the tables are"))
    tables = document.get("check", [])
    if not isinstance(tables, list):
        raise book.error(("check",), f"must be a list of tables, [[check]], got {shown(tables)}")
    defaults = document.get("defaults", {})
    if not isinstance(defaults, Mapping):
        raise book.error(("defaults",), f"must be a table, got {shown(defaults)}")
    if "name" in defaults:
        raise book.error(("defaults", "name"), "must differ from check to check: name each one")
    shared = _said(book, ("defaults",), defaults, own=False)
    if not tables:
        raise ConfigError(f"has no checks: add a [[check]]; {INIT}", file=book.file)
    checks: dict[str, CheckSpec] = {}
    for index, table in enumerate(tables):
        path: Path = ("check", index)
        if not isinstance(table, Mapping):
            raise book.error(path, f"must be a table, [[check]], got {shown(table)}")
        check = _check(book, path, _merged(shared, _said(book, path, table, own=True)))
        if check.name in checks:
            where = path if "name" not in table else (*path, "name")
            raise book.error(
                where,
                f"{shown(check.name)} is the check on line {checks[check.name].line} too:"
                " give each a name of its own",
            )
        checks[check.name] = check
    return Config(book.file, tuple(checks.values()))


def _unknown(key: str, known: Sequence[str], what: str) -> str:
    near = nearest(key.lower().replace("-", "_"), known)
    advice = f"did you mean {near}?" if near else f"{what} {', '.join(known)}"
    return f"unknown key: {advice}"


def _said(book: Book, path: Path, table: Mapping[str, Any], *, own: bool) -> _Says:
    """Return what a table says, each value read as its key has it."""
    said = {}
    for name, value in table.items():
        key = KEYS.get(name)
        if key is None:
            raise book.error((*path, name), _unknown(name, tuple(KEYS), "a check has"))
        read = key.read(value)
        if key.kind is WEIGHTS and isinstance(value, Mapping):
            for label, weight in value.items():
                if key.read({label: weight}) is None:
                    at: Path = (*path, name, label)
                    raise book.error(at, f"must be a number of at least 0, got {shown(weight)}")
        if read is None:
            raise book.error((*path, name), f"must be {key.says}, got {shown(value)}")
        said[name] = _Said(read, (*path, name), own)
    return said


_RIVALS = (("key", "by_position"), MARGINS)


def _merged(defaults: _Says, own: _Says) -> _Says:
    """Return what a check says; of two keys that exclude one another, its own is meant."""
    kept = dict(defaults)
    for pair in _RIVALS:
        if any(name in own for name in pair):
            kept = {name: said for name, said in kept.items() if name not in pair}
    return {**kept, **own}


def _check(book: Book, path: Path, said: _Says) -> CheckSpec:
    """Return the check that a table and the defaults make."""
    said = _consistent(book, path, said)

    def value(name: str, default: Any = None) -> Any:
        return said[name].value if name in said else default

    baseline = _files(book, said, "baseline")
    report = bool(baseline) and baseline[0].lower().endswith(REPORT)
    reading = Reading(
        data=_files(book, said, "data"),
        truth=_files(book, said, "truth"),
        key=value("key", ()),
        by_position=value("by_position", False),
        baseline=() if report else baseline,
        missing=value("missing", "error"),
        delimiter=value("delimiter"),
        header=value("header", True),
        input_format=value("input_format"),
    )
    options = {
        name: found.value
        for name, found in said.items()
        if name in Options._fields and name not in CheckSpec._fields
    }
    loss = _loss(book, said["loss"])
    margin = value("no_worse_than", value("better_by"))
    return CheckSpec(
        name=value("name") or _readable(loss, said),
        line=book.line(path),
        loss=loss,
        reading=reading,
        options=options,
        maximum=value("max"),
        minimum=value("min"),
        recorded=baseline[0] if report else None,
        baseline_pred=value("baseline_pred"),
        margin=margin,
        better="better_by" in said,
        alpha=value("alpha", ALPHA),
        cluster=value("cluster"),
        allow=_allowed(book, said.get("allow")),
    )


def _consistent(book: Book, path: Path, said: _Says) -> _Says:
    """Return what has an effect, or raise what contradicts itself or would have none."""
    for name, example in (("loss", "rmse"), ("data", "preds.csv")):
        if name not in said or not said[name].value:
            raise book.error(path, f'has no {name}: say {name} = "{example}"')
    if not any(name in said for name in GATES):
        raise book.error(path, f"has no gate: say one of {', '.join(GATES)}")
    for one, other in _RIVALS:
        if one in said and other in said and said[other].value is not False:
            raise book.error(said[other].path, f"goes without {one}: leave one of them out")
    if "max" in said and "min" in said and said["max"].value < said["min"].value:
        raise book.error(said["max"].path, "lies below min: nothing could pass")
    margin = next((name for name in MARGINS if name in said), None)
    compared = [name for name in ("baseline", "baseline_pred") if name in said and said[name].value]
    if margin is not None and not compared:
        raise book.error(said[margin].path, "needs a baseline, or baseline_pred: worse than what?")
    files = said["baseline"].value if "baseline" in compared else ()
    reports = [file for file in files if file.lower().endswith(REPORT)]
    if reports and len(files) > 1:
        raise book.error(said["baseline"].path, "must be one report, or predictions alone")
    unused = margin is None and not said.get("baseline", _NONE).own
    joins = bool(said.get("truth", _NONE).value) or (files and not reports and not unused)
    idle = {
        "key": not joins,
        "by_position": not joins,
        "baseline": unused,
        "baseline_pred": bool(reports)
        or (margin is None and not said.get("baseline_pred", _NONE).own),
        "alpha": margin is None,
        "cluster": margin is None,
    }
    for name, none in idle.items():
        if none and name in said and said[name].own and said[name].value is not False:
            raise book.error(said[name].path, f"has no effect here: it needs {_NEEDS[name]}")
    return {name: found for name, found in said.items() if not idle.get(name)}


_NONE = _Said(None, (), own=False)
_NEEDS = {
    "key": "a truth or a baseline file",
    "by_position": "a truth or a baseline file",
    "baseline_pred": "a baseline with rows, and a report has none",
    "alpha": "no_worse_than or better_by",
    "cluster": "no_worse_than or better_by",
}


def _files(book: Book, said: _Says, name: str) -> tuple[str, ...]:
    """Return the files that a key names, as the working directory has them."""
    found = said.get(name)
    if found is None:
        return ()
    folder = os.path.dirname(book.file)
    paths = []
    for index, file in enumerate(found.value):
        path = os.path.join(folder, file)
        wrong = None
        if file == "-":
            wrong = "must be a file: standard input cannot be named here"
        elif not os.path.exists(path):
            wrong = f"there is no file {shown(path)}"
        elif os.path.isdir(path):
            wrong = f"{shown(path)} is a directory; name the files in it"
        elif not os.access(path, os.R_OK):
            wrong = f"{shown(path)} cannot be read: permission denied"
        if wrong is not None:
            raise book.error((*found.path, index), wrong)
        paths.append(path)
    return tuple(paths)


def _loss(book: Book, said: _Said) -> str:
    try:
        specs = parse_specs(said.value)
    except UsageError as error:
        raise book.error(said.path, str(error)) from None
    if len(specs) != 1:
        raise book.error(said.path, f"must be one loss, got {len(specs)}: a check for each")
    return str(said.value)


def _allowed(book: Book, said: _Said | None) -> frozenset[str]:
    try:
        return allowed_guards(said.value if said else ())
    except UsageError as error:
        assert said is not None
        raise book.error(said.path, str(error)) from None


def _readable(loss: str, said: _Says) -> str:
    """Return the name of a check that has none: its loss, its gate and its groups."""
    words = {"max": "at most", "min": "at least", "no_worse_than": "no worse than"}
    gates = []
    for name in GATES:
        if name in said:
            value = said[name].value
            number = repr(value).removesuffix(".0") if isinstance(value, float) else str(value)
            gates.append(f"{words.get(name, 'better by')} {number}")
    groups = f" by {', '.join(said['by'].value)}" if "by" in said and said["by"].value else ""
    return f"{loss} {' and '.join(gates)}{groups}"

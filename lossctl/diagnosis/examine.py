"""The whole examination: choose the columns, read once, ask every module for its findings."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any

from lossctl.diagnosis import labels, order, ranges, size
from lossctl.diagnosis.case import Case
from lossctl.diagnosis.choice import Unclear, chosen
from lossctl.diagnosis.fits import fits_of
from lossctl.diagnosis.gather import gather
from lossctl.diagnosis.head import IDENTIFIERS, identifies, looks
from lossctl.diagnosis.records import SEVERITIES, Diagnosis, Finding
from lossctl.diagnosis.seen import Reading
from lossctl.sources.columns import select
from lossctl.sources.streams import STDIN_NAME
from lossctl.tables import files_of, header_of, open_table

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lossctl.diagnosis.head import Look
    from lossctl.options import Options
    from lossctl.passes import Watch
    from lossctl.task import Columns


def diagnose(
    data: Any, options: Options, keys: Sequence[str] = (), watch: Watch | None = None
) -> Diagnosis:
    """Return what is probably wrong with the data, and which losses fit the columns.

    ``keys`` select columns that together tell rows apart. Raises InputError where the data cannot
    be read, UsageError where a column that was named is not what it must be.
    """
    files = files_of(data)
    with open_table(data, options) as table:
        header = header_of(table, options)
        cells = table.head_cells()
        seen = looks(cells)
        columns = chosen(header, options, seen)
        if isinstance(columns, Unclear):
            return _unclear(files, columns)
        given = tuple(name for key in keys for name in select(header, key).names)
        texts = [name for name in columns.pred if seen[name].cells and seen[name].numbers is None]
        meant = (*columns.pred, *_quantities(columns, seen))
        stray = next((name for name in meant if seen[name].strays), None)
        if stray is not None:
            finding = _stray(seen[stray], cells[stray])
            return Diagnosis(files, _named(columns), None, 0, 0, 0, (finding,))
        if texts:
            return _no_numbers(files, columns, texts, seen)
        found = given or _auto_keys(columns, seen, small=table.small)
        reading = Reading(columns, _truth(columns, seen, options), found)
        delimiter = table.delimiter
        facts = gather(table, reading, options, watch)
    used = {*columns.y, *columns.pred, columns.weight}
    others = [name for name in header.names if name not in used]
    case = Case(
        facts, reading, seen, files, options, identifies(cells, others), not given, delimiter
    )
    findings = [finding for part in (ranges, labels, order, size) for finding in part.find(case)]
    findings.sort(key=lambda finding: SEVERITIES.index(finding.severity))
    return Diagnosis(
        files=files,
        columns={
            **_named(columns),
            "keys": list(found) or None,
        },
        rows=facts.counts.rows,
        looked_at=case.n,
        skipped=facts.counts.skipped,
        nonfinite=facts.counts.nonfinite,
        findings=tuple(findings),
        fits=fits_of(case, header),
    )


def _named(columns: Columns) -> dict[str, Any]:
    return {"y": list(columns.y), "pred": list(columns.pred), "weight": columns.weight}


def _truth(columns: Columns, seen: Mapping[str, Look], options: Options) -> Any:
    """Return how the truth is read, by what its first cells look like."""
    truths = [seen[name] for name in columns.y]
    if len(truths) > 1:
        return "number"
    (y,) = truths
    if len(columns.pred) > 1:
        # Labels are whole numbers, names, or whatever names a class; an ensemble has one truth.
        named = set(y.cells) <= set(columns.classes or ())
        numbers = y.numbers is not None and not y.whole and not named
        many = y.whole and not named and y.kinds > max(len(columns.pred), 2)
        return "number" if numbers or many else "labels"
    if y.numbers is not None or not y.cells:
        return "number"
    return "binary" if y.spelled_truths and options.positive is None else "labels"


def _auto_keys(columns: Columns, seen: Mapping[str, Look], *, small: bool) -> tuple[str, ...]:
    """Return the column that is called as one that tells rows apart; text takes long to read."""
    used = {*columns.y, *columns.pred, columns.weight}
    known = [name for name in seen if name.casefold() in IDENTIFIERS and name not in used]
    return tuple(known[:1]) if small else ()


def _unclear(files: tuple[str, ...], unclear: Unclear) -> Diagnosis:
    commands = tuple(_doctor(files, y, pred) for y, pred in unclear.pairs)
    advice = f"name them: {commands[0]}" if commands else "name them with -y and -p"
    finding = Finding("columns", "warning", unclear.why, {}, advice)
    return Diagnosis(files, None, None, 0, 0, 0, (finding,), (), unclear.candidates, commands)


def _doctor(files: tuple[str, ...], y: str, pred: str) -> str:
    named = [] if files == (STDIN_NAME,) else [f if f != STDIN_NAME else "-" for f in files]
    return shlex.join(["lossctl", "doctor", *named, "-y", y, "-p", pred])


def _quantities(columns: Columns, seen: Mapping[str, Look]) -> tuple[str, ...]:
    """Return the columns of the truth that are not labels."""
    if len(columns.pred) > 1 and len(columns.y) == 1:
        return ()
    return tuple(name for name in columns.y if not seen[name].text_labels)


def _stray(look: Look, column: Sequence[str]) -> Finding:
    """Return the finding that a few cells of a column of numbers are none."""
    strays = look.strays
    row = column.index(strays[0]) + 1
    verb = "is no number" if len(strays) == 1 else "are no numbers"
    first = "" if len(strays) == 1 else "the first "
    return Finding(
        "stray",
        "error",
        f"{len(strays)} of the first {len(look.cells)} cells of {look.name} {verb}:"
        f" {first}'{strays[0]}' in row {row}",
        {"column": look.name, "strays": len(strays), "cells": len(look.cells), "row": row},
        "mend what writes it; a cell that is left empty can be skipped: --missing skip",
    )


def _no_numbers(
    files: tuple[str, ...], columns: Columns, texts: Sequence[str], seen: Mapping[str, Look]
) -> Diagnosis:
    """Return the diagnosis of predictions that are text: swapped with the truth, or decisions."""
    look = seen[texts[0]]
    y = columns.y[0] if len(columns.y) == 1 else None
    numbers = y is not None and seen[y].numbers is not None
    if y is not None and numbers and len(columns.pred) == 1:
        command = _doctor(files, texts[0], y)
        finding = labels.swapped(y, texts[0], look.kinds, command)
        return Diagnosis(files, _named(columns), None, 0, 0, 0, (finding,), commands=(command,))
    finding = Finding(
        "text",
        "error",
        f"{texts[0]} holds text, as '{look.cells[0]}', where losses take numbers",
        {"column": texts[0]},
        "name a column of probabilities or scores with -p",
    )
    return Diagnosis(files, _named(columns), None, 0, 0, 0, (finding,))

"""Values that were recorded in a report (``lossctl eval --json``), to be compared with later."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple, NoReturn

from lossctl.errors import InputError
from lossctl.report import SCHEMA

Group = frozenset[tuple[str, str]]


class Entry(NamedTuple):
    """A value of a report, the loss and the group it is of, and what it was made of.

    ``truth`` and ``weight`` are hashes, made with the columns ``key``; ``rules`` what was asked of
    the rows.
    """

    spec: str
    group: Group
    pred: tuple[str, ...]
    value: float
    truth: str | None
    weight: str | None
    key: tuple[str, ...]
    rules: Mapping[str, Any]

    def unlike(self, rules: Mapping[str, Any], weighted: bool) -> str | None:
        """Return how the value was made otherwise than is asked for now, None if it was not."""
        for name, now in rules.items():
            then = self.rules.get(name)
            if then != now:
                return f"{name} is {_shown(then)} there and {_shown(now)} here"
        if (self.weight is not None) != weighted:
            there, here = ("a weight", "none") if self.weight is not None else ("no weight", "one")
            return f"rows have {there} there and {here} here"
        return None


class Recorded(NamedTuple):
    """The values of a report."""

    file: str
    entries: tuple[Entry, ...]

    def value(
        self, spec: str, group: Mapping[str, str] | None = None, pred: tuple[str, ...] = ()
    ) -> float:
        """Return the value of an entry."""
        return self.entry(spec, group, pred).value

    def entry(
        self, spec: str, group: Mapping[str, str] | None = None, pred: tuple[str, ...] = ()
    ) -> Entry:
        """Return what is recorded of a loss over all rows or a group, or raise InputError.

        ``spec`` is that of ``BoundLoss.spec``. Where the report holds several values of it, that
        of the prediction columns ``pred`` is meant.
        """
        of = f" of {', '.join(group.values())}" if group else ""
        wanted = frozenset((group or {}).items())
        found = [e for e in self.entries if e.spec == spec and e.group == wanted]
        if len(found) > 1:
            found = [e for e in found if e.pred == pred]
        if not found:
            known = ", ".join(dict.fromkeys(map(_named, self.entries)))
            raise self.error(f"holds no single value of {spec}{of}; it holds {known}")
        if not math.isfinite(found[0].value):
            raise self.error(f"the value of {spec}{of} is {found[0].value:g}: nothing to hold")
        return found[0]

    def lost(self, spec: str, groups: Iterable[Mapping[str, str] | None]) -> list[Entry]:
        """Return the entries of a loss by the same columns as some groups, but of none of them."""
        wanted = {frozenset((group or {}).items()) for group in groups}
        by = {frozenset(name for name, _ in group) for group in wanted}
        same = (e for e in self.entries if e.spec == spec and e.group not in wanted)
        return [e for e in same if frozenset(name for name, _ in e.group) in by]

    def error(self, message: str) -> InputError:
        """Return an error that names the report."""
        return InputError(message, file=self.file)


def _shown(value: object) -> str:
    return "not given" if value is None else str(value)


def _named(entry: Entry) -> str:
    labels = ", ".join(label for _, label in sorted(entry.group))
    return f"{entry.spec} of {labels}" if labels else entry.spec


def read_recorded(file: str) -> Recorded:
    """Return the values of a report, or raise InputError."""
    try:
        with open(file, "rb") as stream:
            document = json.loads(stream.read(), parse_constant=_no_number)
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", file=file) from None
    except json.JSONDecodeError as error:
        raise InputError(f"is not JSON: {error.msg}", file=file, line=error.lineno) from None
    except (ValueError, RecursionError):  # no UTF-8, a number of too many digits, or too deep
        raise InputError("is not JSON", file=file) from None
    known = isinstance(document, dict) and document.get("schema") == SCHEMA
    try:
        if known:
            return Recorded(file, tuple(_entry(result) for result in document["results"]))
    except (KeyError, TypeError, ValueError, AttributeError):
        pass
    raise InputError(f"is no report: 'lossctl eval --json' writes one ({SCHEMA})", file=file)


def _no_number(word: str) -> NoReturn:
    raise ValueError(word)


def _entry(result: Mapping[str, Any]) -> Entry:
    group = frozenset((str(name), str(label)) for name, label in (result["group"] or {}).items())
    pred = tuple(map(str, result["columns"]["pred"]))
    hashes, rules = result["hashes"], dict(result["rules"])
    return Entry(
        spec=str(result["spec"]),
        group=group,
        pred=pred,
        value=float(result["value"]),
        truth=hashes["truth"],
        weight=hashes["weight"],
        key=tuple(map(str, hashes["key"] or ())),
        rules=rules,
    )

"""Values that were recorded in a report (``lossctl eval --json``), to be compared with later."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any, NamedTuple, NoReturn

from lossctl.errors import InputError
from lossctl.report import SCHEMA

Group = frozenset[tuple[str, str]]


class Entry(NamedTuple):
    """A value of a report, the loss and the group it is of, and the columns it predicts with."""

    spec: str
    group: Group
    pred: tuple[str, ...]
    value: float
    truth: str | None = None
    key: tuple[str, ...] = ()


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
            known = dict.fromkeys(entry.spec for entry in self.entries)
            raise self._error(f"holds no single value of {spec}{of}; it holds {', '.join(known)}")
        if not math.isfinite(found[0].value):
            raise self._error(f"the value of {spec}{of} is {found[0].value:g}: nothing to hold")
        return found[0]

    def _error(self, message: str) -> InputError:
        return InputError(message, file=self.file)


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
    hashes = result.get("hashes") or {}
    key = tuple(map(str, hashes.get("key") or ()))
    return Entry(str(result["spec"]), group, pred, float(result["value"]), hashes.get("truth"), key)

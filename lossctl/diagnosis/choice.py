"""Which columns are looked at, and what could be meant where that is not clear."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from lossctl.diagnosis.head import IDENTIFIERS
from lossctl.diagnosis.records import Candidate
from lossctl.errors import InputError
from lossctl.losses.registry import find
from lossctl.sources.columns import ANONYMOUS, PREDICTION, TRUTH, choose, select

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lossctl.diagnosis.head import Look
    from lossctl.options import Options
    from lossctl.sources.columns import Header
    from lossctl.task import Columns

COMMANDS = 4  # how many ways to go on are offered
SUM_SLACK = 1e-2


class Unclear(NamedTuple):
    """Why the columns are not clear, and in which ways one could go on."""

    why: str
    candidates: tuple[Candidate, ...]
    pairs: tuple[tuple[str, str], ...]


def chosen(header: Header, options: Options, looks: Mapping[str, Look]) -> Columns | Unclear:
    """Return the columns of truth and prediction, or what could be meant.

    Raises InputError or UsageError where a column was named that is not there.
    """
    for selector in (options.y, options.pred, options.weight):
        if selector is not None:
            select(header, selector)
    try:
        columns = choose(header, find("mse"), options.y, options.pred, options.weight)
    except InputError as error:
        if (options.y is not None and options.pred is not None) or error.line is not None:
            raise
        why = error.message.partition("; the columns are")[0]
        candidates, pairs = _candidates(header, options, looks)
        return Unclear(why, candidates, pairs)
    return columns


def _candidates(
    header: Header, options: Options, looks: Mapping[str, Look]
) -> tuple[tuple[Candidate, ...], tuple[tuple[str, str], ...]]:
    """Return what each column looks like, and pairs of selectors for truth and prediction."""
    groups = _groups(looks)
    grouped = {name: glob for glob, names in groups.items() for name in names}
    truths, predictions, shown = [], [], []
    for name in header.names:
        look = looks[name]
        folded = name.casefold()
        if name in grouped:
            continue
        if folded in ANONYMOUS | IDENTIFIERS:
            role = "–"
        elif folded in TRUTH or (look.labels and folded not in PREDICTION):
            role = "y"
            truths.append(name)
        elif look.numbers is not None:
            role = "ŷ" if folded in PREDICTION else "y or ŷ"
            predictions.append(name)
        else:
            role = "–"
        shown.append(Candidate(name, look.in_words(), role))
    for glob, names in groups.items():
        true = _stem(glob) in TRUTH
        (truths if true else predictions).append(glob)
        what = _group_in_words([looks[name] for name in names])
        shown.append(Candidate(glob, what, "y" if true else "ŷ"))
    truths.sort(key=lambda name: _stem(name) not in TRUTH)
    predictions.sort(key=lambda name: not (name in groups or _stem(name) in PREDICTION))
    wanted_y = [options.y] if options.y is not None else (truths or predictions[:1])
    wanted_p = [options.pred] if options.pred is not None else predictions
    pairs = [(y, p) for y in wanted_y for p in wanted_p if y != p]
    return tuple(shown), tuple(pairs[:COMMANDS])


def _stem(name: str) -> str:
    return name.removesuffix("_*").casefold()


def _groups(looks: Mapping[str, Look]) -> dict[str, list[str]]:
    """Return columns of numbers that share the part of their name before the last ``_``."""
    found: dict[str, list[str]] = {}
    for name, look in looks.items():
        stem, mark, rest = name.partition("_")
        plain = not any(char in name for char in "*?[],\"'")
        if mark and rest and stem and look.numbers is not None and plain:
            found.setdefault(f"{stem}_*", []).append(name)
    return {
        glob: names
        for glob, names in found.items()
        if len(names) > 1 and not {name.casefold() for name in names} & (TRUTH | PREDICTION)
    }


def _group_in_words(group: Sequence[Look]) -> str:
    size = min(len(look.cells) for look in group)
    x = np.array([look.numbers[:size] for look in group if look.numbers is not None])
    what = f"{len(group)} columns"
    if not size or len(x) < len(group):
        return what
    with np.errstate(all="ignore"):
        if (x >= 0.0).all() and (np.abs(x.sum(axis=0) - 1.0) < SUM_SLACK).all():
            return f"{what}, probabilities that sum to 1"
        if (x <= 0.0).all() and (np.abs(np.exp(x).sum(axis=0) - 1.0) < SUM_SLACK).all():
            return f"{what}, logarithms of probabilities"
    return f"{what} from {x.min():.4g} to {x.max():.4g}"


def selector_of(names: Sequence[str]) -> str:
    """Return the list of columns as ``-y`` and ``-p`` take it."""
    if len(names) == 1:
        return names[0]
    line = io.StringIO()
    csv.writer(line, lineterminator="").writerow(names)
    return line.getvalue()

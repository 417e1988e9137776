"""Which columns a loss reads: what the user named, else what the names say."""

from __future__ import annotations

import csv
import difflib
import re
from typing import TYPE_CHECKING, NamedTuple

from lossctl.errors import InputError, UsageError
from lossctl.sources.numbers import is_number
from lossctl.task import Columns

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lossctl.losses.registry import Loss

TRUTH = frozenset(
    [
        "y",
        "y_true",
        "true",
        "truth",
        "target",
        "label",
        "actual",
        "observed",
        "ground_truth",
        "정답",
        "실제값",
    ]
)
PREDICTION = frozenset(
    [
        "ŷ",
        "yhat",
        "y_hat",
        "y_pred",
        "pred",
        "prediction",
        "predicted",
        "score",
        "prob",
        "p",
        "logit",
        "예측",
        "예측값",
    ]
)
ANONYMOUS = frozenset(["", "id", "index"])


class Chosen(NamedTuple):
    """The columns that a selector names, and what its star matched in each."""

    names: tuple[str, ...]
    stars: tuple[str, ...] | None = None


class NoSuchColumn(InputError):
    """A selector names no column of a table."""


class Side(NamedTuple):
    """One of several tables: its own header, and what its columns are called among all."""

    header: Header
    inner: Mapping[str, str]

    def named(self, names: Sequence[str]) -> tuple[str, ...]:
        """Return what columns are called among those of all tables."""
        return tuple(self.inner[name] for name in names)


NO_SIDES: Mapping[str, Side] = {}


class Header(NamedTuple):
    """The columns of an input, and what to call it in messages.

    ``names`` tell the columns apart; ``written`` is what the header says, where a name may stand
    twice. ``line`` is the line of the header.

    Of tables side by side, ``sides`` are the tables by their roles, the main one first, and
    ``predictions`` is the role of the one that ``-p`` chooses from. ``part`` says that this is one
    of them, in which the columns ``keys`` only say which row it is.
    """

    names: tuple[str, ...]
    written: tuple[str, ...]
    file: str | None = None
    headed: bool = True
    line: int = 1
    sides: Mapping[str, Side] = NO_SIDES
    predictions: str = ""
    part: bool = False
    keys: tuple[str, ...] = ()

    def side(self, role: str) -> Side:
        """Return the table of a role: the main one, where no other has it."""
        if role in self.sides:
            return self.sides[role]
        return next(iter(self.sides.values()), Side(self, {name: name for name in self.names}))

    def error(self, message: str, kind: type[InputError] = InputError) -> InputError:
        """Return the error that also lists the columns."""
        return kind(f"{message}; the columns are {_listed(self.names)}", file=self.file)


def choose(
    header: Header, loss: Loss, y: str | None, pred: str | None, weight: str | None
) -> Columns:
    """Return the columns that a loss reads, or raise InputError or UsageError.

    ``y``, ``pred`` and ``weight`` are selectors: a name, a 1-based position, a list with commas
    or a glob.
    """
    truth, other = header.side("truth"), header.side(header.predictions)
    same = truth == other
    ours, theirs = other.header, truth.header
    predictions = None if pred is None or loss.roles else select(ours, pred)
    truths = None if y is None else select(theirs, y)
    if loss.roles:
        predictions = roles_of(ours, loss, pred, truths if same else None)
    if loss.y is None:
        predictions = predictions or _only(ours) or _default(ours, loss, "pred", ())
        chosen = _paired(ours, loss, None, predictions)
    else:
        taken = predictions.names if predictions and same else ()
        truths = truths or _default(theirs, loss, "y", taken)
        taken = truths.names if same else ()
        predictions = predictions or _default(ours, loss, "pred", taken)
        chosen = _paired(ours, loss, truths, predictions)
    check_header(theirs, chosen.y)
    check_header(ours, chosen.pred)
    return Columns(
        truth.named(chosen.y), other.named(chosen.pred), weight_of(header, weight), chosen.classes
    )


def weight_of(header: Header, selector: str | None) -> str | None:
    """Return the column of weights that a selector names, None where there is none."""
    if selector is None:
        return None
    weights = select(header, selector)
    if len(weights.names) != 1:
        raise UsageError(f"-w takes one column, got {_listed(weights.names)}")
    if not header.sides:
        check_header(header, weights.names)
    return weights.names[0]


def roles_of(header: Header, loss: Loss, pred: str | None, y: Chosen | None) -> Chosen:
    """Return a column for every role: as ``role=column``, listed in order, or by their names."""
    given: dict[str, str] = {}
    parts = [] if pred is None else listed(pred)
    known = [role.name for role in loss.roles]
    if parts and not any("=" in part for part in parts):
        chosen = select(header, pred or "")
        if len(chosen.names) != len(known):
            raise UsageError(
                f"{loss.name} takes {len(known)} prediction columns ({', '.join(known)}),"
                f" got {_listed(chosen.names)}"
            )
        return Chosen(chosen.names)
    for part in parts:
        name, mark, column = part.partition("=")
        name = name.strip().casefold()
        if not mark or name not in known or name in given:
            why = "twice" if name in given else f"and '{part}' names none of them"
            raise UsageError(f"{loss.name} takes -p {_role_flag(known)}, {why}")
        given[name] = column
    names = []
    for role in loss.roles:
        if role.name in given:
            names.append(_one(header, role.name, given[role.name]))
            continue
        taken = [*names, *(y.names if y else ())]
        free = [name for name in header.names if name not in (*taken, *header.keys)]
        found = [name for name in free if name.casefold() in role.names]
        if len(found) != 1:
            more = f" {_listed(found)} could be." if found else ""
            raise header.error(f"which column is the {role.name}?{more} Use -p {_role_flag(known)}")
        names.append(found[0])
    return Chosen(tuple(names))


def _role_flag(known: Sequence[str]) -> str:
    return ",".join(f"{name}=COL" for name in known)


def _one(header: Header, role: str, selector: str) -> str:
    chosen = select(header, selector)
    if len(chosen.names) != 1:
        raise UsageError(f"the {role} is one column, got {_listed(chosen.names)}")
    return chosen.names[0]


def listed(selector: str) -> list[str]:
    """Return the parts of a list of columns, which is quoted as in CSV."""
    try:
        (parts,) = csv.reader([selector], strict=True)
    except (csv.Error, ValueError):
        raise UsageError(f"'{selector}' is no list of columns: quotes are as in CSV") from None
    return parts


def check_keys(header: Header, keys: Sequence[str]) -> None:
    """Refuse keys that are no columns of a table, or of which there are two."""
    for name in keys:
        count = header.written.count(name)
        if count > 1:
            raise header.error(f"{count} columns are called '{name}', and a key must be one")
        if name not in header.names:
            raise _absent(header, name)


def select(header: Header, selector: str) -> Chosen:
    """Return the columns that a selector names.

    Of tables side by side, a column of the truth goes before one of the predictions.
    """
    if not header.sides:
        return _select(header, selector)
    for side in (header.side("truth"), header.side(header.predictions)):
        try:
            found = _select(side.header, selector)
        except NoSuchColumn:
            continue
        return Chosen(side.named(found.names), found.stars)
    if selector in header.names:
        return Chosen((selector,))
    if "," in selector:
        return Chosen(tuple(n for part in listed(selector) for n in select(header, part).names))
    raise _absent(header, selector)


def select_predicted(header: Header, selector: str) -> Chosen:
    """Return the columns that a selector names in the table of the predictions."""
    side = header.side(header.predictions)
    found = _select(side.header, selector)
    return Chosen(side.named(found.names), found.stars)


def _select(header: Header, selector: str) -> Chosen:
    names = header.names
    positions = [i for i, name in enumerate(header.written) if name == selector]
    if len(positions) == 1:
        return Chosen((names[positions[0]],))
    if positions:
        known = ", ".join(str(position + 1) for position in positions)
        raise header.error(
            f"{len(positions)} columns are called '{selector}'; name one by its position ({known})"
        )
    if selector.isascii() and selector.isdigit():
        position = int(selector)
        if 1 <= position <= len(names):
            return Chosen((names[position - 1],))
        raise header.error(f"there is no column {position}", NoSuchColumn)
    if any(char in selector for char in "*?["):
        return _glob(header, selector)
    if "," in selector:
        parts = listed(selector)
        return Chosen(tuple(name for part in parts for name in _select(header, part).names))
    raise _absent(header, selector)


def _absent(header: Header, selector: str) -> InputError:
    near = difflib.get_close_matches(selector, header.names, n=1)
    advice = f" (did you mean '{near[0]}'?)" if near else ""
    return header.error(f"there is no column '{selector}'{advice}", NoSuchColumn)


def select_all(header: Header, selectors: Sequence[str]) -> tuple[str, ...]:
    """Return the columns that some selectors name."""
    return tuple(name for selector in selectors for name in select(header, selector).names)


def has_truth(header: Header, selector: str | None) -> bool:
    """Whether a table has the columns that a selector names, or one that is named like a truth."""
    if selector is None:
        written = dict(zip(header.names, header.written, strict=True))
        names = (written[name] for name in header.names if name not in header.keys)
        return any(name.casefold() in TRUTH for name in names)
    try:
        select(header, selector)
    except NoSuchColumn:
        return False
    return True


def _glob(header: Header, selector: str) -> Chosen:
    """Return the columns that a pattern matches: ``*`` any text, ``?`` one character, ``[ab]``."""
    pattern = "".join(_regex(part) for part in re.findall(r"\[[^\]]+\]|.", selector, re.DOTALL))
    try:
        matches = [(name, re.fullmatch(pattern, name, re.DOTALL)) for name in header.names]
    except re.error:
        raise UsageError(f"'{selector}' is no pattern: a range in [ ] runs backwards") from None
    found = [(name, "".join(match.groups())) for name, match in matches if match]
    if not found:
        raise header.error(f"no column matches '{selector}'", NoSuchColumn)
    return Chosen(tuple(name for name, _ in found), tuple(star for _, star in found))


def _regex(part: str) -> str:
    """Return the regular expression for one piece of a glob; what wildcards match is captured."""
    if part in ("*", "?"):
        return "(.*)" if part == "*" else "(.)"
    if len(part) > 1:  # [abc], [a-z] or [!abc]
        inside = part[1:-1].replace("\\", r"\\").replace("^", r"\^").replace("[", r"\[")
        return f"([{'^' + inside[1:] if inside.startswith('!') else inside}])"
    return re.escape(part)


def _default(header: Header, loss: Loss, role: str, taken: Sequence[str]) -> Chosen:
    """Return the one column whose name says its role, else the one that position gives it."""
    flag, known = ("-y", TRUTH) if role == "y" else ("-p", PREDICTION)
    free = [name for name in header.names if name not in (*taken, *header.keys)]
    written = dict(zip(header.names, header.written, strict=True))  # a name may stand twice
    named = [name for name in free if written[name].casefold() in known]
    if len(named) == 1:
        return Chosen((named[0],))
    if len(named) > 1:
        raise header.error(f"which column is {_ROLES[role]}? {_listed(named)} could be; use {flag}")
    plain = all(name.casefold() not in ANONYMOUS for name in header.names)
    if header.part and len(free) == 1 and free[0].casefold() not in ANONYMOUS:
        return Chosen((free[0],))
    if len(header.names) == 2 and plain and not header.part:
        if taken:
            return Chosen((free[0],)) if free else Chosen((header.names[0],))
        return Chosen((header.names[0 if role == "y" else 1],))
    if role == "pred" and loss.kind in _MANY:
        raise header.error(f"{loss.name} takes {_MANY[loss.kind]}; use {flag} 'p_*'")
    raise header.error(f"which column is {_ROLES[role]}? Use {flag}")


_ROLES = {"y": "the truth y", "pred": "the prediction ŷ"}
_MANY = {
    "classes": "a column for every class",
    "ensemble": "a column for every member of the ensemble",
    "vectors": "several truth columns and as many predictions",
}


def _only(header: Header) -> Chosen | None:
    free = tuple(name for name in header.names if name not in header.keys)
    return Chosen(free) if len(free) == 1 else None


def _paired(header: Header, loss: Loss, y: Chosen | None, pred: Chosen) -> Columns:
    """Match truth and prediction columns: one to one, k to k by class, or a label to k."""
    repeated = [name for name in pred.names if pred.names.count(name) > 1]
    if repeated:
        raise UsageError(f"-p names column '{repeated[0]}' twice")
    k = len(pred.names)
    form = loss.form(k)
    if form in ("classes", "vectors") and k < 2:
        raise header.error(f"{loss.name} takes {_MANY[form]}, got {k}; use -p 'p_*'")
    classes = pred.stars or pred.names
    if y is None:
        return Columns((), pred.names)
    if form in ("roles", "ensemble"):
        if len(y.names) != 1:
            raise header.error(f"{loss.name} takes one truth column, got {_listed(y.names)}")
        return Columns(y.names, pred.names)
    if len(y.names) == 1 and k > 1:
        if form == "distribution":
            raise header.error(f"{loss.name} compares distributions: {k} predictions, one truth")
        if form == "vectors":
            raise header.error(f"{loss.name} compares vectors: {k} predictions, one truth")
        return Columns(y.names, pred.names, None, classes)
    if len(y.names) != k:
        raise header.error(f"{len(y.names)} truth columns and {k} prediction columns do not match")
    if y.stars and pred.stars and k > 1:
        if set(y.stars) != set(pred.stars):
            odd = sorted(set(y.stars) ^ set(pred.stars))
            raise header.error(f"-y and -p match different names: {_listed(odd)}")
        by_star = dict(zip(y.stars, y.names, strict=True))
        return Columns(
            tuple(by_star[star] for star in pred.stars),
            pred.names,
            None,
            classes if form == "classes" else None,
        )
    return Columns(y.names, pred.names, None, classes if form == "classes" else None)


def check_header(header: Header, names: Sequence[str]) -> None:
    """Refuse a header in which a used name is a number: it is the first row of data."""
    for name in names:
        if header.headed and is_number(name):
            raise InputError(
                f"'{name}' is a number where a column name is due: no header? Use --no-header.",
                file=header.file,
                line=header.line,
            )


def _listed(names: Sequence[str], limit: int = 12) -> str:
    shown = ", ".join(names[:limit]) or "none"
    return f"{shown}, … ({len(names)} in all)" if len(names) > limit else shown

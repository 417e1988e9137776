"""A config to begin with: what the losses that fit a file are now, written as gates."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import ROUND_CEILING, Context, Decimal
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from lossctl import guarded
from lossctl.binding import make_task
from lossctl.config_file import NAME
from lossctl.config_text import Measured, config_text
from lossctl.errors import InputError, OutputError, UsageError
from lossctl.exact import ExactSum, product_total, square_total, total
from lossctl.figures import make_result
from lossctl.fitting import Fit, first_rows, fits_of, group_of
from lossctl.losses.spec import parse_specs
from lossctl.options import Options, make_options
from lossctl.passes import Work, find
from lossctl.sources.columns import select
from lossctl.tables import in_files

if TYPE_CHECKING:
    from collections.abc import Hashable

    from lossctl.probe import Probe
    from lossctl.scoring import Scores
    from lossctl.sources.columns import Header
    from lossctl.verdicts import Guard

NOTHING = ExactSum()
GROUPS = 20  # more are not written as a check, unless they were asked for
ENOUGH = 30  # rows without which two predictions are not compared
SPREAD = 2.0  # standard errors that a margin leaves: above the 1.7 of a one-sided 95 %


class Start(NamedTuple):
    """A config that was written: where, its text, how many checks, and the guards they break."""

    path: str
    text: str
    checks: int
    guards: tuple[Guard, ...]


@dataclass(frozen=True, slots=True)
class Apart:
    """Exact sums of w, w·d and their products over rows whose losses differ by d."""

    rows: int = 0
    w: ExactSum = NOTHING
    wd: ExactSum = NOTHING
    w_w: ExactSum = NOTHING
    w_wd: ExactSum = NOTHING
    wd_wd: ExactSum = NOTHING

    def __add__(self, other: Apart) -> Apart:
        """Add the sums."""
        return Apart(
            self.rows + other.rows,
            self.w + other.w,
            self.wd + other.wd,
            self.w_w + other.w_w,
            self.w_wd + other.w_wd,
            self.wd_wd + other.wd_wd,
        )

    @property
    def reach(self) -> float:
        """The mean of d and two standard errors more; NaN where the rows are too few."""
        w = float(self.w)
        if self.rows < ENOUGH or not w:
            return math.nan
        mean = float(self.wd) / w
        spread = float(self.wd_wd) - 2 * mean * float(self.w_wd) + mean * mean * float(self.w_w)
        spread *= self.rows / (self.rows - 1)
        return mean + SPREAD * math.sqrt(max(spread, 0.0)) / w if math.isfinite(spread) else spread


class Difference(NamedTuple):
    """A probe: how far the losses of one task are above those of another."""

    candidate: int
    baseline: int

    def look(self, scores: Sequence[Scores], /) -> Apart:
        """Return the sums of a slice."""
        one, other = scores[self.candidate], scores[self.baseline]
        with np.errstate(all="ignore"):
            w = np.ones(len(one.loss)) if one.weight is None else one.weight
            wd = w * (one.loss - other.loss)
        sums = (total(w), total(wd), square_total(w), product_total(w, wd), square_total(wd))
        return Apart(len(w), *sums)


def start(data: str | Sequence[str], target: str = NAME, **options: Any) -> Start:
    """Write a config for a file or several, or raise a LossctlError.

    ``options`` are those of ``lossctl.options.make_options`` and become its defaults; without
    ``y`` and ``pred`` the columns are found by what they are called and hold. A file that exists
    is never overwritten.
    """
    files = [data] if isinstance(data, str) else data
    if os.path.lexists(target):
        raise _exists(target)
    text, checks, broken = starting_text(files, make_options(**options), os.path.dirname(target))
    try:
        with open(target, "x", encoding="utf-8", newline="\n") as file:
            file.write(text)
    except FileExistsError:
        raise _exists(target) from None
    except (OSError, ValueError) as error:  # a path with a NUL in it is a ValueError
        why = error.strerror if isinstance(error, OSError) else "that is no path"
        raise OutputError(f"{target}: cannot be written: {why}") from None
    return Start(target, text, checks, broken)


def _exists(target: str) -> UsageError:
    return UsageError(f"{target} exists, and is left as it is; write elsewhere with -o")


def starting_text(
    data: Sequence[str], options: Options, folder: str = ""
) -> tuple[str, int, tuple[Guard, ...]]:
    """Return the text of a config in a folder for some files, how many checks, and their guards."""
    for file in data:
        if file == "-":
            raise UsageError("name a file: a config cannot name standard input")
        if not _writable(file):
            raise UsageError(f"'{file}' is not UTF-8, so a config cannot name it; rename it")
    first = first_rows(data, options)
    fits = fits_of(first, options)
    by = tuple(options.by) or group_of(first, fits)
    measured, declined = _all_measured(data, options, fits, by)
    paths = [_seen_from(folder, file) for file in data]
    text, checks = config_text(paths, options, by, measured, declined)
    broken = [guard for found in measured for each in found.broken.values() for guard in each]
    return text, checks, tuple(broken)


def _all_measured(
    data: Sequence[str], options: Options, fits: Sequence[Fit], by: tuple[str, ...]
) -> tuple[list[Measured], list[str]]:
    """Return what fits and its values, and why others do not after all."""
    measured, declined = [], []
    errors: list[InputError] = []
    for fit in fits:
        try:
            found = _first_that_holds(data, options, fit, by)
        except InputError as error:
            errors.append(error)
            declined.append(f"{', '.join(fit.losses)} of {fit.pred}: {error}")
            continue
        if any(map(math.isfinite, found.values.values())):
            measured.append(found)
        for loss, value in found.values.items():
            if not math.isfinite(value):
                declined.append(f"{loss} of {fit.pred} is infinite")
    if not measured:
        raise errors[0] if errors else InputError(f"{declined[0]}: no line to begin with")
    return measured, declined


def _first_that_holds(
    data: Sequence[str], options: Options, fit: Fit, by: tuple[str, ...]
) -> Measured:
    """Return the values; what was only guessed is left out where rows further on refute it."""
    for groups, chosen in _attempts(fit, by, guessed=not options.by):
        try:
            return _measured(data, options, chosen, groups)
        except InputError:
            continue
    return _measured(data, options, fit._replace(rival=None), tuple(options.by))


def _attempts(
    fit: Fit, by: tuple[str, ...], *, guessed: bool
) -> Iterator[tuple[tuple[str, ...], Fit]]:
    """Yield what to try before it is tried without a rival and without guessed groups."""
    if by or fit.rival:
        yield by, fit
    if guessed and by and fit.rival:
        yield (), fit
        yield by, fit._replace(rival=None)


def _measured(data: Sequence[str], options: Options, fit: Fit, by: tuple[str, ...]) -> Measured:
    """Return the values of a fit, in one pass."""
    specs = [parse_specs(loss)[0]._replace(y=fit.y, pred=fit.pred) for loss in fit.losses]
    means = [at for at, spec in enumerate(specs) if spec.bound.loss.aggregate == "mean"]
    paired = fit.rival is not None and bool(means)
    rivals = [specs[means[0]]._replace(pred=fit.rival)] if paired else []

    def works(header: Header) -> list[Work]:
        tasks = tuple(make_task(spec, header, options) for spec in (*specs, *rivals))
        groups = tuple(name for selector in by for name in select(header, selector).names)
        probes: dict[Hashable, Probe] = {}
        for at in range(len(specs)):
            probes.update(guarded.probes_of(tasks, at))
        if paired:
            probes["apart"] = Difference(means[0], len(specs))
        grouped = [Work(tasks[:1], by=groups)] if groups else []
        return [Work(tasks, probes=probes), *grouped]

    (whole, *grouped), _ = find(list(data), options, works)
    with in_files(list(data)):
        values = [
            make_result(task, whole.states[at, ()], None, plan_summaries=False, worst=0).value
            for at, task in enumerate(whole.work.tasks)
        ]
        groups = {
            ", ".join(group): make_result(
                found.work.tasks[at], state, None, plan_summaries=False, worst=0
            ).value
            for found in grouped
            for (at, group), state in found.states.items()
        }
        broken = {
            loss: tuple(guarded.broken(whole, at, {(): values[at]}, loss))
            for at, loss in enumerate(fit.losses)
            if math.isfinite(values[at])
        }
    few = bool(options.by) or 2 <= len(groups) <= GROUPS
    return Measured(
        fit,
        dict(zip(fit.losses, values, strict=False)),
        groups if few else {},
        fit.losses[means[0]] if paired else None,
        margin_reaching(whole.parts["apart", ()].reach, values[-1]) if paired else None,
        broken,
    )


def margin_reaching(reach: float, baseline: float) -> Decimal | None:
    """Return the percentage of the baseline that a difference reaches; at least 1."""
    if not math.isfinite(reach) or not 0.0 < baseline < math.inf:
        return None
    percent = Decimal(max(reach, 0.0)) / Decimal(baseline) * 100
    return max(Decimal(1), percent.normalize(Context(2, ROUND_CEILING)))


def _writable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _seen_from(folder: str, file: str) -> str:
    """Return a path as it reads from the folder of the config."""
    return file if not folder or os.path.isabs(file) else os.path.relpath(file, folder)

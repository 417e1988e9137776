"""Which losses run on the columns of a file: those whose domains hold every number."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Literal

from lossctl.diagnosis import Fitting
from lossctl.losses import all_losses
from lossctl.losses.bound import BoundLoss
from lossctl.losses.domain import UNIT
from lossctl.losses.registry import SINGLE, find

if TYPE_CHECKING:
    from lossctl.fitting import First
    from lossctl.losses.domain import Domain
    from lossctl.losses.registry import Loss
    from lossctl.options import Options
    from lossctl.survey import Chart, Seen
    from lossctl.vitals import Column, Pair

Kind = Literal["regression", "probability", "logit", "labels", "distribution"]
KNOWN: dict[str, tuple[str, ...]] = {  # the best known come first
    "probability": ("bce", "brier"),
    "logit": ("bce_with_logits", "hinge"),
    "labels": ("zero_one",),
    "regression": ("rmse", "mae", "mse"),
    "distribution": ("kl_divergence", "cross_entropy"),
    "classes": ("cce", "brier", "nll", "cce_with_logits"),
}
UNEVEN = 1e-6  # by how much a distribution may miss a sum of 1


def kind_of_pair(y: Column, p: Column, name: str, pair: Pair, options: Options) -> Kind:
    """Return what a prediction is to its truth."""
    spelled = options.positive is not None
    labels = (y.binary and len(y.labels or ()) > 1) or y.values == {-1.0, 1.0}
    if p.numbers and (spelled or labels):
        if p.binary or (y.values == {-1.0, 1.0} and p.values <= {-1.0, 0.0, 1.0} and p.values):
            return "labels"
        return "probability" if p.within and "logit" not in name.casefold() else "logit"
    sums = (float(pair.lags[1].y), float(pair.lags[1].p))
    if y.within and p.within and all(abs(mass - 1.0) <= UNEVEN for mass in sums):
        return "distribution"
    return "regression"


def fits_of(
    first: First, chart: Chart, seen: Seen, options: Options, files: Sequence[str]
) -> Iterator[Fitting]:
    """Yield the losses whose domains hold the columns, the best known first."""

    def fitting(losses: Sequence[str], kind: str, y: str, pred: str) -> Iterator[Fitting]:
        known = [name for name in KNOWN[kind] if name in losses]
        named = (*known, *(name for name in losses if name not in known))
        if named:
            yield Fitting(named, y, pred, command(named[:2], y, pred, options, files))

    if chart.truth is not None:
        columns = [seen.columns[name] for name in chart.names]
        losses = [loss.name for loss in all_losses() if _runs_on_classes(loss, columns)]
        yield from fitting(losses, "classes", first.selector(chart.truth), chart.selector)
    found = []
    for y_name, p_name in chart.pairs:
        y, p = seen.columns[y_name], seen.columns[p_name]
        kind = kind_of_pair(y, p, p_name, seen.pairs[y_name, p_name], options)
        losses = [loss.name for loss in all_losses() if _runs(loss, kind, y, p)]
        found.append((losses, kind, first.selector(y_name), first.selector(p_name)))
    if chart.joint is not None and found:
        shared = [name for name in found[0][0] if all(name in losses for losses, *_ in found)]
        all_run = [name for name in shared if find(name).aggregate not in SINGLE]
        yield from fitting(all_run, found[0][1], *chart.joint)
        return
    for entry in found:
        yield from fitting(*entry)


def _runs_on_classes(loss: Loss, columns: Sequence[Column]) -> bool:
    """Whether a loss takes k columns of classes: as probabilities, as their logs, or as scores."""
    if loss.form(len(columns)) != "classes":
        return False
    pred = BoundLoss(loss, loss.defaults).pred
    if not all(_holds(pred, column) for column in columns):
        return False
    return loss.name == "zero_one" or _is_a(pred, all(column.within for column in columns))


def _is_a(pred: Domain, within: bool) -> bool:
    """Whether a loss takes probabilities where these are some, and something else where not."""
    return (pred == UNIT) == within


def _runs(loss: Loss, kind: Kind, y: Column, p: Column) -> bool:
    """Whether a loss of single columns takes a truth and a prediction."""
    bound = BoundLoss(loss, loss.defaults)
    form = "distribution" if kind == "distribution" else "elementwise"
    if loss.form(1) != form or bound.y is None:
        return False
    if not (_holds(bound.y, y) and _holds(bound.pred, p)):
        return False
    if kind in ("probability", "logit"):
        suits = loss.name == "zero_one" or _is_a(bound.pred, kind == "probability")
        return loss.labels != "real" and suits
    if kind == "labels":
        return loss.name == "zero_one" or (loss.labels == "real" and loss.name == "mae")
    return loss.labels == "real"


def _holds(domain: Domain, column: Column) -> bool:
    """Whether the numbers of a column lie in a domain: its ends do, and 0 where it occurs."""
    ends = (column.low, column.high, *([0.0] if column.zeros else []))
    return bool(column.numbers) and not column.odd.rows and all(end in domain for end in ends)


def command(
    losses: Sequence[str], y: str | None, pred: str | None, options: Options, files: Sequence[str]
) -> str:
    """Return a command line, quoted for a shell."""
    from shlex import join

    words = ["lossctl", *([",".join(losses)] if losses else ["doctor"])]
    words += files or ["FILE"]
    given = {
        "-y": y,
        "-p": pred,
        "-w": options.weight,
        "--positive": options.positive,
        "-d": options.delimiter,
        "--input-format": options.input_format,
        "--missing": None if options.missing == "error" else options.missing,
    }
    words += [part for flag, value in given.items() if value is not None for part in (flag, value)]
    return join([*words, *([] if options.header else ["--no-header"])])

"""Which losses fit the columns: by the domains that the registry declares, best known first."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from lossctl.diagnosis.records import Fit
from lossctl.errors import LossctlError
from lossctl.losses.domain import REAL, UNIT, Union
from lossctl.losses.registry import SINGLE, all_losses
from lossctl.sources.columns import roles_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lossctl.diagnosis.case import Case
    from lossctl.diagnosis.seen import Range
    from lossctl.losses.domain import Domain
    from lossctl.losses.registry import Loss
    from lossctl.sources.columns import Header

# The first that is meant by "the loss" of a task; the others follow in the registry's order.
FIRST = {
    "regression": ("mse", "mae", "rmse", "r2", "huber", "median_ae"),
    "binary": ("bce", "bce_with_logits", "brier", "zero_one", "focal", "focal_with_logits"),
    "classes": ("cce", "nll", "cce_with_logits", "brier", "zero_one", "perplexity"),
    "decisions": ("zero_one", "brier"),
    "logarithms": ("poisson_nll_with_log",),
    "ensemble": ("crps",),
    "distribution": ("kl_divergence", "cross_entropy", "js_divergence"),
}


def fits_of(case: Case, header: Header) -> tuple[Fit, ...]:
    """Return the losses that would run on all rows of the case, and those of roles by name."""
    kind = "logarithms" if case.logarithms else case.kind
    first = FIRST["decisions"] if kind == "binary" and case.decided else FIRST.get(kind, ())
    off = case.kind == "classes" and case.scale == "probability" and case.facts.seen.off.rows
    more = ("--normalize",) if off else ()
    found = [loss for loss in all_losses() if _fits(case, loss)]
    rank = {name: at for at, name in enumerate(first)}
    found.sort(key=lambda loss: rank.get(loss.name, len(rank)))
    specs = [_spec(case, loss) for loss in found]
    usual = tuple(Fit(spec, case.command(spec, *more)) for spec in specs)
    return usual + tuple(_by_role(case, header))


def _spec(case: Case, loss: Loss) -> str:
    """Return the loss as it is named: the decision between logits is at 0."""
    logits = case.kind == "binary" and not case.unit
    return "zero_one:t=0" if loss.name == "zero_one" and logits else loss.name


def _fits(case: Case, loss: Loss) -> bool:
    seen, kind = case.facts.seen, case.kind
    if not seen.rows or seen.negative_weights.rows or loss.roles:
        return False
    if case.columns.weight is not None and not seen.positive_weights.rows:
        return False
    form = loss.form(case.k)
    domain = loss.pred(loss.defaults) if callable(loss.pred) else loss.pred
    if not all(_inside(one, domain) for one in seen.pred):
        return False
    if kind == "binary":
        if not case.unit and case.scale != "logit":
            return False
        # Scores say nothing where all lie in [0, 1], which is where probabilities lie.
        plain = domain == UNIT or loss.name == "zero_one" if case.unit else domain != UNIT
        return form == "elementwise" and loss.labels != "real" and plain
    if kind == "classes":
        if seen.void.rows and case.scale == "probability":
            return False  # nothing can be rescaled there
        return not seen.unknown.rows and form == "classes" and _plausible(case, loss, domain)
    truth = loss.y(loss.defaults) if callable(loss.y) else loss.y
    if truth is None or not all(_inside(one, truth) for one in seen.y):
        return False
    if isinstance(truth, Union) and seen.zero_truths.rows and 0.0 not in truth:
        return False
    if loss.aggregate in ("r2", "explained_variance") and all(y.low == y.high for y in seen.y):
        return False
    if loss.aggregate == "ratio" and all(y.low == y.high == 0.0 for y in seen.y):
        return False
    if kind == "regression":
        if loss.name in FIRST["logarithms"] and not case.logarithms:
            return False
        soft = case.unit and loss.labels == "binary" and case.k == 1
        single = loss.aggregate not in SINGLE or case.k == 1
        vectors = form == "vectors" and case.k > 1
        return single and ((form == "elementwise" and (loss.labels == "real" or soft)) or vectors)
    if kind == "ensemble":
        return form == "ensemble"
    if kind == "distribution":
        weighted = case.k == 1 and case.columns.weight is not None
        return form == "distribution" and not weighted
    return False


def _plausible(case: Case, loss: Loss, domain: Domain) -> bool:
    """Whether k columns are to the loss what they look like: shares, their logarithms or scores."""
    if case.scale == "percent" or (case.scale == "probability" and not case.unit):
        return False
    if case.scale == "probability":
        return domain == UNIT or loss.name == "zero_one"
    if case.scale == "log":
        return loss.name == "nll" or domain == REAL
    return domain != UNIT and loss.name != "nll"


def _inside(one: Range, domain: Domain) -> bool:
    low, high = one.low, one.high
    if isinstance(domain, Union):
        return all(math.isfinite(x) for x in (low, high)) and low >= domain.low
    return low in domain and high in domain


def _by_role(case: Case, header: Header) -> Iterator[Fit]:
    """Yield losses whose columns are found by their names, as mean and variance."""
    if case.kind not in ("regression", "ensemble") or len(case.columns.y) != 1:
        return
    for loss in all_losses():
        if not loss.roles:
            continue
        try:
            names = roles_of(header, loss, None, None).names
        except LossctlError:
            continue
        looks = (case.looks[name] for name in names)
        pairs = zip(looks, loss.roles, strict=True)
        if all(
            look.numbers is not None and role.domain.holds(look.numbers) for look, role in pairs
        ):
            pred = ",".join(
                f"{role.name}={name}" for role, name in zip(loss.roles, names, strict=True)
            )
            yield Fit(loss.name, case.with_pred(pred).command(loss.name))

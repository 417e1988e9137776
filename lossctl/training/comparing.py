"""Fits of the same data under several losses, each scored under every other."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lossctl.errors import UsageError
from lossctl.losses.domain import LOGIT
from lossctl.training.judging import exact_value
from lossctl.training.records import FitComparison
from lossctl.version import VERSION

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lossctl.training.fitting import Fitted
    from lossctl.training.problem import Problem


def compared(fits: Sequence[Fitted]) -> FitComparison:
    """Return the fits, and the exact value of each under every loss, over the training rows."""
    names = [fitted.fit.model.loss for fitted in fits]
    if len(fits) < 2:
        raise UsageError("--compare takes two losses or more; for one use --loss")
    if len(set(names)) < len(names):
        raise UsageError("--compare names a loss twice")
    scores = tuple(tuple(_score(fitted, judge) for judge in fits) for fitted in fits)
    return FitComparison(VERSION, tuple(fitted.fit for fitted in fits), scores)


def _score(fitted: Fitted, judge: Fitted) -> float | None:
    """Return the value of a fit under another's loss; None where that has no meaning."""
    if fitted is judge:
        return fitted.fit.value
    ours, theirs = fitted.rows.problem, judge.rows.problem
    if ours.outputs != theirs.outputs or _kind(ours) != _kind(theirs):
        return None
    chunks = judge.rows.training()
    return exact_value(theirs.task, lambda chunk: fitted.predictor.outputs(chunk.x), chunks)


def _kind(problem: Problem) -> str:
    """Return what the predictions are: logits, logarithms, or numbers like the target's."""
    bound = problem.task.bound
    if bound.loss.roles:
        return bound.loss.name
    if bound.pred == LOGIT:
        return "logits"
    return "logarithms" if bound.loss.name.endswith("_with_log") else "numbers"

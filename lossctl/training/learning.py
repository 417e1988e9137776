"""How the losses fell epoch by epoch, as a picture's figures."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lossctl.losses.spec import parse_specs
from lossctl.pictures.records import (
    About,
    Learning,
    LearningCurves,
    count_text,
    place_text,
)
from lossctl.pictures.units import unit_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lossctl.training.records import Fit


def learning_curves(fits: Sequence[Fit]) -> LearningCurves:
    """Return the picture of the losses of some fits to the same data."""
    first = fits[0]
    step = "epoch" if first.history.rates is not None else "iteration"
    parts = tuple(_learning(fit) for fit in fits)
    specs = ",".join(part.spec for part in parts)
    named = f"{specs}, {parts[0].unit}" if len(parts) == 1 and parts[0].unit else specs
    n = count_text(first.training.rows)
    title = f"Loss by {step}: {named}, n = {n}{place_text(first.files)}"
    text = " ".join(_words(fit, step) for fit in fits)
    return LearningCurves(About(title, text, specs), parts, step)


def _learning(fit: Fit) -> Learning:
    (spec,) = parse_specs(fit.model.loss)
    history = fit.history
    return Learning(fit.model.loss, history.training, history.validation, unit_of(spec.bound))


def _words(fit: Fit, step: str) -> str:
    history = fit.history
    count = len(history.training)
    text = (
        f"{fit.model.loss} of the training rows goes from {fit.start:.4g} to"
        f" {fit.training.value:.4g} in {count_text(count)} {step}{'s' if count != 1 else ''}"
    )
    if fit.validation is None or history.validation is None:
        return f"{text}."
    held = history.validation
    best = min(range(count), key=held.__getitem__)
    return (
        f"{text}; of the {count_text(fit.validation.rows)} held out it ends at"
        f" {fit.validation.value:.4g} and was lowest, {held[best]:.4g}, after {step}"
        f" {count_text(best + 1)}."
    )

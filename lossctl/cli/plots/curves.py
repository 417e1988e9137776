"""``lossctl plot curves``: losses and slopes, drawn together."""

from __future__ import annotations

from lossctl.cli import options as opt
from lossctl.cli.plots.canvas import Form, Output, ThemeName, canvas_of


def command(
    losses: opt.Losses,
    output: Output = None,
    form: Form = None,
    theme: ThemeName = "light",
) -> None:
    """Draw losses and their slopes as curves.

    Against the error, p or the logit, beside what one more unit of error costs. A value that is
    no mean over rows, as rmse, is drawn over a batch of four rows of which one moves.

    lossctl plot curves mae,mse,rmse,huber:delta=1 -o curves.svg
    """
    canvas = canvas_of(output, form, theme)
    from lossctl.losses.spec import parse_specs
    from lossctl.pictures.curves import loss_curves

    canvas.paint(loss_curves([spec.bound for spec in parse_specs(losses)]))

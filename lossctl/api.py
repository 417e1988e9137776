"""The public functions: data in, a report or a table of samples out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from lossctl.batch import Text
from lossctl.errors import UsageError
from lossctl.figures import make_result
from lossctl.losses import BoundLoss, all_losses
from lossctl.losses.spec import parse_specs
from lossctl.options import make_options
from lossctl.passes import states_of
from lossctl.report import Report
from lossctl.sampling import open_samples
from lossctl.state import Plan
from lossctl.tables import files_of, in_files, sources_of, truth_of
from lossctl.version import VERSION

if TYPE_CHECKING:
    import pandas as pd

    from lossctl.checks import GradCheck, Of
    from lossctl.options import Options
    from lossctl.passes import Group, Watch


def evaluate(
    data: Any,
    losses: str,
    y: str | None = None,
    pred: str | None = None,
    weight: str | None = None,
    by: str | Sequence[str] | None = None,
    **options: Any,
) -> Report:
    """Return the report of some losses over the data, in one pass.

    ``data`` is a path or a list of paths (``-`` is standard input), a pandas or polars DataFrame,
    or a mapping of names to arrays. ``losses`` are specs, as in ``"mse,huber:delta=2"``. ``y``,
    ``pred`` and ``weight`` select columns: a name, a 1-based position, a list with commas or a
    glob. ``truth`` is data of the same kinds that y is read from, its rows matched by the columns
    ``key`` or with ``by_position``. Further options are those of the command line. Raises a
    ``LossctlError``.
    """
    _refuse(options, SAMPLES_ONLY, "evaluate")
    chosen = make_options(y=y, pred=pred, weight=weight, by=by, **options)
    return evaluate_with(data, losses, chosen)


# Options of one function that would have no effect in the other.
SAMPLES_ONLY = ("keep",)
EVALUATE_ONLY = ("by", "batch_size", "top", "value_only")


def _refuse(options: Mapping[str, Any], names: Sequence[str], function: str) -> None:
    for name in names:
        if name in options:
            raise UsageError(f"{function} has no option '{name}'")


def evaluate_with(data: Any, losses: str, options: Options, watch: Watch | None = None) -> Report:
    """Return the report of some losses over the data; ``watch`` is told how far it got."""
    data = sources_of(data, options)
    specs = parse_specs(losses)
    summaries = not options.value_only
    plan = Plan(summaries, options.top if summaries else 0, options.batch_size)
    tasks, by, states, counts = states_of(data, specs, plan, options, watch)
    results = []
    for index, task in enumerate(tasks):
        groups = sorted((group for at, group in states if at == index), key=_natural)
        for group in groups:
            named = dict(zip(by, group, strict=True)) if by else None
            state = states[index, group]
            with in_files(data):
                results.append(make_result(task, state, named, summaries, plan.worst))
    return Report(
        VERSION,
        files_of(data),
        counts.rows,
        counts.skipped,
        counts.nonfinite,
        tuple(results),
        truth_of(data, options),
    )


def _natural(group: Group) -> tuple[tuple[int, float, str], ...]:
    """Return the key by which groups are listed: numbers as numbers, then text."""
    keys = []
    for name in group:
        try:
            keys.append((0, float(name), name))
        except ValueError:
            keys.append((1, 0.0, name))
    return tuple(keys)


def samples(
    data: Any,
    loss: str,
    y: str | None = None,
    pred: str | None = None,
    weight: str | None = None,
    **options: Any,
) -> pd.DataFrame:
    """Return a DataFrame with loss, contribution, share and gradient of every row.

    The arguments are those of ``evaluate``; ``keep`` lists input columns to pass through.
    """
    import pandas as pd

    _refuse(options, EVALUATE_ONLY, "samples")
    chosen = make_options(y=y, pred=pred, weight=weight, **options)
    with open_samples(data, loss, chosen) as (parts, _):
        frames = [
            pd.DataFrame({name: _plain(column) for name, column in part.columns.items()})
            for part in parts
        ]
    return pd.concat(frames, ignore_index=True)


def _plain(column: Any) -> Any:
    return (
        np.array(column.names, dtype=object)[column.codes] if isinstance(column, Text) else column
    )


def gradcheck(
    data: Any,
    loss: str,
    grad: str,
    y: str | None = None,
    pred: str | None = None,
    weight: str | None = None,
    *,
    of: Of = "value",
    rtol: float = 1e-5,
    atol: float | None = None,
    top: int = 5,
    **options: Any,
) -> GradCheck:
    """Hold the gradients in the columns ``grad`` against the closed form, row by row.

    ``of="value"``: ∂L/∂ŷ, the gradient of the value that ``evaluate`` returns; ``of="sum"``: that
    of Σwℓ. A row agrees within ``atol + rtol·|closed form|``; without ``atol``, it is 1e-6 of the
    median size. The other arguments are those of ``samples``. Raises a ``LossctlError``.
    """
    from lossctl.gradients import Settings, gradcheck_with

    _refuse(options, EVALUATE_ONLY + SAMPLES_ONLY, "gradcheck")
    chosen = make_options(y=y, pred=pred, weight=weight, **options)
    return gradcheck_with(data, loss, grad, chosen, Settings(of, rtol, atol, top))


def list_losses() -> list[str]:
    """Return the names of all losses."""
    return [loss.name for loss in all_losses()]


def get_loss(spec: str) -> BoundLoss:
    """Return the loss that a spec names, with its parameters.

    Call it with y and ŷ for the per-sample losses, its ``slope`` for ∂ℓ/∂ŷ.
    """
    specs = parse_specs(spec)
    if len(specs) != 1:
        raise UsageError(f"one loss is due, got {len(specs)}")
    return specs[0].bound

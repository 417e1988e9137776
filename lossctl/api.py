"""The public functions: data in, a report or a table of samples out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from lossctl.batch import Text
from lossctl.errors import UsageError
from lossctl.evaluation import evaluate_with
from lossctl.losses import BoundLoss, all_losses
from lossctl.losses.spec import parse_specs
from lossctl.options import make_options
from lossctl.report import Report
from lossctl.sampling import open_samples

if TYPE_CHECKING:
    import pandas as pd

    from lossctl.checks import GradCheck, Of
    from lossctl.diagnosis.records import Diagnosis
    from lossctl.training.records import Fit
    from lossctl.verdicts import CompareReport


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
DOCTOR_NOT = (
    *("missing", "outputs", "class_weight", "ignore", "normalize"),
    *("truth", "by_position", "inner"),
)
FIT_NOT = (
    *("y", "pred", "outputs", "normalize"),
    *("truth", "key", "by_position", "inner"),
)
COMPARE_NOT = ("batch_size", "value_only", "ci_method", "floor")
EVALUATE_ONLY = (
    *("by", "batch_size", "top", "value_only"),
    *("ci", "ci_method", "cluster", "floor"),
)


def _refuse(options: Mapping[str, Any], names: Sequence[str], function: str) -> None:
    for name in names:
        if name in options:
            raise UsageError(f"{function} has no option '{name}'")


def compare(
    candidate: Any,
    losses: str,
    baseline: Any = None,
    y: str | None = None,
    pred: str | tuple[str, str] | None = None,
    weight: str | None = None,
    by: str | Sequence[str] | None = None,
    *,
    no_worse_than: str | float | None = None,
    better_by: str | float | None = None,
    alpha: float = 0.05,
    ci: float = 95.0,
    cluster: str | None = None,
    allow: Sequence[str] = (),
    **options: Any,
) -> CompareReport:
    """Return how two predictions of the same rows compare, with evidence and under guards.

    Both stand in ``candidate``, with ``pred=(old, new)``; or ``baseline`` is data of its own, whose
    rows are matched by the columns ``key`` or with ``by_position``. ``no_worse_than`` and
    ``better_by`` are a number, or a share of the baseline's value as in ``"1%"``; ``allow`` names
    guards to switch off. The other arguments are those of ``evaluate``. Raises a ``LossctlError``;
    a gate or guard that does not hold is in ``verdict``, ``comparisons`` and ``guards``.
    """
    from lossctl.comparison import Settings, compare_with
    from lossctl.gates import Wanted
    from lossctl.guards import allowed_guards

    _refuse(options, COMPARE_NOT + SAMPLES_ONLY, "compare")
    old, new = pred if isinstance(pred, tuple) else (None, pred)
    chosen = make_options(y=y, pred=new, weight=weight, by=by, **options)
    wanted = Wanted.of(no_worse_than, better_by, alpha)
    settings = Settings(old, wanted, ci, cluster, allowed_guards(allow))
    return compare_with(baseline, candidate, losses, chosen, settings)


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


def doctor(
    data: Any,
    y: str | None = None,
    pred: str | None = None,
    weight: str | None = None,
    key: str | Sequence[str] | None = None,
    **options: Any,
) -> Diagnosis:
    """Look for what is probably wrong with the data, and for the losses that fit the columns.

    ``key`` selects columns that together tell rows apart. Where it is not clear which columns are
    truth and prediction, the diagnosis lists what they look like and how to go on. The other
    arguments are those of ``samples``. Raises a ``LossctlError`` where the data cannot be read.
    """
    from lossctl.diagnosis.examine import diagnose

    _refuse(options, EVALUATE_ONLY + SAMPLES_ONLY + DOCTOR_NOT, "doctor")
    chosen = make_options(y=y, pred=pred, weight=weight, **options)
    keys = (key,) if isinstance(key, (str, int)) else key or ()
    return diagnose(data, chosen, tuple(map(str, keys)))


def fit(
    data: Any,
    loss: str,
    target: str | int,
    features: str | Sequence[str],
    weight: str | None = None,
    **options: Any,
) -> Fit:
    """Fit a model that predicts the column ``target`` from the columns ``features``.

    ``features`` are selectors, or one of them: names, positions, lists with commas, globs. The
    model starts from random weights and goes down the slope of ``loss``. How it is trained:
    ``model`` (*linear* or *mlp*, with ``hidden`` units and an ``activation``), ``optimizer`` (*sgd*
    with ``lr`` and ``batch_size``, or *lbfgs*), ``epochs``, ``tol``, ``l2``, ``standardize``, the
    share ``validation`` of the rows that is held out, and ``seed``. Further options are those of
    reading, as for ``evaluate``. Raises a ``LossctlError``.
    """
    from lossctl.training.fitting import fit_one
    from lossctl.training.ready import Asked
    from lossctl.training.settings import Settings

    training = {name: options.pop(name) for name in Settings._fields if name in options}
    _refuse(options, EVALUATE_ONLY + SAMPLES_ONLY + FIT_NOT, "fit")
    chosen = make_options(weight=weight, **options)
    names = (features,) if isinstance(features, (str, int)) else tuple(features)
    asked = Asked(str(target), tuple(map(str, names)), Settings(**training))
    return fit_one(data, loss, chosen, asked)


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

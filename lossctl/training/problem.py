"""What is fitted to what: the target, the features, the loss, and the link between them.

A loss that no descent can lower, or whose rows need more than one target, is refused here, with
what to use in its place.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from lossctl.binding import bound_to
from lossctl.errors import InputError, UsageError
from lossctl.sources.columns import check_header, listed, select, weight_of
from lossctl.sources.table import Want
from lossctl.task import Columns, number_of, same_label
from lossctl.training.links import Link, link_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from lossctl.losses.registry import Loss
    from lossctl.losses.spec import Spec
    from lossctl.options import Options
    from lossctl.sources.columns import Header
    from lossctl.task import Task

BINARY = ("true", "false")


class Named(NamedTuple):
    """The columns that a model is made of."""

    target: str
    features: tuple[str, ...]
    weight: str | None

    def wants(self, names: tuple[str, ...], truth: Want) -> tuple[Want, ...]:
        """Return what is read: the target as the loss takes it, the others as numbers."""
        numbers = [*self.features, *([] if self.weight is None else [self.weight])]
        wants = [Want(name, names.index(name)) for name in numbers]
        return tuple(dict.fromkeys([*wants, truth]))


class Problem(NamedTuple):
    """A loss bound to the columns of a table and to the outputs of a model."""

    task: Task
    named: Named
    link: Link

    @property
    def outputs(self) -> tuple[str, ...]:
        """The names of the predictions."""
        return self.task.columns.pred

    def wants(self, names: tuple[str, ...]) -> tuple[Want, ...]:
        """Return what is read."""
        task, target = self.task, self.named.target
        at = names.index(target)
        if task.text_truth:
            truth = Want(target, at, "text", classes=task.columns.classes or ())
        else:
            truth = Want(target, at, "binary" if task.binary else "number")
        return self.named.wants(names, truth)


def check_trainable(spec: Spec) -> None:
    """Refuse a loss that no descent can lower, with what to use in its place."""
    loss = spec.bound.loss
    instead = _instead(loss)
    if instead:
        raise UsageError(f"{loss.name} cannot be fitted: {instead}")
    for given, key in ((spec.y, "y"), (spec.pred, "pred"), (spec.weight, "weight")):
        if given is not None:
            raise UsageError(f"{loss.name}:{key}={given}: fit takes --target, --features and -w")


def _instead(loss: Loss) -> str | None:
    """Return why a loss cannot be fitted and what can; None where it can be."""
    if loss.higher_is_better:
        return "it is highest where mse is lowest; use mse"
    if loss.aggregate in ("median", "max"):
        return (
            "it is the error of one row; use mae"
            if loss.aggregate == "median"
            else ("it is the error of one row; use mse")
        )
    if not loss.ordered:
        return "a lower value is no better; use mse"
    if loss.kind == "distribution":
        return "it compares distributions; use cce, whose target is a label"
    if loss.kind == "vectors":
        return "it needs several targets a row; use mse"
    if loss.kind == "ensemble":
        return "it takes the members of an ensemble; use gaussian_nll or quantile"
    if loss.roles and loss.rule is not None:
        return (
            "its bounds may cross on the way; fit the quantiles: quantile:q=0.05, quantile:q=0.95"
        )
    return None


def name_columns(
    header: Header, target: str | None, features: Sequence[str], weight: str | None
) -> Named:
    """Return the columns that selectors name, or raise what is wrong with them."""
    if target is None:
        raise UsageError("name the column to predict: --target COL")
    if not features:
        raise UsageError("name the columns to predict it from: --features COL,...")
    (y, *more) = select(header, target).names
    if more:
        raise UsageError(f"the target is one column, got {y}, {more[0]}{', …' if more[1:] else ''}")
    # A list may hold globs, but a name with a comma in it is a name.
    parts = [x for part in features for x in ([part] if part in header.names else listed(part))]
    chosen = tuple(name for part in parts for name in select(header, part).names)
    weights = weight_of(header, weight)
    for name in chosen:
        if name == y:
            raise UsageError(f"--features names the target '{y}' as well")
        if chosen.count(name) > 1:
            raise UsageError(f"--features names column '{name}' twice")
    check_header(header, (y, *chosen))
    return Named(y, chosen, weights)


def needs_labels(loss: Loss, options: Options) -> bool:
    """Whether the labels in the target have to be known before anything else is."""
    return loss.kind == "classes" or (loss.kind == "either" and options.positive is None)


def classes_of(loss: Loss, labels: Iterable[str], options: Options) -> tuple[str, ...] | None:
    """Return the classes that labels name, in order; None where they are 0 and 1 to this loss.

    Numbers come first, as numbers; two spellings of a number are one class.
    """
    kept = [
        label for label in labels if options.ignore is None or not same_label(label, options.ignore)
    ]
    numbers = {label: number_of(label) for label in kept}
    if loss.kind == "either" and all(_is_share(label, x) for label, x in numbers.items()):
        return None
    first: dict[Any, str] = {}
    for label in sorted(kept, key=lambda label: (len(label), label)):
        number = numbers[label]
        first.setdefault(label if number is None else number, label)
    return tuple(sorted(first.values(), key=lambda label: _natural(label, numbers[label])))


def _is_share(label: str, number: float | None) -> bool:
    if number is None:
        return label.strip().lower() in BINARY
    return 0.0 <= number <= 1.0


def _natural(label: str, number: float | None) -> tuple[int, float, str]:
    return (1, 0.0, label) if number is None else (0, number, label)


def make_problem(
    spec: Spec, named: Named, classes: tuple[str, ...] | None, options: Options
) -> Problem:
    """Bind a loss to the columns and to the outputs that it needs."""
    loss = spec.bound.loss
    if classes is not None and len(classes) < 2:
        raise one_class(named.target)
    if loss.roles:
        outputs = tuple(role.name for role in loss.roles)
    elif classes is not None:
        outputs = tuple(f"yhat_{label}" for label in classes)
    else:
        outputs = ("yhat",)
    columns = Columns((named.target,), outputs, named.weight, classes)
    task = bound_to(spec, columns, options)
    return Problem(task, named, link_of(spec.bound, len(outputs)))


def one_class(target: str) -> InputError:
    """Return the error for a target in which there is nothing to tell apart."""
    return InputError("all rows have one class: there is nothing to learn", column=target)

"""A loss bound to the columns of a table, and the columns that have to be read for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lossctl.errors import UsageError
from lossctl.losses.registry import SINGLE
from lossctl.sources.columns import choose
from lossctl.sources.table import Want
from lossctl.task import Columns, Rules, Task
from lossctl.values import ORDERED

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lossctl.losses.spec import Spec
    from lossctl.options import Options
    from lossctl.sources.columns import Header


def make_task(spec: Spec, header: Header, options: Options) -> Task:
    """Bind a loss to its columns, or say why it cannot be."""
    loss = spec.bound.loss
    columns = choose(
        header,
        loss,
        options.y if spec.y is None else spec.y,
        options.pred if spec.pred is None else spec.pred,
        options.weight if spec.weight is None else spec.weight,
    )
    return bound_to(spec, columns, options)


def bound_to(spec: Spec, columns: Columns, options: Options) -> Task:
    """Bind a loss to columns that are chosen, or say why it cannot be."""
    rules = Rules(
        outputs_sum=options.outputs == "sum",
        positive=options.positive,
        ignore=options.ignore,
        class_weight=options.class_weight,
        normalize=options.normalize,
    )
    task = Task(spec.bound, columns, rules)
    _refuse(task, options)
    _ = task.class_weights  # an unknown class is told before anything is read
    return task


def _refuse(task: Task, options: Options) -> None:
    """Refuse what would have no effect, or no meaning, for this loss and these columns."""
    loss, columns = task.bound.loss, task.columns
    for given, flag in (
        (options.ignore is not None, "--ignore"),
        (bool(options.class_weight), "--class-weight"),
    ):
        if given and not task.classifies:
            raise UsageError(f"{flag} needs labels; {loss.name} has none")
    if options.ignore is not None and len(columns.y) != 1:
        raise UsageError(f"--ignore needs a label column; y is {len(columns.y)} columns of shares")
    if options.positive is not None and not task.binary:
        why = "is none" if loss.labels == "real" else "has class columns here"
        raise UsageError(f"--positive needs a binary loss; {loss.name} {why}")
    domain = task.bound.y
    if task.labelled and task.form == "elementwise" and domain is not None and 0.0 not in domain:
        raise UsageError(
            f"{loss.name} takes no labels: they are 0 and 1 for each class, and y must be in"
            f" {domain}"
        )
    if loss.aggregate in SINGLE and len(columns.pred) > 1:
        raise UsageError(
            f"{loss.name} takes one prediction column, got {len(columns.pred)}; name one with -p"
        )
    if loss.aggregate in ORDERED and options.batch_size is not None:
        raise UsageError(f"{loss.name} takes no --batch-size: its value is the error of one row")
    if task.whole:
        for present, what in (
            (columns.weight is not None, "weight"),
            (options.batch_size is not None, "--batch-size"),
            (options.normalize, "--normalize"),
        ):
            if present:
                raise UsageError(
                    f"{loss.name} of one column takes no {what}: the column is one distribution"
                )


def wants_of(
    names: tuple[str, ...],
    tasks: Sequence[Task],
    by: tuple[str, ...],
    keep: tuple[str, ...] = (),
    numbers: tuple[str, ...] = (),
    keys: tuple[str, ...] = (),
) -> tuple[Want, ...]:
    """Return every column that has to be read, each kind of reading once.

    ``keys`` are columns that say which row it is, read as text.
    """
    wants: dict[tuple[str, object], Want] = {}

    def add(want: Want) -> None:
        key = (want.name, want.numeric)
        before = wants.get(key)
        if before is not None:
            # The stricter reading holds: a number before a binary label, finite before infinite.
            kind = "number" if "number" in (want.kind, before.kind) else want.kind
            kind = "text" if "text" in (want.kind, before.kind) else kind
            want = want._replace(
                kind=kind,
                infinite=want.infinite and before.infinite,
                classes=want.classes or before.classes,
            )
        wants[key] = want

    for task in tasks:
        columns = task.columns
        for name, domain in zip(columns.pred, task.bound.domains(len(columns.pred)), strict=True):
            add(Want(name, names.index(name), infinite=domain.infinite))
        for name in columns.y:
            if task.text_truth:
                classes = columns.classes or ()
                add(Want(name, names.index(name), "text", classes=classes))
            else:
                add(Want(name, names.index(name), "binary" if task.binary else "number"))
        if columns.weight is not None:
            add(Want(columns.weight, names.index(columns.weight)))
    for name in by:
        add(Want(name, names.index(name), "text"))
    for name in numbers:
        add(Want(name, names.index(name), infinite=True))
    for name in keep:
        add(Want(name, names.index(name), "raw"))
    for name in keys:
        wants[name, "key"] = Want(name, names.index(name), "key")
    return tuple(wants.values())

"""The public functions: data in, a report or a table of samples out."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np

from lossctl.batch import Batch, Text
from lossctl.engines.local import default_threads, run
from lossctl.errors import InputError, UsageError
from lossctl.losses import BoundLoss, all_losses
from lossctl.losses.spec import Spec, parse_specs
from lossctl.report import Report, Result, Scale, make_result, value_and_scale
from lossctl.scoring import NO_WEIGHTS, Rules, Task, score, truth_column
from lossctl.sources.columns import Header, choose, select
from lossctl.sources.csv_file import CsvTable, Dialect, check_delimiter
from lossctl.sources.streams import Source, Spool, display_name, identity, spooled
from lossctl.sources.table import Counts, Want
from lossctl.state import Plan, State, summarise, summarise_groups
from lossctl.version import VERSION

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from lossctl.sources.arrays import ArrayTable

Group = tuple[str, ...]
Key = tuple[int, Group]
Watch = Callable[[float | None, int], None]


class Options(NamedTuple):
    """How to read and reduce; the names are those of the command line's options."""

    y: str | None = None
    pred: str | None = None
    weight: str | None = None
    by: Sequence[str] = ()
    batch_size: int | None = None
    outputs: Literal["mean", "sum"] = "mean"
    missing: Literal["error", "skip"] = "error"
    positive: str | None = None
    class_weight: Mapping[str, float] = NO_WEIGHTS
    ignore: str | None = None
    normalize: bool = False
    delimiter: str | None = None
    header: bool = True
    input_format: Literal["csv", "tsv"] | None = None
    threads: int | None = None
    top: int = 5
    value_only: bool = False
    keep: Sequence[str] = ()
    block_size: int | None = None

    @property
    def dialect(self) -> Dialect:
        """How CSV is to be read."""
        delimiter = None if self.delimiter is None else check_delimiter(self.delimiter)
        if self.input_format == "tsv" and delimiter is None:
            delimiter = "\t"
        dialect = Dialect(delimiter, self.header, by_suffix=self.input_format is None)
        return dialect if self.block_size is None else dialect._replace(block_size=self.block_size)


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
    glob. Further options are those of the command line. Raises a ``LossctlError``.
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


def make_options(by: str | Sequence[str] | None = None, **options: Any) -> Options:
    """Return the options, with a usage error for one that does not exist."""
    unknown = [name for name in options if name not in Options._fields]
    if unknown:
        raise UsageError(f"there is no option '{unknown[0]}'")
    # A label, a position or a single column to keep may be given as what it is in Python.
    for name in ("positive", "ignore", "y", "pred", "weight"):
        if options.get(name) is not None:
            options[name] = str(options[name])
    if isinstance(options.get("keep"), str):
        options["keep"] = (options["keep"],)
    weights = options.get("class_weight") or {}
    if not isinstance(weights, Mapping):
        raise UsageError(f"class_weight maps labels to weights, got {weights!r}")
    options["class_weight"] = {str(label): float(weight) for label, weight in weights.items()}
    chosen = Options(by=(by,) if isinstance(by, str) else tuple(by or ()), **options)
    for name, low in (("batch_size", 1), ("threads", 1), ("block_size", 1), ("top", 0)):
        value = getattr(chosen, name)
        if value is not None and not (isinstance(value, int) and value >= low):
            raise UsageError(f"{name} must be a whole number of at least {low}, got {value!r}")
    for name, choices in (
        ("outputs", ("mean", "sum")),
        ("missing", ("error", "skip")),
        ("input_format", ("csv", "tsv", None)),
    ):
        if getattr(chosen, name) not in choices:
            known = ", ".join(choice for choice in choices if choice)
            raise UsageError(f"{name} must be one of {known}, got '{getattr(chosen, name)}'")
    return chosen


def evaluate_with(data: Any, losses: str, options: Options, watch: Watch | None = None) -> Report:
    """Return the report of some losses over the data; ``watch`` is told how far it got."""
    specs = parse_specs(losses)
    summaries = not options.value_only
    plan = Plan(summaries, options.top if summaries else 0, options.batch_size)
    with open_table(data, options) as table:
        header = _header(table, options)
        tasks = [make_task(spec, header, options) for spec in specs]
        by = tuple(name for selector in options.by for name in select(header, selector).names)
        states, counts = _states(table, tasks, by, plan, options, watch)
    results = []
    for index, task in enumerate(tasks):
        groups = sorted((group for at, group in states if at == index), key=_natural)
        for group in groups:
            named = dict(zip(by, group, strict=True)) if by else None
            state = states[index, group]
            with _in_files(data):
                results.append(make_result(task, state, named, summaries, plan.worst))
    return Report(
        VERSION, _files(data), counts.rows, counts.skipped, counts.nonfinite, tuple(results)
    )


def _states(
    table: CsvTable | ArrayTable,
    tasks: Sequence[Task],
    by: tuple[str, ...],
    plan: Plan,
    options: Options,
    watch: Watch | None = None,
) -> tuple[dict[Key, State], Counts]:
    """Return the state of every task and group over the whole table."""
    threads = _prepare(table, wants_of(table.names, tasks, by), options)
    states: dict[Key, State] = {}
    if not by:
        states.update(((index, ()), State()) for index in range(len(tasks)))
    for part in run(table, partial(_summaries, tasks, by, plan), threads):
        for key, state in part.items():
            states[key] = states[key] + state if key in states else state
        if watch is not None:
            watch(table.progress, table.rows)
    return states, table.finish()


def _summaries(
    tasks: Sequence[Task], by: tuple[str, ...], plan: Plan, batch: Batch
) -> dict[Key, State]:
    """Return the states of a batch for every task and group in it."""
    if not by:
        return {(index, ()): summarise(task, plan, batch) for index, task in enumerate(tasks)}
    if not batch.size:
        return {}
    codes = np.zeros(batch.size, dtype=np.intp)
    for name in by:
        column = batch.texts[name]
        codes = np.unique(codes * len(column.names) + column.codes, return_inverse=True)[1]
    order = np.argsort(codes, kind="stable")
    edges = np.append(np.flatnonzero(np.diff(codes[order])) + 1, len(order)).tolist()
    ordered = batch.take(order)
    groups = [tuple(ordered.texts[name].cell(edge - 1) for name in by) for edge in edges]
    return {
        (index, group): state
        for index, task in enumerate(tasks)
        for group, state in zip(groups, summarise_groups(task, plan, ordered, edges), strict=True)
    }


def _natural(group: Group) -> tuple[tuple[int, float, str], ...]:
    """Return the key by which groups are listed: numbers as numbers, then text."""
    keys = []
    for name in group:
        try:
            keys.append((0, float(name), name))
        except ValueError:
            keys.append((1, 0.0, name))
    return tuple(keys)


class Samples(NamedTuple):
    """Some rows of the table of samples: column names to arrays, text or lists of cells."""

    columns: Mapping[str, Any]
    size: int


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


@contextmanager
def open_samples(
    data: Any, loss: str, options: Options, work: Any = None
) -> Iterator[tuple[Iterator[Any], tuple[str, ...]]]:
    """Give the samples of every block in order, and the notes of the first pass for the totals.

    ``work`` is applied to each ``Samples`` by the threads that made it. A pipe is kept in an
    unlinked temporary file; a file must be the same one in both passes.
    """
    specs = parse_specs(loss)
    if len(specs) != 1:
        raise UsageError(f"samples takes one loss, got {len(specs)}")
    with _rereadable(data) as source:
        before = [identity(path) for path in _paths(source) or ()]
        with open_table(source, options) as table:
            header = _header(table, options)
            task = make_task(specs[0], header, options)
            states, counts = _states(table, [task], (), Plan(), options)
        state = states[0, ()]
        with _in_files(source):
            whole = make_result(task, state, None, plan_summaries=False, worst=0)
        with open_table(source, options) as table:
            parts = _sample_parts(table, task, state, counts, source, before, options, work)
            yield parts, whole.notes


@contextmanager
def _rereadable(data: Any) -> Iterator[Any]:
    """Give the data such that they can be read twice."""
    paths = _paths(data)
    if paths is None:
        yield data
        return
    with spooled(paths) as sources:
        yield sources


def _sample_parts(
    table: CsvTable | ArrayTable,
    task: Task,
    state: State,
    counts: Counts,
    source: Any,
    before: Sequence[object],
    options: Options,
    work: Any,
) -> Iterator[Any]:
    header = _header(table, options)
    keep = tuple(name for selector in options.keep for name in select(header, selector).names)
    threads = _prepare(table, wants_of(table.names, [task], (), keep), options)
    several = len(_files(source)) > 1
    make = partial(_samples_of, task, state, keep, several)
    seen = State()
    for part, again in run(table, lambda batch: _with_check(make, work, batch), threads):
        seen += again
        yield part
    paths = _paths(source) or ()
    same = [identity(path) for path in paths] == list(before)
    if table.finish() != counts or seen.loss != state.loss or not same:
        raise InputError(
            "changed between the two passes over it",
            file=" ".join(display_name(path) for path in paths) or None,
        )


def _with_check(make: Any, work: Any, batch: Batch) -> tuple[Any, State]:
    part, state = make(batch)
    return (part if work is None else work(part)), state


def _samples_of(
    task: Task, state: State, keep: tuple[str, ...], several: bool, batch: Batch
) -> tuple[Samples, State]:
    """Return the samples of a batch, and its sums to hold against the first pass."""
    _, scale = value_and_scale(task, state)
    again = summarise(task, Plan(), batch)
    scores = score(task, batch)
    rows = scores.batch
    weight = scores.weight
    with np.errstate(all="ignore"):
        weighted = (
            scores.loss if weight is None else np.where(weight == 0.0, 0.0, weight * scores.loss)
        )
        slope = scores.slope()
        if weight is not None:
            factor = weight if slope.ndim == 1 else weight[:, np.newaxis]
            slope = np.where(factor == 0.0, 0.0, factor * slope)
        gradient = slope / scale.divisor if scale.divisor else np.zeros_like(slope)
    given: dict[str, Any] = {}
    for name in task.columns.y:
        given[name] = truth_column(task, rows) if task.text_truth else rows.columns[name]
    for name in (*task.columns.pred, *filter(None, [task.columns.weight])):
        given[name] = rows.columns[name]
    kept = {name: rows.texts[name] for name in keep if name not in given}
    made = {"row", "file", "loss", "contribution", "share", *_gradient_columns(task, gradient)}

    def unlike(columns: Mapping[str, Any]) -> dict[str, Any]:
        return {f"input_{name}" if name in made else name: x for name, x in columns.items()}

    columns: dict[str, Any] = {"row": rows.row_numbers()}
    if several:
        columns["file"] = Text(np.zeros(rows.size, dtype=np.intp), (rows.file or "",))
    columns.update(unlike(given))
    total = float(state.loss)
    columns["loss"] = scores.loss
    columns["contribution"] = weighted if task.whole else weighted / float(state.weight)
    nothing = not total or not np.isfinite(total)
    columns["share"] = [None] * rows.size if nothing else weighted / total
    columns.update(_gradient_columns(task, gradient))
    columns.update(unlike(kept))
    return Samples(columns, rows.size), again


def _gradient_columns(task: Task, gradient: NDArray[np.float64]) -> dict[str, Any]:
    if gradient.ndim == 1:
        return {"gradient": gradient}
    names = task.columns.classes or task.columns.pred
    return {f"gradient_{name}": gradient[:, k] for k, name in enumerate(names)}


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


def make_task(spec: Spec, header: Header, options: Options) -> Task:
    """Bind a loss to its columns, or say why it cannot be."""
    loss = spec.bound.loss
    columns = choose(
        header,
        loss,
        spec.y or options.y,
        spec.pred or options.pred,
        spec.weight or options.weight,
    )
    rules = Rules(
        outputs_sum=options.outputs == "sum",
        positive=options.positive,
        ignore=options.ignore,
        class_weight=options.class_weight,
        normalize=options.normalize,
    )
    task = Task(spec.bound, columns, rules)
    classifies = loss.kind == "classes" or loss.labels == "binary" or task.labelled
    for given, flag in (
        (options.ignore is not None, "--ignore"),
        (bool(options.class_weight), "--class-weight"),
    ):
        if given and not classifies:
            raise UsageError(f"{flag} needs labels; {loss.name} has none")
    if options.positive is not None and not (loss.labels == "binary"):
        raise UsageError(f"--positive needs a binary loss; {loss.name} is none")
    if task.whole:
        for present, flag in (
            (columns.weight is not None, "a weight"),
            (options.batch_size is not None, "--batch-size"),
            (options.normalize, "--normalize"),
        ):
            if present:
                raise UsageError(
                    f"{loss.name} of one column takes no {flag.removeprefix('a ')}:"
                    " the column is one distribution"
                )
    _ = task.class_weights  # an unknown class is told before anything is read
    return task


def wants_of(
    names: tuple[str, ...], tasks: Sequence[Task], by: tuple[str, ...], keep: tuple[str, ...] = ()
) -> tuple[Want, ...]:
    """Return every column that has to be read, each kind of reading once."""
    wants: dict[tuple[str, bool], Want] = {}

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
        columns, loss = task.columns, task.bound.loss
        for name in columns.pred:
            add(Want(name, names.index(name), infinite=loss.pred.infinite))
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
    for name in keep:
        add(Want(name, names.index(name), "raw"))
    return tuple(wants.values())


def open_table(data: Any, options: Options) -> AbstractContextManager[Any]:
    """Return the data as a table: files by their paths, everything else as arrays."""
    paths = _paths(data)
    if paths is not None:
        return CsvTable(paths, options.dialect)
    from contextlib import nullcontext

    from lossctl.sources.arrays import ArrayTable

    return nullcontext(ArrayTable(data))


def _prepare(table: CsvTable | ArrayTable, wants: tuple[Want, ...], options: Options) -> int:
    """Tell the table what is read; return how many threads are to read it."""
    threads = options.threads or default_threads()
    table.want(wants, skip=options.missing == "skip")
    if table.small:
        return 1
    # polars makes its thread pool when it is loaded, which is when the first block is parsed.
    os.environ.setdefault("POLARS_MAX_THREADS", str(threads))
    return threads


def _header(table: CsvTable | ArrayTable, options: Options) -> Header:
    if not isinstance(table, CsvTable):
        return Header(table.names, table.names, headed=False)
    return Header(table.names, table.written, table.first_file, options.header, table.header_line)


def _paths(data: Any) -> list[Source] | None:
    """Return the files that the data are, None where they are a table in memory."""
    items = list(data) if isinstance(data, (list, tuple)) else [data]
    if not items or not all(isinstance(item, (str, os.PathLike, Spool)) for item in items):
        return None
    return [item if isinstance(item, Spool) else os.fspath(item) for item in items]


@contextmanager
def _in_files(data: Any) -> Iterator[None]:
    """Say in which files a rule was broken that only the whole input can break."""
    try:
        yield
    except InputError as error:
        error.file = error.file or ", ".join(_files(data)) or None
        raise


def _files(data: Any) -> tuple[str, ...]:
    return tuple(display_name(path) for path in _paths(data) or ())


__all__ = [
    "Options",
    "Report",
    "Result",
    "Samples",
    "Scale",
    "evaluate",
    "evaluate_with",
    "get_loss",
    "list_losses",
    "make_options",
    "open_samples",
    "samples",
]

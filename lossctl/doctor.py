"""What is probably wrong with a file of truth and predictions, and which losses fit it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from lossctl import symptoms
from lossctl.binding import make_task
from lossctl.engines.local import run
from lossctl.errors import InputError, UsageError
from lossctl.figures import make_result
from lossctl.fitting import STEMS, first_rows, roles_of
from lossctl.losses import all_losses
from lossctl.losses.bound import BoundLoss
from lossctl.losses.spec import parse_specs
from lossctl.passes import Work, find
from lossctl.remarks import remarks_of
from lossctl.repeats import KEPT, Register, Repeats
from lossctl.report import jsonable
from lossctl.signature import row_words
from lossctl.sources.columns import PREDICTION, TRUTH, select
from lossctl.sources.numbers import is_number
from lossctl.sources.table import Want
from lossctl.state import Plan
from lossctl.symptoms import Finding
from lossctl.tables import files_of, open_table, prepare, rereadable
from lossctl.version import VERSION
from lossctl.vitals import Column, Pair, Votes, cells_of, column_of, pair_of, votes_of

if TYPE_CHECKING:
    from lossctl.batch import Batch
    from lossctl.fitting import First
    from lossctl.losses.domain import Domain
    from lossctl.losses.registry import Loss
    from lossctl.options import Options
    from lossctl.passes import Watch
    from lossctl.repeats import Words
    from lossctl.sources.columns import Header

SCHEMA = "lossctl.doctor/1"
KEYS = ("id", "index")  # what a column that tells rows apart is called
KNOWN = {  # the losses that are tried first, the best known first
    "probability": ("bce", "brier"),
    "logit": ("bce_with_logits", "hinge"),
    "labels": ("zero_one", "mse"),
    "regression": ("rmse", "mae", "mse"),
    "classes": ("cce", "brier"),
}


class Kind(NamedTuple):
    """What a column looks like."""

    name: str
    text: str


class Fitting(NamedTuple):
    """Losses that would run on some columns, and the command that runs the first of them."""

    losses: tuple[str, ...]
    y: str
    pred: str
    command: str


class Diagnosis(NamedTuple):
    """What was found: the columns that were looked at, findings, losses that fit.

    ``why`` says why the columns could not be chosen, where they could not; then there are only
    ``columns`` and the ``command`` to go on with.
    """

    files: tuple[str, ...]
    rows: int
    y: tuple[str, ...]
    pred: tuple[str, ...]
    findings: tuple[Finding, ...]
    fits: tuple[Fitting, ...]
    columns: tuple[Kind, ...]
    why: str | None = None
    command: str | None = None

    @property
    def warnings(self) -> tuple[Finding, ...]:
        """The findings that are probably wrong."""
        return tuple(finding for finding in self.findings if finding.level == "warning")

    def to_dict(self) -> dict[str, Any]:
        """Return the diagnosis as the published schema has it."""
        return {
            "schema": SCHEMA,
            "version": VERSION,
            "input": {"files": list(self.files), "rows": self.rows},
            "y": list(self.y),
            "pred": list(self.pred),
            "findings": [jsonable(finding._asdict()) for finding in self.findings],
            "fits": [jsonable(fit._asdict()) for fit in self.fits],
            "columns": [kind._asdict() for kind in self.columns],
            "why": self.why,
            "command": self.command,
        }


class Chart(NamedTuple):
    """What is looked at: pairs of a truth and a prediction, or the columns of classes."""

    pairs: tuple[tuple[str, str], ...] = ()
    truth: str | None = None
    names: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()
    selector: str = ""
    weight: str | None = None

    @property
    def truths(self) -> tuple[str, ...]:
        """The columns of the truth, once each."""
        label = (self.truth,) if self.truth else ()
        return tuple(dict.fromkeys((*label, *(y for y, _ in self.pairs))))

    @property
    def predictions(self) -> tuple[str, ...]:
        """The columns of predictions, once each."""
        return tuple(dict.fromkeys((*self.names, *(p for _, p in self.pairs))))


class Seen(NamedTuple):
    """What was counted of the whole table."""

    rows: int
    columns: dict[str, Column]
    pairs: dict[tuple[str, str], Pair]
    votes: Votes | None
    repeats: Repeats


def diagnose(data: Any, options: Options, watch: Watch | None = None) -> Diagnosis:
    """Return what is probably wrong with some data, or raise InputError where they are unreadable.

    Standard input is kept in a temporary file, since it is read more than once.
    """
    with rereadable(data, options) as source:
        first = first_rows(source, options)
        for selector in (options.y, options.pred, options.weight, *options.keys):
            if selector is not None:
                select(first.header, selector)
        files = files_of(source)
        try:
            chart = _chart(first, options)
        except (InputError, UsageError) as error:
            return _undecided(first, options, files, error)
        keys = options.keys or tuple(
            name for name in first.header.names if name.casefold() in KEYS
        )[:1]
        seen = _look(source, options, chart, keys, watch)
        findings = [*_findings(first.header, chart, seen, options), *_repeated(seen.repeats, keys)]
        fits = tuple(_fits(first, chart, seen, options, files))
        findings += _gradients(source, options, fits, findings)
        findings.sort(key=lambda finding: finding.level != "warning")
        kinds = tuple(Kind(name, kind_of(column)) for name, column in seen.columns.items())
    return Diagnosis(
        files,
        seen.rows,
        chart.truths,
        chart.predictions,
        tuple(dict.fromkeys(findings)),
        fits,
        kinds,
    )


def _chart(first: First, options: Options) -> Chart:
    """Return what to look at, or raise InputError or UsageError where nothing says so."""
    header = first.header
    weight = None if options.weight is None else select(header, options.weight).names[0]
    if options.y is not None and len(select(header, options.y).names) > 1:
        if options.pred is None:
            raise header.error("which columns are the predictions? Use -p")
        y, pred = select(header, options.y), select(header, options.pred)
        if len(y.names) != len(pred.names):
            raise header.error(f"{len(y.names)} truths and {len(pred.names)} predictions")
        names = y.names
        if y.stars and pred.stars and set(y.stars) == set(pred.stars):
            names = tuple(y.names[y.stars.index(star)] for star in pred.stars)
        return Chart(tuple(zip(names, pred.names, strict=True)), weight=weight)
    truth, classes, singles = roles_of(first, options, uneven=math.inf)
    pairs = tuple((truth, name) for name in singles)
    if classes is None:
        if not pairs:
            raise header.error("which column is the prediction ŷ? Use -p")
        return Chart(pairs, weight=weight)
    return Chart(pairs, truth, classes.columns, classes.names, classes.selector, weight)


def _look(
    source: Any, options: Options, chart: Chart, keys: Sequence[str], watch: Watch | None
) -> Seen:
    """Return what is counted of the whole table, in one pass."""
    with open_table(source, options) as table:
        wants = tuple(Want(name, at, "raw") for at, name in enumerate(table.names))
        threads = prepare(table, wants, options)
        names = tuple(dict.fromkeys(filter(None, (*chart.truths, *chart.predictions, chart.weight))))
        register = Register()
        columns = {name: Column() for name in names}
        pairs = {pair: Pair() for pair in chart.pairs}
        votes: Votes | None = None

        def look(batch: Batch) -> tuple[Batch, Words | None, _Part]:
            words = None
            if batch.first_row <= KEPT:
                words = row_words([batch.texts[n] for n in keys or table.names], batch.size)
            return batch, words, _part(batch, chart, names, options)

        placed = None if watch is None else lambda: watch(table.progress, table.rows)
        for batch, words, part in run(table, look, threads, placed):
            if words is not None:
                register.add(batch, words)
            for name, column in part.columns.items():
                columns[name] += column
            for pair, more in part.pairs.items():
                pairs[pair] += more
            if part.votes is not None:
                votes = part.votes if votes is None else votes + part.votes
        return Seen(table.finish().rows, columns, pairs, votes, register.repeats())


class _Part(NamedTuple):
    columns: dict[str, Column]
    pairs: dict[tuple[str, str], Pair]
    votes: Votes | None


def _part(batch: Batch, chart: Chart, names: Sequence[str], options: Options) -> _Part:
    """Return what is counted of a slice."""
    cells = {
        name: cells_of(
            batch.texts[name],
            options.positive if name in chart.truths else None,
            truth=name in chart.truths,
        )
        for name in names
    }
    columns = {name: column_of(batch, name, found) for name, found in cells.items()}
    pairs = {
        (y, p): pair_of(batch, p, cells[y].values, cells[p].values) for y, p in chart.pairs
    }
    votes = None
    if chart.truth is not None:
        shares = [cells[name].values for name in chart.names]
        votes = votes_of(batch, chart.truth, chart.names, chart.classes, shares)
    return _Part(columns, pairs, votes)


def _findings(
    header: Header, chart: Chart, seen: Seen, options: Options
) -> Iterator[Finding]:
    """Yield what the counts say."""
    found: list[Finding | None] = []
    columns = seen.columns
    if header.headed and any(is_number(name) for name in columns):
        name = next(name for name in columns if is_number(name))
        text = f"'{name}' is a number where the name of a column is due"
        found.append(Finding("header", "warning", text, "No header? Use --no-header"))
    for name, column in columns.items():
        found += symptoms.missing(name, column, skipped=options.missing == "skip")
    for name in (*chart.predictions, *filter(None, (chart.weight,))):
        found.append(symptoms.not_numbers(name, columns[name].odd, columns[name].rows))
    for name in chart.truths:
        found.append(symptoms.constant(name, "the truth", columns[name]))
    if chart.weight is not None:
        found.append(symptoms.weights(chart.weight, columns[chart.weight]))
    for pair in chart.pairs:
        found += _of_pair(pair, seen, options)
    if seen.votes is not None and chart.truth is not None:
        if all(columns[name].low == columns[name].high for name in chart.names) and seen.rows > 1:
            found.append(symptoms.constant(chart.names[0], "the prediction", columns[chart.names[0]]))
        found.append(symptoms.class_order(chart.truth, chart.names, chart.classes, seen.votes))
        found.append(symptoms.strange_labels(chart.truth, chart.classes, seen.votes))
        found.append(symptoms.sums(chart.names, seen.votes))
        found.append(symptoms.shifted_votes(chart.truth, chart.selector, seen.votes))
    yield from (finding for finding in found if finding is not None)


def _of_pair(pair: tuple[str, str], seen: Seen, options: Options) -> list[Finding | None]:
    y_name, p_name = pair
    y, p, sums = seen.columns[y_name], seen.columns[p_name], seen.pairs[pair]
    constant = symptoms.constant(p_name, "the prediction", p)
    found = [constant]
    kind = kind_of_pair(y, p, p_name, options)
    spelled = options.positive is not None
    if kind in ("probability", "labels", "logit"):
        if kind == "logit" and "logit" not in p_name.casefold():
            found.append(symptoms.percent(p_name, p, sums))
        if kind == "probability":
            found.append(symptoms.saturated(p_name, p, sums))
    else:
        odd_truth = y.odd.count > 0
        two = not spelled and y.labels is not None and len(y.labels) == 2
        said = symptoms.labels(y_name, y) if two and (odd_truth or _chance(p)) else None
        found.append(said)
        if said is None:
            found.append(symptoms.not_numbers(y_name, y.odd, y.rows))
            found.append(swapped := symptoms.swapped(y_name, p_name, y, p))
            if swapped is None and constant is None:
                found.append(symptoms.scaled(y_name, p_name, sums))
    found.append(symptoms.shifted(y_name, p_name, sums))
    return found


def _chance(p: Column) -> bool:
    """Whether a prediction can only be a probability: in [0, 1], and more than its ends."""
    return p.within and p.whole < p.numbers


def kind_of_pair(y: Column, p: Column, name: str, options: Options) -> str:
    """Return what a prediction is to its truth: a regression, probability, logit or labels."""
    spelled = options.positive is not None
    if not p.numbers or not (spelled or (y.binary and len(y.labels or ()) > 1)):
        return "regression"
    if p.binary:
        return "labels"
    if p.within and "logit" not in name.casefold():
        return "probability"
    return "logit"


def kind_of(column: Column) -> str:
    """Return in words what a column looks like."""
    holes = f", {column.missing.count} missing" if column.missing.count else ""
    if not column.numbers and not column.labels and not column.odd.count:
        return f"nothing{holes}"
    if column.odd.count and column.odd.count + column.missing.count >= column.rows / 2:
        many = "many" if column.labels is None else str(len(column.labels))
        return f"text, {many} labels{holes}"
    if column.binary:
        return f"labels 0 and 1{holes}"
    span = f"{column.low:.6g} to {column.high:.6g}"
    if column.within:
        return f"probabilities, {span}{holes}"
    whole = "whole numbers" if column.whole == column.numbers else "numbers"
    return f"{whole}, {span}{holes}"


def _repeated(found: Repeats, keys: Sequence[str]) -> Iterator[Finding]:
    """Yield what repeats: a key must not, whole rows may."""
    limit = f" of the first {found.seen}" if found.seen >= KEPT else ""
    if not found.count or found.first is None or found.earlier is None:
        return
    before = found.earlier.line if found.earlier.line is not None else found.earlier.row
    where = f"the first like {'line' if found.earlier.line is not None else 'row'} {before}"
    if keys:
        name = ", ".join(keys)
        rows = "1 row repeats" if found.count == 1 else f"{found.count} rows{limit} repeat"
        text = f"{rows} an earlier {name}, {where}"
        advice = "Rows that count twice: drop them, or name the key by --key"
        yield Finding("duplicates", "warning", text, advice).at(found.first)
        return
    rows = "1 row repeats" if found.count == 1 else f"{found.count} rows{limit} repeat"
    text = f"{rows} an earlier one in every column, {where}"
    # A file that was joined to itself holds every row equally often.
    doubled = found.even and found.different >= symptoms.ENOUGH
    level, advice = ("note", "Fine where rows may be alike; else drop them")
    if doubled:
        level, advice = "warning", "Every row comes equally often: was the file joined to itself?"
    yield Finding("duplicates", level, text, advice).at(found.first)  # type: ignore[arg-type]


def _fits(
    first: First, chart: Chart, seen: Seen, options: Options, files: Sequence[str]
) -> Iterator[Fitting]:
    """Yield the losses whose domains hold the columns, the best known first."""
    if chart.truth is not None and chart.names:
        known = [loss.name for loss in all_losses() if loss.form(len(chart.names)) == "classes"]
        columns = [seen.columns[name] for name in chart.names]
        losses = _ordered(
            [n for n in known if _holds_all(_bound(n).domains(len(columns)), columns)], "classes"
        )
        if losses:
            yield _fitting(losses, first.selector(chart.truth), chart.selector, options, files)
    for y_name, p_name in chart.pairs:
        y, p = seen.columns[y_name], seen.columns[p_name]
        kind = kind_of_pair(y, p, p_name, options)
        found = [loss.name for loss in all_losses() if _runs(loss, kind, y, p)]
        losses = _ordered(found, kind)
        if losses:
            selectors = (first.selector(y_name), first.selector(p_name))
            yield _fitting(losses, *selectors, options, files)


def _runs(loss: Loss, kind: str, y: Column, p: Column) -> bool:
    """Whether a loss of single columns takes a truth and a prediction."""
    bound = _bound(loss.name)
    if loss.form(1) != "elementwise" or bound.y is None or y.odd.count or not y.numbers:
        return False
    if (kind == "regression") != (loss.labels == "real") and kind != "labels":
        return False
    if loss.labels == "signed" and kind == "probability":
        return False
    return _holds_all((bound.y, bound.pred), (y, p))


def _bound(name: str) -> BoundLoss:
    return parse_specs(name)[0].bound


def _holds_all(domains: Sequence[Domain], columns: Sequence[Column]) -> bool:
    return all(_holds(domain, column) for domain, column in zip(domains, columns, strict=True))


def _holds(domain: Domain, column: Column) -> bool:
    """Whether the numbers of a column lie in a domain: its ends do, and 0 where it occurs."""
    ends = (column.low, column.high, *([0.0] if column.zeros else []))
    return bool(column.numbers) and not column.odd.count and all(end in domain for end in ends)


def _ordered(found: Sequence[str], kind: str) -> tuple[str, ...]:
    known = [name for name in KNOWN[kind] if name in found]
    return (*known, *(name for name in found if name not in known))


def _fitting(
    losses: tuple[str, ...], y: str, pred: str, options: Options, files: Sequence[str]
) -> Fitting:
    return Fitting(losses, y, pred, command(losses[:2], y, pred, options, files))


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


def _gradients(
    source: Any, options: Options, fits: Sequence[Fitting], known: Sequence[Finding]
) -> list[Finding]:
    """Return what the figures of the losses that fit best say, leaving out what is known."""
    options = options._replace(missing="skip", value_only=False)
    found: list[Finding] = []
    names = {finding.name for finding in known}
    for fit in fits:
        spec = parse_specs(fit.losses[0])[0]._replace(y=fit.y, pred=fit.pred)

        def works(header: Header, spec: Any = spec) -> list[Work]:
            return [Work((make_task(spec, header, options),), plan=Plan(True, 1))]

        try:
            (made,), _ = find(source, options, works)
            task = made.work.tasks[0]
            result = make_result(task, made.states[0, ()], None, plan_summaries=True, worst=1)
        except (InputError, UsageError) as error:
            if not any(finding.level == "warning" for finding in known):
                text = f"{fit.losses[0]} does not run: {error}"
                found.append(Finding("not scored", "warning", text, "Mend what the message names"))
            continue
        for name, text, advice, row, file, line in remarks_of(task, result):
            if name not in names:
                text = f"{fit.losses[0]} of {fit.pred}: {text}"
                found.append(Finding(name, "note", text, advice, row, file, line))
    return found


def _undecided(
    first: First, options: Options, files: tuple[str, ...], error: InputError | UsageError
) -> Diagnosis:
    """Return the columns with what each looks like, and what to ask next."""
    columns = {column.name: column for column in first.columns}
    kinds = []
    for name, column in columns.items():
        unique = len(column.labels) == first.rows > symptoms.ENOUGH and column.whole
        ids = unique and (name.casefold() in KEYS or column.numbers is None)
        kinds.append(Kind(name, "unique ids" if ids else _looks(column)))
    guess = _guess(first, options)
    message = error.message if isinstance(error, InputError) else str(error)
    why = message.split("; the columns are")[0]
    asked = command((), *guess, options, files)
    return Diagnosis(files, first.rows, (), (), (), (), tuple(kinds), why, asked)


def _looks(column: Any) -> str:
    """Return in words what the first rows of a column look like."""
    if not column.labels:
        return "nothing"
    if column.numbers is None:
        count = len(column.labels)
        return f"text, {count} label{'s' if count > 1 else ''}"
    if column.binary:
        return "labels 0 and 1"
    finite = [x for x in column.numbers.tolist() if math.isfinite(x)]
    if not finite:
        return "nothing finite"
    span = f"{min(finite):.6g} to {max(finite):.6g}"
    if column.unit:
        return f"probabilities, {span}"
    whole = "whole numbers" if all(x == math.floor(x) for x in finite) else "numbers"
    return f"{whole}, {span}"


def _guess(first: First, options: Options) -> tuple[str, str]:
    """Return selectors of a truth and a prediction to try: what is named so, else a place."""
    header = first.header
    pred, y = options.pred, options.y
    if pred is None:
        named = [n for n in header.names if n.casefold() in PREDICTION]
        stem = next((s for s in STEMS if sum(n.startswith(s) for n in header.names) > 1), None)
        pred = first.selector(named[0]) if named else f"{stem}*" if stem else "PRED"
    if y is None:
        named = [n for n in header.names if n.casefold() in TRUTH]
        y = first.selector(named[0]) if named else "TRUTH"
    return y, pred

"""What is probably wrong with a file of truth and predictions, and which losses fit it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from lossctl import symptoms
from lossctl.binding import make_task
from lossctl.diagnosis import Diagnosis, Finding, Kind
from lossctl.errors import InputError, UsageError
from lossctl.figures import make_result
from lossctl.fitting import STEMS, first_rows
from lossctl.losses.spec import parse_specs
from lossctl.passes import Work, find
from lossctl.remarks import remarks_of
from lossctl.repeats import KEPT
from lossctl.sources.columns import PREDICTION, TRUTH, select
from lossctl.sources.numbers import is_number
from lossctl.state import Plan
from lossctl.suiting import command, fits_of, kind_of_pair
from lossctl.survey import chart_of, survey
from lossctl.tables import files_of, rereadable

if TYPE_CHECKING:
    from lossctl.diagnosis import Fitting, Level
    from lossctl.fitting import First
    from lossctl.options import Options
    from lossctl.passes import Watch
    from lossctl.repeats import Repeats
    from lossctl.sources.columns import Header
    from lossctl.survey import Chart, Seen
    from lossctl.vitals import Column

KEYS = ("id", "index")  # what a column that tells rows apart is called


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
            chart = chart_of(first, options)
        except (InputError, UsageError) as error:
            return _undecided(first, options, files, error)
        keys = (
            options.keys
            or tuple(name for name in first.header.names if name.casefold() in KEYS)[:1]
        )
        seen = survey(source, options, chart, keys, watch)
        findings = [*_findings(first.header, chart, seen, options), *_repeated(seen.repeats, keys)]
        fits = tuple(fits_of(first, chart, seen, options, files))
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


def _findings(header: Header, chart: Chart, seen: Seen, options: Options) -> Iterator[Finding]:
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
    if chart.weight is not None:
        found.append(symptoms.weights(chart.weight, columns[chart.weight]))
    for pair in chart.pairs:
        found += _of_pair(pair, seen, options)
    if seen.votes is not None and chart.truth is not None:
        if all(columns[name].low == columns[name].high for name in chart.names) and seen.rows > 1:
            found.append(
                symptoms.constant(chart.names[0], "the prediction", columns[chart.names[0]])
            )
        found.append(symptoms.class_order(chart.truth, chart.names, chart.classes, seen.votes))
        found.append(symptoms.strange_labels(chart.truth, chart.classes, seen.votes))
        if all(columns[name].within for name in chart.names):
            found.append(symptoms.sums(chart.names, seen.votes))
        found.append(symptoms.shifted_votes(chart.truth, chart.selector, seen.votes))
    yield from (finding for finding in found if finding is not None)


def _of_pair(pair: tuple[str, str], seen: Seen, options: Options) -> list[Finding | None]:
    """Return what the counts say of a truth and a prediction."""
    y_name, p_name = pair
    y, p, sums = seen.columns[y_name], seen.columns[p_name], seen.pairs[pair]
    kind = kind_of_pair(y, p, p_name, sums, options)
    shifted = symptoms.shifted(y_name, p_name, sums)
    if kind == "distribution":
        return [shifted]
    truth = symptoms.constant(y_name, "the truth", y)
    prediction = symptoms.constant(p_name, "the prediction", p)
    found = [truth, prediction, shifted]
    names = options.positive is None and y.labels is not None and len(y.labels) == 2
    said = None
    # Any two numbers are two labels, where there are only a few rows.
    names = names and (y.rows >= symptoms.ENOUGH or y.odd.rows > 0 or y.whole == y.numbers)
    far = _far(y, p)
    if names and (y.odd.rows or kind != "regression" or _chance(p) or far):
        said = symptoms.labels(y_name, y)
        found.append(said)
    scores = kind == "logit" and "logit" not in p_name.casefold() and y.values != {-1.0, 1.0}
    if scores or far:
        found.append(symptoms.percent(p_name, p, sums))
    if kind == "probability":
        found.append(symptoms.saturated(p_name, p, sums))
    if kind == "regression" and said is None:
        found.append(symptoms.not_numbers(y_name, y.odd, y.rows))
        if truth is None and prediction is None:
            swapped = symptoms.swapped(y_name, p_name, y, p)
            found.append(swapped or symptoms.scaled(y_name, p_name, sums))
    return found


def _chance(p: Column) -> bool:
    """Whether a prediction can only be a probability: in [0, 1], and more than its ends."""
    return p.within and p.whole < p.numbers


def _far(y: Column, p: Column) -> bool:
    """Whether 1 and 2 stand beside predictions up to 100, which no regression of them gives."""
    return y.values == {1.0, 2.0} and p.low >= 0.0 and 10.0 < p.high <= 100.0


def kind_of(column: Column) -> str:
    """Return in words what a column looks like."""
    holes = f", {column.missing.rows} missing" if column.missing.rows else ""
    if not column.numbers and not column.labels and not column.odd.rows:
        return f"nothing{holes}"
    if column.odd.rows and column.odd.rows + column.missing.rows >= column.rows / 2:
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
    if not found.again or found.first is None or found.earlier is None:
        return
    before = found.earlier.line if found.earlier.line is not None else found.earlier.row
    where = f"the first like {'line' if found.earlier.line is not None else 'row'} {before}"
    if keys:
        name = ", ".join(keys)
        rows = "1 row repeats" if found.again == 1 else f"{found.again} rows{limit} repeat"
        text = f"{rows} an earlier {name}, {where}"
        advice = "Rows that count twice: drop them, or name the key by --key"
        yield Finding("duplicates", "warning", text, advice).at(found.first)
        return
    rows = "1 row repeats" if found.again == 1 else f"{found.again} rows{limit} repeat"
    text = f"{rows} an earlier one in every column, {where}"
    # A file that was joined to itself holds every row equally often.
    doubled = found.even and found.different >= symptoms.ENOUGH
    level: Level = "warning" if doubled else "note"
    advice = "Fine where rows may be alike; else drop them"
    if doubled:
        advice = "Every row comes equally often: was the file joined to itself?"
    yield Finding("duplicates", level, text, advice).at(found.first)


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

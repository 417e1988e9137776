"""The report of some losses over data, and the pictures that are seen in the same pass."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from lossctl.diagnosis.notes import notes_of
from lossctl.errors import UsageError
from lossctl.evidence import probes_of, with_evidence
from lossctl.figures import make_result
from lossctl.losses.spec import parse_specs
from lossctl.passes import groups_of, states_of
from lossctl.report import Report
from lossctl.state import Plan
from lossctl.tables import files_of, in_files, sources_of, truth_of
from lossctl.version import VERSION

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

    from lossctl.options import Options
    from lossctl.passes import Found, Watch
    from lossctl.pictures.gather import Taken
    from lossctl.pictures.records import Picture
    from lossctl.probe import Probe
    from lossctl.sources.table import Counts
    from lossctl.task import Task


class Seen(NamedTuple):
    """A report, and the pictures of every loss in the order in which they were named."""

    report: Report
    pictures: tuple[tuple[Picture, ...], ...]


def evaluate_with(data: Any, losses: str, options: Options, watch: Watch | None = None) -> Report:
    """Return the report of some losses over the data; ``watch`` is told how far it got."""
    return _evaluated(data, losses, options, watch, pictures=False)[0]


def seen_with(data: Any, losses: str, options: Options, watch: Watch | None = None) -> Seen:
    """Return the report, and the pictures that suit each loss, from one pass."""
    from lossctl.pictures.gather import groups_picture, pictures_of

    options = options._replace(value_only=False)
    report, found = _evaluated(data, losses, options, watch, pictures=True)
    results = iter(report.results)
    pictures = []
    for index in range(len(found.work.tasks)):
        own = [next(results) for _ in groups_of(found, index)]
        made = pictures_of(found, index, report.files)
        if found.work.by:
            made = (*made, groups_picture(found, index, own, report.files))
        pictures.append(made)
    return Seen(report, tuple(pictures))


def groups_with(data: Any, loss: str, options: Options, watch: Watch | None = None) -> Taken:
    """Return the picture of the groups of one loss; the options name what makes them."""
    from lossctl.pictures.gather import Taken, groups_picture

    if len(parse_specs(loss)) != 1:
        raise UsageError(f"plot groups draws one loss, got {len(parse_specs(loss))}")
    report, found = _evaluated(data, loss, options, watch, pictures=False)
    return Taken(groups_picture(found, 0, report.results, report.files), report.notes)


def _evaluated(
    data: Any, losses: str, options: Options, watch: Watch | None, *, pictures: bool
) -> tuple[Report, Found]:
    data = sources_of(data, options)
    specs = parse_specs(losses)
    summaries = not options.value_only
    plan = Plan(summaries, options.top if summaries else 0, options.batch_size)
    found, counts = states_of(
        data,
        specs,
        plan,
        options,
        watch,
        probes=partial(_probes, options, pictures),
        texts=() if options.cluster is None else (options.cluster,),
        keys=() if options.value_only else options.keys,
    )
    by = found.work.by
    results = []
    for index, task in enumerate(found.work.tasks):
        for group in groups_of(found, index):
            named = dict(zip(by, group, strict=True)) if by else None
            with in_files(data):
                made = make_result(task, found.states[index, group], named, summaries, plan.worst)
            made = made._replace(notes=made.notes + notes_of(task, made))
            results.append(with_evidence(made, found, index, group, options))
    report = Report(
        VERSION,
        files_of(data),
        counts.rows,
        counts.skipped,
        counts.nonfinite,
        tuple(results),
        truth_of(data, options),
        None if options.value_only else _signature(found, counts, options),
    )
    return report, found


def _probes(
    options: Options, pictures: bool, tasks: Sequence[Task], texts: Sequence[str]
) -> dict[Hashable, Probe]:
    found = probes_of(options, tasks, texts)
    if pictures:
        from lossctl.pictures.gather import sights_of

        found.update(sights_of(tasks))
    return found


def _signature(found: Found, counts: Counts, options: Options) -> str:
    from lossctl.evidence import run_of, signature_of

    seed = None
    if options.ci is not None and options.ci_method == "bootstrap":
        from lossctl.bootstrap import SEED

        seed = SEED
    return signature_of(found, run_of(options, found, counts, seed))

"""What a result carries beyond its figures where that was asked for: its interval, its floor."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

    from lossctl.options import Options
    from lossctl.passes import Found, Group
    from lossctl.probe import Probe
    from lossctl.report import Hashes, Interval, NoInterval, Result
    from lossctl.signature import Run
    from lossctl.sources.table import Counts
    from lossctl.task import Task

# Imported where they are asked for: a bare value does without.


def probes_of(
    options: Options, tasks: Sequence[Task], texts: Sequence[str]
) -> dict[Hashable, Probe]:
    """Return what the options ask a pass to look at beyond the losses themselves.

    ``texts`` are the columns that were selected for it: that of the clusters, where there is one.
    """
    found: dict[Hashable, Probe] = {}
    if not options.value_only:
        found.update(hash_probes(tasks, options.keys))
    if options.ci is not None:
        found.update(_spreads(options, tasks, texts[0] if texts else None))
    if options.floor:
        from lossctl.floor import probe_of

        for index, task in enumerate(tasks):
            probe = probe_of(task, index)
            if probe is not None:
                found[probe.key] = probe
    return found


def _spreads(options: Options, tasks: Sequence[Task], cluster: str | None) -> dict[Hashable, Probe]:
    from lossctl.intervals import no_interval
    from lossctl.kept import EXPLAINED, kept_of
    from lossctl.variation import variation_of

    found: dict[Hashable, Probe] = {}
    for index, task in enumerate(tasks):
        explained = task.bound.loss.aggregate in EXPLAINED
        if options.ci_method == "bootstrap" and (explained or no_interval(task) is None):
            found["kept", index] = kept_of(tasks, (index,), cluster)
        elif options.ci_method == "t" and no_interval(task) is None:
            found["spread", index] = variation_of(tasks, (index,), cluster)
    return found


def with_evidence(
    result: Result, found: Found, index: int, group: Group, options: Options
) -> Result:
    """Return a result with its interval and its floor, where they were asked for."""
    if not options.value_only:
        result = result._replace(hashes=hashes(found, index, group))
    if options.ci is not None:
        result = result._replace(interval=_interval(found, index, group, options))
    if options.floor:
        from lossctl.floor import floor_of, probe_of, skill
        from lossctl.report import Skill

        task = found.work.tasks[index]
        probe = probe_of(task, index)
        floor = None if probe is None else floor_of(task, found.parts[probe.key, group])
        result = result._replace(floor=Skill(floor, skill(task, result.value, floor)))
    return result


def _interval(found: Found, index: int, group: Group, options: Options) -> Interval | NoInterval:
    from lossctl.intervals import interval_of, no_interval
    from lossctl.report import NoInterval

    task = found.work.tasks[index]
    level = options.ci
    assert level is not None
    if (("spread", index), group) in found.parts:
        return interval_of(task, found.parts[("spread", index), group], level)
    if (("kept", index), group) in found.parts:
        from lossctl.bootstrap import bootstrap_of

        return bootstrap_of(task, found.parts[("kept", index), group], level)
    return NoInterval(no_interval(task) or "there were no rows to take it from")


def hash_probes(tasks: Sequence[Task], keys: Sequence[str]) -> dict[Hashable, Probe]:
    """Return what is looked at for the hashes of the truth and of the predictions."""
    from lossctl.signature import hashes_of

    probes = (probe for index, task in enumerate(tasks) for probe in hashes_of(task, index, keys))
    return {probe.key: probe for probe in probes}


def hashes(found: Found, index: int, group: Group) -> Hashes:
    """Return the hashes of the truth, predictions and weights of a loss over a group."""
    from lossctl.report import Hashes
    from lossctl.signature import hashes_of

    probes = hashes_of(found.work.tasks[index], index, found.work.keys)
    made = {probe.what: str(found.parts[probe.key, group]) for probe in probes}
    keys = found.work.keys or None
    return Hashes(made.get("y"), made["pred"], keys, made.get("weight"))


def signature_of(found: Found, run: Run, at: Sequence[int] | None = None) -> str:
    """Return the line that determines what was found of all losses, or of those at some places."""
    from lossctl.signature import Signed, merged, signature_line

    known = merged(found.parts)
    tasks = found.work.tasks
    chosen = tasks if at is None else [tasks[index] for index in at]
    return signature_line([Signed.of(task, known, found.work.keys) for task in chosen], run)


def run_of(options: Options, found: Found, counts: Counts, seed: int | None = None) -> Run:
    """Return what a report took besides its losses."""
    from lossctl.signature import Run

    cluster = found.work.texts[0] if found.work.texts else None
    return Run(
        missing=options.missing,
        skipped=counts.skipped,
        key=found.work.keys,
        by=found.work.by,
        cluster=cluster,
        batch_size=options.batch_size,
        seed=seed,
    )

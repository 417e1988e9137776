"""What a result carries beyond its figures where that was asked for: its interval, its floor."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

    from lossctl.options import Options
    from lossctl.passes import Found, Group
    from lossctl.probe import Probe
    from lossctl.report import Interval, NoInterval, Result
    from lossctl.task import Task

# Imported where they are asked for: a bare value does without.


def probes_of(
    options: Options, tasks: Sequence[Task], texts: Sequence[str]
) -> dict[Hashable, Probe]:
    """Return what the options ask a pass to look at beyond the losses themselves.

    ``texts`` are the columns that were selected for it: that of the clusters, where there is one.
    """
    found: dict[Hashable, Probe] = {}
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

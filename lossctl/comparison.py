"""Two predictions of the same rows held against one another, under guards."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from lossctl import guarded, guards
from lossctl.errors import UsageError
from lossctl.evidence import hash_probes, hashes, run_of, signature_of
from lossctl.flips import SEED
from lossctl.losses.spec import parse_specs
from lossctl.options import check_level
from lossctl.pairs import (
    Closely,
    Pair,
    comparison_of,
    mismatches,
    pair_of,
    probes_of,
    refuse_incomparable,
    weights_of,
)
from lossctl.passes import VALUE_ONLY, Work, find, groups_of
from lossctl.sources.columns import select_all
from lossctl.tables import files_of, in_files, side_by_side
from lossctl.verdicts import CompareReport
from lossctl.version import VERSION

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

    from lossctl.errors import InputError
    from lossctl.gates import Wanted
    from lossctl.options import Options
    from lossctl.passes import Found, Group, Watch
    from lossctl.probe import Probe
    from lossctl.sources.columns import Header
    from lossctl.task import Task
    from lossctl.verdicts import Comparison


class Settings(NamedTuple):
    """What is asked of a comparison beyond how to read.

    ``baseline_pred`` selects the baseline's predictions, where the candidate's selector is not
    theirs too; ``allow`` are the guards that are off.
    """

    baseline_pred: str | None = None
    wanted: Wanted | None = None
    level: float = 95.0
    cluster: str | None = None
    allow: frozenset[str] = frozenset()


def compare_with(
    baseline: Any,
    candidate: Any,
    losses: str,
    options: Options,
    settings: Settings,
    watch: Watch | None = None,
) -> CompareReport:
    """Return how two predictions of the same rows compare; ``baseline`` is None for one table.

    A guard that is broken is in the report; where nothing could be compared, it is all there is.
    """
    check_level(settings.level)
    specs = parse_specs(losses)
    closely = Closely(settings.level, settings.cluster, options.top)
    pairs = [Pair(2 * at, 2 * at + 1) for at in range(len(specs))]
    allow = settings.allow
    options = guards.loosened(options, allow)
    data = side_by_side(baseline, candidate, options)
    seen = list(guards.same_file(baseline, candidate))

    def make(header: Header) -> tuple[Work]:
        tasks: list[Task] = []
        weights: list[tuple[str, ...]] = []
        for spec in specs:
            both = pair_of(spec, header, options, settings.baseline_pred)
            refuse_incomparable(both[1])
            if both[0].columns == both[1].columns:
                raise UsageError("baseline and candidate are one column: name two, -p OLD -p NEW")
            tasks += both
            weights.append(weights_of(header, spec, options, both[1]))
        probes: dict[Hashable, Probe] = dict(hash_probes(tasks, options.keys))
        for pair, own in zip(pairs, weights, strict=True):
            probes.update(probes_of(tasks, pair, closely, own))
            probes.update(guarded.probes_of(tasks, pair.candidate))
        by = select_all(header, options.by)
        texts = () if settings.cluster is None else select_all(header, (settings.cluster,))
        numbers = tuple(name for own in weights for name in own)
        keys = select_all(header, options.keys)
        return (Work(tuple(tasks), by, VALUE_ONLY, probes, texts, numbers, keys),)

    comparisons: list[Comparison] = []
    stopped: list[InputError] = []
    rows = skipped = nonfinite = 0
    notes: list[str] = []
    signature = ""
    try:
        (found,), counts = find(data, options, make, watch, again=False)
        rows, skipped, nonfinite = counts
        with in_files(data):
            for pair in pairs:
                values: dict[Group, float] = {}
                for group in groups_of(found, pair.candidate):
                    try:
                        with in_files(data):
                            made = comparison_of(found, pair, group, closely, settings.wanted)
                    except guards.RAISED as error:  # of one group; the others are compared
                        stopped.append(error)
                        continue
                    comparisons.append(made)
                    values[group] = made.candidate
                    seen += mismatches(found, pair, group)
                who = f"{found.work.tasks[pair.candidate].bound.spec} of the candidate"
                seen += guarded.broken(found, pair.candidate, values, who)
        if not comparisons and stopped:
            raise stopped[0]
        for guard in map(guards.guard_of, stopped):
            if guard.name in allow:
                notes.append(guard.text)
            else:
                seen.append(guard)
        alpha = None if settings.wanted is None else settings.wanted.alpha
        seed = SEED if any(made.permutation for made in comparisons) else None
        run = run_of(options, found, counts, seed)._replace(alpha=alpha)
        signature = signature_of(found, run)
        notes += _equal(found, pairs)
    except guards.RAISED as error:
        guard = guards.guard_of(error)
        if guard.name in allow & guards.LOOSENING:
            raise
        if guard.name in allow:
            notes.append(guard.text)
        else:
            seen.append(guard)
        comparisons = []
    return CompareReport(
        version=VERSION,
        baseline_files=files_of(candidate if baseline is None else baseline),
        candidate_files=files_of(candidate),
        rows=rows,
        skipped=skipped,
        nonfinite=nonfinite,
        comparisons=tuple(comparisons),
        guards=tuple(dict.fromkeys(guard for guard in seen if guard.name not in allow)),
        notes=tuple(notes),
        signature=signature,
    )


def _equal(found: Found, pairs: Sequence[Pair]) -> list[str]:
    """Return a note where the predictions of both are the same throughout."""
    same = [
        found.work.tasks[pair.candidate].bound.spec
        for pair in pairs
        if all(
            hashes(found, pair.baseline, group).pred == hashes(found, pair.candidate, group).pred
            for group in groups_of(found, pair.candidate)
        )
    ]
    return [f"{spec}: baseline and candidate predict the same in every row" for spec in same]

"""Running the checks of a config: in as few passes as their data allow, all reported."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from lossctl import guarded, guards
from lossctl.binding import make_task
from lossctl.errors import ConfigError, InputError, UsageError
from lossctl.evidence import hash_probes, hashes, run_of, signature_of
from lossctl.figures import check_state, make_result, whole_outcome
from lossctl.gates import Lines, Wanted, joined
from lossctl.losses.spec import parse_specs
from lossctl.options import make_options
from lossctl.pairs import (
    Closely,
    Pair,
    gate_of,
    mismatches,
    pair_of,
    probes_of,
    refuse_incomparable,
    standing_of,
    weights_of,
)
from lossctl.passes import VALUE_ONLY, Work, find, groups_of, wants_of_works
from lossctl.recorded import read_recorded
from lossctl.sources.columns import select_all
from lossctl.state import Plan
from lossctl.tables import files_of, in_files, side_by_side
from lossctl.verdicts import Check, CheckReport, Guard, Line, Verdict, worst_of
from lossctl.version import VERSION

if TYPE_CHECKING:
    from collections.abc import Hashable

    from lossctl.config import CheckSpec, Config
    from lossctl.options import Options
    from lossctl.passes import Found, Group, Watch
    from lossctl.probe import Probe
    from lossctl.recorded import Entry, Recorded
    from lossctl.report import Worst
    from lossctl.sources.columns import Header
    from lossctl.sources.table import Counts, Want
    from lossctl.task import Task

LEVEL = 95.0  # percent, of the intervals that stand beside a verdict


class Place(NamedTuple):
    """Where a check is found: the work of its groups, where its loss is, and the baseline's."""

    work: int
    at: int
    baseline: int | None = None

    @property
    def pair(self) -> Pair | None:
        """Its pair of losses, where it has a baseline whose rows are read."""
        return None if self.baseline is None else Pair(self.baseline, self.at)


class Runner(NamedTuple):
    """What all checks of a config share: its path, and how the work is done."""

    path: str
    threads: int | None = None
    watch: Watch | None = None


def run_checks(
    config: Config, threads: int | None = None, watch: Watch | None = None
) -> CheckReport:
    """Return what came of every check; raises ConfigError for one that cannot be made."""
    together: dict[Hashable, list[CheckSpec]] = {}
    for check in config.checks:
        switches = check.allow & guards.LOOSENING  # these change what is read
        together.setdefault((check.reading, switches), []).append(check)
    runner = Runner(config.path, threads, watch)
    done = {made.name: made for group in together.values() for made in _run(runner, group)}
    return CheckReport(VERSION, config.path, tuple(done[check.name] for check in config.checks))


def _run(runner: Runner, checks: Sequence[CheckSpec]) -> list[Check]:
    """Return what came of checks that read the same; one that stops the reading runs alone."""
    try:
        return _pass(runner, checks)
    except (InputError, UsageError) as error:
        if len(checks) > 1:
            return [made for check in checks for made in _run(runner, [check])]
        check = checks[0]
        if isinstance(error, UsageError):
            message = str(error)
            raise ConfigError(message, file=runner.path, line=check.line, key=check.name) from None
        return [_stopped(runner, check, error)]


def _stopped(runner: Runner, check: CheckSpec, error: InputError) -> Check:
    """Return a check for which nothing could be read: a guard saw it, or the input is invalid."""
    made = _empty(runner, check)
    guard = guards.guard_of(error) if isinstance(error, guards.RAISED) else None
    if guard is None or guard.name in check.allow & guards.LOOSENING:
        return made._replace(verdict=Verdict.ERROR, message=str(error))
    if guard.name in check.allow:
        return made._replace(notes=(guard.text,))
    return made._replace(verdict=Verdict.FAIL, message=_said(guard), guards=(guard,))


def _empty(runner: Runner, check: CheckSpec) -> Check:
    files = files_of(list(check.reading.data))
    spec = parse_specs(check.loss)[0].bound.spec
    return Check(check.name, (runner.path, check.line), spec, files, Verdict.PASS, "")


def _said(guard: Guard) -> str:
    return f"guard {guard.name}: {guard.text}"


def _options(runner: Runner, check: CheckSpec) -> Options:
    reading = check.reading
    options = make_options(
        **{
            **check.options,
            "truth": list(reading.truth) or None,
            "key": reading.key,
            "by_position": reading.by_position,
            "threads": runner.threads,
        }
    )
    return guards.loosened(options, check.allow)


def _pass(runner: Runner, checks: Sequence[CheckSpec]) -> list[Check]:
    places: list[Place] = []
    reads: list[tuple[Want, ...]] = []

    def make(header: Header) -> list[Work]:
        drafts: dict[Hashable, _Draft] = {}
        for check in checks:
            options = _options(runner, check)
            by = select_all(header, options.by)
            texts = () if check.cluster is None else select_all(header, (check.cluster,))
            keys = select_all(header, _hashed_keys(check, options))
            where = (by, texts, keys)
            draft = drafts.setdefault(where, _Draft(len(drafts), *where, [], {}, []))
            places.append(draft.place(header, check, options))
            alone = _Draft(0, *where, [], {}, [])
            alone.place(header, check, options)
            reads.append(wants_of_works(header.names, [alone.work]))
        return [draft.work for draft in drafts.values()]

    reading = checks[0].reading
    options = _options(runner, checks[0])._replace(by=())
    data = side_by_side(list(reading.baseline) or None, list(reading.data), options)
    same = tuple(guards.same_file(list(reading.baseline), list(reading.data)))
    found, counts = find(data, options, make, runner.watch)
    if (counts.skipped or counts.nonfinite) and len(set(reads)) > 1:
        # A row that one check lacks is not left out of the others: they are read by themselves.
        apart: dict[Hashable, list[CheckSpec]] = {}
        for check, read in zip(checks, reads, strict=True):
            apart.setdefault(read, []).append(check)
        made = {one.name: one for some in apart.values() for one in _run(runner, some)}
        return [made[check.name] for check in checks]
    with in_files(data):
        return [
            _check(Look(runner, check, found[place.work], place, data, counts), same)
            for check, place in zip(checks, places, strict=True)
        ]


def _hashed_keys(check: CheckSpec, options: Options) -> tuple[str, ...]:
    """Return the key columns that go into the hashes: those of recorded hashes, to be like them."""
    if check.recorded is None:
        return options.keys
    entries = read_recorded(check.recorded).entries
    recorded = next((entry.key for entry in entries if entry.key), ())
    return (options.keys or recorded) if recorded else ()


class Look(NamedTuple):
    """A check, what was found of it, and where."""

    runner: Runner
    check: CheckSpec
    found: Found
    place: Place
    data: Any
    counts: Counts

    @property
    def task(self) -> Task:
        """Its loss, bound to its columns."""
        return self.found.work.tasks[self.place.at]


class _Draft(NamedTuple):
    """The work of some groups while it is put together; checks of one loss share it."""

    number: int
    by: tuple[str, ...]
    texts: tuple[str, ...]
    keys: tuple[str, ...]
    tasks: list[Task]
    probes: dict[Hashable, Probe]
    numbers: list[str]

    def place(self, header: Header, check: CheckSpec, options: Options) -> Place:
        """Add what a check needs, and return where it will be found."""
        (spec,) = parse_specs(check.loss)
        old = None
        if check.compares:
            old, task = pair_of(spec, header, options, check.baseline_pred)
            refuse_incomparable(task)
        else:
            task = make_task(spec, header, options)
        index = self._index(task)
        self.probes.update(guarded.probes_of(self.tasks, index))
        if old is None:
            return Place(self.number, index)
        place = Place(self.number, index, self._index(old))
        assert place.pair is not None
        cluster = self.texts[0] if self.texts else None
        closely = Closely(LEVEL, cluster, rows=False)
        weights = weights_of(header, spec, options, task)
        self.numbers.extend(weights)
        self.probes.update(probes_of(self.tasks, place.pair, closely, weights))
        return place

    def _index(self, task: Task) -> int:
        if task not in self.tasks:
            self.tasks.append(task)
        return self.tasks.index(task)

    @property
    def work(self) -> Work:
        """The work, when all checks are in it."""
        probes = {**hash_probes(self.tasks, self.keys), **self.probes}
        tasks, numbers = tuple(self.tasks), tuple(self.numbers)
        return Work(tasks, self.by, VALUE_ONLY, probes, self.texts, numbers, self.keys)


def _check(look: Look, same: Sequence[Guard]) -> Check:
    """Return what came of a check over all its groups."""
    check, found, place = look.check, look.found, look.place
    who = look.task.bound.spec
    recorded = None if check.recorded is None else read_recorded(check.recorded)
    lines = []
    values: dict[Group, float] = {}
    stopped: list[InputError] = []
    seen = list(same) if place.pair is not None else []
    for group in groups_of(found, place.at):
        try:
            with in_files(look.data):
                line = _line(look, group, recorded)
        except guards.RAISED as error:  # of one group; the others are held
            stopped.append(error)
            continue
        lines.append(line)
        values[group] = line.value
        if place.pair is not None:
            seen += mismatches(found, place.pair, group)
        if recorded is not None:
            now = hashes(found, place.at, group)
            seen += filter(None, [guards.recorded_rows(_entry(look, recorded, group), now)])
    seen += guarded.broken(found, place.at, values, who)
    if recorded is not None:
        lost = recorded.lost(who, [_of(look, group)[1] for group in groups_of(found, place.at)])
        seen += filter(None, [guards.lost_groups(lost)])
    if stopped and not lines:
        raise stopped[0]
    seen += (weightless := [guards.guard_of(error) for error in stopped])
    notes = tuple(guard.text for guard in weightless if guard.name in check.allow)
    left_out = look.counts.skipped + look.counts.nonfinite
    if left_out:
        rows = "1 row is" if left_out == 1 else f"{left_out} rows are"
        notes += (f"{rows} left out for a missing or infinite cell",)
    broken = tuple(dict.fromkeys(guard for guard in seen if guard.name not in check.allow))
    verdict = worst_of([*(line.gate.verdict for line in lines), *(Verdict.FAIL for _ in broken)])
    made = _empty(look.runner, check)._replace(
        lines=tuple(lines), guards=broken, verdict=verdict, notes=notes, signature=_signature(look)
    )
    if verdict is Verdict.PASS:
        return made
    return made._replace(message=_message(made), worst=_blamed(look, made))


def _signature(look: Look) -> str:
    """Return the signature of the check alone: of its own loss, or pair of them."""
    options = _options(look.runner, look.check)
    alpha = look.check.alpha if look.check.margin is not None else None
    run = run_of(options, look.found, look.counts)._replace(alpha=alpha)
    at = (look.place.at,) if look.place.pair is None else look.place.pair
    return signature_of(look.found, run, at)


def _of(look: Look, group: Group) -> tuple[str, Mapping[str, str] | None, tuple[str, ...]]:
    """Return what a recorded value is looked up by: the loss, the group, the predictions."""
    by = look.found.work.by
    named = dict(zip(by, group, strict=True)) if by else None
    return look.task.bound.spec, named, look.task.columns.pred


def _entry(look: Look, recorded: Recorded, group: Group) -> Entry:
    """Return what is recorded of a group, or raise InputError where it was made in another way."""
    entry = recorded.entry(*_of(look, group))
    weighted = look.task.columns.weight is not None
    unlike = entry.unlike(look.task.plain_rules, weighted)
    if unlike is not None:
        raise recorded.error(f"the recorded {entry.spec} is no baseline: {unlike}")
    return entry


def _line(look: Look, group: Group, recorded: Recorded | None) -> Line:
    check, found, place = look.check, look.found, look.place
    state = found.states[place.at, group]
    where = f" in group {', '.join(group)}" if group else ""
    check_state(look.task, state, where)
    value = whole_outcome(look.task, state, where).value
    spec, named, _ = _of(look, group)
    what = spec + (f" [{', '.join(group)}]" if group else "")
    gates = []
    lines = Lines(check.maximum, check.minimum)
    if lines.drawn:
        gates.append(lines.hold(value, what))
    baseline = interval = None
    wanted = None
    if check.margin is not None:
        wanted = Wanted(check.margin, check.better, check.alpha)
    if place.pair is not None:
        standing = standing_of(found, place.pair, group, LEVEL)
        baseline, interval = standing.baseline, standing.interval
        if wanted is not None:
            gates.append(gate_of(standing, wanted))
    elif recorded is not None:
        baseline = _entry(look, recorded, group).value
        if wanted is not None:
            higher = look.task.bound.loss.higher_is_better
            gates.append(wanted.hold(value, baseline, higher, what))
    return Line(named, state.rows, value, baseline, joined(gates), interval)


def _message(made: Check) -> str:
    """Return in one line why a check did not pass: a guard first, else the worst of its gates."""
    if made.guards:
        return _said(made.guards[0])
    line = next(line for line in made.lines if line.gate.verdict is made.verdict)
    others = sum(line.gate.verdict is not Verdict.PASS for line in made.lines) - 1
    more = f", and {others} more groups" if others > 1 else ", and 1 more group" if others else ""
    return f"{line.gate.text}{more}"


def _blamed(look: Look, made: Check) -> tuple[Worst, ...]:
    """Return the rows that cost the most where the check did not pass: a pass of its own."""
    options = _options(look.runner, look.check)
    top, task, by = options.top, look.task, look.found.work.by
    if not top:
        return ()
    work = Work((task,), by, Plan(worst=top), texts=look.found.work.texts)
    (found,), _ = find(look.data, options, lambda _: (work,), look.runner.watch)
    bad = {
        tuple((line.group or {}).values())
        for line in made.lines
        if line.gate.verdict is not Verdict.PASS
    }
    held = bad or {tuple((line.group or {}).values()) for line in made.lines}
    groups = [group for group in groups_of(found, 0) if group in held]
    with in_files(look.data):
        rows = [
            row
            for group in groups
            for row in make_result(task, found.states[0, group], None, False, top).worst or ()
        ]
    return tuple(sorted(rows, key=lambda row: (-row.contribution, row.row))[:top])

"""Running the checks of a config: in as few passes as their data allow, all reported."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from lossctl import guarded, guards
from lossctl.binding import make_task
from lossctl.errors import ConfigError, InputError, UsageError
from lossctl.figures import check_state, make_result, whole_outcome
from lossctl.gates import Lines, Wanted, joined
from lossctl.losses.spec import parse_specs
from lossctl.options import make_options
from lossctl.pairs import Closely, Pair, gate_of, probes_of, refuse_incomparable, standing_of
from lossctl.passes import Work, find, groups_of, states_of
from lossctl.sources.columns import select_all
from lossctl.state import Plan
from lossctl.tables import files_of, in_files
from lossctl.verdicts import Check, CheckReport, Guard, Line, Verdict, worst_of
from lossctl.version import VERSION

if TYPE_CHECKING:
    from collections.abc import Hashable

    from lossctl.config import CheckSpec, Config
    from lossctl.options import Options
    from lossctl.passes import Found, Watch
    from lossctl.probe import Probe
    from lossctl.report import Worst
    from lossctl.sources.columns import Header
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
        switches = check.allow & {"skipped", "unmatched"}  # these change what is read
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
    if not isinstance(error, guards.RAISED):
        return made._replace(verdict=Verdict.ERROR, message=str(error))
    guard = guards.guard_of(error)
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
    options = make_options(**{**check.options, "threads": runner.threads})
    return options._replace(missing="skip") if "skipped" in check.allow else options


def _pass(runner: Runner, checks: Sequence[CheckSpec]) -> list[Check]:
    places: list[Place] = []

    def make(header: Header) -> list[Work]:
        drafts: dict[Hashable, _Draft] = {}
        for check in checks:
            options = _options(runner, check)
            by = select_all(header, options.by)
            texts = () if check.cluster is None else select_all(header, (check.cluster,))
            draft = drafts.setdefault((by, texts), _Draft(len(drafts), by, texts, [], {}))
            places.append(draft.place(header, check, options))
        return [draft.work for draft in drafts.values()]

    data = list(checks[0].reading.data)
    options = _options(runner, checks[0])._replace(by=())
    found, counts = find(data, options, make, runner.watch)
    with in_files(data):
        return [
            _check(runner, check, found[place.work], place, data)
            for check, place in zip(checks, places, strict=True)
        ]


class _Draft(NamedTuple):
    """The work of some groups while it is put together; checks of one loss share it."""

    number: int
    by: tuple[str, ...]
    texts: tuple[str, ...]
    tasks: list[Task]
    probes: dict[Hashable, Probe]

    def place(self, header: Header, check: CheckSpec, options: Options) -> Place:
        """Add what a check needs, and return where it will be found."""
        (spec,) = parse_specs(check.loss)
        index = self._index(make_task(spec, header, options))
        self.probes.update(guarded.probes_of(self.tasks, index))
        if not check.compares:
            return Place(self.number, index)
        refuse_incomparable(self.tasks[index])
        old = make_task(spec._replace(pred=check.baseline_pred or spec.pred), header, options)
        place = Place(self.number, index, self._index(old))
        assert place.pair is not None
        cluster = self.texts[0] if self.texts else None
        closely = Closely(LEVEL, cluster, rows=False)
        self.probes.update(probes_of(self.tasks, place.pair, closely))
        return place

    def _index(self, task: Task) -> int:
        if task not in self.tasks:
            self.tasks.append(task)
        return self.tasks.index(task)

    @property
    def work(self) -> Work:
        """The work, when all checks are in it."""
        return Work(tuple(self.tasks), self.by, probes=self.probes, texts=self.texts)


def _check(
    runner: Runner, check: CheckSpec, found: Found, place: Place, data: Sequence[Any]
) -> Check:
    """Return what came of a check over all its groups."""
    lines = []
    seen: list[Guard] = []
    for group in groups_of(found, place.at):
        line = _line(check, found, place, group)
        lines.append(line)
        who = found.work.tasks[place.at].bound.spec
        seen += guarded.broken(found, place.at, group, line.value, who)
        if place.pair is not None:
            mismatch = found.parts.get(((place.pair, "truth"), group))
            seen += filter(None, [None if mismatch is None else guards.truths(mismatch)])
    broken = tuple(dict.fromkeys(guard for guard in seen if guard.name not in check.allow))
    verdict = worst_of([*(line.gate.verdict for line in lines), *(Verdict.FAIL for _ in broken)])
    made = _empty(runner, check)._replace(lines=tuple(lines), guards=broken, verdict=verdict)
    if verdict is Verdict.PASS:
        return made
    return made._replace(message=_message(made), worst=_blamed(runner, check, made, data))


def _line(check: CheckSpec, found: Found, place: Place, group: tuple[str, ...]) -> Line:
    task, state = found.work.tasks[place.at], found.states[place.at, group]
    named = dict(zip(found.work.by, group, strict=True)) if found.work.by else None
    where = f" in group {', '.join(group)}" if group else ""
    check_state(task, state, where)
    value = whole_outcome(task, state, where).value
    what = task.bound.spec + (f" [{', '.join(group)}]" if group else "")
    gates = []
    lines = Lines(check.maximum, check.minimum)
    if lines.drawn:
        gates.append(lines.hold(value, what))
    baseline = interval = None
    if place.pair is not None:
        standing = standing_of(found, place.pair, group, LEVEL)
        baseline, interval = standing.baseline, standing.interval
        if check.margin is not None:
            gates.append(gate_of(standing, Wanted(check.margin, check.better, check.alpha)))
    return Line(named, state.rows, value, baseline, joined(gates), interval)


def _message(made: Check) -> str:
    """Return in one line why a check did not pass: the worst of its gates and guards first."""
    if made.guards:
        return _said(made.guards[0])
    line = next(line for line in made.lines if line.gate.verdict is made.verdict)
    others = sum(line.gate.verdict is not Verdict.PASS for line in made.lines) - 1
    more = f", and {others} more groups" if others > 1 else ", and 1 more group" if others else ""
    return f"{line.gate.text}{more}"


def _blamed(
    runner: Runner, check: CheckSpec, made: Check, data: Sequence[Any]
) -> tuple[Worst, ...]:
    """Return the rows that cost the most in the groups that did not pass: a pass of its own."""
    options = _options(runner, check)
    top = options.top
    specs = parse_specs(check.loss)
    if not top:
        return ()
    found, _ = states_of(data, specs, Plan(worst=top), options, runner.watch)
    task = found.work.tasks[0]
    bad = {
        tuple((line.group or {}).values())
        for line in made.lines
        if line.gate.verdict is not Verdict.PASS
    }
    groups = [group for group in groups_of(found, 0) if group in bad or not bad]
    with in_files(data):
        rows = [
            row
            for group in groups
            for row in make_result(task, found.states[0, group], None, False, top).worst or ()
        ]
    return tuple(sorted(rows, key=lambda row: (-row.contribution, row.row))[:top])

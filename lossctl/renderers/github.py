"""Workflow commands, which GitHub shows as annotations, and the summary of a step.

Source: "Workflow commands for GitHub Actions"; how data and properties are escaped is that of the
actions toolkit.
"""

from __future__ import annotations

from itertools import zip_longest
from typing import TYPE_CHECKING

from lossctl.renderers.cases import STDIN
from lossctl.renderers.look import printable, printable_line
from lossctl.renderers.markdown import escape
from lossctl.renderers.words import word
from lossctl.verdicts import Verdict, worst_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from lossctl.renderers.cases import Blamed, Case, Suite

LIMIT = 10  # annotations of one level that GitHub shows of a step
_LEVELS = {
    Verdict.ERROR: "error",
    Verdict.FAIL: "error",
    Verdict.INCONCLUSIVE: "warning",
    None: "notice",
}
_DATA = str.maketrans({"%": "%25", "\r": "%0D", "\n": "%0A"})
_PROPERTY = _DATA | str.maketrans({":": "%3A", ",": "%2C"})


def render(suite: Suite) -> str:
    """Return a line for the log for every case, then the annotations.

    They stand on the rows to blame: the worst row of every case, then the second worst of each.
    Beyond ten of a level the last says how many more there are.
    """
    lines = [printable_line(f"{case.verdict or 'value'}: {_told(case)}") for case in suite.cases]
    for level in ("error", "warning", "notice"):
        told = [case for case in suite.cases if _LEVELS.get(case.verdict) == level]
        commands = list(_in_turn(level, told))
        if len(commands) > LIMIT:
            more = len(commands) - LIMIT + 1
            text = f"{more} more are in the summary of this step"
            commands[LIMIT - 1 :] = [command(level, f"lossctl {suite.command}", [text])]
        lines += commands
    return "".join(f"{line}\n" for line in lines)


def _told(case: Case) -> str:
    name = f"{case.name}: "
    return case.message if case.message.startswith(case.name) else name + case.message


def _in_turn(level: str, cases: Sequence[Case]) -> Iterator[str]:
    """Yield the annotations: all first ones, all second ones and so on."""
    columns = [list(_annotations(level, case)) for case in cases]
    for row in zip_longest(*columns):
        yield from (text for text in row if text is not None)


def _annotations(level: str, case: Case) -> Iterator[str]:
    title = case.name if case.verdict is None else f"{case.name}: {case.verdict}"
    if not case.blamed and case.verdict is not None:
        yield command(level, title, [case.message], case.place)
    for at, row in enumerate(case.blamed):
        here = f"{row.place}: {row.text}"
        yield command(level, title, [here] if at else [case.message, here], _place(row))


def _place(row: Blamed) -> tuple[str, int] | None:
    """Return where GitHub can point at: a line of a file."""
    if row.file in (None, STDIN) or row.line is None:
        return None
    return str(row.file), row.line


def command(
    level: str, title: str, lines: Sequence[str], place: tuple[str, int] | None = None
) -> str:
    """Return a workflow command; ``title``, ``lines`` and file names are only text in it."""
    where = "" if place is None else f"file={_property(place[0])},line={place[1]},"
    text = "\n".join(printable_line(line) for line in lines).translate(_DATA)
    return f"::{level} {where}title={_property(title)}::{text}"


def _property(text: str) -> str:
    return printable(text).translate(_PROPERTY)


def summary(suite: Suite, page: str) -> str:
    """Return what the summary of a step shows: how the command ended, then its page."""
    verdicts = [case.verdict for case in suite.cases if case.verdict is not None]
    ended = f": {word(worst_of(verdicts))}" if verdicts else ""
    return f"### {escape(suite.title)}{ended}\n\n{page}"

"""JUnit XML as Jenkins, GitLab and GitHub's test reporters read it.

The form is that of the schema of Jenkins' xUnit plugin (junit-10.xsd), which Maven's Surefire and
pytest keep to as well. No losses are timed one by one, so that every time is 0.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lossctl.renderers.look import printable, printable_line
from lossctl.verdicts import Verdict

if TYPE_CHECKING:
    from lossctl.renderers.cases import Case, Suite

_ENTITIES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;"})


def render(suite: Suite) -> str:
    """Return the suite as a document; what is inconclusive counts as a failure of that type.

    A CI server that took it for a pass would hide what the exit code says.
    """
    verdicts = [case.verdict for case in suite.cases]
    errors = verdicts.count(Verdict.ERROR)
    failures = verdicts.count(Verdict.FAIL) + verdicts.count(Verdict.INCONCLUSIVE)
    counts = f'tests="{len(verdicts)}" failures="{failures}" errors="{errors}"'
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        f'<testsuites name="lossctl" {counts} time="0">',
        f'<testsuite name="{_text(suite.title)}" {counts} skipped="0" time="0">',
        "<properties>",
        *(
            f'<property name="{_text(key)}" value="{float(number)!r}"/>'
            for key, number in suite.metrics.items()
        ),
        "</properties>",
    ]
    for case in suite.cases:
        lines += _case(case, f"lossctl.{suite.command}")
    return "\n".join([*lines, "</testsuite>", "</testsuites>"]) + "\n"


def _case(case: Case, classname: str) -> list[str]:
    rows = [f"{row.place}: {row.text}" for row in case.blamed]
    facts = [case.message, *case.details]
    lines = [f'<testcase classname="{classname}" name="{_text(case.name)}" time="0">']
    if case.verdict in (None, Verdict.PASS):
        facts += rows
    else:
        tag = "error" if case.verdict is Verdict.ERROR else "failure"
        place = [] if case.place is None else [f"{case.place[0]}:{case.place[1]}"]
        body = _lines([case.message, *place, *rows])
        attributes = f'type="{case.verdict}" message="{_text(case.message)}"'
        lines.append(f"<{tag} {attributes}>{body}</{tag}>")
    return [*lines, f"<system-out>{_lines(facts)}</system-out>", "</testcase>"]


def _text(text: str) -> str:
    """Return text as an attribute holds it: XML 1.0 has no control characters to escape."""
    return printable(text).translate(_ENTITIES)


def _lines(lines: list[str]) -> str:
    """Return lines of text; none begins as a command of a CI service does."""
    return "\n".join(printable_line(line) for line in lines).translate(_ENTITIES)

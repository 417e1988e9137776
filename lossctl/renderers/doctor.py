"""What is probably wrong with a file, as text that wraps and as JSON."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from lossctl.renderers.look import printable, printable_line

if TYPE_CHECKING:
    from rich.table import Table
    from rich.text import Text

    from lossctl.diagnosis import Diagnosis, Finding, Fitting
    from lossctl.renderers.look import Look

INSET = "  "  # before what continues a line
SHOWN = 8  # losses of those that fit, before the rest is only counted
STYLES = {"warning": "bold yellow", "note": "bold cyan"}


def render(found: Diagnosis, form: str, look: Look) -> str:
    """Return a diagnosis as text or JSON."""
    if form == "json":
        text = json.dumps(found.to_dict(), indent=2, ensure_ascii=False, allow_nan=False)
        return f"{text}\n"
    from rich.text import Text

    from lossctl.renderers.table import printed

    parts: list[Table | Text] = [Text(printable_line(_heading(found)), style="dim")]
    if found.why is not None:
        parts += [_wrapped(Text(printable(found.why)), look.width), _columns(found, look)]
        parts.append(Text(printable(f"Next: {found.command}")))
        return printed(parts, look)
    if found.findings:
        parts.append(Text("\n").join(_wrapped(_line(f), look.width) for f in found.findings))
    else:
        parts.append(Text("nothing found"))
    alike: dict[tuple[object, ...], list[Fitting]] = {}
    for fit in found.fits:
        alike.setdefault((fit.losses[:SHOWN], fit.y), []).append(fit)
    parts += [_fit(fits, look.width) for fits in alike.values()]
    return printed(parts, look)


def _heading(found: Diagnosis) -> str:
    files = ", ".join(found.files) or "data"
    rows = "1 row" if found.rows == 1 else f"{found.rows} rows"
    columns = "".join(
        f", {role} = {_few(names)}" for role, names in (("y", found.y), ("ŷ", found.pred)) if names
    )
    return f"{files}: {'first ' if found.why is not None else ''}{rows}{columns}"


def _few(names: tuple[str, ...]) -> str:
    return ", ".join(names) if len(names) <= 3 else f"{names[0]} … {names[-1]}"


def _line(finding: Finding) -> Text:
    from rich.text import Text

    place = ""
    if finding.line is not None:
        place = f" ({finding.file}:{finding.line})" if finding.file else f" (line {finding.line})"
    elif finding.row is not None:
        place = f" (row {finding.row})"
    return Text.assemble(
        (finding.level, STYLES[finding.level]),
        f" {finding.name}: {printable(finding.text)}",
        (printable(place), "dim"),
        f". {printable(finding.advice)}.",
    )


def _wrapped(text: Text, width: int) -> Text:
    """Return text in lines that fit, the later ones set in; none is a command to a CI service."""
    from rich.console import Console
    from rich.text import Text

    lines = text.wrap(Console(width=width), max(width - len(INSET), 1))
    made = []
    for at, line in enumerate(lines):
        line.rstrip()
        begun = len(line.plain) - len(line.plain.lstrip())
        if line.plain[begun:].startswith("::"):
            line = Text("�").append_text(line[begun + 1 :])
        made.append(Text(INSET).append_text(line) if at else line)
    return Text("\n").join(made)


def _fit(fits: list[Fitting], width: int) -> Text:
    """Return the losses that fit some predictions of one truth, and the command for the first."""
    from rich.text import Text

    first = fits[0]
    more = len(first.losses) - SHOWN
    names = ", ".join(first.losses[:SHOWN]) + (f" and {more} more" if more > 0 else "")
    of = printable(_few(tuple(fit.pred for fit in fits)))
    fit = _wrapped(Text.assemble((f"fits {of}: ", "bold"), names), width)
    return fit.append(f"\n{printable(first.command)}")  # in one piece, to be copied


def _columns(found: Diagnosis, look: Look) -> Table:
    from lossctl.renderers.table import fitted, short

    names = [short(kind.name) for kind in found.columns]
    looks = [printable(kind.text) for kind in found.columns]
    places = [str(at) for at in range(1, len(names) + 1)]
    # The place goes first: a line that begins with a name could be a command to a CI service.
    fixed = [("#", places), ("column", names)]
    table = fitted(fixed, {"looks like": looks}, (), look)
    table.columns[-1].justify = "left"
    return table

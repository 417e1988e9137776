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
        parts += [Text(printable(found.why)), _columns(found, look)]
        parts.append(Text(printable(f"Next: {found.command}")))
        return printed(parts, look)
    if found.findings:
        parts.append(Text("\n").join(map(_line, found.findings)))
    else:
        parts.append(Text("nothing found"))
    alike: dict[tuple[object, ...], list[Fitting]] = {}
    for fit in found.fits:
        alike.setdefault((fit.losses[:SHOWN], fit.y), []).append(fit)
    parts += [_fit(fits) for fits in alike.values()]
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


def _fit(fits: list[Fitting]) -> Text:
    """Return the losses that fit some predictions of one truth, and the command for the first."""
    from rich.text import Text

    first = fits[0]
    more = len(first.losses) - SHOWN
    names = ", ".join(first.losses[:SHOWN]) + (f" and {more} more" if more > 0 else "")
    of = printable(_few(tuple(fit.pred for fit in fits)))
    return Text.assemble((f"fits {of}: ", "bold"), f"{names}\n", printable(first.command))


def _columns(found: Diagnosis, look: Look) -> Table:
    from lossctl.renderers.table import fitted, short

    names = [short(kind.name) for kind in found.columns]
    looks = [printable(kind.text) for kind in found.columns]
    places = [str(at) for at in range(1, len(names) + 1)]
    table = fitted([("column", list(names))], {"looks like": looks, "#": places}, ("#",), look)
    for column in table.columns:
        column.justify = "left"
    return table

"""Reports to text: one module per format, found by its name."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lossctl.renderers.cases import Suite
    from lossctl.renderers.look import Look
    from lossctl.report import Report
    from lossctl.verdicts import Gate

_MODULES = {
    "json": "structured",
    "jsonl": "structured",
    "csv": "delimited",
    "tsv": "delimited",
}


def render(report: Report, form: str, look: Look, gates: Sequence[Gate] = ()) -> str:
    """Return the report as text in a format; ``gates`` holds one for every result, or none.

    The formats that gates are for show them: tables, Markdown, JUnit XML and workflow commands.
    """
    if form == "table":
        from lossctl.renderers.table import render as tables

        return tables(report, gates, look)
    if form == "markdown":
        from lossctl.renderers.markdown import of_report as page

        return page(report, gates, look)
    if form in ("junit", "github"):
        from lossctl.renderers.cases import of_report

        return told(of_report(report, gates, look), form)
    module = import_module(f"lossctl.renderers.{_MODULES[form]}")
    text: str = module.render(report, form, look)
    return text


def told(suite: Suite, form: str) -> str:
    """Return cases as CI services read them: ``junit`` or ``github``."""
    text: str = import_module(f"lossctl.renderers.{form}").render(suite)
    return text


def summary(report: Report, look: Look, gates: Sequence[Gate] = ()) -> str:
    """Return what the summary of a step on GitHub shows of the report."""
    from lossctl.renderers.cases import of_report
    from lossctl.renderers.github import summary as titled

    return titled(of_report(report, gates, look), render(report, "markdown", look, gates))

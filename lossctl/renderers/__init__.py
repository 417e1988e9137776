"""Reports to text: one module per format, found by its name."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lossctl.renderers.look import Look
    from lossctl.report import Report

_MODULES = {
    "table": "table",
    "json": "structured",
    "jsonl": "structured",
    "csv": "delimited",
    "tsv": "delimited",
    "markdown": "markdown",
}


def render(report: Report, form: str, look: Look) -> str:
    """Return the report as text in a format."""
    module = import_module(f"lossctl.renderers.{_MODULES[form]}")
    text: str = module.render(report, form, look)
    return text

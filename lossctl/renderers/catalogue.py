"""The catalogue of losses, and the page of one."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from lossctl.renderers.markdown import table as pipe_table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lossctl.losses import Loss
    from lossctl.renderers.look import Look


def render_list(losses: Sequence[Loss], form: str, look: Look) -> str:
    """Return all losses as a table, JSON or Markdown."""
    if form == "json":
        return _json([_entry(loss) for loss in losses])
    head = ["loss", "task", "what it is", "parameters", "also known as"]
    rows = [
        [
            loss.name,
            ", ".join(loss.tasks),
            loss.summary.rstrip("."),
            ", ".join(f"{p.name}={p.default:.6g}" for p in loss.params),
            ", ".join(loss.aliases),
        ]
        for loss in losses
    ]
    if form == "markdown":
        return pipe_table(head, rows, left=len(head))
    lines = []
    width = max(len(loss.name) for loss in losses)
    room = max(20, look.width - width - 2)
    for task in dict.fromkeys(loss.tasks[0] for loss in losses):
        lines.append(task)
        for loss in (entry for entry in losses if entry.tasks[0] == task):
            first, *more = _wrapped(loss.summary, room - 2)
            lines.append(f"  {loss.name:<{width}}  {first}")
            lines += [" " * (width + 4) + line for line in more]
        lines.append("")
    lines.append("'lossctl losses NAME' explains one.")
    return "\n".join(lines) + "\n"


def render_page(loss: Loss, form: str) -> str:
    """Return the page of one loss."""
    if form == "json":
        return _json({**_entry(loss), "page": loss.doc})
    lines = [loss.name, "=" * len(loss.name), ""]
    body = loss.doc.partition("\n>>> ")[0]
    lines += [body.rstrip(), ""]
    domains = [f"ŷ in {loss.pred}"]
    if loss.kind == "classes":
        domains.append("y a label or k shares")
    elif loss.y is not None:
        domains.append(f"y in {loss.y}")
    lines.append(f"Domain:     {'; '.join(domains)}")
    for param in loss.params:
        lines.append(f"Parameter:  {param.name}={param.default:.6g}, in {param.domain}")
    if loss.aliases:
        lines += _labelled("Also:       ", ", ".join(loss.aliases))
    if form == "markdown":
        return f"## {loss.name}\n\n```\n" + "\n".join(lines[3:]) + "\n```\n"
    return "\n".join(lines) + "\n"


def _entry(loss: Loss) -> dict[str, Any]:
    return {
        "name": loss.name,
        "aliases": list(loss.aliases),
        "task": loss.tasks[0],
        "summary": loss.summary,
        "y": None if loss.y is None else str(loss.y),
        "pred": str(loss.pred),
        "params": [
            {"name": p.name, "default": p.default, "domain": str(p.domain)} for p in loss.params
        ],
    }


def _json(value: object) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"


def _labelled(label: str, text: str) -> list[str]:
    first, *more = _wrapped(text, 96 - len(label))
    return [label + first, *(" " * len(label) + line for line in more)]


def _wrapped(text: str, width: int) -> list[str]:
    import textwrap

    return textwrap.wrap(text, width) or [""]

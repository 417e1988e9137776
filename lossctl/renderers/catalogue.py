"""The catalogue of losses, and the page of one."""

from __future__ import annotations

import json
import math
import re
import textwrap
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from lossctl.losses.bound import BoundLoss
from lossctl.renderers.markdown import table as pipe_table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lossctl.losses import Loss
    from lossctl.losses.domain import Domain
    from lossctl.losses.registry import DomainOf, Param
    from lossctl.renderers.look import Look

ORDER = ("regression", "binary", "multi-class", "count", "distribution", "probabilistic")
WIDEST, NARROWEST = 100, 40  # columns that a page is written for, and wraps at the least
INDENT = 12  # columns that a page gives to the names of its sections
SECTION = re.compile(r"^[A-Z][a-z]+(?: it)?: +", re.MULTILINE)
EXAMPLE = re.compile(r"^Example: +\$ ((?:.*\\\n)*.*)\n((?: +.*\n|\n(?= ))*)", re.MULTILINE)


def tasks_of(losses: Sequence[Loss]) -> list[str]:
    """Return the tasks that the losses are for: the usual ones first."""
    found = list(dict.fromkeys(task for loss in losses for task in loss.tasks))
    return sorted(found, key=lambda task: ORDER.index(task) if task in ORDER else len(ORDER))


def mentioning(losses: Sequence[Loss], words: str) -> list[Loss]:
    """Return the losses in whose names or page the words occur; case, ``-`` and ``_`` fold."""
    wanted = _folded(words).strip()
    return [
        loss
        for loss in losses
        if any(
            wanted in _folded(text)
            for text in (loss.name, *loss.aliases, SECTION.sub("", _body(loss)))
        )
    ]


def _folded(text: str) -> str:
    return re.sub(r"[-_\s]+", " ", text).lower()


def render_list(losses: Sequence[Loss], form: str, look: Look, task: str | None = None) -> str:
    """Return losses as a table, JSON or Markdown; the table stands by task, or under the one."""
    if form == "json":
        return _json([_entry(loss) for loss in losses])
    head = ["loss", "task", "what it is", "parameters", "also known as"]
    rows = [
        [
            loss.name,
            ", ".join(loss.tasks),
            loss.summary.rstrip("."),
            ", ".join(f"{param.name}={_setting(param)}" for param in loss.params),
            ", ".join(loss.aliases),
        ]
        for loss in losses
    ]
    if form == "markdown":
        return pipe_table(head, rows, left=len(head))
    lines = []
    width = max(len(loss.name) for loss in losses)
    room = max(20, look.width - width - 2)
    for heading in tasks_of(losses) if task is None else [task]:
        under = [loss for loss in losses if task is not None or loss.tasks[0] == heading]
        if not under:
            continue
        lines.append(heading)
        for loss in under:
            first, *more = _wrapped(loss.summary, room - 2)
            lines.append(f"  {loss.name:<{width}}  {first}")
            lines += [" " * (width + 4) + line for line in more]
        lines.append("")
    lines.append("'lossctl losses NAME' explains one.")
    return "\n".join(lines) + "\n"


def render_page(loss: Loss, form: str, look: Look, *, plain: bool = False) -> str:
    """Return the page of one loss; the curve on it is made of ASCII where it has to be plain."""
    if form == "json":
        return _json({**_entry(loss), "page": loss.doc, "example": example(loss)})
    facts = [_body(loss), ""]
    facts += _labelled("Domain", "; ".join(_domains(loss)))
    for param in loss.params:
        facts += _labelled("Parameter", f"{param.name}={_setting(param)}, in {param.range}")
    if loss.aliases:
        facts += _labelled("Also", ", ".join(loss.aliases))
    if form == "markdown":
        return "\n".join([f"## {loss.name}", "", "```", *facts, "```"]) + "\n"
    from lossctl.curves import curve_of
    from lossctl.renderers.curve import draw

    curve = draw(curve_of(BoundLoss(loss, loss.defaults)), look.width, plain=plain)
    text = "\n".join([loss.name, "=" * len(loss.name), "", *facts])
    return "\n".join([_fitted(text, look.width), "", *curve]) + "\n"


def _fitted(page: str, width: int) -> str:
    """Return the page with its text wrapped anew where the terminal is narrower than it.

    Examples stay as they are: a command that is wrapped is another command.
    """
    if width >= WIDEST:
        return page
    width = max(width, NARROWEST)
    lines: list[str] = []
    for block in re.split(r"\n(?=\S|\n)", page):
        if block.startswith("Example:") or (len(block) <= width and "\n" not in block):
            lines.append(block)
            continue
        label = SECTION.match(block)
        indent = " " * (INDENT if label else 0)
        text = " ".join(block[label.end() if label else 0 :].split())
        start = f"{label[0].strip():<{INDENT}}" if label else ""
        lines += textwrap.wrap(
            text,
            width,
            initial_indent=start,
            subsequent_indent=indent,
            break_long_words=False,
            break_on_hyphens=False,
        )
    return "\n".join(lines)


def example(loss: Loss) -> dict[str, str] | None:
    """Return the command of the page's example and what it prints; None where it has none."""
    found = EXAMPLE.search(_body(loss) + "\n")
    if found is None:
        return None
    command = re.sub(r"\\\n *", "", found[1])
    return {"command": command, "output": "\n".join(x[INDENT:] for x in found[2].splitlines())}


def _body(loss: Loss) -> str:
    """Return the page as it is printed, without the doctest."""
    return loss.doc.partition("\n>>> ")[0].rstrip()


def _entry(loss: Loss) -> dict[str, Any]:
    bound = BoundLoss(loss, loss.defaults)
    return {
        "name": loss.name,
        "aliases": list(loss.aliases),
        "task": loss.tasks[0],
        "tasks": list(loss.tasks),
        "kind": loss.kind,
        "summary": loss.summary,
        "y": None if bound.y is None else str(bound.y),
        "pred": str(bound.pred),
        "labels": loss.labels,
        "roles": [
            {"name": role.name, "domain": str(role.domain), "names": list(role.names)}
            for role in loss.roles
        ],
        "aggregate": loss.aggregate,
        "params": [
            {"name": p.name, "default": _number_or_word(p.default), "domain": p.range}
            for p in loss.params
        ],
    }


def _domains(loss: Loss) -> Iterator[str]:
    """Give where the numbers of a row may lie, prediction by prediction, then what binds them."""
    pred = _domain(loss, loss.pred)
    together = " that sum to 1" if loss.simplex else ""
    if loss.roles:
        yield from (f"{role.name} in {role.domain}" for role in loss.roles)
    elif loss.kind in ("classes", "vectors"):
        yield f"k columns ŷ in {pred}{together}"
    elif loss.kind == "either":
        yield f"ŷ in {pred}, one column or k{together}"
    elif loss.kind == "distribution":
        yield f"ŷ in {pred}, down one column or k in a row{together}"
    elif loss.kind == "ensemble":
        yield f"any number of members ŷ in {pred}"
    else:
        yield f"ŷ in {pred}"
    if loss.y is not None:
        yield _truth(loss, _domain(loss, loss.y))
    if loss.rule is not None:
        yield loss.rule.text


def _truth(loss: Loss, y: str) -> str:
    """Return what y may be: a number, or a label and its soft forms."""
    domain = BoundLoss(loss, loss.defaults).y
    soft = domain is not None and 0.5 in domain
    if loss.kind == "classes":
        return f"y a label, or k soft labels in {y}" if soft else "y a label"
    binary = f"y a label 0 or 1{', or a soft label between' if soft else ''}"
    if loss.labels == "signed":
        return f"y a label −1 or 1, or 0 or 1{', or a soft label between those' if soft else ''}"
    if loss.kind == "either":
        several = f"y a label{f', or k soft labels in {y}' if soft else ''}"
        return f"with one {binary}; with k {several}"
    if loss.labels == "binary":
        return binary
    return f"k columns y in {y}" if loss.kind == "vectors" else f"y in {y}"


class _Watched(Mapping[str, Any]):
    """Parameters that remember which of them were asked for."""

    def __init__(self, params: Mapping[str, Any]) -> None:
        self._params = params
        self.asked: dict[str, None] = {}

    def __getitem__(self, name: str) -> Any:
        value = self._params[name]
        self.asked[name] = None
        return value

    def __iter__(self) -> Iterator[str]:
        return iter(self._params)

    def __len__(self) -> int:
        return len(self._params)


def _domain(loss: Loss, domain: DomainOf) -> str:
    """Return a domain; where parameters move it, that at the defaults and which ones they are."""
    if not callable(domain):
        return str(domain)
    params = _Watched(loss.defaults)
    default: Domain = domain(params)
    by_name = {param.name: param for param in loss.params}
    settings = ", ".join(f"{name}={_setting(by_name[name])}" for name in params.asked)
    return f"{default} at {settings} (it depends on {', '.join(params.asked)})"


def _setting(param: Param) -> str:
    """Return the default of a parameter, for people."""
    return f"{param.default:.6g}" if _numeric(param.default) else param.spell(param.default)


def _numeric(x: object) -> bool:
    return isinstance(x, (int, float))


def _number_or_word(x: float | str | None) -> float | str | None:
    """Return a setting for JSON, which has no infinities."""
    return str(x).replace("inf", "Infinity") if _numeric(x) and math.isinf(float(x or 0)) else x


def _json(value: object) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def _labelled(label: str, text: str) -> list[str]:
    first, *more = _wrapped(text, 96 - INDENT)
    return [f"{label + ':':<{INDENT}}{first}", *(" " * INDENT + line for line in more)]


def _wrapped(text: str, width: int) -> list[str]:
    return textwrap.wrap(text, width) or [""]

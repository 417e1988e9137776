"""A fit for people: what it reached and how, the coefficients, the losses epoch by epoch."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from lossctl.renderers.look import printable, printable_line, sparkline

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.table import Table
    from rich.text import Text

    from lossctl.renderers.look import Look
    from lossctl.training.records import Fit, FitComparison, Model

SHOWN = 20  # coefficients; JSON has all
ENDED = {
    "tol": "no more progress",
    "epochs": "epochs used up",
    "gradient": "slope has vanished",
    "line search": "no lower point found",
}


def render(fit: Fit, form: str, look: Look) -> str:
    """Return the report of one fit."""
    if form == "json":
        return _json(fit.to_dict())
    from rich.text import Text

    from lossctl.renderers.table import printed

    parts: list[Table | Text] = [Text(_heading(fit), style="dim"), _values([fit], look)]
    parts += _model(fit.model, look)
    parts.append(_curves(fit, look))
    return printed(parts, look)


def render_comparison(found: FitComparison, form: str, look: Look) -> str:
    """Return what every loss cares about: coefficients, and each fit scored under all losses."""
    if form == "json":
        return _json(found.to_dict())
    from rich.text import Text

    from lossctl.renderers.table import printed

    fits = found.fits
    parts: list[Table | Text] = [Text(_heading(fits[0]), style="dim"), _values(fits, look)]
    if all(fit.model.linear and len(fit.model.outputs) == 1 for fit in fits):
        columns = {fit.model.loss: _single(fit.model) for fit in fits}
        parts += _coefficients(columns, _sizes(fits[0].model), look)
    parts.append(_matrix(found, look))
    return printed(parts, look)


def _json(found: dict[str, Any]) -> str:
    return json.dumps(found, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def _heading(fit: Fit) -> str:
    files = ", ".join(map(printable, fit.files)) or "data in memory"
    names = [printable(name) for name in fit.model.features]
    features = ", ".join(names) if len(names) <= 3 else f"{names[0]} … {names[-1]} ({len(names)})"
    parts = [f"{files}: {fit.rows} rows; y = {printable(fit.model.target)}", f"x = {features}"]
    if fit.weight is not None:
        parts.append(f"w = {printable(fit.weight)}")
    if fit.skipped:
        parts.append(f"{fit.skipped} rows skipped")
    return printable_line(", ".join(parts))


def _values(fits: Sequence[Fit], look: Look) -> Table:
    """Return what each fit reached: from where, in how many epochs, and why it ended."""
    from lossctl.renderers.table import fitted

    columns = {
        "start": [look.number(fit.start) for fit in fits],
        "training": [look.number(fit.training.value) for fit in fits],
        "n": [str(fit.training.rows) for fit in fits],
    }
    held = [fit.validation for fit in fits]
    if any(held):
        columns["validation"] = [look.number(one.value) if one else "" for one in held]
        columns["n held out"] = [str(one.rows) if one else "" for one in held]
    columns["epochs"] = [str(len(fit.history.training)) for fit in fits]
    columns["steps"] = [str(fit.steps) for fit in fits]
    columns["ended"] = [ENDED[fit.ended] for fit in fits]
    names = [("loss", [printable(fit.model.loss) for fit in fits])]
    return fitted(names, columns, ("steps", "n", "n held out", "start", "ended", "epochs"), look)


def _model(model: Model, look: Look) -> list[Table | Text]:
    from rich.text import Text

    link = "" if model.link == "identity" else f", then {model.link}"
    if not model.linear:
        inner, outer = model.layers
        size = sum(len(layer.intercepts) * (1 + len(layer.weights[0])) for layer in model.layers)
        sizes = f"{len(model.features)} → {len(inner.intercepts)} {model.activation}"
        return [Text(f"mlp: {sizes} → {len(outer.intercepts)}{link}; {size} weights")]
    found = model.coefficients()
    intercepts = model.intercepts()
    heads = {name: name.removeprefix("yhat_") for name in model.outputs}
    if len(heads) == 1:
        heads = dict.fromkeys(heads, "coefficient")
    columns = {heads[name]: {**found[name], "": intercepts[name]} for name in model.outputs}
    parts = _coefficients(columns, _sizes(model), look)
    if link:
        parts.append(Text(f"ŷ = {model.link} of the sum"))
    return parts


def _single(model: Model) -> dict[str, float]:
    """Return the coefficients of a model of one output by feature, the intercept under no name."""
    (name,) = model.outputs
    return {**model.coefficients()[name], "": model.intercepts()[name]}


def _sizes(model: Model) -> dict[str, float]:
    """Return how much each feature moves the outputs: in standard deviations where known."""
    (layer,) = model.layers
    largest = [max(map(abs, column)) for column in zip(*layer.weights, strict=True)]
    if model.scaling is not None:
        pairs = zip(largest, model.scaling.deviations, strict=True)
        largest = [size * deviation for size, deviation in pairs]
    return dict(zip(model.features, largest, strict=True))


def _coefficients(
    columns: dict[str, dict[str, float]], sizes: dict[str, float], look: Look
) -> list[Table | Text]:
    """Return the coefficients: all of few features, the largest of many."""
    from rich.text import Text

    from lossctl.renderers.table import GAP, fitted, short

    names = list(sizes)
    if len(names) > SHOWN:
        names = sorted(names, key=lambda name: -sizes[name])[:SHOWN]
    rows = [*names, ""]
    cells = {short(head): [look.number(x[name]) for name in rows] for head, x in columns.items()}
    labels = [*map(short, names), "(intercept)"]
    # As many outputs as there is room for; the first of them stay.
    room = look.width - max(map(len, ["feature", *labels])) - GAP
    kept: dict[str, list[str]] = {}
    for head, column in cells.items():
        room -= max(map(len, [head, *column])) + GAP
        if kept and room < 0:
            break
        kept[head] = column
    parts: list[Table | Text] = [fitted([("feature", labels)], kept, (), look)]
    more = []
    if len(names) < len(sizes):
        more.append(f"{len(sizes) - len(names)} smaller coefficients")
    if len(kept) < len(cells):
        more.append(f"{len(cells) - len(kept)} more columns")
    if more:
        parts.append(Text(f"and {', '.join(more)}: --json has all", style="dim"))
    return parts


def _curves(fit: Fit, look: Look) -> Text:
    """Return the losses epoch by epoch as lines of blocks."""
    from rich.text import Text

    history = fit.history
    lines = [("training", history.training)]
    if history.validation:
        lines.append(("validation", history.validation))
    width = max(len(name) for name, _ in lines)
    ends = [max(len(look.number(x[at])) for _, x in lines if x) for at in (0, -1)]
    room = max(8, min(60, look.width - width - sum(ends) - 6))
    text = []
    for name, losses in lines:
        if losses:
            drawn = sparkline(_thinned(losses, room))
            first, last = look.number(losses[0]), look.number(losses[-1])
            text.append(f"{name:<{width}}  {first:>{ends[0]}} {drawn} {last}")
    return Text("\n".join(text))


def _thinned(losses: Sequence[float], room: int) -> list[float]:
    """Return as many of the losses as there is room for, at even steps, the last among them."""
    if len(losses) <= room:
        return list(losses)
    last = len(losses) - 1
    return [losses[round(at * last / (room - 1))] for at in range(room)]


def _matrix(found: FitComparison, look: Look) -> Table:
    """Return every fit scored under every loss."""
    from lossctl.renderers.table import fitted

    losses = [printable(name) for name in found.losses]
    columns = {
        name: [look.number(row[at]) for row in found.scores] for at, name in enumerate(losses)
    }
    return fitted([("fit by ↓ scored under →", losses)], columns, (), look)

"""The spec language: ``name[:key=value]*``, several of them parted by commas.

A value that holds one of ``, : =`` is quoted as in CSV. The keys ``y``, ``pred`` and ``weight``
name columns, the others parameters of the loss.
"""

from __future__ import annotations

from typing import NamedTuple

from lossctl.errors import UsageError
from lossctl.losses.bound import BoundLoss
from lossctl.losses.registry import find, fold

COLUMN_KEYS = ("y", "pred", "weight")


class Spec(NamedTuple):
    """One loss as it was asked for: with its parameters and the columns of its own, if any."""

    bound: BoundLoss
    y: str | None = None
    pred: str | None = None
    weight: str | None = None


def parse_specs(text: str) -> tuple[Spec, ...]:
    """Return the specs that ``text`` names.

    >>> [spec.bound.spec for spec in parse_specs("MSE,bce:eps=1e-7:pred=p")]
    ['mse', 'bce:eps=1e-07']
    """
    if not isinstance(text, str):
        raise UsageError(f"losses are named in text, as in 'mse,mae'; got {text!r}")
    return tuple(_parse(parts, text) for parts in _split(text))


def _parse(parts: list[tuple[str, str | None]], text: str) -> Spec:
    (name, value), *settings = parts
    if value is not None or not name:
        raise UsageError(f"'{text}' names no loss where one is due: write name:key=value")
    loss = find(name)
    params = {param.name: param for param in loss.params}
    values = {param.name: param.default for param in loss.params}
    columns: dict[str, str] = {}
    seen = set()
    for key, setting in settings:
        folded = fold(key)
        if setting is None or not folded:
            raise UsageError(f"{loss.name}: '{key}' is no setting: write key=value")
        if folded in seen:
            raise UsageError(f"{loss.name}: {folded} is given twice")
        seen.add(folded)
        if folded in COLUMN_KEYS:
            columns[folded] = setting
        elif folded in params:
            values[folded] = params[folded].parse(setting, loss.name)
        else:
            known = ", ".join((*params, *COLUMN_KEYS))
            raise UsageError(f"{loss.name} has no parameter '{key}'; it has {known}")
    return Spec(BoundLoss(loss, values), **columns)


def _split(text: str) -> list[list[tuple[str, str | None]]]:
    """Return, for each spec, its parts as (key, value); the value is None without a '='."""
    specs: list[list[tuple[str, str | None]]] = []
    parts: list[tuple[str, str | None]] = []
    key: str | None = None
    token, index = "", 0

    def part() -> tuple[str, str | None]:
        return (token, None) if key is None else (key, token)

    while index < len(text):
        char = text[index]
        if char == '"' and not token:
            token, index = _quoted(text, index)
            continue
        if char == "," or char == ":":
            parts.append(part())
            key, token = None, ""
            if char == ",":
                specs.append(parts)
                parts = []
        elif char == "=" and key is None:
            key, token = token, ""
        else:
            token += char
        index += 1
    parts.append(part())
    specs.append(parts)
    return specs


def _quoted(text: str, start: int) -> tuple[str, int]:
    """Return the quoted value that begins at ``start``, and the index after it."""
    value, index = "", start + 1
    while index < len(text):
        if text[index] == '"':
            if text[index + 1 : index + 2] != '"':
                rest = text[index + 1 : index + 2]
                if rest and rest not in ",:=":
                    break
                return value, index + 1
            index += 1
        value += text[index]
        index += 1
    raise UsageError(f"a quote in '{text}' is not closed before the next , or :")

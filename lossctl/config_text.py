"""The text of a config to begin with: checks with lines a little above what the values are now.

What comes from the data is written such that TOML gives it back, and a terminal shows it as it is.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from decimal import ROUND_CEILING, Context, Decimal
from typing import Any, NamedTuple

from lossctl.config_keys import KEYS
from lossctl.fitting import Fit
from lossctl.options import Options
from lossctl.renderers.look import printable
from lossctl.verdicts import Guard

ROOM = Decimal("1.05")  # a line is drawn so far above the value
HEAD = """\
# What 'lossctl check' checks. It exits with 0 where every check passes, and with 1 where one fails.
# 'lossctl check --init' wrote it from what the files held: the lines are a place to begin, so move
# them to what you need.
"""


class Measured(NamedTuple):
    """What a fit comes to now.

    ``values`` are by loss; ``groups``, by the labels of a group, those of the first loss.
    ``margin`` is how much worse than the rival ``paired`` may be, in percent. ``broken`` are the
    guards that a loss breaks now.
    """

    fit: Fit
    values: Mapping[str, float]
    groups: Mapping[str, float]
    paired: str | None = None
    margin: Decimal | None = None
    broken: Mapping[str, tuple[Guard, ...]] = {}


class _Line(NamedTuple):
    """A key, its value as TOML has it, and what it means."""

    key: str
    value: str
    why: str = ""

    def __str__(self) -> str:
        return f"{self.key} = {self.value}{f'  # {printable(self.why)}' if self.why else ''}\n"


def config_text(
    paths: Sequence[str],
    options: Options,
    by: Sequence[str],
    measured: Sequence[Measured],
    declined: Sequence[str],
) -> tuple[str, int]:
    """Return the text of a config, and how many checks it has.

    ``paths`` are the data as the config names them, ``declined`` why losses are left out.
    """
    checks = [check for found in measured for check in _checks(found, by, options)]
    left_out = "".join(f"# Not checked: {printable(why)}\n" for why in declined)
    parts = [HEAD + left_out, _defaults(paths, options), *checks, _example(measured[0])]
    return "\n".join(parts), len(checks)


def _defaults(paths: Sequence[str], options: Options) -> str:
    files = quoted(paths[0]) if len(paths) == 1 else _list(paths)
    lines = [_Line("data", files, "the predictions; paths are relative to this file")]
    for name, key in KEYS.items():
        value = getattr(options, name, None)
        if name not in ("by", "top") and value != Options._field_defaults.get(name):
            lines.append(_Line(name, _toml(value), key.help))
    title = "[defaults]  # what holds for every check that does not say otherwise\n"
    return title + "".join(map(str, lines))


def _checks(found: Measured, by: Sequence[str], options: Options) -> Iterator[str]:
    """Yield the text of every check."""
    fit = found.fit
    columns = [] if options.y is not None else [_Line("y", quoted(fit.y), "the truth")]
    if options.pred is None:
        columns.append(_Line("pred", quoted(fit.pred), "the prediction"))
    for loss, value in found.values.items():
        if math.isfinite(value):
            seen = f"it was {value:.6g}, and this is 5 % more, rounded up"
            gate = _Line("max", line_above(value), f"above it the check fails; {seen}")
            lines = [*columns, gate, *_broken(found, loss)]
            yield _check(f"{loss} of {fit.pred}", loss, lines)
    loss = fit.losses[0]
    if found.groups and all(map(math.isfinite, found.groups.values())):
        group, value = max(found.groups.items(), key=lambda item: item[1])
        seen = f"the highest was {value:.6g} of {group}"
        gates = [
            _Line("max", line_above(value), f"no group may be above it; {seen}"),
            _Line("by", _list(by), "rows with the same label in it are a group"),
            *_broken(found, loss),
        ]
        yield _check(f"{loss} of {fit.pred} by {', '.join(by)}", loss, [*columns, *gates])
    if found.margin is not None and found.paired is not None and fit.rival is not None:
        rule = "how much worse it may be; passes only where the rows show it"
        gates = [
            _Line("baseline_pred", quoted(fit.rival), "another prediction of the same rows"),
            _Line("no_worse_than", quoted(f"{found.margin:f}%"), rule),
            *_broken(found, found.paired),
        ]
        name = f"{found.paired} of {fit.pred} beside {fit.rival}"
        yield _check(name, found.paired, [*columns, *gates])


def _broken(found: Measured, loss: str) -> Iterator[_Line]:
    """Yield the line that would let the check pass, as a comment: it is not switched off unseen."""
    guards = found.broken.get(loss, ())
    if guards:
        why = "; ".join(guard.text for guard in guards)
        names = _list([guard.name for guard in guards])
        yield _Line("# allow", names, f"the check fails now: {why}")


def _check(name: str, loss: str, lines: Sequence[_Line]) -> str:
    head = [
        _Line("name", quoted(name)),
        _Line("loss", quoted(loss), f"'lossctl losses {loss}' explains it"),
    ]
    return "[[check]]\n" + "".join(map(str, [*head, *lines]))


def _example(found: Measured) -> str:
    """Return a check against a baseline that has yet to be kept."""
    loss = found.fit.losses[0]
    lines = [
        _Line("y", quoted(found.fit.y)),
        _Line("pred", quoted(found.fit.pred)),
        _Line("baseline", '"base.csv"', "the predictions of the last release"),
        _Line("by_position", "true", "its rows are in the same order"),
        _Line("no_worse_than", '"1%"', "of the value of the last release"),
    ]
    check = _check(f"{loss} no worse than the last release", loss, lines)
    return (
        "# To compare with the last release, keep its predictions beside this file and take the #\n"
        "# off these lines:\n" + "".join(f"# {line}\n" for line in check.splitlines())
    )


def line_above(value: float) -> str:
    """Return a number 5 % above a value that is not negative, in three digits, as TOML has it.

    >>> line_above(54.7624), line_above(0.0), line_above(123456.0)
    ('57.6', '0', '130000')
    """
    above = float((Decimal(value) * ROOM).normalize(Context(3, ROUND_CEILING)))
    return repr(above if math.isfinite(above) else value).removesuffix(".0")


def _toml(value: Any) -> str:
    """Return a value of an option as TOML has it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Mapping):
        pairs = (f"{quoted(label)} = {weight!r}" for label, weight in value.items())
        return f"{{{', '.join(pairs)}}}"
    return quoted(value)


def _list(texts: Sequence[str]) -> str:
    return f"[{', '.join(map(quoted, texts))}]"


def quoted(text: str) -> str:
    r"""Return a text as a TOML string on one line, in which nothing acts on a terminal.

    >>> print(quoted('a "b"\n'))
    "a \"b\"\u000a"
    """
    return f'"{"".join(map(_escaped, text))}"'


def _escaped(char: str) -> str:
    if char in '"\\':
        return f"\\{char}"
    if char.isprintable():
        return char
    return f"\\u{ord(char):04x}" if ord(char) < 1 << 16 else f"\\U{ord(char):08x}"

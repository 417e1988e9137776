"""Names that no two results of a report share: metrics, test cases and logs call them so."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

_ABOUT = ("y", "pred", "baseline", "candidate", "weight")  # columns that part two results


class Named(Protocol):
    """A result that stands among others: of a loss, columns and a group."""

    @property
    def spec(self) -> str:
        """The loss."""

    @property
    def columns(self) -> Mapping[str, Any]:
        """What was read: a name, a list of names or None, by what it is for."""

    @property
    def group(self) -> Mapping[str, str] | None:
        """The values that are the same in all its rows; None for all rows."""


def labels(results: Sequence[Named]) -> list[str]:
    """Return a name for every result: ``mse``, ``mse[sex=f]``, ``mse:pred=q10`` beside another.

    The columns are named where one spec stands for several of them.
    """
    return distinct(
        result.spec + _columns(result, results) + group_label(result.group) for result in results
    )


def group_label(group: Mapping[str, str] | None) -> str:
    """Return ``[sex=f,age=30]`` for a group and nothing for all rows."""
    if group is None:
        return ""
    return f"[{','.join(f'{name}={value}' for name, value in group.items())}]"


def distinct(names: Iterable[str]) -> list[str]:
    """Return the names, with a number after those that were there before."""
    taken: set[str] = set()
    found = []
    for name in names:
        free, count = name, 1
        while free in taken:
            count += 1
            free = f"{name} ({count})"
        taken.add(free)
        found.append(free)
    return found


def by_name(pairs: Sequence[tuple[str, float]]) -> dict[str, float]:
    """Return numbers by their names; none is lost where two have the same."""
    names = distinct(name for name, _ in pairs)
    return dict(zip(names, (number for _, number in pairs), strict=True))


def _columns(result: Named, results: Sequence[Named]) -> str:
    """Return the columns in which the results of the same spec differ."""
    others = [other.columns for other in results if other.spec == result.spec]
    differing = [
        name for name in _ABOUT if len({_few(columns.get(name)) for columns in others}) > 1
    ]
    return "".join(f":{name}={_few(result.columns.get(name))}" for name in differing)


def _few(names: Any) -> str:
    if not isinstance(names, (list, tuple)):
        return names or "none"
    return ",".join(names) if len(names) <= 3 else f"{names[0]}…{names[-1]}"

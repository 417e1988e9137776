"""Margins: how much worse a candidate may be than a baseline, or how much better it must be."""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple

from lossctl.errors import UsageError
from lossctl.task import number_of

RULE = "a number of at least 0, or a share of the baseline such as 1%"


class Margin(NamedTuple):
    """A margin: a difference of values, or where ``relative`` a share of |baseline|.

    >>> Margin(0.01, relative=True), str(Margin(0.01, relative=True))
    (Margin(amount=0.01, relative=True), '1%')
    """

    amount: float
    relative: bool = False

    def __str__(self) -> str:
        """Return it as it is written; ``margin_of`` gives it back."""
        if not self.relative:
            return repr(self.amount).removesuffix(".0")
        percent = Decimal(repr(self.amount)).scaleb(2)
        return f"{percent:f}%" if abs(percent.adjusted()) < 16 else f"{percent:e}%"


def margin_of(value: object) -> Margin | None:
    """Return the margin that a text or a number spells; None where it spells none."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    text = str(value).strip()
    number = text.removesuffix("%").strip()
    amount = number_of(number)
    if amount is None or amount < 0.0:
        return None
    if number == text:
        return Margin(abs(amount))  # -0 is 0
    return Margin(abs(float(Decimal(number).scaleb(-2))), relative=True)


def parse_margin(text: str | float, flag: str) -> Margin:
    """Return the margin that an option spells, or raise UsageError.

    >>> parse_margin("0.5", "--better-by")
    Margin(amount=0.5, relative=False)
    """
    margin = margin_of(text)
    if margin is None:
        raise UsageError(f"{flag} must be {RULE}, got '{text}'")
    return margin

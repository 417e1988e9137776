"""The formulas of ``lossctl.spread`` over many data sets at once."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import combinations_with_replacement
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from lossctl.spread import Totals, forms_of, widened

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]


class Spreads(NamedTuple):
    """θ, its standard error, degrees of freedom, δ and skewness, an entry for every set."""

    theta: Floats
    se: Floats
    df: Floats
    shared: Floats
    skewness: Floats

    def reach(self, p: float) -> Floats:
        """Return the quantile of t times the standard error."""
        far: Floats = widened(self.quantile(p), self.shared) * self.se
        return far

    def quantile(self, p: float) -> Floats:
        """Return the quantile of t; the degrees of freedom are often all the same."""
        same = np.ptp(self.df) < 1e-9
        found: Floats = stats.t.ppf(p, self.df[:1] if same else self.df)
        return found


def spreads_of(
    v: Floats, u: Sequence[Floats], c: Sequence[float | Floats], rows: Floats | None = None
) -> Spreads:
    """Return the spread of Σ c·r of data sets (sets × n); ``rows`` are those of every cluster."""
    columns = [v, *u]
    turned = [v, *u[:1], *(u[1:] and [u[1] - u[0]])]

    def sums(lines: Sequence[Floats], degree: int) -> list[Floats]:
        found = []
        for at in combinations_with_replacement(range(len(lines)), degree):
            product = lines[at[0]]
            for i in at[1:-1]:
                product = product * lines[i]
            last = lines[at[-1]]
            found.append(
                product.sum(axis=1) if degree == 1 else np.einsum("ij,ij->i", product, last)
            )
        return found

    s = v * v if rows is None else v * v * (rows + 1.0) / (2.0 * rows)
    working = [
        s.sum(axis=1),
        np.einsum("ij,ij->i", s, v),
        np.einsum("ij,ij->i", s * v, v),
        np.einsum("ij,ij->i", s, s),
        np.einsum("ij,ij->i", s * s, v),
    ]
    totals = Totals(sums(columns, 1), sums(columns, 2), sums(turned, 3), working)
    w, a0 = totals.first[0], working[0]
    forms = forms_of(totals, c)
    squares = np.maximum(forms.squares, 0.0)  # rounding
    with np.errstate(all="ignore"):
        return Spreads(
            forms.top / w,
            np.sqrt(squares * a0 / (w**2 * forms.left)),
            forms.left**2 / forms.own,
            np.maximum(forms.shared / (a0 * forms.left), 0.0),
            math.sqrt(v.shape[1]) * forms.cubes / squares**1.5,
        )

"""Every loss a second time, in the most naive textbook form, as the judge of the first.

Numbers are mpmath's, 1400 bits or 421 digits long. A float64 is a multiple of 2⁻¹⁰⁷⁴, so 1 − p or
1 + eᶻ loses nothing that float64 could show, and naive forms keep some 50 digits beyond it: no
oracle needs the care that a kernel does, which is what makes it a judge. Where a parameter scales
the numbers first, more bits are taken.

An oracle takes the y and ŷ of one row (a number each, or a label or shares and k predictions) and
returns the terms that add up to the loss and those that add up to the slope, one list an output:
a sum of terms of both signs is judged by the largest of them. A loss that is never negative is one
term, or several of one sign, however its formula is written.
"""

from tests.laws.oracles import classification, distribution, margins, rates, regression, several
from tests.laws.oracles.core import ORACLES, Exact, Oracle, Real, Terms, exact, mp

FAMILIES = (regression, rates, classification, margins, distribution, several)

__all__ = ["FAMILIES", "ORACLES", "Exact", "Oracle", "Real", "Terms", "exact", "mp"]

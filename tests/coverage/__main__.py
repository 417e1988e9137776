"""Print, in Markdown, how often intervals and tests hold what they say.

python -m tests.coverage [--sets N]
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor

from tests.coverage.data import DESIGNS, KINDS
from tests.coverage.tables import LEVELS, coverage, detected, noninferiority, null

SIZES = (30, 300, 3_000)


def table(head: Sequence[str], rows: Iterable[Sequence[str]], words: int) -> None:
    """Print a table whose first columns are words."""
    rules = ["---"] * words + ["---:"] * (len(head) - words)
    for line in (head, rules, *rows):
        print(f"| {' | '.join(line)} |")
    print(flush=True)


def percent(count: float, sets: int) -> str:
    """Return a share in percent."""
    return f"{100.0 * count / sets:.1f}" if count in (0, sets) else f"{100.0 * count / sets:.2f}"


def main() -> None:
    """Run everything and print a table for each question."""
    parser = argparse.ArgumentParser(prog="python -m tests.coverage", description=__doc__)
    parser.add_argument("--sets", type=int, default=20_000, help="data sets of a line (20,000)")
    sets = parser.parse_args().sets
    normal, squared = KINDS[:2]
    with ProcessPoolExecutor() as pool:
        runs = [pool.submit(coverage, d, n, sets) for d in DESIGNS for n in reversed(SIZES)]
        shown = [pool.submit(noninferiority, k, n, sets) for k in KINDS[:3] for n in (30, 300)]
        nulls = [pool.submit(null, k, n, sets) for k in (normal, squared) for n in (30, 300)]
        powers = [
            pool.submit(detected, kind, design, n, sets)
            for kind in (normal, squared)
            for design in DESIGNS
            for n in (30, 300)
        ]
        print(f"Coverage of 95 % intervals, {sets:,} sets a line; n counts rows, or clusters.\n")
        lines = [line for run in runs for line in run.result()]
        lines.sort(key=lambda line: (DESIGNS.index(line.design), line.n))
        table(
            ("losses", "design", "n", "mean df", "covered %", "warned of %"),
            (
                (
                    line.name,
                    line.design,
                    f"{line.n:,}",
                    f"{line.df:,.1f}",
                    percent(line.covered, line.sets),
                    percent(line.warned, line.sets),
                )
                for line in lines
            ),
            words=2,
        )
        print("Non-inferiority of a paired candidate at one-sided 5 %: how often it passes.\n")
        table(
            ("losses", "margin", "n", "at the margin %", "beyond it %"),
            (
                (
                    line.name,
                    line.margin,
                    str(line.n),
                    percent(line.at, sets),
                    percent(line.beyond, sets),
                )
                for run in shown
                for line in run.result()
            ),
            words=2,
        )
        print("p-values of two equally good predictions: the share below each level.\n")
        table(
            ("losses", "test", "n", *(f"≤ {level}" for level in LEVELS), "Kolmogorov distance"),
            (
                (
                    line.name,
                    line.test,
                    str(line.n),
                    *(f"{share:.4f}" for share in line.below),
                    f"{line.distance:.4f}",
                )
                for run in nulls
                for line in run.result()
            ),
            words=2,
        )
        print("The detectable difference: how often it is found (80 % is what is said).\n")
        found = [run.result() for run in powers]
        table(
            ("losses", "design", "n", "found %"),
            ((line.name, line.design, str(line.n), percent(line.found, sets)) for line in found),
            words=2,
        )


if __name__ == "__main__":
    main()

"""Measure lossctl beside its peers; run from the root of the repository.

Every contender of a case runs once in each round, after a round that does not count, as a process
of its own. The status is 0 if all bars were reached, 1 if one was missed, and 2 if nothing can be
said because a contender failed or found a wrong value.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from .cases import CASES
from .data import BenchError
from .report import MARKDOWN_HEAD, NOTES, environment, judged, markdown, missed_bar, text
from .run import run_case


def arguments() -> argparse.Namespace:
    """Return what the command line asks for."""
    names = [case.name for case in CASES]
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("case", nargs="*", metavar="CASE", help=f"of {', '.join(names)}; all")
    parser.add_argument("--rounds", type=int, metavar="N", help="instead of each case's own number")
    parser.add_argument(
        "--dir",
        type=Path,
        default=Path(tempfile.gettempdir(), "lossctl-bench"),
        help="where the data files are kept, about 5 GB for all cases (default: %(default)s)",
    )
    parser.add_argument("--markdown", action="store_true", help="print one Markdown table")
    parser.add_argument(
        "--scale", type=float, default=1.0, metavar="S", help="multiply the rows, to try it out"
    )
    asked = parser.parse_args()
    for name in asked.case:
        if name not in names:
            parser.error(f"no case {name!r}; the cases are {', '.join(names)}")
    if asked.rounds is not None and asked.rounds < 1:
        parser.error("--rounds must be at least 1")
    if not 0 < asked.scale < float("inf"):
        parser.error("--scale must be greater than 0")
    return asked


def main() -> int:
    """Run the cases asked for and print each as it is done."""
    asked = arguments()
    end = "  " if asked.markdown else ""
    for line in environment():
        print(f"{line}{end}")
    if asked.scale != 1:
        print(f"rows scaled by {asked.scale:g}: the bars are meant for the full size")
    print()
    if asked.markdown:
        print(*MARKDOWN_HEAD, sep="\n")
    missed = False
    for case in CASES:
        if asked.case and case.name not in asked.case:
            continue
        print(f"running {case.name}", file=sys.stderr, flush=True)
        try:
            outcome = run_case(case, asked.dir, asked.rounds or case.rounds, asked.scale)
        except BenchError as error:
            print(f"{case.name}: {error}", file=sys.stderr)
            return 2
        verdicts = [judged(judgement, outcome) for judgement in case.judgements]
        missed = missed or any(map(missed_bar, verdicts))
        lines = markdown(outcome, verdicts) if asked.markdown else text(outcome, verdicts)
        print(*lines, sep="\n", flush=True)
    if asked.markdown:
        print()
    print(*NOTES, sep="\n")
    return int(missed)


if __name__ == "__main__":
    sys.exit(main())

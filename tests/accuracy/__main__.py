"""Print a table of the worst errors of losses, in Markdown.

python -m tests.accuracy [--seeds N] [LOSS...]
"""

from __future__ import annotations

import argparse
import re
from concurrent.futures import ProcessPoolExecutor
from functools import partial

from lossctl.losses import all_losses, find
from tests.laws.accuracy import Error, Worst, worst_error

HEAD = (
    "| loss | worst value error (ulp) | worst slope error (ulp) | numbers judged "
    "| input of the worst value error | of the worst slope error |\n"
    "| --- | ---: | ---: | ---: | --- | --- |"
)
WIDTH = 60


def line(name: str, worst: Worst) -> str:
    """Return the line of a loss."""
    cells = (
        f"`{name}`",
        f"{worst.value.ulp:.1f}",
        f"{worst.slope.ulp:.1f}",
        f"{worst.judged:,}",
        where(worst.value),
        where(worst.slope),
    )
    return f"| {' | '.join(cells)} |"


def where(error: Error) -> str:
    """Return the input of an error, with fewer digits and entries where it gets long."""
    if not error.ulp:
        return "–"
    y = "" if error.y == "None" else f" y={error.y}"
    text = f"{error.spec}{y} ŷ={error.yhat}"
    if len(text) > WIDTH:
        text = re.sub(r"(\d\.\d{3})\d{2,}", r"\1…", text)
    if len(text) > WIDTH:
        text = re.sub(r"\[([^,]*, [^,]*),[^]]*\]", r"[\1, …]", text)
    return f"`{text}`"


def main() -> None:
    """Judge the losses and print a line for each as soon as it and those before it are done."""
    parser = argparse.ArgumentParser(prog="python -m tests.accuracy", description=__doc__)
    parser.add_argument("losses", nargs="*", metavar="LOSS", help="names (every loss)")
    parser.add_argument("--seeds", type=int, default=1, help="judge so many times more (1)")
    chosen = parser.parse_args()
    names = [find(name).name for name in chosen.losses] or [loss.name for loss in all_losses()]
    print(HEAD, flush=True)
    with ProcessPoolExecutor() as pool:
        judge = partial(worst_error, seeds=chosen.seeds)
        for name, worst in zip(names, pool.map(judge, names), strict=True):
            print(line(name, worst), flush=True)


if __name__ == "__main__":
    main()

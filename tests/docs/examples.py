"""The examples on the pages of the losses; ``python -m tests.docs.examples`` writes them anew.

An example is a command and, below it, what it prints. Only the output is written.
"""

from __future__ import annotations

import re
from pathlib import Path

import lossctl.losses
from tests.docs.readme import run

HOME = Path(lossctl.losses.__file__).parent
INDENT = " " * 16  # of a page in its docstring, and of the text on it
_EXAMPLE = re.compile(
    rf"^(?P<head>    Example: +\$ (?P<command>(?:.*\\\n)*.*)\n)(?:{INDENT}.*\n|\n(?={INDENT}))*",
    re.MULTILINE,
)


def refreshed(source: str) -> str:
    """Return the source with the output of every example as it is today."""
    return _EXAMPLE.sub(_with_output, source)


def _with_output(example: re.Match[str]) -> str:
    # In a docstring that is not raw, a backslash is written as two.
    command = re.sub(r"\\+\n *", "", example["command"])
    lines = run(command).replace("\\", "\\\\").splitlines()
    return example["head"] + "".join(f"{INDENT}{line}".rstrip() + "\n" for line in lines)


if __name__ == "__main__":
    for path in sorted(HOME.glob("*.py")):
        before = path.read_text(encoding="utf-8")
        after = refreshed(before)
        if after != before:
            path.write_text(after, encoding="utf-8")
            print(path)

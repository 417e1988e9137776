"""The keys of a config as a Markdown table; ``python -m tests.docs.config`` prints it."""

from __future__ import annotations

from lossctl.config_keys import reference

if __name__ == "__main__":
    print(reference(), end="")

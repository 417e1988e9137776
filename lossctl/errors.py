"""Everything that can go wrong for a reason the user can mend, with its exit code.

::

    LossctlError
    ├── UsageError          2  a wrong option, loss name or parameter
    │   ├── UnknownLoss        no loss has that name
    │   └── ConfigError        a file of checks says what it should not
    ├── InputError          3  the input is invalid or cannot be read
    │   ├── NoRows             there is nothing to score
    │   ├── ZeroWeights        every row has weight 0
    │   ├── MissingCells       cells that are used are missing or infinite
    │   └── UnmatchedKeys      rows of two files do not match one to one
    ├── OutputError         3  the output cannot be written
    └── GateFailed          1  a gate or check failed (raised by the command line only)

Messages are one line: where, the rule, what was found, what to do.
"""

from enum import IntEnum


class ExitCode(IntEnum):
    """What the exit status of the program means."""

    OK = 0
    GATE_FAILED = 1
    USAGE = 2
    INVALID = 3
    INCONCLUSIVE = 4
    INTERRUPTED = 130


class LossctlError(Exception):
    """Base of all errors that lossctl raises on purpose."""

    exit_code: ExitCode = ExitCode.INVALID


def _located(file: str | None, line: int | None, what: str | None, message: str) -> str:
    """Return one printable line: the place, the part of it that is meant, and the message."""
    place = file or ""
    if line is not None:
        place = f"{place}:{line}" if place else f"line {line}"
    text = ": ".join(part for part in (place, what, message) if part)
    return "".join(char if char.isprintable() else "�" for char in text)


class UsageError(LossctlError):
    """The request itself is wrong: an option, a loss name, a parameter."""

    exit_code = ExitCode.USAGE


class UnknownLoss(UsageError):
    """No loss has that name."""


class ConfigError(UsageError):
    """A file of checks cannot be read, or says what it should not.

    ``file``, ``line`` (1-based) and ``key`` say where, each ``None`` where it is not known.
    """

    def __init__(
        self, message: str, *, file: str, line: int | None = None, key: str | None = None
    ) -> None:
        """Keep the place apart from the rule; ``str()`` joins them."""
        super().__init__(message)
        self.message = message
        self.file = file
        self.line = line
        self.key = key

    def __str__(self) -> str:
        """``file:line: key: message``, without the parts that are not known."""
        return _located(self.file, self.line, self.key, self.message)


class InputError(LossctlError):
    """The input breaks a rule or cannot be read.

    ``file``, ``line`` (1-based, counting the header and newlines inside quotes) and ``column``
    say where, each ``None`` where it is not known.
    """

    exit_code = ExitCode.INVALID

    def __init__(
        self,
        message: str,
        *,
        file: str | None = None,
        line: int | None = None,
        column: str | None = None,
    ) -> None:
        """Keep the place apart from the rule; ``str()`` joins them."""
        super().__init__(message)
        self.message = message
        self.file = file
        self.line = line
        self.column = column

    def __str__(self) -> str:
        """``file:line: column: message``, without the parts that are not known."""
        return _located(self.file, self.line, self.column, self.message)


class NoRows(InputError):
    """There is nothing to score."""


class ZeroWeights(InputError):
    """Every row has weight 0."""


class MissingCells(InputError):
    """Cells that are used are missing or infinite, and nobody asked to skip them."""


class UnmatchedKeys(InputError):
    """The keys of two tables are not one to one: one is twice, or is in one table only."""


class OutputError(LossctlError):
    """The output cannot be written."""

    exit_code = ExitCode.INVALID


class GateFailed(LossctlError):
    """The value lies beyond the line that was drawn, or a check did not pass."""

    exit_code = ExitCode.GATE_FAILED

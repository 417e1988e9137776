"""Everything that can go wrong for a reason the user can mend, with its exit code.

::

    LossctlError
    ├── UsageError          2  a wrong option, loss name or parameter
    │   └── UnknownLoss        no loss has that name
    ├── InputError          3  the input is invalid or cannot be read
    │   └── UnmatchedKeys      rows of two files that are to be matched by key are not one to one
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


class UsageError(LossctlError):
    """The request itself is wrong: an option, a loss name, a parameter."""

    exit_code = ExitCode.USAGE


class UnknownLoss(UsageError):
    """No loss has that name."""


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
        place = self.file or ""
        if self.line is not None:
            place = f"{place}:{self.line}" if place else f"line {self.line}"
        parts = [part for part in (place, self.column, self.message) if part]
        line = ": ".join(parts)
        return "".join(char if char.isprintable() else "�" for char in line)


class UnmatchedKeys(InputError):
    """The keys of two tables are not one to one: one is twice, or is in one table only."""


class OutputError(LossctlError):
    """The output cannot be written."""

    exit_code = ExitCode.INVALID


class GateFailed(LossctlError):
    """The value lies beyond the line that was drawn, or a check did not pass."""

    exit_code = ExitCode.GATE_FAILED

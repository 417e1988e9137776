"""The program: its commands, and what becomes of errors, signals and exit codes."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterable
from importlib import import_module
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from lossctl.cli.completion import complete_losses
from lossctl.cli.streams import say
from lossctl.errors import ConfigError, ExitCode, GateFailed, InputError, LossctlError, UnknownLoss
from lossctl.version import VERSION

COMPLETION = "_LOSSCTL_COMPLETE"  # set by the shell that asks what a word may become


class Shorthand(TyperGroup):
    """A group in which ``lossctl mse preds.csv`` stands for ``lossctl eval mse preds.csv``."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Put ``eval`` in front where the first word is no command and no option of the group."""
        own = {option for param in self.get_params(ctx) for option in param.opts}
        if args and args[0] not in self.commands and args[0] not in own:
            args = ["eval", *args]
        return super().parse_args(ctx, args)

    def shell_complete(self, ctx: Any, incomplete: str) -> list[Any]:
        """Offer commands, and the losses that may stand in their place."""
        items = super().shell_complete(ctx, incomplete)
        item = type(super().shell_complete(ctx, "")[0])  # Typer keeps the class to itself
        return items + [item(name) for name in complete_losses(incomplete) if incomplete]


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"lossctl {VERSION}")
        raise typer.Exit


def program(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version and exit."
        ),
    ] = False,
) -> None:
    """Say how wrong a model is, where, and which way it should move.

    'lossctl mse preds.csv' is short for 'lossctl eval mse preds.csv'. Exit codes: 0 done and every
    gate held, 1 a gate, guard or check failed, 2 wrong usage, 3 the input is invalid or cannot be
    read or the output cannot be written, 4 a comparison is inconclusive, 130 interrupted.
    """


COMMANDS = {
    "eval": "evaluate",
    "samples": "samples",
    "compare": "compare",
    "check": "check",
    "doctor": "doctor",
    "losses": "catalogue",
    "gradcheck": "gradcheck",
    "fit": "fit",
    "selftest": "selftest",
    "schema": "schema",
    "plot": "plot",
}
GROUPS = ("plot",)  # commands that have commands of their own


def application(arguments: list[str]) -> typer.Typer:
    """Return the program with the command that the arguments name, else with all of them.

    Typer makes every option of every command before it looks at the first word, which is felt in
    a one-liner.
    """
    app = typer.Typer(
        cls=Shorthand,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(program)
    for name in _needed(arguments):
        module = import_module(f"lossctl.cli.{COMMANDS[name]}")
        if name in GROUPS:
            app.add_typer(module.group(arguments[1:]), name=name)
        else:
            app.command(name)(module.command)
    return app


def _needed(arguments: list[str]) -> Iterable[str]:
    first = arguments[0] if arguments else "--help"
    if COMPLETION in os.environ or first.startswith("-"):
        return COMMANDS
    return (first,) if first in COMMANDS else ("eval",)


def main() -> None:
    """Run the program and exit."""
    if hasattr(signal, "SIGPIPE"):
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # a closed pipe ends it like any filter
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Run the program with these arguments and return its exit code."""
    try:
        app = application(arguments)
        words = arguments or ["--help"]
        code: Any = app(words, prog_name="lossctl", standalone_mode=False, obj=tuple(words))
    except GateFailed as error:
        return _say(str(error), error.exit_code)
    except UnknownLoss as error:
        return _say(f"lossctl: {_or_command(str(error), arguments)}", error.exit_code)
    except LossctlError as error:
        located = isinstance(error, (ConfigError, InputError)) and error.file is not None
        return _say(str(error) if located else f"lossctl: {error}", error.exit_code)
    except typer.TyperException as error:
        return _say(f"lossctl: {_usage(error)}", ExitCode.USAGE)
    except (KeyboardInterrupt, typer.Abort):
        return ExitCode.INTERRUPTED
    except RuntimeError as error:  # what some class bodies make of an interrupt in an import
        if not isinstance(error.__cause__, KeyboardInterrupt):
            raise
        return ExitCode.INTERRUPTED
    except MemoryError:
        return _say("lossctl: out of memory", ExitCode.INVALID)
    except OSError as error:  # Typer prints the help itself; the commands raise OutputError
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # or the interpreter tries once more
        return _say(f"lossctl: {error.strerror or error}", ExitCode.INVALID)
    return code if isinstance(code, int) else ExitCode.OK


def _or_command(message: str, arguments: list[str]) -> str:
    """Return the message and, where the first word may have been meant as a command, which."""
    from lossctl.losses.registry import nearest

    near = nearest(arguments[0], COMMANDS)
    if not near or near == arguments[0]:
        return message
    stop = "" if message.endswith("?") else "."
    return f"{message}{stop} Or the command '{near}'?"


def _usage(error: typer.TyperException) -> str:
    message = " ".join(error.format_message().split()).rstrip(".")
    context = getattr(error, "ctx", None)
    command = context.command_path if context is not None else "lossctl"
    return f"{message}. See '{command} --help'."


def _say(message: str, code: ExitCode) -> int:
    say(message)
    return code

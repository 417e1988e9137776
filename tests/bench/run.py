"""Run the contenders of a case by turns and keep what was measured."""

from __future__ import annotations

import json
import math
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from time import perf_counter

from .cases import Case, Contender
from .data import BenchError, Dataset, Prepared, prepare, scaled_rows, truth_path

PEERS = Path(__file__).parent / "peers"

# Each value is compared with the one the file was drawn to have, at half of the 1e-9 to which
# any two contenders must agree.
TOLERANCE = 0.5e-9

LARGEST_PAGE = 1_500_000  # bytes
LARGEST_PICTURE = 300_000  # bytes, for any number of rows

# What ru_maxrss counts in: bytes on macOS, KiB on Linux.
MAXRSS_UNIT = 1 if sys.platform == "darwin" else 1024


@dataclass(frozen=True)
class Run:
    """One process from start to end."""

    seconds: float
    peak_mb: float
    output: str


@dataclass(frozen=True)
class Series:
    """What was measured of one contender: seconds by round, and the highest peak memory."""

    seconds: tuple[float, ...]
    peak_mb: float


@dataclass(frozen=True)
class Outcome:
    """What was measured in one case; `missing` says by contender why it was not run."""

    case: Case
    rows: tuple[int, ...]
    files: tuple[Prepared, ...]
    series: Mapping[str, Series]
    missing: Mapping[str, str]


def as_installed() -> dict[str, str]:
    """Return the environment in which modules are compiled once, as they are when installed."""
    return {name: text for name, text in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


def agrees(value: float, expected: float) -> bool:
    """Tell whether `value` is right to the tolerance; NaN never is."""
    return math.isclose(value, expected, rel_tol=TOLERANCE, abs_tol=0.0)


def paired_ratio(subject: Sequence[float], reference: Sequence[float]) -> float:
    """Return the median of the ratios taken round by round."""
    return median(a / b for a, b in zip(subject, reference, strict=True))


def why_not_run(contender: Contender) -> str:
    """Return what a contender lacks on this machine, or nothing."""
    if contender.module and find_spec(contender.module) is None:
        return f"{contender.module} is not installed"
    if contender.program and shutil.which(contender.program) is None:
        return f"{contender.program} is not on the PATH"
    return ""


def filled_in(argv: Sequence[str], file: Path, out: Path) -> list[str]:
    """Return a contender's command with its placeholders replaced."""
    places = {"peers": PEERS, "file": file, "truth": truth_path(file), "out": out}
    return [part.format(python=sys.executable, **places) for part in argv]


def run_process(argv: Sequence[str], through_cat: Path | None = None) -> Run:
    """Run a command to its end and measure it.

    With `through_cat` the clock starts before ``cat`` does; the memory is the command's alone.
    """
    # Files, not pipes: a contender never waits for this process to read what it prints.
    with tempfile.TemporaryFile() as stdout, tempfile.TemporaryFile() as stderr:
        start = perf_counter()
        cat = None
        if through_cat is not None:
            cat = subprocess.Popen(["cat", through_cat], stdout=subprocess.PIPE)
        try:
            process = subprocess.Popen(
                argv,
                stdin=cat.stdout if cat else subprocess.DEVNULL,
                stdout=stdout,
                stderr=stderr,
                env=as_installed(),
            )
        finally:
            # Left open here, the pipe would keep cat from noticing that its reader has gone.
            if cat and cat.stdout:
                cat.stdout.close()
        _, status, usage = os.wait4(process.pid, 0)
        seconds = perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        if cat:
            cat.wait()
        if process.returncode != 0:
            stderr.seek(0)
            message = stderr.read().decode(errors="replace")
            command = " ".join(argv)
            raise BenchError(f"{command}\nended with status {process.returncode}:\n{message}")
        stdout.seek(0)
        output = stdout.read().decode()
    return Run(seconds, usage.ru_maxrss * MAXRSS_UNIT / 1e6, output)


def check_answer(contender: Contender, output: str, file: Prepared, out: Path) -> None:
    """Raise BenchError unless the contender found what its file holds."""
    try:
        match contender.answer:
            case "number":
                value = float(output)
            case "json":
                value = float(json.loads(output)["results"][0]["value"])
            case "page":
                value = page_value(out)
            case "table":
                check_table(contender.name, file.path, out)
                return
            case "finite":
                if not math.isfinite(float(output)):
                    raise BenchError(f"{contender.name} found {output.strip()} in {file.path}")
                return
            case "picture":
                check_picture(contender.name, out)
                return
            case "none":
                return
    except (ValueError, TypeError, KeyError) as error:
        raise BenchError(f"{contender.name} printed no value: {output[:200]!r}") from error
    if not agrees(value, file.mse):
        raise BenchError(f"{contender.name} found {value!r} in {file.path}, not {file.mse!r}")


def page_value(out: Path) -> float:
    """Return the first number of the first table of a page, which may not be too large."""
    if out.stat().st_size > LARGEST_PAGE:
        raise BenchError(f"the page has {out.stat().st_size} bytes, over {LARGEST_PAGE}")
    return float(out.read_text(encoding="utf-8").split('data-value="', 1)[1].split('"', 1)[0])


def check_picture(name: str, out: Path) -> None:
    """Raise BenchError unless a picture is an SVG of less than 300 KB."""
    found = out.read_bytes()
    if not found.startswith(b"<?xml") or len(found) >= LARGEST_PICTURE:
        raise BenchError(f"{name} wrote {len(found)} bytes that are no small SVG")


def check_table(name: str, file: Path, out: Path) -> None:
    """Raise BenchError unless every number of a per-row table is right."""
    argv = [sys.executable, "-m", f"{__package__}.tables", str(file), str(out)]
    deviation = float(run_process(argv).output)
    if not deviation <= TOLERANCE:
        raise BenchError(f"the table of {name} is off by {deviation:.3g}, relative")


def run_case(case: Case, directory: Path, rounds: int, scale: float) -> Outcome:
    """Make the data of a case, warm up, run the rounds, and return what was measured."""
    if case.array_rows:
        return _run_arrays(case, rounds, scaled_rows(case.array_rows, scale))
    missing = {c.name: why for c in case.contenders if (why := why_not_run(c))}
    present = [c for c in case.contenders if c.name not in missing]
    files: dict[Dataset, Prepared] = {}
    for contender in present:
        if contender.data not in files:
            files[contender.data] = prepare(contender.data.scaled(scale), directory)
    runs: dict[str, list[Run]] = {c.name: [] for c in present}
    out = directory / "out.csv"
    # The first round, which also brings the files into the page cache, is not kept.
    for round_ in range(rounds + 1):
        for contender in present:
            file = files[contender.data]
            argv = filled_in(contender.argv, file.path, out)
            run = run_process(argv, file.path if contender.piped else None)
            check_answer(contender, run.output, file, out)
            # Gone before the next contender starts, so that none of them pays for overwriting.
            out.unlink(missing_ok=True)
            if round_ > 0:
                runs[contender.name].append(run)
    series = {
        name: Series(tuple(run.seconds for run in kept), max(run.peak_mb for run in kept))
        for name, kept in runs.items()
    }
    rows = tuple(dict.fromkeys(file.rows for file in files.values()))
    return Outcome(case, rows, tuple(files.values()), series, missing)


def _run_arrays(case: Case, rounds: int, rows: int) -> Outcome:
    """Run the case whose contenders share one process."""
    module = f"{__package__}.{case.array_module}"
    run = run_process([sys.executable, "-m", module, str(rows), str(rounds)])
    measured = json.loads(run.output)
    values = [value for one in measured.values() for value in one["values"]]
    if not all(agrees(value, values[0]) for value in values):
        raise BenchError(f"{case.name}: the values differ: {values}")
    series = {name: Series(tuple(one["seconds"]), run.peak_mb) for name, one in measured.items()}
    return Outcome(case, (rows,), (), series, {})

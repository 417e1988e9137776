"""Standard streams, terminals, signals and output files, with real processes."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import select
import signal
import stat
import struct
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import pytest

from lossctl.cli.streams import watched

from .program import COMMAND, ESCAPE, ROOT, SAMPLES, environment, one_line, plain, process, shell

Write = Callable[..., Path]
Popen = subprocess.Popen[bytes]

DIABETES = SAMPLES / "diabetes.csv"
TINY = "y,yhat\n1,2\n3,5\n"
CSV_OF_TINY = (
    b"row,y,yhat,loss,contribution,share,gradient\n"
    b"1,1.0,2.0,1.0,0.5,0.2,1.0\n2,3.0,5.0,4.0,2.0,0.8,2.0\n"
)


@pytest.fixture(scope="module")
def huge(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file that takes about a second, so that a signal finds the program at work."""
    path = tmp_path_factory.mktemp("huge") / "huge.csv"
    block = "".join(f"{i % 97}.{i % 10},{i % 89}.{i % 7}\n" for i in range(50_000))
    with path.open("w") as file:
        file.write("y,yhat\n")
        for _ in range(40):
            file.write(block)
    return path


@contextlib.contextmanager
def started(
    *args: object,
    stdin: int | IO[bytes] = subprocess.DEVNULL,
    cwd: Path = ROOT,
    env: dict[str, str] | None = None,
) -> Iterator[Popen]:
    """Start the program with its output in pipes; it is gone when the block ends."""
    with subprocess.Popen(
        [*COMMAND, *map(str, args)],
        stdin=stdin,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=cwd,
        env=env or environment(),
    ) as running:
        try:
            yield running
        finally:
            running.kill()


def wait_until(condition: Callable[[], bool], seconds: float = 30.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.002)


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


# A full disk, a closed stream


FULL = Path("/dev/full")
needs_full = pytest.mark.skipif(not FULL.exists(), reason="only Linux has a device that is full")

COMMANDS_THAT_PRINT = [
    ("eval", "mse", DIABETES),
    ("samples", "mse", DIABETES),
    ("samples", "mse", DIABETES, "-f", "parquet"),
    ("losses",),
    ("--help",),
]


@needs_full
@pytest.mark.parametrize("args", COMMANDS_THAT_PRINT, ids=lambda args: " ".join(map(str, args)))
def test_a_full_disk_under_standard_output(args: tuple[object, ...]) -> None:
    with FULL.open("wb") as full:
        done = subprocess.run(
            [*COMMAND, *map(str, args)],
            stdout=full,
            stderr=subprocess.PIPE,
            stdin=subprocess.DEVNULL,
            env=environment(),
            cwd=ROOT,
            check=False,
        )
    assert done.returncode == 3
    assert one_line(done.stderr.decode())
    assert b"No space left on device" in done.stderr


@needs_full
@pytest.mark.parametrize("command", ["eval", "samples"])
def test_a_full_device_under_the_output_option(command: str) -> None:
    done = process(command, "mse", DIABETES, "-o", FULL)
    assert (done.code, done.out) == (3, "")
    assert done.err == "lossctl: /dev/full: cannot be written: No space left on device\n"
    assert stat.S_ISCHR(FULL.stat().st_mode)


@needs_full
def test_a_full_disk_under_standard_error_changes_no_exit_code() -> None:
    assert shell("lossctl eval nonsense sample_data/dice.csv 2>/dev/full").code == 2
    assert shell("lossctl eval nonsense sample_data/dice.csv 2>&-").code == 2


def test_a_closed_standard_output() -> None:
    done = shell("lossctl eval mse sample_data/diabetes.csv >&-")
    assert done.code == 3
    assert done.err == "lossctl: standard output: cannot be written: Bad file descriptor\n"


def test_a_closed_standard_output_is_no_matter_where_it_is_not_used(tmp_path: Path) -> None:
    out = tmp_path / "value"
    done = shell('lossctl eval mse sample_data/diabetes.csv -q -o "$1" >&- <&-', out)
    assert (done.code, done.err) == (0, "")
    assert float(out.read_text()) > 0


def test_a_closed_standard_input() -> None:
    for command in ("eval mse", "samples mse -"):
        done = shell(f"lossctl {command} <&-")
        assert (done.code, done.out) == (3, "")
        assert done.err == "lossctl: standard input is closed\n"


def test_a_reader_that_went_away_before_anything_was_written() -> None:
    # As in `lossctl eval … | true`. Killed by SIGPIPE even where the parent ignores it.
    reader, writer = os.pipe()
    os.close(reader)
    try:
        for command in ("eval", "samples"):
            done = subprocess.run(
                [*COMMAND, command, "mse", str(DIABETES)],
                stdout=writer,
                stderr=subprocess.PIPE,
                env=environment(),
                restore_signals=False,
                cwd=ROOT,
                check=False,
            )
            assert (done.returncode, done.stderr) == (-signal.SIGPIPE, b"")
    finally:
        os.close(writer)


# Output files


@pytest.mark.parametrize("command", ["eval", "samples"])
def test_an_error_leaves_neither_file_nor_temporary(write: Write, command: str) -> None:
    path = write("y,p\n1,0.5\n1,1.7\n")
    done = process(command, "bce", path, "-o", path.parent / "out.csv")
    assert done.code == 3
    assert names(path.parent) == {"preds.csv"}


@pytest.mark.parametrize("command", ["eval", "samples"])
def test_an_existing_file_keeps_its_content_on_error(write: Write, command: str) -> None:
    out = write("precious", "out.csv")
    path = write("y,p\n1,0.5\n1,1.7\n")
    assert process(command, "bce", path, "-o", out).code == 3
    assert out.read_text() == "precious"
    assert names(path.parent) == {"preds.csv", "out.csv"}


def test_a_file_system_that_fills_up_leaves_what_was_there(tmp_path: Path) -> None:
    out = tmp_path / "out.csv"
    out.write_text("precious")
    # A limit on the size of files stands for a full disk: 4 KiB are written, then no more.
    done = shell(
        'ulimit -f 4; lossctl samples mse sample_data/diabetes.csv -o "$1"',
        out,
    )
    assert (done.code, done.out) == (3, "")
    assert done.err == f"lossctl: {out}: cannot be written: File too large\n"
    assert out.read_text() == "precious"
    assert names(tmp_path) == {"out.csv"}


def test_a_pipe_that_cannot_be_kept_is_one_line() -> None:
    done = shell("ulimit -f 4; cat sample_data/diabetes.csv | lossctl samples mse")
    assert (done.code, done.out) == (3, "")
    assert done.err == "<stdin>: cannot be kept: File too large\n"


def test_permissions(write: Write) -> None:
    path = write(TINY)
    old = write("old", "old.csv")
    old.chmod(0o640)
    new = path.parent / "new.csv"
    done = shell('umask 027; lossctl samples mse "$1" -o "$2"', path, new)
    assert (done.code, done.err) == (0, "")
    assert process("samples", "mse", path, "-o", old).code == 0
    assert old.read_bytes() == new.read_bytes() == CSV_OF_TINY
    assert stat.S_IMODE(old.stat().st_mode) == 0o640
    assert stat.S_IMODE(new.stat().st_mode) == 0o640  # 0666 without the mask


@pytest.mark.parametrize("exists", [True, False])
def test_the_target_of_a_link_is_replaced_and_not_the_link(
    write: Write, tmp_path: Path, exists: bool
) -> None:
    path = write(TINY)
    (tmp_path / "elsewhere").mkdir()
    target = tmp_path / "elsewhere" / "target.csv"
    if exists:
        target.write_text("old")
    link = tmp_path / "link.csv"
    link.symlink_to(target)
    assert process("samples", "mse", path, "-o", link).code == 0
    assert link.is_symlink()
    assert target.read_bytes() == CSV_OF_TINY
    assert names(target.parent) == {"target.csv"}


def test_a_fifo_is_written_through(write: Write, tmp_path: Path) -> None:
    path, fifo = write(TINY), tmp_path / "fifo"
    os.mkfifo(fifo)
    found: list[bytes] = []
    reader = threading.Thread(target=lambda: found.append(fifo.read_bytes()))
    reader.start()
    done = process("samples", "mse", path, "-f", "csv", "-o", fifo)
    reader.join()
    assert (done.code, done.err) == (0, "")
    assert found == [CSV_OF_TINY]
    assert stat.S_ISFIFO(fifo.stat().st_mode)


def test_dev_null_is_written_through(write: Write) -> None:
    assert process("eval", "mse", write(TINY), "-o", "/dev/null").code == 0
    assert stat.S_ISCHR(Path("/dev/null").stat().st_mode)


def test_dev_stdout_is_standard_output(write: Write, tmp_path: Path) -> None:
    path, log = write(TINY), tmp_path / "log"
    log.write_text("earlier\n")
    done = shell('lossctl eval mse "$1" -q -o /dev/stdout >> "$2"', path, log)
    assert (done.code, done.err) == (0, "")
    assert log.read_text() == "earlier\n2.5\n"


def test_a_place_that_does_not_exist(write: Write) -> None:
    path = write(TINY)
    done = process("eval", "mse", path, "-o", path.parent / "no" / "such" / "file")
    assert (done.code, done.out) == (3, "")
    assert one_line(done.err)
    assert done.err.endswith("cannot be written: No such file or directory\n")


# Interrupts


def interrupted(running: Popen) -> bytes:
    """Press Ctrl-C; return what had been printed after it is gone, as it should be."""
    running.send_signal(signal.SIGINT)
    out, err = running.communicate(timeout=30)
    assert err == b""
    assert running.returncode == 130
    return out


@pytest.mark.parametrize("command", ["eval", "samples"])
def test_an_interrupt_while_a_pipe_stays_open(tmp_path: Path, command: str) -> None:
    out = tmp_path / "out.csv"
    spool = tmp_path / "spool"
    spool.mkdir()
    env = environment(TMPDIR=str(spool))
    with started(command, "mse", "-o", out, stdin=subprocess.PIPE, env=env) as running:
        assert running.stdin is not None
        running.stdin.write(b"y,yhat\n" + b"1,2\n" * 1_000_000)  # returns once it is being read
        running.stdin.flush()
        interrupted(running)
    assert names(tmp_path) == {"spool"}
    assert names(spool) == set()


def test_an_interrupt_in_the_middle_of_a_big_file(huge: Path, tmp_path: Path) -> None:
    out = tmp_path / "report.json"
    with started("eval", "mse,mae,rmse", huge, "--json", "-o", out) as running:
        opened = Path(f"/proc/{running.pid}/fd")
        if opened.exists():
            wait_until(lambda: _holds(opened, huge))
        else:
            time.sleep(0.5)
        assert interrupted(running) == b""
    assert names(tmp_path) == set()


def _holds(descriptors: Path, path: Path) -> bool:
    for link in descriptors.iterdir():
        with contextlib.suppress(OSError):
            if os.readlink(link) == str(path):
                return True
    return False


def test_an_interrupt_in_the_middle_of_writing(huge: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.csv"
    out.write_text("precious")
    with started("samples", "mse", huge, "-o", out) as running:
        wait_until(lambda: any(part.stat().st_size for part in tmp_path.glob(".out.csv.*")))
        interrupted(running)
    assert names(tmp_path) == {"out.csv"}
    assert out.read_text() == "precious"


def test_an_interrupt_while_nobody_reads_the_output(huge: Path) -> None:
    with started("samples", "mse", huge) as running:
        assert running.stdout is not None
        assert running.stdout.read(4) == b"row,"
        interrupted(running)


# Terminals


@dataclass
class Terminal:
    """A terminal to run a program on, which remembers what it was shown."""

    columns: int = 80
    shown: bytearray = field(default_factory=bytearray)

    def run(
        self,
        *args: object,
        streams: str = "out",
        stdin: bytes = b"",
        env: dict[str, str] | None = None,
    ) -> tuple[int, str, str]:
        """Run with some of the streams (in, out, err) on the terminal.

        Return the exit code, what the terminal showed, and what went to pipes.
        """
        leader, follower = pty.openpty()
        size = struct.pack("HHHH", 24, self.columns, 0, 0)
        fcntl.ioctl(follower, termios.TIOCSWINSZ, size)
        settings = env or environment()
        settings.pop("COLUMNS", None)
        pipe = subprocess.PIPE
        running = subprocess.Popen(
            [*COMMAND, *map(str, args)],
            stdin=follower if "in" in streams else pipe,
            stdout=follower if "out" in streams else pipe,
            stderr=follower if "err" in streams else pipe,
            env=settings,
            cwd=ROOT,
        )
        os.close(follower)
        screen = threading.Thread(target=self._watch, args=(leader,))
        screen.start()
        with running:
            out, err = running.communicate(None if "in" in streams else stdin, timeout=60)
        screen.join()
        os.close(leader)
        text = self.shown.decode().replace("\r\n", "\n")
        return running.returncode, text, ((out or b"") + (err or b"")).decode()

    def _watch(self, leader: int) -> None:
        while True:
            try:
                part = os.read(leader, 1 << 16)
            except OSError:  # how Linux says that the program has gone
                return
            if not part:
                return
            self.shown += part


def test_no_file_and_a_terminal_is_a_usage_error() -> None:
    code, shown, piped = Terminal().run("eval", "mse", streams="in")
    assert (code, shown) == (2, "")
    assert piped == "lossctl: name a FILE, or pipe one in; standard input is a terminal\n"


def test_colour_is_for_terminals() -> None:
    args = ("eval", "mse", DIABETES)
    code, shown, piped = Terminal().run(*args)
    assert (code, piped) == (0, "")
    assert ESCAPE.search(shown)
    # a style ends after the spaces that it covers
    assert [line.rstrip() for line in plain(shown).splitlines()] == process(*args).out.splitlines()


@pytest.mark.parametrize("setting", [{"NO_COLOR": "1"}, {"TERM": "dumb"}], ids=str)
def test_colour_can_be_turned_off(setting: dict[str, str]) -> None:
    code, shown, _ = Terminal().run("eval", "mse", DIABETES, env=environment(**setting))
    assert code == 0
    assert "\x1b" not in shown
    assert "per-sample loss" in shown


def test_an_empty_no_color_is_none() -> None:
    _, shown, _ = Terminal().run("eval", "mse", DIABETES, env=environment(NO_COLOR=""))
    assert ESCAPE.search(shown)


def test_files_and_data_formats_have_no_colour(tmp_path: Path) -> None:
    out = tmp_path / "table.txt"
    assert Terminal().run("eval", "mse", DIABETES, "-o", out)[0] == 0
    assert "\x1b" not in out.read_text()
    assert "\x1b" not in Terminal().run("eval", "mse", DIABETES, "-f", "markdown")[1]


def test_the_worst_samples_are_a_table_on_a_terminal_and_csv_elsewhere(write: Write) -> None:
    path = write(TINY)
    assert Terminal().run("samples", "mse", path, "--top", "1")[1].startswith("row  y  yhat")
    assert process("samples", "mse", path, "--top", "1").out.startswith("row,y,yhat")


def test_the_table_is_as_wide_as_the_terminal(write: Write) -> None:
    path = write("y,yhat\n12345.678,23456.789\n")
    options = ("eval", "mse", path, "--precision", "17", "--top", "1")
    narrow = plain(Terminal(columns=60).run(*options)[1])
    wide = plain(Terminal(columns=120).run(*options)[1])
    assert "gradient" not in narrow.splitlines()[-4]
    assert "gradient" in wide.splitlines()[-4]


def test_an_error_has_no_colour_and_no_traceback_on_a_terminal() -> None:
    code, shown, _ = Terminal().run("eval", "mse", "absent.csv", streams="out err")
    assert code == 3
    assert shown == "absent.csv: cannot be opened: No such file or directory\n"


def slow_input(running_in: IO[bytes]) -> None:
    """Write two blocks with more than a second between them."""
    block = b"1,2\n" * (2 << 20)
    running_in.write(b"y,yhat\n" + block)
    running_in.flush()
    time.sleep(1.1)
    running_in.write(block)
    running_in.write(block)
    running_in.close()


def test_progress_is_shown_where_work_takes_long() -> None:
    leader, follower = pty.openpty()
    with subprocess.Popen(
        [*COMMAND, "eval", "mse", "-q", "--threads", "1"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=follower,
        env=environment(),
        cwd=ROOT,
    ) as running:
        os.close(follower)
        assert running.stdin is not None
        feeder = threading.Thread(target=slow_input, args=(running.stdin,))
        feeder.start()
        assert running.stdout is not None
        out = running.stdout.read()
        feeder.join()
        shown = b""
        while select.select([leader], [], [], 0.5)[0]:
            try:
                shown += os.read(leader, 1 << 16)
            except OSError:
                break
    os.close(leader)
    assert (running.returncode, out) == (0, b"1.0\n")
    assert b"M rows" in shown


def test_training_shows_its_epochs_and_is_gone_before_the_report() -> None:
    path = SAMPLES / "diabetes_features.csv"
    words = ("fit", path, "-y", "y", "--features", "bmi,bp", "--loss", "mse", "--lr", "1e-9")
    slow = ("--batch-size", 1, "--tol", 0, "--epochs", 500)
    code, shown, _ = Terminal().run(*words, *slow, streams="out err")
    assert code == 0
    bar, _, report = shown.rpartition("epoch 500 of 500: loss ")
    assert "of 500: loss " in bar
    assert "training" not in bar
    report = report.partition(f"{path}: 442 rows")[2]
    assert "training" in report
    assert "\x1b[1A" not in report  # nothing of it is wiped away


def test_progress_is_for_terminals(capfd: pytest.CaptureFixture[str]) -> None:
    with watched() as watch:
        assert watch is None
    assert capfd.readouterr().err == ""


def test_quick_work_shows_no_progress() -> None:
    code, shown, piped = Terminal().run("eval", "mse", DIABETES, "-q", streams="err")
    assert (code, shown) == (0, "")
    assert float(piped) > 0


def test_the_console_script_and_the_module_are_one_program() -> None:
    done = subprocess.run(
        [sys.executable, "-c", "from lossctl.__main__ import main; main()"],
        capture_output=True,
        env=environment(),
        cwd=ROOT,
        check=False,
    )
    assert done.stdout.decode() == process("--help").out
    assert done.returncode == 0

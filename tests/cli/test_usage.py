"""Wrong usage, and whatever else a user may type: one line, an exit code, never a traceback."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lossctl.cli import app

from .program import HELP, Run, one_line, process

Write = Callable[..., Path]

TINY = "y,yhat,g\n1,2,a\n3,5,b\n"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work where there is one small file."""
    (tmp_path / "tiny.csv").write_text(TINY)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_help_of_the_program(run: Run) -> None:
    """Refresh: COLUMNS=80 python -m lossctl --help > tests/cli/help/lossctl.txt."""
    text = (HELP / "lossctl.txt").read_text(encoding="utf-8")
    for words in (("--help",), ("-h",), ()):
        done = run(*words)
        assert (done.code, done.out, done.err) == (0, text, "")


def test_help_names_every_command(run: Run) -> None:
    commands = run("--help").out.partition("Commands:")[2]
    assert [line.split()[0] for line in commands.splitlines() if line] == list(app.COMMANDS)
    assert {path.stem for path in HELP.glob("*.txt")} == {"lossctl", *app.COMMANDS}


def test_version(run: Run) -> None:
    from lossctl import __version__

    assert run("--version").out == f"lossctl {__version__}\n"


WRONG_USAGE = [
    # words
    "eval",
    "samples",
    "losses mse mae",
    "schema tiny.csv",
    "--nonsense",
    "eval mse tiny.csv --nonsense",
    "eval mse tiny.csv -z",
    "eval mse tiny.csv --keep g",
    "samples mse tiny.csv --by g",
    "samples mse tiny.csv --max 1",
    "losses --json",
    # options without a value, or with one too many
    "eval mse tiny.csv -y",
    "eval mse tiny.csv --by",
    "eval mse tiny.csv -o",
    "eval mse tiny.csv --json=yes",
    "eval mse tiny.csv -y y -y g",
    "eval mse tiny.csv -p yhat -p g",
    "eval mse tiny.csv -w g -w y",
    # numbers
    "eval mse tiny.csv --batch-size 0",
    "eval mse tiny.csv --batch-size -3",
    "eval mse tiny.csv --batch-size many",
    "eval mse tiny.csv --batch-size 1.5",
    "eval mse tiny.csv --threads 0",
    "eval mse tiny.csv --threads two",
    "eval mse tiny.csv --top -1",
    "eval mse tiny.csv --top x",
    "samples mse tiny.csv --top 0",
    "eval mse tiny.csv --max high",
    "eval mse tiny.csv --min low",
    "eval mse tiny.csv --precision 0",
    "eval mse tiny.csv --precision 18",
    "eval mse tiny.csv --precision x",
    # choices
    "eval mse tiny.csv -f yaml",
    "eval mse tiny.csv -f parquet",
    "samples mse tiny.csv -f json",
    "samples mse tiny.csv -f table",
    "losses -f csv",
    "eval mse tiny.csv --outputs max",
    "eval mse tiny.csv --missing drop",
    "eval mse tiny.csv --input-format xml",
    "eval mse tiny.csv -d ab",
    "eval mse tiny.csv -d é",
    'eval mse tiny.csv -d "',
    # options that exclude one another, or that the loss does not take
    "eval mse tiny.csv --json -q",
    "eval mse tiny.csv -f csv --json",
    "eval mse tiny.csv -f table -q",
    "eval mse,mae tiny.csv --max 1",
    "eval mse tiny.csv --positive a",
    "eval mse tiny.csv --ignore a",
    "eval mse tiny.csv --class-weight a=1",
    "eval bce tiny.csv --class-weight a",
    "eval bce tiny.csv --class-weight 1=x",
    "eval bce tiny.csv --class-weight 1=-1",
    "eval bce tiny.csv --class-weight 1=nan",
    "eval bce tiny.csv --class-weight 1=inf",
    "eval bce tiny.csv --class-weight 1=2,1=3",
    "eval bce tiny.csv --class-weight 7=2",
    "eval entropy tiny.csv -p y -w g",
    "eval entropy tiny.csv -p y --batch-size 2",
    "eval entropy tiny.csv -p y --normalize",
    "eval mse tiny.csv -p yhat,yhat -y y,y",
    "eval mse tiny.csv -w y,g",
    "eval mse - -",
    # specs
    "eval nonsense tiny.csv",
    "nonsense tiny.csv",
    "eval mse,nonsense tiny.csv",
    "eval mse, tiny.csv",
    "eval ,mse tiny.csv",
    "eval mse,,mae tiny.csv",
    "eval mse: tiny.csv",
    "eval mse:x tiny.csv",
    "eval mse:=1 tiny.csv",
    "eval mse:x=1 tiny.csv",
    "eval mse=1 tiny.csv",
    "eval mse:y=y:y=g tiny.csv",
    'eval mse:y="y tiny.csv',
    'eval mse:y="y"x tiny.csv',
    "eval bce:eps=x tiny.csv",
    "eval bce:eps= tiny.csv",
    "eval bce:eps=-1 tiny.csv",
    "eval bce:eps=0.5 tiny.csv",
    "eval bce:eps=nan tiny.csv",
    "eval entropy:base=1 tiny.csv",
    "eval entropy:base=inf tiny.csv",
    "samples mse,mae tiny.csv",
    "losses nonsense",
]


@pytest.mark.parametrize("line", WRONG_USAGE)
def test_wrong_usage_is_one_line_and_exit_code_2(run: Run, folder: Path, line: str) -> None:
    done = run(*line.split())
    assert (done.code, done.out) == (2, "")
    assert one_line(done.err)
    assert done.err.startswith("lossctl: ")
    assert {path.name for path in folder.iterdir()} == {"tiny.csv", ".stdin"}


@pytest.mark.parametrize("words", [("eval", ""), ("",), ("samples", ""), ("losses", "")])
def test_an_empty_word_names_no_loss(run: Run, words: tuple[str, ...]) -> None:
    done = run(*words, "tiny.csv") if words != ("losses", "") else run(*words)
    assert (done.code, done.out) == (2, "")
    assert one_line(done.err)


INVALID_INPUT = [
    "eval mse absent.csv",
    "eval mse .",
    "eval mse tiny.csv -y z",
    "eval mse tiny.csv -y 0",
    "eval mse tiny.csv -y 9",
    "eval mse tiny.csv -y z*",
    "eval mse tiny.csv --by z",
    "eval mse tiny.csv -p g",
    "eval mse tiny.csv -d ;",
    "eval mse tiny.csv --no-header",
    "eval mse -",
    "eval mse tiny.csv tiny.csv absent.csv",
    "eval mse tiny.csv tiny.csv/",
    "eval bce tiny.csv",
    "eval cce tiny.csv",
    "eval entropy tiny.csv -p y",
    "samples mse absent.csv",
    "samples mse tiny.csv --keep z",
    "eval mse tiny.csv -o absent/file",
    "eval mse tiny.csv -o .",
]


@pytest.mark.parametrize("line", INVALID_INPUT)
def test_invalid_input_is_one_line_and_exit_code_3(run: Run, line: str) -> None:
    done = run(*line.split())
    assert (done.code, done.out) == (3, "")
    assert one_line(done.err)


def test_files_that_cannot_be_read(run: Run) -> None:
    with socket.socket(socket.AF_UNIX) as listener:  # nobody may open it, not even root
        listener.bind("socket.csv")
        for command in ("eval", "samples"):
            done = run(command, "mse", "socket.csv")
            assert (done.code, done.out) == (3, "")
            assert one_line(done.err)
            assert done.err.startswith("socket.csv: cannot be ")


def test_a_traceback_is_not_even_hidden() -> None:
    done = process("eval", "nonsense", "absent.csv")
    assert (done.code, done.out) == (2, "")
    assert one_line(done.err)


def test_an_interrupt_in_an_import_is_an_interrupt(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object, **__: object) -> None:
        class Body:
            def __set_name__(self, owner: type, name: str) -> None:
                raise KeyboardInterrupt

        type("Owner", (), {"attribute": Body()})

    monkeypatch.setattr(app, "application", interrupted)
    assert (run("eval").code, run("eval").err) == (130, "")


# Whatever may be typed

WORDS = [
    *("eval", "samples", "losses", "schema"),
    *("mse", "mae", "rmse", "bce", "cce", "entropy", "cross_entropy", "bce_with_logits"),
    *("mse,mae", "bce:eps=1e-7", "mse:pred=g", "entropy:base=2", "cce:label_smoothing=2"),
    *("tiny.csv", "labels.csv", "classes.csv", "empty.csv", "odd.csv", "absent.csv", "-", "."),
    *("-y", "-p", "-w", "--by", "--keep", "--batch-size", "--outputs", "--missing"),
    *("--positive", "--class-weight", "--ignore", "--normalize", "-d", "--no-header"),
    *("--input-format", "--threads", "--top", "--max", "--min", "-f", "--json", "-q"),
    *("--precision", "-o", "--version", "--help", "-h", "--"),
    *("y", "yhat", "g", "p_*", "*", "1", "2", "1,2", "0", "-1", "3.5", "nan", "inf", "1e999"),
    *("sum", "skip", "a", "a=2", "0=2,1=1", "tab", ";", "tsv", "csv", "json", "jsonl"),
    *("table", "markdown", "parquet", "out.csv", "absent/out", "1=1", "mse:", '"', ":", "=", ","),
]
FILES = {
    "tiny.csv": TINY.encode(),
    "labels.csv": b"y,p\n1,0.25\n0,0.5\n1,0\n",
    "classes.csv": b"c,p_a,p_b\na,0.5,0.5\nb,0.1,0.8\n",
    "empty.csv": b"",
    "odd.csv": b'y,yhat,\xff\n1,,"x\ny"\n\x00,2\n',
}
JUNK = st.text(
    st.characters(exclude_characters="\0/", exclude_categories=["Cs"]), max_size=6
) | st.sampled_from([os.fsdecode(b"\xff"), "\x1b[31m", "'", "é", "서울", "%s", "{0}"])


def typed() -> st.SearchStrategy[list[str]]:
    """Return command lines, most of them nearly right."""
    word = st.sampled_from(WORDS)
    start = st.tuples(
        st.sampled_from(["eval", "samples"]),
        st.sampled_from(["mse", "bce", "cce", "entropy", "mse,mae", "rmse"]),
        st.sampled_from(["tiny.csv", "labels.csv", "classes.csv", "odd.csv", "-"]),
    ).map(list)
    rest = st.lists(word | word | word | JUNK, max_size=6)
    return st.tuples(start | st.just([]), rest).map(lambda parts: [*parts[0], *parts[1]])


@pytest.fixture
def files(folder: Path) -> None:
    for name, content in FILES.items():
        (folder / name).write_bytes(content)


@pytest.mark.usefixtures("files")
@settings(
    max_examples=200,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(typed())
def test_whatever_is_typed_there_is_an_exit_code_and_no_traceback(
    run: Run, arguments: list[str]
) -> None:
    done = run(*arguments, stdin=b"y,yhat\n1,2\n")
    assert done.code in (0, 1, 2, 3)
    lines = done.err.splitlines(keepends=True)
    errors = [line for line in lines if not line.startswith("note: ")]
    assert len(errors) == (done.code != 0)
    assert all(one_line(line) for line in lines)
    if done.code >= 2:
        assert done.out == ""

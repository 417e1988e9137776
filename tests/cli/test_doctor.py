"""``lossctl doctor``: its help, what it prints, when it fails, and what does not change a word."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import lossctl
from tests.diagnosis.planted import binary, changed, classes, csv_of, regression, repeated

from .program import HELP, SAMPLES, Run, environment, one_line, plain, process, shell, valid

BREAST = SAMPLES / "breast_cancer.csv"
DIABETES = SAMPLES / "diabetes.csv"
WINE = SAMPLES / "wine.csv"
Write = Callable[..., Path]
PERCENT = "id,label,p\n1,1,90\n2,0,12.5\n3,0,33\n4,1,80\n"
HOSTILE = "\x1b[31mred\x1b[0m [bold]b[/bold] ::error::x"


def test_help(run: Run) -> None:
    """Refresh: COLUMNS=80 python -m lossctl doctor --help > tests/cli/help/doctor.txt."""
    done = run("doctor", "--help")
    assert done.code == 0
    assert done.out == (HELP / "doctor.txt").read_text(encoding="utf-8")


# What it prints


def test_nothing_wrong(run: Run) -> None:
    done = run("doctor", BREAST, "-y", "label", "-p", "prob", "--strict")
    assert (done.code, done.err) == (0, "")
    assert done.lines == [
        f"{BREAST}: 569 rows; y = label, ŷ = prob",
        "",
        "nothing wrong was found",
        "",
        "losses that fit: bce, brier, zero_one, focal",
        f"  lossctl bce {BREAST} -y label -p prob",
    ]


@pytest.mark.parametrize("mark", [",", ";", "\t", "|"])
def test_a_finding_is_one_line_with_its_place_and_a_command_that_works(
    run: Run, write: Write, mark: str
) -> None:
    path = write(PERCENT.replace(",", mark))
    done = run("doctor", path)
    assert (done.code, done.err) == (0, "")
    (line,) = (line for line in done.lines if line.startswith(("error", "warning", "note")))
    assert line.startswith(
        "error: percent: p runs from 12.5 to 90: percent, where probabilities lie in [0, 1];"
        " first above 1: line 2. → divide by 100: "
    )
    command = line.partition("divide by 100: ")[2]
    value = lossctl.evaluate({"y": [1, 0, 0, 1], "p": [0.9, 0.125, 0.33, 0.8]}, "bce").value
    assert shell(f"{command} -q").out == f"{value!r}\n"


def test_a_pipe(run: Run) -> None:
    done = run("doctor", stdin=b"y,p\n2,0.9\n1,0.2\n2,0.8\n")
    assert done.lines == [
        "<stdin>: 3 rows; y = y, ŷ = p",
        "",
        "warning: labels: y holds the labels 1 and 2, where binary losses take 0 and 1. →"
        " lossctl bce -y y -p p --positive 2",
        "",
        "losses that fit: bce, brier, zero_one, focal",
        "  lossctl bce -y y -p p --positive 2",
    ]


def test_columns_that_are_not_clear_are_listed_with_how_to_go_on(run: Run) -> None:
    done = run("doctor", BREAST)
    assert (done.code, done.err) == (0, "")
    assert "warning: columns: which column is the prediction ŷ? prob, logit could be" in done.out
    commands = [line.strip() for line in done.lines if line.startswith("  lossctl doctor")]
    assert commands == [
        f"lossctl doctor {BREAST} -y label -p prob",
        f"lossctl doctor {BREAST} -y label -p logit",
    ]
    for command in commands:
        again = run(*command.split()[1:])
        assert (again.code, again.err) == (0, "")
        assert "nothing wrong was found" in again.out


@pytest.mark.parametrize("name", ["breast_cancer", "digits", "wine", "linnerud", "dice"])
def test_the_ways_to_go_on_work(run: Run, name: str) -> None:
    commands = run("doctor", SAMPLES / f"{name}.csv", "--json").out
    for command in valid(commands, "doctor")["commands"]:
        done = shell(command)
        assert (done.code, done.err) == (0, "")


def test_every_command_for_a_loss_that_fits_works(run: Run, write: Write) -> None:
    table = changed(binary(60), w=np.ones(60), y=np.where(binary(60)["y"] == 1, "is ill", "well"))
    path = write(csv_of(table), name="two words.csv")
    found = valid(run("doctor", path, "-y", "y", "-p", "p", "-w", "w", "--json").out, "doctor")
    assert [fit["spec"] for fit in found["fits"]] == ["bce", "brier", "zero_one", "focal"]
    for fit in found["fits"]:
        done = shell(f"{fit['command']} -q")
        assert (done.code, done.err) == (0, "")


# Errors and exit codes


def test_strict_fails_on_errors_and_warnings_not_on_notes(run: Run, write: Write) -> None:
    done = run("doctor", write(PERCENT), "--strict")
    assert (done.code, done.err) == (1, "doctor: 1 finding, --strict\n")
    noted = write("y,p\n1,0.9\n-1,0.2\n1,0.7\n-1,0.4\n")
    done = run("doctor", noted, "--strict")
    assert (done.code, done.err) == (0, "")
    assert "note: labels" in done.out
    assert run("doctor", BREAST, "--strict").code == 1


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("", "is empty"),
        ("y,yhat\n", "has a header and no rows"),
        ("y,yhat\n1,2\n1,2,3\n", "too many fields"),
        ("y,yhat\n1,2\nx,2\n" + "1,2\n" * 1200, "must be a number"),
    ],
)
def test_a_file_that_cannot_be_read(run: Run, write: Write, text: str, what: str) -> None:
    if "x" in text:
        text = "y,yhat\n" + "1,2\n" * 2000 + "x,2\n"
    done = run("doctor", write(text))
    assert (done.code, done.out) == (3, "")
    assert what in done.err
    assert one_line(done.err)


@pytest.mark.parametrize(
    ("args", "code"),
    [
        (("-y", "nope"), 3),
        (("--key", "nope"), 3),
        (("-f", "csv"), 2),
        (("-f", "json", "--json"), 2),
        (("-y", "y", "-y", "id"), 2),
        (("--no-such",), 2),
    ],
)
def test_wrong_usage(run: Run, args: tuple[str, ...], code: int) -> None:
    done = run("doctor", DIABETES, *args)
    assert (done.code, done.out) == (code, "")
    assert one_line(done.err)


def test_python_refuses_options_without_effect() -> None:
    with pytest.raises(lossctl.errors.UsageError, match="no option 'missing'"):
        lossctl.doctor(str(DIABETES), missing="skip")


@pytest.mark.parametrize("text", ["y,yhat\n1,2\n", "y,yhat\n0,1\n", "y,p\nyes,0.5\n"])
def test_one_row_says_nothing_of_patterns(run: Run, write: Write, text: str) -> None:
    done = run("doctor", write(text), "--strict")
    assert (done.code, done.err) == (0, "")
    assert "1 row;" in done.out


def test_all_rows_lack_a_value(run: Run, write: Write) -> None:
    done = run("doctor", write("y,yhat\n,2\nNA,3\n"))
    assert (done.code, done.err) == (0, "")
    assert "2 of 2 rows lack a value; first line 2: y holds no value" in done.out


# Text from the input does nothing


def test_hostile_names_and_cells(run: Run, write: Write) -> None:
    name = f'"{HOSTILE}, ""q"""'
    rows = "".join(f"{at},{HOSTILE} {at % 2},{0.3 + 0.4 * (at % 2)}\n" for at in range(30))
    path = write(f"id,label,{name}\n{rows}", name="::error::[red]x.csv")
    for args in ((), ("-p", "3"), ("-y", "2", "-p", "3"), ("-y", "3", "-p", "2")):
        done = run("doctor", path, *args)
        assert done.code == 0
        text = done.out + done.err
        assert "\x1b" not in text
        assert all(line.isprintable() for line in text.splitlines())
        assert not any(line.lstrip().startswith("::") for line in text.splitlines())
        valid(run("doctor", path, *args, "--json").out, "doctor")
    assert "[bold]b[/bold]" in run("doctor", path, "-y", "2", "-p", "3").out


def test_a_narrow_terminal_cuts_nothing_and_no_color_is_obeyed(write: Write) -> None:
    path = write(PERCENT)
    wide = process("doctor", path)
    narrow = process("doctor", path, env=environment(COLUMNS="60", NO_COLOR="1"))
    assert (narrow.code, narrow.raw) == (0, wide.raw)
    listed = process("doctor", SAMPLES / "digits.csv", env=environment(COLUMNS="60"))
    assert "10 columns, probabilities that sum to 1" in listed.out
    assert plain(listed.out) == listed.out


# What makes no difference


def accidents() -> dict[str, tuple[dict[str, Any], str]]:
    """Return files with accidents in them, and the predictions' selector."""
    plain_text = regression(900)
    far = regression(900)
    far["yhat"][400] = 1e7
    p = np.where(binary(900)["p"] > 0.9, 1.0, binary(900)["p"])
    many = classes(900)
    return {
        "shift": (changed(plain_text, y=np.roll(plain_text["y"], 1)), "yhat"),
        "repeats": (repeated(plain_text, np.arange(250, 700)), "yhat"),
        "one row": (far, "yhat"),
        "unit": (changed(plain_text, yhat=plain_text["yhat"] / 1000), "yhat"),
        "saturated": (changed(binary(900), p=p), "p"),
        "text": (changed(binary(900), y=np.where(p > 0.5, "no", "yes")), "p"),
        "order": (changed(many, p_a=many["p_b"], p_b=many["p_a"]), "p_*"),
        "sums": (changed(many, p_a=many["p_a"] / 2), "p_*"),
    }


@pytest.mark.parametrize("name", accidents())
def test_blocks_threads_and_readers_change_no_word(tmp_path: Path, name: str) -> None:
    table, pred = accidents()[name]
    path = tmp_path / "preds.csv"
    path.write_text(csv_of(table))
    first = lossctl.doctor(str(path), y="y", pred=pred).to_dict()
    assert first["findings"]
    # Two files are not small, so blocks of this size are cut and read by several threads.
    lines = path.read_text().splitlines(keepends=True)
    halves = [tmp_path / "a.csv", tmp_path / "b.csv"]
    halves[0].write_text("".join(lines[:333]))
    halves[1].write_text("".join([lines[0], *lines[333:]]))
    texts = []
    for block, threads in ((None, 1), (137, 1), (4096, 3), (70, 2)):
        data = [str(half) for half in halves]
        found = lossctl.doctor(data, y="y", pred=pred, block_size=block, threads=threads, key="id")
        texts.append([(one.name, one.text, one.evidence) for one in found.findings])
    assert all(text == texts[0] for text in texts)
    names = [finding["name"] for finding in first["findings"]]
    assert set(names) <= {name for name, _, _ in texts[0]}
    memory = lossctl.doctor(table, y="y", pred=pred)
    assert [finding.name for finding in memory.findings] == names


def test_frames_and_mappings() -> None:
    import pandas as pd
    import polars as pl

    table, pred = accidents()["repeats"]
    expected = lossctl.doctor(table, y="y", pred=pred).to_dict()
    assert lossctl.doctor(pd.DataFrame(table), y="y", pred=pred).to_dict() == expected
    assert lossctl.doctor(pl.DataFrame(table), y="y", pred=pred).to_dict() == expected


def test_quoted_records_over_lines_are_compared_whole(write: Write) -> None:
    rows = [f'{at},"a\nb {at}",{at * 1.5},{at * 1.5 + (at % 3)}' for at in range(40)]
    table = "\n".join(["id,note,y,yhat", *rows, rows[7], ""])
    found = lossctl.doctor(str(write(table)))
    (repeat,) = found.findings
    assert (repeat.name, repeat.evidence["rows"]) == ("repeated rows", 1)
    assert (repeat.evidence["row"], repeat.evidence["line"]) == (41, 82)
    assert (repeat.evidence["earlier_row"], repeat.evidence["earlier_line"]) == (8, 16)


# JSON


def test_json(run: Run, write: Write) -> None:
    done = run("doctor", write(PERCENT), "--json")
    found = valid(done.out, "doctor")
    assert list(found) == [
        *("schema", "version", "input", "columns", "findings", "fits", "candidates", "commands"),
    ]
    assert found["schema"] == "lossctl.doctor/1"
    assert found["input"]["rows"] == found["input"]["looked_at"] == 4
    assert found["columns"] == {"y": ["label"], "pred": ["p"], "weight": None, "keys": ["id"]}
    (finding,) = found["findings"]
    assert list(finding) == ["name", "severity", "text", "evidence", "advice"]
    assert finding["evidence"]["line"] == 2
    unclear = valid(run("doctor", BREAST, "--json").out, "doctor")
    assert (unclear["columns"], unclear["input"]["rows"]) == (None, None)
    assert [one["column"] for one in unclear["candidates"]] == ["id", "label", "prob", "logit"]


def test_json_has_no_infinities(run: Run, write: Write) -> None:
    done = run("doctor", write("y,yhat\n" + "1,2\n3,inf\n" * 30), "-f", "json")
    assert done.code == 0
    assert json.loads(done.out)["input"]["nonfinite"] in (0, 30)
    valid(done.out, "doctor")


# Notes under eval, and errors that advise


def test_eval_notes_one_row_that_holds_most(run: Run, write: Write) -> None:
    path = write("y,yhat\n" + "1,1.5\n" * 30 + "1,100\n")
    done = run("eval", "mse", path)
    assert (done.code, done.err) == (0, "note: mse: line 32 holds 99.9% of the loss of 31 rows\n")
    assert run("eval", "mse", path, "-q").err == ""


def test_eval_notes_infinite_rows_and_what_bounds_them(run: Run, write: Write) -> None:
    path = write("y,p\n" + "1,0.5\n" * 30 + "1,0\n0,1\n")
    done = run("eval", "bce", path)
    assert done.err == (
        "note: bce: 2 of 32 rows cost infinity; first line 32. Bound it? Use bce:eps=1e-7\n"
    )
    assert run("eval", "bce:eps=1e-7", path).code == 0


def test_eval_notes_a_gradient_that_is_flat(run: Run, write: Write) -> None:
    path = write("y,z\n" + "1,5\n-1,-5\n" * 100 + "1,0.5\n")
    done = run("eval", "hinge", path, "-y", "y", "-p", "z")
    assert "note: hinge: the gradient is 0 in 200 of 201 entries\n" in done.err


@pytest.mark.parametrize("args", [("mse", DIABETES), ("cce", WINE, "-y", "cultivar", "-p", "p_*")])
def test_eval_has_no_notes_for_honest_files(run: Run, args: tuple[object, ...]) -> None:
    assert run("eval", *args).err == ""


@pytest.mark.parametrize(
    ("text", "advice"),
    [
        ("y,p\n1,87.5\n", "got 87.5. Percent? Divide by 100."),
        ("y,p\n1,5.3\n", "got 5.3. Logits? Use bce_with_logits."),
        ("y,p\n2,0.5\n", "got 2. Labels 1 and 2? Use --positive 2."),
        ("y,p\n-1,0.5\n", "got -1. Labels −1 and 1? Use --positive 1."),
        ("y,p\n7,0.5\n", "got 7. Labels that are text? Use --positive."),
    ],
)
def test_errors_of_domain_advise(run: Run, write: Write, text: str, advice: str) -> None:
    done = run("eval", "bce", write(text))
    assert done.code == 3
    assert done.err.endswith(f"{advice}\n")

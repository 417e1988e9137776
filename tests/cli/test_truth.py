"""Truth in another file: matched by key or by position, it is as if it stood in the same one."""

from __future__ import annotations

import bz2
import gzip
import lzma
import random
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest

import lossctl
from lossctl.errors import InputError, UnmatchedKeys, UsageError

from .program import Outcome, Run, one_line, shell, without_places

Write = Callable[..., Path]
Row = tuple[str, ...]

KEYS: dict[str, Callable[[int], Row]] = {
    "close integers": lambda i: (str(i - 50),),
    "far integers": lambda i: (str((i * 7919**4) % 2**61 - 2**60),),
    "text": lambda i: (f"é{i:x}, b",),
    "mixed": lambda i: (str(i) if i % 3 else f"0{i}",),
    "integers, then text": lambda i: (str(i) if i < 150 else f"x{i}",),
    "two columns": lambda i: (str(i % 20), f"day {i // 20}"),
}


def quoted(cells: Sequence[str]) -> str:
    return ",".join(f'"{cell}"' if "," in cell else cell for cell in cells) + "\n"


def names_of(width: int) -> Row:
    return ("id", "day")[:width]


class Tables:
    """The same rows in one file, and in two of which one is shuffled."""

    def __init__(self, folder: Path, key: Callable[[int], Row], n: int = 300) -> None:
        draw = random.Random(5)
        self.folder = folder
        keys = [key(i) for i in range(n)]
        draw.shuffle(keys)
        self.names = names_of(len(keys[0]))
        y = [repr(draw.gauss(0.0, 10.0)) for _ in keys]
        yhat = [repr(draw.gauss(0.0, 10.0)) for _ in keys]
        group = [draw.choice("abc") for _ in keys]
        weight = [str(draw.randint(0, 3)) for _ in keys]
        shuffled = draw.sample(range(n), n)
        self.one = self.write(
            "one.csv", (*self.names, "y", "yhat", "w", "g"), keys, y, yhat, weight, group
        )
        self.pred = self.write("pred.csv", (*self.names, "yhat"), keys, yhat)
        columns = [[column[i] for i in shuffled] for column in (y, weight, group)]
        moved = [keys[i] for i in shuffled]
        self.truth = self.write("truth.csv", (*self.names, "y", "w", "g"), moved, *columns)

    def write(self, name: str, header: Row, keys: Sequence[Row], *columns: Sequence[str]) -> Path:
        rows = zip(keys, *columns, strict=True)
        path = self.folder / name
        path.write_text(quoted(header) + "".join(quoted((*row[0], *row[1:])) for row in rows))
        return path

    def halves(self, path: Path) -> list[str]:
        head, *rows = path.read_text().splitlines(keepends=True)
        found = []
        for number, part in enumerate((rows[:100], rows[100:])):
            half = path.with_suffix(f".{number}.csv")
            half.write_text(head + "".join(part))
            found.append(str(half))
        return found


def bare(report: Any) -> dict[str, Any]:
    """Return a report without what says where the rows were read."""
    found = without_places(report.to_dict())
    found["input"]["truth"] = None
    return found


LOSSES = "mse,mae,huber:delta=2,r2"
ALSO: dict[str, Any] = {"weight": "w", "by": "g"}


@pytest.mark.parametrize("kind", KEYS)
def test_a_shuffled_truth_gives_the_bits_of_one_file(kind: str, tmp_path: Path) -> None:
    tables = Tables(tmp_path, KEYS[kind])
    whole = bare(lossctl.evaluate(str(tables.one), LOSSES, key=tables.names, **ALSO))
    pred, truth = tables.halves(tables.pred), tables.halves(tables.truth)
    for data, other in ((str(tables.pred), str(tables.truth)), (pred, truth), (pred, truth[::-1])):
        for block_size, threads in ((None, 1), (64, 1), (997, 2), (5000, 2)):
            found = lossctl.evaluate(
                data,
                LOSSES,
                truth=other,
                key=tables.names,
                block_size=block_size,
                threads=threads,
                **ALSO,
            )
            assert bare(found) == whole


def test_a_large_truth_gives_the_bits_of_one_file(tmp_path: Path) -> None:
    for kind in ("close integers", "far integers", "mixed"):
        tables = Tables(tmp_path, KEYS[kind], 60_000)
        assert min(tables.pred.stat().st_size, tables.truth.stat().st_size) > 1 << 20
        whole = bare(lossctl.evaluate(str(tables.one), LOSSES, key="id", **ALSO))
        found = lossctl.evaluate(
            str(tables.pred), LOSSES, truth=str(tables.truth), key="id", block_size=1 << 18, **ALSO
        )
        assert bare(found) == whole


def test_a_small_side_may_meet_a_large_one(tmp_path: Path) -> None:
    pred, truth = tmp_path / "p.csv", tmp_path / "t.csv"
    pred.write_text("id,yhat\n" + "".join(f"{i},1\n" for i in range(40_000)))
    note = "x" * 40
    truth.write_text("note,id,y\n" + "".join(f"{note},{i},3\n" for i in range(40_000)))
    assert pred.stat().st_size < 1 << 20 < truth.stat().st_size
    assert lossctl.evaluate(str(pred), "mse", truth=str(truth), key="id").value == 4.0
    assert lossctl.evaluate(str(truth), "mse", pred="y", truth=str(pred), key="id").value == 4.0


def test_frames_and_files_may_be_mixed(tmp_path: Path) -> None:
    tables = Tables(tmp_path, KEYS["close integers"])
    whole = bare(lossctl.evaluate(str(tables.one), LOSSES, key="id"))
    pred, truth = pd.read_csv(tables.pred), pd.read_csv(tables.truth)
    mapping = {name: truth[name].to_numpy() for name in truth.columns}
    floats = {**mapping, "id": mapping["id"].astype(float)}
    text = truth.assign(id=truth["id"].astype(str))
    for data in (str(tables.pred), pred, pl.read_csv(tables.pred)):
        for other in (str(tables.truth), truth, pl.read_csv(tables.truth), mapping, floats, text):
            assert bare(lossctl.evaluate(data, LOSSES, truth=other, key="id")) == whole
    report = lossctl.evaluate(pred, "mse", truth=truth, key="id")
    assert report.to_dict()["input"]["truth"] == {"files": [], "key": ["id"]}


def test_by_position(tmp_path: Path) -> None:
    tables = Tables(tmp_path, KEYS["text"])
    whole = bare(lossctl.evaluate(str(tables.one), LOSSES, **ALSO))
    pred, truth = tables.halves(tables.pred), str(tables.one)
    for block_size, threads in ((None, 1), (64, 1), (997, 2), (5000, 2)):
        for data in (str(tables.pred), pred):
            found = lossctl.evaluate(
                data,
                LOSSES,
                truth=truth,
                by_position=True,
                block_size=block_size,
                threads=threads,
                **ALSO,
            )
            assert bare(found) == whole
            assert found.to_dict()["input"]["truth"] == {"files": [truth], "key": None}


@pytest.mark.parametrize(
    ("suffix", "pack"), [(".gz", gzip.compress), (".bz2", bz2.compress), (".xz", lzma.compress)]
)
def test_compressed(suffix: str, pack: Callable[[bytes], bytes], run: Run, write: Write) -> None:
    pred = write("id,yhat\n1,2\n2,5\n")
    truth = write(pack(b"id;y\n2;3\n1;1\n"), f"truth.csv{suffix}")
    assert run("eval", "mse", pred, "--truth", truth, "--key", "id", "-q").out == "2.5\n"


PRED = "id,yhat\n1,2\n2,5\n"
TRUTH = "id,y\n2,3\n1,1\n"


def test_pipes_on_either_side(run: Run, write: Write) -> None:
    pred, truth = write(PRED), write(TRUTH, "truth.csv")
    key = ("--key", "id", "-q")
    for loss in ("mse", "median_ae", "r2"):
        want = run("eval", loss, pred, "--truth", truth, *key).out
        assert run("eval", loss, "--truth", truth, *key, stdin=PRED.encode()).out == want
        assert run("eval", loss, pred, "--truth", "-", *key, stdin=TRUTH.encode()).out == want
        done = shell(f"lossctl eval {loss} <(cat $1) --truth <(cat $2) --key id -q", pred, truth)
        assert (done.out, done.err) == (want, "")
        script = f"lossctl eval {loss} <(cat $1) --truth <(cat $2) --by-position -y yhat -q"
        assert shell(script, pred, pred).out == ("1.0\n" if loss == "r2" else "0.0\n")
    done = run("eval", "mse", "--truth", "-", *key, stdin=PRED.encode())
    assert (done.code, done.err) == (2, "lossctl: standard input can be named once\n")


def test_the_report_says_where_the_truth_was(run: Run, write: Write) -> None:
    pred, truth = write(PRED), write(TRUTH, "truth.csv")
    done = run("eval", "mse", pred, "--truth", truth, "--key", "id", "--json")
    assert done.report["input"]["truth"] == {"files": [str(truth)], "key": ["id"]}
    assert done.report["input"]["files"] == [str(pred)]
    shown = run("eval", "mse", pred, "--truth", truth, "--key", "id").out
    assert shown.startswith(f"{pred} with truth from {truth}: 2 rows; y = y, ŷ = yhat\n")
    assert run("eval", "mse", write("y,yhat\n1,2\n"), "--json").report["input"]["truth"] is None


def test_worst_rows_are_those_of_the_predictions(run: Run, write: Write) -> None:
    pred, truth = write("id,yhat\n\n1,2\n2,5\n"), write(TRUTH, "truth.csv")
    (worst, _) = run("eval", "mse", pred, "--truth", truth, "--key", "id", "--json").result["worst"]
    assert (worst["row"], worst["file"], worst["line"]) == (2, str(pred), 4)
    assert (worst["y"], worst["pred"]) == (3.0, 5.0)


# Which columns


def columns(done: Outcome) -> dict[str, Any]:
    found = done.result["columns"]
    assert isinstance(found, dict)
    return found


def test_each_side_has_its_own_names(run: Run, write: Write) -> None:
    pred = write("id,y,label,note,w\n1,2,7,a,1\n2,5,8,b,3\n")
    truth = write("id,y,g\n2,3,u\n1,1,v\n", "truth.csv")
    both = ("--truth", truth, "--key", "id")
    done = run("eval", "mse", pred, "-p", "y", *both, "--json")
    assert columns(done)["y"] == ["y (truth)"]
    assert columns(done)["pred"] == ["y"]
    assert done.result["value"] == 2.5
    assert run("eval", "mse", pred, "-y", "2", "-p", "2", *both, "-q").out == "2.5\n"
    assert run("eval", "mse", pred, "-y", "[xy]", "-p", "[xy]", *both, "-q").out == "2.5\n"
    weighted = run("eval", "mse", pred, "-p", "y", "-w", "w", *both, "--by", "g", "--json").report
    assert [(r["group"], r["weight"]) for r in weighted["results"]] == [
        ({"g": "u"}, 3.0),
        ({"g": "v"}, 1.0),
    ]
    rows = run("samples", "mse", pred, "-p", "y", *both, "--keep", "g,note", "--keep", "id").lines
    assert rows[0] == "row,y (truth),y,loss,contribution,share,gradient,g,note,id"
    assert rows[1] == "1,1.0,2.0,1.0,0.5,0.2,1.0,v,a,1"


def test_a_weight_is_that_of_the_truth_before_that_of_the_predictions(
    run: Run, write: Write
) -> None:
    pred = write("id,yhat,w\n1,2,5\n2,5,5\n")
    truth = write("id,y,w\n2,3,1\n1,1,0\n", "truth.csv")
    done = run("eval", "mse", pred, "--truth", truth, "--key", "id", "-w", "w", "--json")
    assert columns(done)["weight"] == "w (truth)"
    assert done.result["value"] == 4.0
    done = run("eval", "mse", pred, "--truth", truth, "--key", "id", "-w", "v")
    assert done.code == 3
    assert one_line(done.err)
    assert "there is no column 'v'; the columns are id, yhat, w, y, w (truth)" in done.err


def test_the_one_column_beside_the_key_needs_no_name(run: Run, write: Write) -> None:
    pred, truth = write("id,a\n1,2\n2,5\n"), write("b,id\n3,2\n1,1\n", "truth.csv")
    assert run("eval", "mse", pred, "--truth", truth, "--key", "id", "-q").out == "2.5\n"
    done = run("eval", "mse", write("id,a,c\n1,2,3\n"), "--truth", truth, "--key", "id", "-q")
    assert done.code == 3
    assert "which column is the prediction ŷ? Use -p; the columns are id, a, c" in done.err
    alone = write("v\n1\n3\n", "alone.csv")
    both = ("--truth", alone, "--by-position", "-q")
    assert run("eval", "mse", write("id,a\n1,2\n2,5\n"), "-p", "a", *both).out == "2.5\n"


def test_no_header(run: Run, write: Write) -> None:
    pred, truth = write("1,2\n2,5\n"), write("3,2\n1,1\n", "truth.csv")
    both = ("--truth", truth, "--no-header", "-q")
    assert run("eval", "mse", pred, *both, "--key", "1").code == 3  # 1 and 2 beside 3 and 1
    swapped = write("2,3\n1,1\n", "swapped.csv")
    done = run("eval", "mse", pred, "--truth", swapped, "--no-header", "--key", "1", "-q")
    assert done.out == "2.5\n"


def test_class_names_are_those_of_the_predictions_file(run: Run, write: Write) -> None:
    pred = write("id,cat,dog\n1,0.5,0.5\n2,0.25,0.75\n")
    truth = write("id,cat,label\n2,9,dog\n1,9,cat\n", "truth.csv")
    both = ("--truth", truth, "--key", "id", "-y", "label", "-p", "cat,dog", "--json")
    assert columns(run("eval", "cce", pred, *both))["classes"] == ["cat", "dog"]


# What is refused


def refused(done: Outcome, code: int = 3) -> str:
    assert (done.code, done.out) == (code, "")
    assert one_line(done.err)
    return done.err


MATCH = "Every row needs its match."
ONE = "A key must name one row."


@pytest.mark.parametrize("size", ["small", "fast"])
def test_keys_that_are_not_one_to_one(size: str, run: Run, write: Write) -> None:
    pad = 0 if size == "small" else 200_000
    tail = [f"{i},1\n" for i in range(1000, 1000 + pad)]

    def tables(pred: Sequence[str], truth: Sequence[str]) -> tuple[Any, ...]:
        rows = [[f"{key},1\n" for key in keys] for keys in (pred, truth)]
        one = write("id,yhat\n" + "".join(rows[0] + tail), "p.csv")
        two = write("id,y\n" + "".join(rows[1] + tail[::-1]), "t.csv")
        return ("eval", "mse", one, "--truth", two, "--key", "id", "-q"), one, two

    args, pred, truth = tables(["1", "2", "3", "2", "4", "1", "2"], ["1", "2", "3", "4"])
    error = refused(run(*args))
    assert error == f"{pred}:5: id: 2 keys stand more than once: '2', '1'. {ONE}\n"
    args, pred, truth = tables(["1", "2", "3"], ["3", "2", "3", "1"])
    error = refused(run(*args))
    assert error == f"{truth}:4: id: 1 key stands more than once: '3'. {ONE}\n"
    args, pred, truth = tables(["07", "7", "1", "+8", "8", "9", "10", "11", "12"], ["1"])
    error = refused(run(*args))
    shown = "'07', '7', '+8', '8', '9', …"
    assert error == f"{pred}:2: id: 8 keys are not in {truth}: {shown}. {MATCH}\n"
    args, pred, truth = tables(["1", "2"], ["2", "1", "3"])
    error = refused(run(*args))
    assert error == f"{truth}:4: id: 1 key is not in {pred}: '3'. {MATCH}\n"


def test_unmatched_keys_can_be_told_from_other_errors(write: Write) -> None:
    pred, truth = write(PRED), write("id,y\n2,3\n", "truth.csv")
    with pytest.raises(UnmatchedKeys) as caught:
        lossctl.evaluate(str(pred), "mse", truth=str(truth), key="id")
    assert (caught.value.file, caught.value.line, caught.value.column) == (str(pred), 2, "id")
    with pytest.raises(UnmatchedKeys, match="row 1 of the predictions in memory: 1 key is not in"):
        lossctl.evaluate({"id": [1, 2], "yhat": [1, 2]}, "mse", truth=str(truth), key="id")
    with pytest.raises(UnmatchedKeys, match="row 2 of the truth in memory: 1 key stands more"):
        lossctl.evaluate(str(pred), "mse", truth={"id": ["2", "2"], "y": [1, 2]}, key="id")


def test_keys_are_shown_and_never_interpreted(run: Run, write: Write) -> None:
    long = "x" * 100
    pred = write(f'id,day,yhat\n"\x1b[31m[b]{long}",é,2\n')
    truth = write("day,id,y\n1,2,3\n", "truth.csv")
    error = refused(run("eval", "mse", pred, "--truth", truth, "--key", "id,day", "-q"))
    assert f"{pred}:2: id, day: 1 key is not in {truth}: ('�[31m[b]xxx" in error
    assert "…', 'é')" in error
    assert len(error) < 300 + 2 * len(str(truth))


def test_a_file_that_is_one_of_several_is_named(run: Run, write: Write) -> None:
    one, two = write("id,yhat\n1,2\n", "1.csv"), write("id,yhat\n2,2\n9,2\n", "2.csv")
    a, b = write("id,y\n2,2\n", "a.csv"), write("id,y\n1,2\n", "b.csv")
    truth = ("--truth", a, "--truth", b, "--key", "id", "-q")
    error = refused(run("eval", "mse", one, two, *truth))
    assert error == f"{two}:3: id: 1 key is not in {a}, {b}: '9'. {MATCH}\n"


@pytest.mark.parametrize("cell", ["", "  ", '""'])
def test_a_key_is_not_empty(cell: str, run: Run, write: Write) -> None:
    pred, truth = write(PRED), write(f"id,y\n2,3\n{cell},1\n", "truth.csv")
    for rule in ("error", "skip"):
        done = run("eval", "mse", pred, "--truth", truth, "--key", "id", "--missing", rule)
        assert refused(done) == f"{truth}:3: id: a key must not be empty\n"
    with pytest.raises(InputError, match="row 2: a key must not be empty"):
        lossctl.evaluate(str(pred), "mse", truth={"id": ["1", None], "y": [1, 2]}, key="id")


def test_blanks_around_a_key_are_no_part_of_it(run: Run, write: Write) -> None:
    pred = write('id,yhat\n 7,2\n"8\t",5\n')
    truth = write("id,y\n8 ,3\n7,1\n", "truth.csv")
    assert run("eval", "mse", pred, "--truth", truth, "--key", "id", "-q").out == "2.5\n"


@pytest.mark.parametrize(
    ("options", "rule"),
    [
        (("--truth", "{t}"), "say how the rows of --truth are matched"),
        (("--truth", "{t}", "--key", "id", "--by-position"), "exclude one another"),
        (("--by-position",), "--by-position matches the rows of two files"),
    ],
)
def test_wrong_usage(options: Sequence[str], rule: str, run: Run, write: Write) -> None:
    pred, truth = write(PRED), write(TRUTH, "truth.csv")
    chosen = [option.format(t=truth) for option in options]
    assert rule in refused(run("eval", "mse", pred, *chosen), 2)


def test_a_key_is_one_column_of_each_file(run: Run, write: Write) -> None:
    pred, truth = write(PRED), write("ID,y\n1,1\n", "truth.csv")
    error = refused(run("eval", "mse", pred, "--truth", truth, "--key", "id"))
    assert error == f"{truth}: there is no column 'id'; the columns are ID, y\n"
    error = refused(run("eval", "mse", pred, "--truth", truth, "--key", "ID"))
    assert error == f"{pred}: there is no column 'ID'; the columns are id, yhat\n"
    twice = write("id,y,id\n1,1,2\n", "twice.csv")
    error = refused(run("eval", "mse", pred, "--truth", twice, "--key", "id"))
    assert error.startswith(f"{twice}: 2 columns are called 'id', and a key must be one; ")


def test_a_key_alone_changes_nothing_but_the_hashes(run: Run, write: Write) -> None:
    path = write("id,y,yhat\n1,1,2\n2,3,5\n")
    keyed, plain = (
        run("eval", "mse", path, *key, "--json").report for key in (["--key", "id"], [])
    )
    hashes = [report["results"][0].pop("hashes") for report in (keyed, plain)]
    assert hashes[0]["key"] == ["id"]
    assert hashes[0]["truth"] != hashes[1]["truth"]
    assert "|key=id|" in keyed.pop("signature")
    assert "key=" not in plain.pop("signature")
    assert keyed == plain


@pytest.mark.parametrize("rows", [(2, 3), (3, 2), (2, 200_000), (200_000, 2)])
def test_rows_by_position_are_as_many(rows: tuple[int, int], run: Run, write: Write) -> None:
    pred = write("yhat\n" + "0.1234567\n" * rows[0])
    truth = write("y\n" + "0.1234567\n" * rows[1], "truth.csv")
    error = refused(run("eval", "mse", pred, "--truth", truth, "--by-position", "-q"))
    assert error.startswith(f"{pred}: has {rows[0]} rows and {truth} has {rows[1]}: ")


def test_a_side_without_rows(run: Run, write: Write) -> None:
    full, empty = write(PRED), write("id,y\n", "truth.csv")
    for how in (("--key", "id"), ("--by-position",)):
        error = refused(run("eval", "mse", full, "--truth", empty, *how))
        assert error == f"{empty}: has a header and no rows\n"
        error = refused(run("eval", "mse", empty, "--truth", full, "-y", "yhat", "-p", "y", *how))
        assert error == f"{empty}: has a header and no rows\n"


# Where cells are


@pytest.mark.parametrize("how", [("--key", "id"), ("--by-position",)])
def test_a_wrong_cell_of_the_truth_is_found_in_its_file(
    how: Sequence[str], run: Run, write: Write
) -> None:
    truth = write("y,id\n\n0,1\n1,2\n0.5,3\n7,4\n0,5\n", "truth.csv")
    order = (5, 4, 3, 2, 1) if how[0] == "--key" else (1, 2, 3, 4, 5)
    pred = write("id,p\n" + "".join(f"{i},0.5\n" for i in order))
    error = refused(run("eval", "bce", pred, "--truth", truth, *how))
    assert error.startswith(f"{truth}:6: y: ")
    assert "got 7" in error
    pred = write("id,y\n" + "".join(f"{i},0.5\n" for i in order))  # the truth is "y (truth)"
    error = refused(run("eval", "bce", pred, "-p", "y", "--truth", truth, *how))
    assert error.startswith(f"{truth}:6: y: ")
    text = write("y,id\n0,1\n1,2\nx,3\n0,4\n0,5\n", "truth.csv")
    assert refused(run("eval", "bce", pred, "-p", "y", "--truth", text, *how)).startswith(
        f"{text}:4: y: "
    )


def test_labels_of_two_conventions_are_found_in_the_truth(run: Run, write: Write) -> None:
    pred = write("id,yhat\n3,1\n1,1\n2,1\n")
    truth = write("id,y\n1,-1\n2,0\n3,1\n", "truth.csv")
    error = refused(run("eval", "hinge", pred, "--truth", truth, "--key", "id"))
    assert error.startswith(f"{truth}:3: y: ")
    assert error.endswith("the other stands in row 1\n")


@pytest.mark.parametrize("block_size", [None, 16])
def test_missing_cells_of_either_side(block_size: int | None, write: Write) -> None:
    pred = write("id,yhat\n1,2\n2,NA\n3,5\n4,inf\n")
    truth = write("id,y\n4,1\n3,NA\n2,1\n1,4\n", "truth.csv")
    base: dict[str, Any] = {"block_size": block_size, "truth": str(truth)}
    for how, lacking, value in (({"key": "id"}, 3, 4.0), ({"by_position": True}, 2, 8.5)):
        options = {**base, **how}
        with pytest.raises(InputError, match=f"and {lacking} rows in all") as caught:
            lossctl.evaluate(str(pred), "mse", **options)
        assert (caught.value.file, caught.value.line) == (str(pred), 3)
        assert caught.value.column == "yhat"
        report = lossctl.evaluate(str(pred), "mse", missing="skip", **options)
        assert (report.rows, report.skipped, report.nonfinite) == (4, lacking, 1)
        assert report.value == value
    whole = write("id,yhat\n1,2\n2,3\n3,5\n4,2\n")
    with pytest.raises(InputError, match="a missing value") as caught:
        lossctl.evaluate(str(whole), "mse", key="id", **base)
    assert (caught.value.file, caught.value.line) == (str(truth), 3)
    assert caught.value.column == "y"


# Passes that read twice


def test_samples_and_gradcheck(run: Run, write: Write) -> None:
    one = write("id,y,yhat,g\n1,1,2,1\n2,3,5,2\n", "one.csv")
    pred, truth = write("id,yhat,g\n1,2,1\n2,5,2\n"), write(TRUTH, "truth.csv")
    both = ("--truth", truth, "--key", "id")
    assert run("samples", "mse", pred, *both).out == run("samples", "mse", one).out
    assert (
        run("samples", "mse", *both, stdin=pred.read_bytes()).out == run("samples", "mse", one).out
    )
    checked = run("gradcheck", "mse", pred, "--grad", "g", *both, "--json")
    assert checked.code == 0
    assert checked.out.replace(str(pred), "") == run(
        "gradcheck", "mse", one, "--grad", "g", "--json"
    ).out.replace(str(one), "")
    frame = lossctl.samples(pd.read_csv(pred), "mse", truth=pd.read_csv(truth), key="id")
    assert frame["loss"].tolist() == [1.0, 4.0]


def test_the_gradient_is_a_column_of_the_predictions(run: Run, write: Write) -> None:
    pred = write("id,yhat,g\n1,2,1\n2,5,2\n")
    truth = write("id,y,g\n2,3,8\n1,1,9\n", "truth.csv")
    done = run("gradcheck", "mse", pred, "--grad", "g", "--truth", truth, "--key", "id")
    assert done.code == 0


def test_a_median_over_many_rows() -> None:
    n = (1 << 20) + 5
    y = np.arange(n, dtype=float)
    pred = {"id": np.arange(n)[::-1], "yhat": y[::-1] + np.sqrt(y[::-1])}
    truth = {"id": np.arange(n), "y": y}
    joined = {"y": y, "yhat": y + np.sqrt(y)}
    found = lossctl.evaluate(pred, "median_ae", truth=truth, key="id", value_only=True)
    assert found.value == lossctl.evaluate(joined, "median_ae", value_only=True).value


def test_a_truth_that_changes_between_the_passes_is_noticed(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    from lossctl import passes, sampling

    pred, truth = write(PRED), write(TRUTH, "truth.csv")
    first = passes.first_pass

    def tampered(*args: Any) -> Any:
        found = first(*args)
        truth.write_text("id,y\n2,3\n1,1.5\n")
        return found

    monkeypatch.setattr(sampling, "first_pass", tampered)
    with pytest.raises(InputError, match="changed between the two passes over it"):
        lossctl.samples(str(pred), "mse", truth=str(truth), key="id")


def test_python_takes_one_key_or_several(write: Write) -> None:
    pred = write("a,b,yhat\n1,1,2\n1,2,5\n")
    truth = write("b,a,y\n2,1,3\n1,1,1\n", "truth.csv")
    for key in ("a,b", ["a", "b"], ["b,a"], ("b", "a", "b")):
        assert lossctl.evaluate(str(pred), "mse", truth=str(truth), key=key).value == 2.5
    with pytest.raises(UsageError):
        lossctl.evaluate(str(pred), "mse", truth=str(truth), key=())

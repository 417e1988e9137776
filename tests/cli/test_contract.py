"""The lines that the documentation promises, and the promises that hold for every file."""

from __future__ import annotations

import json
import math
import random
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import lossctl

from .program import SAMPLES, Outcome, Run, process, shell

Write = Callable[..., Path]

FIGURES = ("n", "weight", "value", "sum", "per_sample", "gradient")


def figures(done: Outcome) -> list[str]:
    """Return the figures of every result as the JSON spells them."""
    assert (done.code, done.err) == (0, "")
    return [
        json.dumps({name: result[name] for name in FIGURES}) for result in done.report["results"]
    ]


# Lines to be found in the documentation, as a shell runs them


def test_the_first_line_of_all() -> None:
    done = shell(r"printf 'y,yhat\n1,2\n3,5\n' | lossctl eval mse -q")
    assert (done.code, done.out, done.err) == (0, "2.5\n", "")


def test_a_fair_die() -> None:
    done = shell("lossctl eval entropy sample_data/dice.csv -p fair -q")
    assert (done.code, done.out, done.err) == (0, "1.791759469228055\n", "")


def test_a_loaded_die(run: Run) -> None:
    dice = SAMPLES / "dice.csv"
    done = run("eval", "cross_entropy", dice, "-y", "fair", "-p", "loaded", "-q")
    assert done.out.startswith("2.0343")
    expected = -(math.log(0.5) + 5 * math.log(0.1)) / 6
    assert float(done.out) == pytest.approx(expected, rel=1e-15)


def test_probabilities_and_their_logits_cost_the_same(run: Run) -> None:
    spec = "bce:pred=prob,bce_with_logits:pred=logit"
    one, other = map(float, run("eval", spec, SAMPLES / "breast_cancer.csv", "-q").lines)
    assert one == pytest.approx(other, rel=1e-6)
    spec = "cce:pred=p_*,cce_with_logits:pred=z_*"
    one, other = map(float, run("eval", spec, SAMPLES / "digits.csv", "-y", "digit", "-q").lines)
    assert one == pytest.approx(other, rel=1e-6)


def test_head_reads_three_lines_and_nobody_complains() -> None:
    done = shell('lossctl samples mse sample_data/diabetes.csv | head -3; echo "${PIPESTATUS[@]}"')
    *lines, status = done.lines
    assert len(lines) == 3
    assert lines[0] == "row,y,yhat,loss,contribution,share,gradient"
    assert done.err == ""
    # 0 where the pipe held all that was left when head went away
    assert status in {f"{128 + signal.SIGPIPE} 0", "0 0"}


def test_a_closed_pipe_ends_it_as_it_ends_any_filter(big: Path) -> None:
    script = 'lossctl samples mse "$1" | head -1; echo "${PIPESTATUS[@]}"'
    done = shell(script, big)
    assert done.lines == [
        "row,y,yhat,loss,contribution,share,gradient",
        f"{128 + signal.SIGPIPE} 0",
    ]
    assert done.err == ""
    as_cat_has_it = shell('cat "$1" | head -1; echo "${PIPESTATUS[@]}"', big)
    assert as_cat_has_it.lines[1] == done.lines[1]


def test_an_error_is_one_line(write: Write) -> None:
    path = write("y,p\n" + "1,0.5\n" * 1040 + "1,1.7\n")
    done = process("eval", "bce", "preds.csv", cwd=path.parent)
    assert (done.code, done.out) == (3, "")
    assert done.err == (
        "preds.csv:1042: p: p must be in [0, 1], got 1.7. Logits? Use bce_with_logits.\n"
    )


# The same figures, to the last bit


def test_the_order_of_rows_makes_no_difference(run: Run, big: Path, tmp_path: Path) -> None:
    head, *rows = big.read_text().splitlines()
    expected = figures(run("eval", "mse,rmse,mae", big, "-w", "w", "--json"))
    assert len(expected) == 3
    for seed in (1, 2):
        random.Random(seed).shuffle(rows)
        path = tmp_path / f"shuffled{seed}.csv"
        path.write_text("\n".join([head, *rows]) + "\n")
        assert figures(run("eval", "mse,rmse,mae", path, "-w", "w", "--json")) == expected


def test_neither_do_files_pipes_threads_and_blocks(run: Run, big: Path, tmp_path: Path) -> None:
    common = ("eval", "mse,rmse", "--json")
    expected = figures(run(*common, big))
    head, *rows = big.read_text().splitlines()
    parts = []
    for index, (start, stop) in enumerate([(0, 1), (1, 30_000), (30_000, None)]):
        parts.append(tmp_path / f"part{index}.csv")
        parts[-1].write_text("\n".join([head, *rows[start:stop]]) + "\n")
    assert figures(run(*common, *parts)) == expected
    assert figures(run(*common, *reversed(parts))) == expected
    assert figures(run(*common, stdin=big.read_bytes())) == expected
    for threads in (1, 2, 5):
        assert figures(run(*common, big, "--threads", threads)) == expected
    for size in (100_000, 333_333):
        report = lossctl.evaluate(big, "mse,rmse", block_size=size).to_dict()["results"]
        assert [json.dumps({name: result[name] for name in FIGURES}) for result in report] == (
            expected
        )


def test_a_real_pipe_gives_the_same_bytes(big: Path) -> None:
    by_name = process("eval", "mse", big, "--json", "--threads", 1).report
    by_pipe = shell('cat "$1" | lossctl eval mse --json --threads 2', big).report
    assert by_pipe["input"]["files"] == ["<stdin>"]
    for name in FIGURES:
        assert by_pipe["results"][0][name] == by_name["results"][0][name]


def test_samples_are_the_same_bytes_from_a_file_and_from_a_pipe(run: Run, big: Path) -> None:
    expected = run("samples", "rmse", big).raw
    assert run("samples", "rmse", stdin=big.read_bytes()).raw == expected
    assert run("samples", "rmse", big, "--threads", "2").raw == expected


# What the samples add up to

SUMS: list[tuple[str, str, list[str]]] = [
    ("mse", "diabetes.csv", ["-y", "y", "-p", "yhat"]),
    ("mse", "diabetes.csv", ["-y", "y", "-p", "yhat", "-w", "weight"]),
    ("mae", "diabetes.csv", ["-y", "y", "-p", "q50", "-w", "weight"]),
    ("bce", "breast_cancer.csv", ["-p", "prob"]),
    ("cce", "wine.csv", ["-y", "cultivar", "-p", "p_*"]),
    ("entropy", "dice.csv", ["-p", "loaded"]),
    ("cross_entropy", "dice.csv", ["-y", "fair", "-p", "loaded"]),
]


@pytest.mark.parametrize(("loss", "name", "options"), SUMS, ids=lambda value: str(value)[:20])
def test_contributions_add_up_to_the_value_and_shares_to_one(
    run: Run, loss: str, name: str, options: list[str]
) -> None:
    rows = run("samples", loss, SAMPLES / name, *options, "-f", "jsonl").records
    value = run("eval", loss, SAMPLES / name, *options, "--json").result["value"]
    assert math.fsum(row["contribution"] for row in rows) == pytest.approx(value, rel=1e-14)
    assert math.fsum(row["share"] for row in rows) == pytest.approx(1.0, rel=1e-14)


@pytest.mark.parametrize("weight", [(), ("-w", "weight")], ids=["plain", "weighted"])
@pytest.mark.parametrize("loss", ["mse", "rmse", "mae"])
def test_gradients_add_up_to_the_mean_of_the_report(
    run: Run, loss: str, weight: tuple[str, ...]
) -> None:
    common = (SAMPLES / "diabetes.csv", "-y", "y", "-p", "yhat", *weight)
    entries = [row["gradient"] for row in run("samples", loss, *common, "-f", "jsonl").records]
    gradient: dict[str, Any] = run("eval", loss, *common, "--json").result["gradient"]
    magnitude = math.fsum(map(abs, entries))
    assert gradient["l1"] == pytest.approx(magnitude, rel=1e-14)
    total = gradient["mean"] * len(entries)
    assert math.fsum(entries) == pytest.approx(total, rel=0, abs=1e-14 * magnitude)
    assert math.sqrt(math.fsum(g * g for g in entries)) == pytest.approx(gradient["l2"], rel=1e-14)
    assert (min(entries), max(entries)) == (gradient["min"], gradient["max"])
    assert sum(g > 0 for g in entries) == gradient["positive"]


def test_the_gradient_of_the_root_is_that_of_the_number_printed(run: Run) -> None:
    common = (SAMPLES / "diabetes.csv", "-y", "y", "-p", "yhat", "-f", "jsonl")
    root = run("samples", "rmse", *common).records
    mean = run("samples", "mse", *common).records
    value = float(run("eval", "rmse", *common[:-2], "-q").out)
    for of_root, of_mean in zip(root, mean, strict=True):
        assert of_root["gradient"] == pytest.approx(of_mean["gradient"] / (2 * value), rel=1e-14)

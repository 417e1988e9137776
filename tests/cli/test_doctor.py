"""``lossctl doctor``: planted accidents are found and named, honest data are left in peace."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

import lossctl
from lossctl.diagnosis import Diagnosis, Finding
from lossctl.errors import InputError, UsageError

from .program import HELP, SAMPLES, Run, plain, strict_json, validator

Write = Callable[..., Path]
ROWS = 120


def draw(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng([20251, seed])


def text_of(columns: Mapping[str, Any]) -> str:
    rows = zip(*columns.values(), strict=True)
    lines = [",".join(columns), *(",".join(map(str, row)) for row in rows)]
    return "\n".join(lines) + "\n"


def chances(n: int = ROWS, seed: int = 0) -> tuple[list[int], list[float]]:
    """Labels and calibrated probabilities of them."""
    rng = draw(seed)
    p = rng.beta(0.7, 0.7, n).clip(0.001, 0.999).round(6)
    return (rng.random(n) < p).astype(int).tolist(), p.tolist()


def regression(n: int = ROWS, seed: int = 0) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    rng = draw(seed)
    y = rng.normal(50.0, 10.0, n)
    return y, y + rng.normal(0.0, 3.0, n)


def found(data: Any, **options: Any) -> dict[str, Finding]:
    """Return the findings by their names."""
    return {finding.name: finding for finding in lossctl.doctor(data, **options).findings}


def only(data: Any, **options: Any) -> Finding:
    """Return the only warning."""
    (finding,) = lossctl.doctor(data, **options).warnings
    return finding


def test_help(run: Run) -> None:
    """Refresh: COLUMNS=80 python -m lossctl doctor --help > tests/cli/help/doctor.txt."""
    done = run("doctor", "--help")
    assert (done.code, done.out) == (0, (HELP / "doctor.txt").read_text(encoding="utf-8"))


def test_percent_is_named_with_its_first_line(run: Run, write: Write) -> None:
    y, p = chances()
    path = write(text_of({"y": y, "p": [round(100 * x, 4) for x in p]}))
    done = run("doctor", path, "--json")
    assert (done.code, done.err) == (0, "")
    (finding,) = json.loads(done.out)["findings"]
    first = next(at for at, x in enumerate(p) if 100 * x > 1.0) + 2
    assert (finding["name"], finding["level"]) == ("percent", "warning")
    assert finding["advice"] == "Percent? Divide by 100"
    assert (finding["file"], finding["line"], finding["row"]) == (str(path), first, first - 1)
    outside = sum(100 * x > 1.0 for x in p)
    assert f"{outside} rows outside [0, 1]" in finding["text"]


def test_logits_are_scored_as_logits() -> None:
    y, p = chances()
    z = [math.log(x / (1 - x)) for x in p]
    diagnosis = lossctl.doctor({"y": y, "p": z})
    assert not diagnosis.warnings
    (finding,) = diagnosis.findings
    assert finding.name == "logits"
    assert "bce_with_logits" in finding.advice
    assert diagnosis.fits[0].losses[0] == "bce_with_logits"
    assert "logits" not in found({"y": y, "logit": z})  # the name says so already


@pytest.mark.parametrize(
    ("labels", "level", "advice"),
    [
        ((1, 2), "warning", "Say which one counts as 1: --positive 2"),
        (("no", "yes"), "warning", "Say which one counts as 1: --positive yes"),
        (("yes", "zero"), "warning", "Say which one counts as 1: --positive yes"),
        ((-1, 1), "note", "Good for hinge and logistic; for bce use --positive 1"),
    ],
)
def test_labels_that_are_not_0_and_1(labels: tuple[Any, Any], level: str, advice: str) -> None:
    y, p = chances()
    finding = found({"y": [labels[x] for x in y], "p": p})["labels"]
    assert (finding.level, finding.advice) == (level, advice)
    assert "labels" not in found({"y": [labels[x] for x in y], "p": p}, positive=labels[1])


def test_columns_that_are_swapped() -> None:
    y, p = chances()
    finding = only({"y": p, "yhat": y})
    assert (finding.name, finding.advice) == ("swapped", "Swapped? Use -y yhat -p y")


@pytest.mark.parametrize("lag", [1, -1])
@pytest.mark.parametrize("kind", ["numbers", "chances"])
def test_predictions_that_come_a_row_late_or_early(lag: int, kind: str) -> None:
    if kind == "numbers":
        y, p = regression()
        data = {"y": y, "yhat": np.roll(p, lag)}
    else:
        labels, likely = chances()
        sure = [min(0.99, max(0.01, 0.9 * x + 0.05)) for x in labels]
        data = {"y": np.array(labels), "p": np.roll(sure, lag)}
        assert likely
    finding = only(data)
    assert finding.name == "shifted"
    assert f"one row {'late' if lag == 1 else 'early'}" in finding.text
    assert finding.advice.startswith("Join truth and predictions by a key")


def classes(order: Sequence[int], n: int = ROWS) -> dict[str, Any]:
    """Labels a, b, c and probabilities whose columns stand in an order."""
    rng = draw(3)
    label = rng.integers(0, 3, n)
    scores = rng.normal(0.0, 1.0, (n, 3)) + 4.0 * np.eye(3)[label]
    p = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    names = ["a", "b", "c"]
    return {
        "label": [names[at] for at in label],
        **{f"p_{names[at]}": p[:, place] for at, place in enumerate(order)},
    }


def test_classes_in_another_order() -> None:
    assert not lossctl.doctor(classes([0, 1, 2])).findings
    finding = only(classes([1, 0, 2]))
    assert finding.name == "class order"
    assert "p_a is of b, p_b is of a" in finding.text
    assert finding.advice.endswith("rename or reorder them")
    turned = only(classes([1, 2, 0]))
    assert "p_a is of b, p_b is of c, p_c is of a" in turned.text


def test_classes_a_row_late() -> None:
    data = classes([0, 1, 2])
    data["label"] = [data["label"][-1], *data["label"][:-1]]
    finding = only(data)
    assert finding.name == "shifted"
    assert "agreement (kappa)" in finding.text


def test_probabilities_that_do_not_sum_to_1() -> None:
    data = classes([0, 1, 2])
    data["p_b"] = data["p_b"].copy()
    data["p_b"][[4, 9]] *= 0.5
    data["p_b"][[4, 9]] += 0.03
    finding = found(data)["sums"]
    assert (finding.level, finding.row) == ("warning", 5)
    assert finding.advice.startswith("Rescale them: --normalize")


def test_probabilities_of_exactly_0_or_1() -> None:
    y, p = chances()
    at = next(i for i, label in enumerate(y) if label == 1 and i > 3)
    p[at] = 0.0
    finding = only({"y": y, "p": p})
    assert (finding.name, finding.row) == ("saturated", at + 1)
    assert "1 of 120 rows are exactly 0 or 1, 1 of them wrong: bce is infinite" in finding.text
    assert finding.advice.endswith("bce:eps=1e-7")
    p[at] = 1.0
    assert found({"y": y, "p": p})["saturated"].level == "note"


@pytest.mark.parametrize(
    ("make", "advice"),
    [
        (lambda y: y * 100, "Divide yhat by 100"),
        (lambda y: y * 1000, "Divide yhat by 1000"),
        (lambda y: y / 100, "Multiply yhat by 100"),
        (lambda y: y / 1000, "Multiply yhat by 1000"),
        (np.log, "Take exp of yhat"),
        (lambda y: 5000.0 - 3.0 * (5000.0 - y) / 3.7, "Use "),
    ],
)
def test_predictions_on_another_scale(make: Callable[[Any], Any], advice: str) -> None:
    rng = draw(5)
    y = rng.lognormal(3.0, 1.0, ROWS) + 1.0
    finding = only({"y": y, "yhat": make(y * rng.normal(1.0, 0.01, ROWS))})
    assert finding.name == "scale"
    assert finding.advice.startswith(advice)


def test_the_exponential_of_the_truth() -> None:
    rng = draw(6)
    y = rng.normal(4.0, 1.5, ROWS)
    finding = only({"y": y, "yhat": np.exp(y) * (1.0 + rng.normal(0.0, 1e-3, ROWS))})
    assert (finding.name, finding.advice) == ("scale", "Take the log of yhat")


def test_predictions_of_the_standardised_truth() -> None:
    y, p = regression()
    finding = only({"y": y, "yhat": (p - p.mean()) / p.std()})
    assert finding.name == "scale"
    assert "looks standardised" in finding.text
    assert finding.advice.startswith("Undo the scaling of y, about 5")


def test_constants() -> None:
    y, p = regression()
    assert only({"y": y, "yhat": np.full(ROWS, 3.0)}).text == (
        "yhat: the prediction is 3 in all of 120 rows"
    )
    assert only({"y": np.full(ROWS, 3.0), "yhat": p}).text == (
        "y: the truth is 3 in all of 120 rows"
    )


def test_missing_cells_are_counted(run: Run, write: Write) -> None:
    y, p = regression()
    cells = list(map(str, p))
    cells[4] = cells[7] = ""
    cells[9] = "inf"
    path = write(text_of({"y": y.tolist(), "yhat": cells}))
    done = run("doctor", path, "--strict")
    assert done.code == 1
    found_here = [f for f in lossctl.doctor(path).findings if f.name == "missing"]
    assert [(f.text, f.line) for f in found_here] == [
        ("yhat: missing in 2 of 120 rows", 6),
        ("yhat: infinite in 1 of 120 rows", 11),
    ]
    assert {f.advice for f in found_here} == {"Leave such rows out: --missing skip"}
    assert run("doctor", path, "--strict", "--missing", "skip").code == 0


def test_cells_that_are_no_numbers() -> None:
    y, p = regression()
    cells: list[Any] = p.tolist()
    cells[3] = "n.a."
    finding = found({"y": y, "yhat": cells})["not numbers"]
    assert (finding.row, finding.level) == (4, "warning")
    assert "1 of 120 cells are no numbers, the first is 'n.a.'" in finding.text


def test_rows_that_repeat_a_key(write: Write) -> None:
    y, p = regression()
    ids = list(range(ROWS))
    ids[50] = 7
    path = write(text_of({"id": ids, "y": y.tolist(), "yhat": p.tolist()}))
    finding = only(path)
    assert (finding.name, finding.line) == ("duplicates", 52)
    assert finding.text == "1 row repeats an earlier id, the first like line 9"
    assert found(path, key="y") == {}
    with pytest.raises(InputError):
        lossctl.doctor(path, key="nothing")


def test_a_file_that_was_joined_to_itself() -> None:
    y, p = regression()
    finding = only({"y": [*y, *y], "yhat": [*p, *p]})
    assert (finding.name, finding.row) == ("duplicates", ROWS + 1)
    assert finding.advice == "Every row comes equally often: was the file joined to itself?"
    once = found({"y": [*y, y[3]], "yhat": [*p, p[3]]})["duplicates"]
    assert (once.level, once.row) == ("note", ROWS + 1)


def test_one_row_that_is_most_of_the_loss() -> None:
    y, p = regression()
    p[17] += 500.0
    finding = found({"y": y, "yhat": p})["one row"]
    assert (finding.level, finding.row) == ("note", 18)
    assert "rmse of yhat" in finding.text


def test_predictions_that_are_mostly_the_truth() -> None:
    y, p = regression()
    p[: ROWS // 2] = y[: ROWS // 2]
    finding = found({"y": y, "yhat": p})["gradient"]
    assert "50% of the rows have a gradient of exactly 0, and cost nothing" in finding.text


def test_a_header_that_is_data() -> None:
    y, p = regression()
    finding = found({"1.5": y, "2.5": p})
    assert finding == {}  # a mapping has names, no header line


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("breast_cancer.csv", {}),
        ("breast_cancer.csv", {"pred": "logit"}),
        ("diabetes.csv", {}),
        ("diabetes.csv", {"weight": "weight"}),
        ("diabetes.csv", {"pred": "q10,q50,q90"}),
        ("diabetes.csv", {"pred": "m_*"}),
        ("digits.csv", {"y": "digit", "pred": "p_*"}),
        ("digits.csv", {"y": "digit", "pred": "z_*"}),
        ("wine.csv", {}),
        ("wine.csv", {"y": "cultivar", "pred": "lp_*"}),
        ("linnerud.csv", {"y": "y_*", "pred": "rate_*"}),
        ("linnerud.csv", {"y": "y_*", "pred": "log_*"}),
        ("dice.csv", {"y": "fair", "pred": "loaded"}),
    ],
)
def test_the_sample_files_have_no_warning_and_their_commands_run(
    name: str, options: dict[str, Any]
) -> None:
    diagnosis = lossctl.doctor(SAMPLES / name, **options)
    assert diagnosis.warnings == ()
    assert diagnosis.fits
    for fit in diagnosis.fits:
        report = lossctl.evaluate(SAMPLES / name, ",".join(fit.losses), fit.y, fit.pred)
        assert len(report.results) == len(fit.losses)  # all that are listed do run
        assert fit.command.startswith(f"lossctl {','.join(fit.losses[:2])} ")


HONEST = st.integers(0, 2**32 - 1)
SIZES = st.integers(1, 400)


@settings(max_examples=40, deadline=None)
@given(HONEST, SIZES, st.sampled_from(["normal", "walk", "ar", "forecast", "chances", "useless"]))
def test_honest_data_give_no_warning(seed: int, n: int, kind: str) -> None:
    rng = np.random.default_rng(seed)
    noise = rng.normal(0.0, 1.0, n + 1)
    data: dict[str, Any]
    if kind == "chances":
        p = rng.beta(2.0, 2.0, n)
        data = {"y": (rng.random(n) < p).astype(int), "p": p}
    elif kind == "useless":
        data = {"y": rng.normal(0.0, 1.0, n), "yhat": rng.normal(0.0, 1.0, n)}
    elif kind in ("ar", "forecast"):
        phi = float(rng.choice([0.2, 0.4, 0.6, 0.9, 0.99]))
        series = np.zeros(n + 1)
        for t in range(1, n + 1):
            series[t] = phi * series[t - 1] + noise[t]
        best = phi * series[:-1]  # the best forecast there is
        own = series[1:] + rng.normal(0.0, 0.5, n)
        data = {"y": series[1:], "yhat": best if kind == "forecast" else own}
    else:
        y = np.cumsum(noise[1:]) if kind == "walk" else noise[1:]
        data = {"y": y, "yhat": y + rng.normal(0.0, float(rng.choice([0.1, 1.0])), n)}
    constant = {"constant"} if len(set(data["y"])) == 1 else set()
    warned = {finding.name for finding in lossctl.doctor(data).warnings}
    assert warned <= constant
    order = rng.permutation(n)
    shuffled = {name: np.asarray(column)[order] for name, column in data.items()}
    assert {finding.name for finding in lossctl.doctor(shuffled).warnings} <= constant


@pytest.mark.parametrize("accident", ["late", "percent", "classes", "double", "scale", "missing"])
def test_blocks_and_threads_make_no_difference(write: Write, accident: str) -> None:
    y, p = regression()
    labels, likely = chances()
    data: dict[str, dict[str, Any]] = {
        "late": {"y": y, "yhat": np.roll(p, 1)},
        "percent": {"y": labels, "p": [100 * x for x in likely]},
        "classes": classes([1, 0, 2]),
        "double": {"y": [*y, *y], "yhat": [*p, *p]},
        "scale": {"y": y, "yhat": p * 100},
        "missing": {"y": y, "yhat": [*p[:60].tolist(), "", "x", "inf", *p[63:].tolist()]},
    }
    path = write(text_of(data[accident]))
    whole = lossctl.doctor(path)
    assert whole.warnings
    for size in (1, 37, 512):
        for threads in (1, 2):
            assert lossctl.doctor(path, block_size=size, threads=threads) == whole


def test_columns_that_cannot_be_told_are_listed(run: Run, write: Write) -> None:
    rng = draw(8)
    data = {
        "when": [f"t{at}" for at in range(20)],
        "colour": ["red", "blue"] * 10,
        "hit": [0, 1] * 10,
        "chance": rng.random(20).round(3),
        "size": [*range(1, 21)],
        "pred": rng.normal(0.0, 9.0, 20).round(2),
        "void": [""] * 20,
    }
    path = write(text_of(data))
    done = run("doctor", path, "--strict")
    assert (done.code, done.err) == (0, "")
    lines = plain(done.out)
    assert "which column is the truth y? Use -y" in lines
    for name, looks in (
        ("when", "unique ids"),
        ("colour", "text, 2 labels"),
        ("hit", "labels 0 and 1"),
        ("chance", "probabilities, "),
        ("size", "whole numbers, 1 to 20"),
        ("pred", "numbers, "),
        ("void", "nothing"),
    ):
        assert any(
            line[1:].strip().startswith(name) and looks in line for line in lines.splitlines()
        )
    assert f"Next: lossctl doctor {path} -y TRUTH -p pred" in " ".join(lines.split())


def test_json_follows_its_schema(run: Run, write: Write) -> None:
    y, p = chances()
    path = write(text_of({"y": [x + 1 for x in y], "p": p}))
    for args in ((path,), (path, "-p", "p"), (SAMPLES / "dice.csv",)):
        done = run("doctor", *args, "--json")
        validator(closed=True, part="doctor").validate(json.loads(done.out))
    assert json.loads(run("doctor", path, "--json").out) == lossctl.doctor(str(path)).to_dict()


def test_standard_input_is_looked_at_too(run: Run) -> None:
    y, p = chances()
    text = text_of({"y": y, "p": [100 * x for x in p]}).encode()
    done = run("doctor", stdin=text)
    assert done.code == 0
    assert "warning percent: p: from" in done.out
    assert run("doctor", "-", "--strict", stdin=text).code == 1


def test_what_cannot_be_read_is_an_error(run: Run, write: Write) -> None:
    assert run("doctor", write("y,yhat\n")).code == 3
    assert run("doctor", write("")).code == 3
    assert run("doctor", "no such file").code == 3
    assert run("doctor", write("y,yhat\n1,2\n"), "-p", "nothing").code == 3
    with pytest.raises(UsageError):
        lossctl.doctor({"y": [1.0], "yhat": [1.0]}, top=3)


@pytest.mark.parametrize("text", ["y,yhat\n1,2\n", "y,p\n1,0.5\n", "y,yhat\nNA,2\n", "y,yhat\n,\n"])
def test_one_row_is_enough(run: Run, write: Write, text: str) -> None:
    done = run("doctor", write(text))
    assert (done.code, done.err) == (0, "")


HOSTILE = ["[red]x[/red]", "\x1b[31mred\x1b[0m", "::error::x", "a\\b", "'; rm -rf /", "ŷ" * 90]


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_text_is_only_text_and_lines_are_not_too_long(
    run: Run, write: Write, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    y, p = chances()
    quoted = '"' + name.replace('"', '""') + '"'
    labels = [f'"{name}{x}"' for x in y]
    path = write(text_of({quoted: labels, "prob": [100 * x for x in p], "z": ["?"] * ROWS}))
    for args in ((), ("-y", 1, "-p", 2), ("-y", 1, "-p", 2, "--positive", f"{name}1")):
        done = run("doctor", path, *args)
        assert (done.code, done.err) == (0, "")
        assert "\x1b" not in done.out
        assert not any(line.startswith("::") for line in done.lines)
        body = [line for line in done.lines[1:] if str(path) not in line]
        assert max(map(cell_len, body)) <= 60


def notes(data: Any, losses: str, **options: Any) -> tuple[str, ...]:
    return lossctl.evaluate(data, losses, **options).notes


def test_eval_says_what_its_figures_show(run: Run, write: Write) -> None:
    y, p = regression()
    p[17] = y[17] + 200.0
    (note,) = notes({"y": y, "yhat": p}, "mse")
    assert note.startswith("mse: row 18 alone carries 97% of the loss of 120 rows. Look at it")
    assert notes({"y": y, "yhat": p}, "mse", value_only=True) == ()
    assert notes({"y": y[:9], "yhat": p[:9]}, "mse") == ()
    path = write(text_of({"y": y, "yhat": p}))
    assert "note: mse: line 19 alone carries" in run("eval", "mse", path).err
    assert run("eval", "mse", path, "-q").err == ""


def test_eval_says_what_an_infinite_loss_comes_of() -> None:
    (note,) = notes({"y": [1, 0, 1], "p": [0.0, 0.5, 0.5]}, "bce")
    assert note == (
        "bce: 1 row costs infinitely much: a probability is exactly 0 or 1 and wrong."
        " Write more digits, or move probabilities off 0 and 1: bce:eps=1e-7."
    )


def test_messages_of_eval_say_what_would_help(run: Run, write: Write) -> None:
    percent = run("eval", "bce", write("y,p\n1,80\n0,20\n"))
    assert percent.code == 3
    assert "got 80.0. Logits? Use bce_with_logits. Percent? Divide by 100." in percent.err
    labels = run("eval", "bce", write("y,p\n1,0.8\n2,0.2\n"))
    assert labels.err.endswith("got 2. Labels 1 and 2? Use --positive 2.\n")


def test_a_diagnosis_is_a_record() -> None:
    diagnosis = lossctl.doctor({"y": [1.0, 2.0], "yhat": [1.5, 2.5]})
    assert isinstance(diagnosis, Diagnosis)
    assert (diagnosis.rows, diagnosis.y, diagnosis.pred) == (2, ("y",), ("yhat",))


def test_a_header_that_is_the_first_row(run: Run, write: Write) -> None:
    y, p = chances()
    path = write(text_of({"1": y, "0.25": p}))
    done = run("doctor", path, "-y", "1", "-p", "2")
    assert "warning header: '1' is a number where the name of a column is due" in done.out
    assert "Use --no-header" in " ".join(done.out.split())
    whole = run("doctor", path, "-y", "1", "-p", "2", "--no-header")
    assert "nothing found" in whole.out
    assert "--no-header" in whole.out


def test_weights_that_are_none() -> None:
    y, p = regression()
    data = {"y": y, "yhat": p, "w": np.zeros(ROWS)}
    assert found(data, weight="w")["weights"].text == "w: all weights are 0"
    data["w"][3] = -1.0
    assert found(data, weight="w")["weights"].text == "w: weights down to -1"


def test_labels_that_name_no_class() -> None:
    data = classes([0, 1, 2])
    data["label"][7] = "d"
    finding = only(data)
    assert (finding.name, finding.row) == ("labels", 8)
    assert finding.text.endswith("the first is 'd'; the classes are a, b, c")
    assert finding.advice.startswith("Leave them out: --ignore d")


@pytest.mark.parametrize("shift", [0.0, 1e6])
def test_strong_models_of_any_level_are_honest(shift: float) -> None:
    rng = draw(11)
    y = rng.normal(shift, 10.0, ROWS)
    for noise in (1e-3, 1.0, 9.0):
        assert not lossctl.doctor({"y": y, "yhat": y + rng.normal(0.0, noise, ROWS)}).findings


def test_no_colour_where_none_is_wanted(write: Write) -> None:
    from lossctl.renderers.doctor import render
    from lossctl.renderers.look import Look

    y, p = chances()
    diagnosis = lossctl.doctor(write(text_of({"y": y, "p": [100 * x for x in p]})))
    assert "\x1b" in render(diagnosis, "table", Look(60, colour=True))
    assert render(diagnosis, "table", Look(60)) == plain(
        render(diagnosis, "table", Look(60, colour=True))
    )


def test_labels_1_and_2_beside_percents_are_both_seen(run: Run) -> None:
    found = run("doctor", "--json", stdin=b"label,prob\n2,90\n1,12.5\n1,33\n2,80\n")
    names = [finding["name"] for finding in strict_json(found.out)["findings"]]
    assert names == ["labels", "percent"]
    fine = run("doctor", "--json", stdin=b"y,yhat\n2,1.9\n1,1.25\n1,1.3\n2,1.8\n")
    assert strict_json(fine.out)["findings"] == []

"""``lossctl fit``: what it learns, what it writes, and what it says of bad input."""

from __future__ import annotations

import csv
import io
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import lossctl
from lossctl.training.records import History

from .program import HELP, Run, one_line, plain, shell, strict_json, valid

Write = Callable[..., Path]


def test_help(run: Run) -> None:
    """Refresh: COLUMNS=80 python -m lossctl fit --help > tests/cli/help/fit.txt."""
    done = run("fit", "--help")
    assert done.code == 0
    assert done.out == (HELP / "fit.txt").read_text(encoding="utf-8")


def text_of(columns: dict[str, Any]) -> str:
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(zip(*columns.values(), strict=True))
    return file.getvalue()


def columns(n: int = 120) -> dict[str, Any]:
    """Return two features, and targets of every kind that depend on them."""
    rng = np.random.default_rng(29)
    a, b = rng.normal(size=(2, n)).round(4)
    noise = rng.normal(size=n)
    y = (3.0 + 2.0 * a - b + 0.3 * noise).round(4)
    pull = a - b + noise
    return {
        "a": a.tolist(),
        "b": b.tolist(),
        "y": y.tolist(),
        "yes": (pull > 0.0).astype(int).tolist(),
        "word": np.where(pull > 0.0, "yes", "no").tolist(),
        "sign": np.where(pull > 0.0, 1, -1).tolist(),
        "kind": np.array(["10", "9", "ant, bee"])[np.digitize(pull, [-0.7, 0.7])].tolist(),
        "count": rng.poisson(np.exp(0.3 * a)).tolist(),
        "w": rng.integers(0, 4, n).tolist(),
    }


@pytest.fixture(name="path")
def _path(write: Write) -> Path:
    return write(text_of(columns()), "train.csv")


# The circle


# What is fitted to what, and how eval reads the predictions of it.
CIRCLES = {
    "mse": ("y", [], ["mse"]),
    "mae": ("y", [], ["mae"]),
    "rmse": ("y", [], ["rmse"]),
    "huber:delta=0.5": ("y", ["-w", "w"], ["huber:delta=0.5", "-w", "weight"]),
    "wape": ("y", [], ["wape"]),
    "bce_with_logits": ("yes", [], ["bce_with_logits"]),
    "bce": ("word", ["--positive", "yes"], ["bce", "--positive", "yes"]),
    "hinge": ("sign", [], ["hinge"]),
    "brier": ("yes", [], ["brier"]),
    "cce_with_logits": ("kind", [], ["cce_with_logits", "-p", "yhat_*"]),
    "cce": (
        "kind",
        ["--class-weight", "9=2", "-w", "w"],
        ["cce", "-p", "yhat_*", "--class-weight", "9=2", "-w", "weight"],
    ),
    "nll": ("kind", ["--ignore", "10"], ["nll", "-p", "yhat_*"]),
    "perplexity": ("kind", [], ["perplexity", "-p", "yhat_*"]),
    "focal": ("kind", [], ["focal", "-p", "yhat_*"]),
    "multiclass_hinge": ("kind", [], ["multiclass_hinge", "-p", "yhat_*"]),
    "poisson_nll": ("count", [], ["poisson_nll"]),
    "rmsle": ("count", [], ["rmsle"]),
    "mape:zero=skip": ("count", [], ["mape"]),
    "gaussian_nll": ("y", [], ["gaussian_nll"]),
}


@pytest.mark.parametrize("loss", CIRCLES)
@pytest.mark.parametrize("model", ["linear", "mlp"])
def test_eval_of_the_predictions_gives_the_value_that_fit_prints(
    run: Run, path: Path, tmp_path: Path, loss: str, model: str
) -> None:
    target, options, judged = CIRCLES[loss]
    out = tmp_path / "out.csv"
    done = run(
        *("fit", path, "-y", target, "--features", "a,b", "--loss", loss, "--epochs", 4),
        *("--model", model, "--json", "--predict", out, *options),
        *(["--hidden", 4] if model == "mlp" else []),
    )
    assert done.code == 0, done.err
    value = valid(done.out, "fit")["values"]["training"]["value"]
    name, *rest = judged
    found = run("eval", name, out, "-q", *rest)
    assert (found.code, found.out) == (0, f"{value!r}\n")


def test_the_circle_closes_in_one_pipe(path: Path) -> None:
    command = 'lossctl fit "$1" --target y --features a,b --loss mse --predict - | lossctl mse -q'
    done = shell(command, path)
    assert done.code == 0
    assert float(done.out) == pytest.approx(0.09, abs=0.03)  # the noise has the deviation 0.3
    words = 'cat "$1" | lossctl fit -y y --features a,b --loss mse --predict - | lossctl mse -q'
    assert shell(words, path).out == done.out


def test_predictions_are_a_table_in_the_order_of_the_file(
    run: Run, path: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out.csv"
    done = run(
        *("fit", path, "--target", "kind", "--features", "a,b", "--loss", "cce", "-w", "w"),
        *("--epochs", 3, "--validation", 0.25, "--predict", out, "--json"),
    )
    found = valid(done.out, "fit")
    table = pd.read_csv(out, dtype={"y": str})
    assert list(table.columns) == [
        *("y", "yhat_9", "yhat_10", "yhat_ant, bee", "weight", "part"),
    ]
    data = columns()
    assert table["y"].tolist() == data["kind"]
    assert table["weight"].tolist() == data["w"]
    values = found["values"]
    for part, name in (("train", "training"), ("validation", "validation")):
        rows = table[table["part"] == part]
        assert len(rows) == values[name]["rows"]
        value = lossctl.evaluate(rows, "cce", pred="yhat_*", weight="weight").value
        assert value == values[name]["value"]
    assert found["classes"] == ["9", "10", "ant, bee"]
    assert found["history"]["validation"][-1] == pytest.approx(values["validation"]["value"])


def test_the_model_gives_the_predictions(run: Run, path: Path, tmp_path: Path) -> None:
    model, out = tmp_path / "model.json", tmp_path / "out.csv"
    data = columns()
    x = np.array([data["a"], data["b"]])
    words = ("fit", path, "-y", "y", "--features", "a,b", "--loss", "mse", "--standardize")
    done = run(*words, "-o", model, "--predict", out, "--epochs", 5)
    assert done.code == 0
    found = valid(model.read_text(), "model")
    assert set(found["standardization"]["means"]) == {"a", "b"}
    coefficients = found["coefficients"]["yhat"]
    expected = coefficients["a"] * x[0] + coefficients["b"] * x[1] + found["intercepts"]["yhat"]
    assert pd.read_csv(out)["yhat"].to_numpy() == pytest.approx(expected, rel=1e-12)
    done = run(*words, "--model", "mlp", "--hidden", 3, "-o", model, "--predict", out)
    assert done.code == 0
    found = valid(model.read_text(), "model")
    inner, outer = found["layers"]
    hidden = np.tanh(np.array(inner["weights"]) @ x + np.array(inner["intercepts"])[:, None])
    expected = np.array(outer["weights"]) @ hidden + np.array(outer["intercepts"])[:, None]
    assert pd.read_csv(out)["yhat"].to_numpy() == pytest.approx(expected[0], rel=1e-12)
    assert found["coefficients"] is None


def test_a_model_on_standard_output_takes_the_place_of_the_report(run: Run, path: Path) -> None:
    done = run("fit", path, "-y", "y", "--features", "a,b", "--loss", "mse", "-o", "-")
    assert done.code == 0
    assert valid(done.out, "model")["features"] == ["a", "b"]


# What people read


def test_the_report(run: Run, path: Path) -> None:
    done = run("fit", path, "-y", "y", "--features", "a,b", "--loss", "mse", "--validation", 0.2)
    assert (done.code, done.err) == (0, "")
    heading, _, head, values, _, *rest = done.lines
    assert heading == f"{path}: 120 rows; y = y, x = a, b"
    assert head.split()[:2] == ["loss", "start"]
    assert values.startswith("mse")
    assert values.endswith("no more progress")
    names = [line.split()[0] for line in rest if line]
    assert names == ["feature", "a", "b", "(intercept)", "training", "validation"]
    assert "█" in rest[-1]


@pytest.mark.parametrize("width", ["60", "80", "200"])
def test_many_features_and_classes_stay_legible(
    run: Run, write: Write, width: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", width)
    rng = np.random.default_rng(31)
    x = rng.normal(size=(300, 200))
    table: dict[str, Any] = {f"pixel_{j}": x[:, j].round(3).tolist() for j in range(200)}
    table["y"] = (5.0 * x[:, 7] + x[:, 150]).round(3).tolist()
    table["digit"] = rng.integers(0, 10, 300).tolist()
    path = write(text_of(table))
    words = ("fit", path, "--features", "pixel_*", "--epochs", 20)
    done = run(*words, "-y", "y", "--loss", "mse")
    assert max(map(len, done.lines[1:])) <= int(width)
    assert "and 180 smaller coefficients: --json has all" in done.out
    shown = [line.split()[0] for line in done.lines if line.startswith("pixel_")]
    assert shown[:2] == ["pixel_7", "pixel_150"]
    assert len(shown) == 20
    done = run(*words[:4], "--epochs", 2, "-y", "digit", "--loss", "cce_with_logits", "-w", "digit")
    assert done.code == 3
    assert "2010 weights" in done.err
    few = run(*("fit", path, "--features", "pixel_?", "-y", "digit", "--loss", "cce"))
    assert max(map(len, few.lines[1:])) <= int(width)
    if width == "60":
        assert "more columns: --json has all" in few.out


def test_names_from_the_file_act_on_no_terminal(run: Run, write: Write) -> None:
    data = columns()
    path = write(text_of({"[red]a\x1b[31m": data["a"], "b": data["b"], "y": data["y"]}))
    done = run("fit", path, "-y", "y", "--features", "1,2", "--loss", "mse", "--epochs", 2)
    assert done.code == 0
    assert "\x1b" not in plain(done.out)
    assert "[red]a" in done.out


def test_compare_fits_each_loss_and_scores_each_under_all(
    run: Run, path: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out.csv"
    words = ("fit", path, "-y", "y", "--features", "a,b", "--compare", "mae,mse,huber:delta=1")
    done = run(*words, "--json", "--predict", out)
    assert done.code == 0
    found = valid(done.out, "fit_comparison")
    assert found["losses"] == ["mae", "mse", "huber"]
    table = pd.read_csv(out)
    assert list(table.columns) == ["y", "yhat_mae", "yhat_mse", "yhat_huber"]
    for fit, row in zip(found["losses"], found["scores"], strict=True):
        for loss, value in zip(found["losses"], row, strict=True):
            assert value == lossctl.evaluate(table, loss, pred=f"yhat_{fit}").value
    for at, fit in enumerate(found["fits"]):
        assert found["scores"][at][at] == fit["values"]["training"]["value"]
    shown = run(*words)
    assert shown.code == 0
    rows = [line.split() for line in shown.lines]
    assert ["feature", "mae", "mse", "huber"] in rows
    assert ["fit", "by", "↓", "scored", "under", "→", "mae", "mse", "huber"] in rows


def test_an_outlier_moves_the_line_of_mse_and_not_that_of_mae(run: Run, write: Write) -> None:
    x = np.linspace(0.0, 1.0, 51)
    y = (2.0 * x + 1.0 + 0.01 * np.sin(40.0 * x)).round(4)
    y[-1] = 200.0
    path = write(text_of({"x": x.tolist(), "y": y.tolist()}))
    done = run(
        *("fit", path, "-y", "y", "--features", "x", "--compare", "mae,mse"),
        *("--optimizer", "lbfgs", "--json"),
    )
    by_mae, by_mse = (
        fit["coefficients"]["yhat"]["x"] for fit in valid(done.out, "fit_comparison")["fits"]
    )
    assert by_mae == pytest.approx(2.0, abs=0.05)
    assert by_mse > 10.0


def test_what_cannot_be_scored_is_left_open(run: Run, path: Path) -> None:
    words = ("fit", path, "-y", "yes", "--features", "a,b", "--json", "--epochs", 3, "--compare")
    found = valid(run(*words, "bce,bce_with_logits,brier").out, "fit_comparison")
    (bce, logits, brier) = found["scores"]
    assert [score is None for score in bce] == [False, True, False]
    assert [score is None for score in logits] == [True, False, True]
    assert [score is None for score in brier] == [False, True, False]


# The Python function


def test_fit_in_python(path: Path) -> None:
    data = columns()
    found = lossctl.fit(data, "mse", "y", ["a", "b"], optimizer="lbfgs", validation=0.2, seed=5)
    assert isinstance(found, lossctl.Fit)
    assert found.model.coefficients()["yhat"]["a"] == pytest.approx(2.0, abs=0.1)
    assert found.value == found.training.value
    assert isinstance(found.history, History)
    assert found.history.epochs == tuple(range(1, len(found.history.training) + 1))
    assert found.history.validation is not None
    assert len(found.history.validation) == len(found.history.training)
    valid(found.to_json(), "fit")
    again = lossctl.fit(pd.DataFrame(data), "mse", 3, "a,b", optimizer="lbfgs", validation=0.2)
    assert again.model.target == "y"
    assert lossctl.fit(path, "mse", "y", "a,b", seed=5).rows == 120


def test_a_step_may_be_any_number_of_rows() -> None:
    data = columns()
    for batch in (1, 7, 120, 1000):
        rate = 0.1 if batch > 100 else 0.01
        assert lossctl.fit(data, "mse", "y", "a,b", batch_size=batch, lr=rate).value < 0.12
    found = lossctl.fit(data, "mse", "y", "a,b", batch_size=7, epochs=2, lr=0.01)
    assert found.steps == 2 * -(-120 // 7)
    assert found.history.rates == (0.01, 0.01)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"pred": "a"}, "no option 'pred'"),
        ({"truth": "x.csv"}, "no option 'truth'"),
        ({"keep": ["a"]}, "no option 'keep'"),
        ({"rate": 1}, "there is no option 'rate'"),
        ({"lr": "fast"}, "--lr must be above 0"),
        ({"hidden": 2.5, "model": "mlp"}, "--hidden must be a whole number"),
        ({"activation": "relu"}, "--activation has no effect without --model mlp"),
    ],
)
def test_options_that_are_none_are_usage_errors(options: dict[str, Any], said: str) -> None:
    with pytest.raises(lossctl.errors.UsageError, match=said):
        lossctl.fit(columns(), "mse", "y", "a,b", **options)


def test_without_scipy_there_is_one_line(
    run: Run, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "scipy.optimize", None)
    words = ("fit", path, "-y", "y", "--features", "a,b", "--loss", "mse", "--optimizer", "lbfgs")
    done = run(*words)
    assert (done.code, done.out) == (2, "")
    assert done.err == "lossctl: --optimizer lbfgs needs scipy: pip install 'lossctl[stats]'\n"


# Bad input, one line each


def spoiled(**cells: Any) -> dict[str, Any]:
    """Return the columns with the third row of some changed, or a whole column replaced."""
    data = columns()
    for name, cell in cells.items():
        data[name] = cell if isinstance(cell, list) else [*data[name][:2], cell, *data[name][3:]]
    return data


BAD_DATA = {
    "text": (spoiled(b="blue"), "y", "mse", ":4: b: must be a number, got 'blue'"),
    "missing": (spoiled(b=""), "y", "mse", ":4: b: a missing value"),
    "infinite": (spoiled(b="inf"), "y", "mse", ":4: b: an infinite value"),
    "constant": (spoiled(b=[7] * 120), "y", "mse", ": b: the same in all rows"),
    "no number": (spoiled(y="much"), "y", "mse", ":4: y: must be a number, got 'much'"),
    "one label": (spoiled(yes=[1] * 120), "yes", "bce", ": yes: all rows have one class"),
    "one sign": (spoiled(sign=[-1] * 120), "sign", "hinge", ": sign: all rows have one class"),
    "one class": (spoiled(kind=["9"] * 120), "kind", "cce", ": kind: all rows have one class"),
    "no label": (columns(), "word", "bce", ":2: word: a label must be 0, 1, true or false"),
    "below 0": (columns(), "y", "poisson_nll", ":11: y: y must be in [0, ∞)"),
    "signs": (spoiled(sign=0), "sign", "hinge", ":6: sign: labels are −1 and 1"),
    "few": (columns(2), "y", "mse", ": 2 rows are fewer than the 3 weights to learn"),
    "weights": (spoiled(w=-1), "y", "mse", ":4: w: a weight must be 0 or more, got -1"),
    "no weight": (spoiled(w=[0] * 120), "y", "mse", ": w: all weights are zero"),
}


@pytest.mark.parametrize("name", BAD_DATA)
def test_bad_data_are_one_line(run: Run, write: Write, name: str) -> None:
    data, target, loss, said = BAD_DATA[name]
    path = write(text_of(data))
    weight = ["-w", "w"] if "weight" in name else []
    done = run("fit", path, "-y", target, "--features", "a,b", "--loss", loss, *weight)
    assert (done.code, done.out) == (3, "")
    assert one_line(done.err)
    assert f"{path}{said}" in done.err


@pytest.mark.parametrize("scale", [1e-200, 1e200])
def test_a_feature_that_cannot_be_standardised_is_named(
    run: Run, write: Write, scale: float
) -> None:
    path = write(text_of({**columns(), "b": [scale * x for x in columns()["b"]]}))
    words = ("fit", path, "-y", "y", "--features", "a,b", "--loss", "mse")
    for options in (["--standardize"], ["--optimizer", "lbfgs"]):
        done = run(*words, *options)
        assert (done.code, done.out) == (3, "")
        assert done.err == (
            f"{path}: b: its deviation is too small or too large a number to standardise it."
            " Rescale it.\n"
        )


def test_missing_rows_may_be_left_out(run: Run, write: Write) -> None:
    path = write(text_of(spoiled(a="NA", b="inf", y="")))
    words = ("fit", path, "-y", "y", "--features", "a,b", "--loss", "mse", "--json")
    found = valid(run(*words, "--missing", "skip").out, "fit")
    assert found["input"]["rows"] == 120
    assert found["input"]["skipped"] == 1
    assert found["values"]["training"]["rows"] == 119


BAD_USAGE = {
    "--lr 0": "--lr must be above 0 and finite, got 0.0",
    "--lr -0.1": "--lr must be above 0 and finite, got -0.1",
    "--lr inf": "--lr must be above 0 and finite, got inf",
    "--optimizer adam": "unknown optimizer 'adam': one of sgd, lbfgs",
    "--model tree": "unknown model 'tree': one of linear, mlp",
    "--model mlp --activation gelu": "unknown activation 'gelu': one of tanh, relu",
    "--hidden 8": "--hidden has no effect without --model mlp",
    "--optimizer lbfgs --batch-size 8": "--batch-size has no effect without --optimizer sgd",
    "--model mlp --hidden 0": "--hidden must be a whole number of at least 1, got 0",
    "--batch-size 0": "--batch-size must be a whole number of at least 1, got 0",
    "--epochs 0": "--epochs must be a whole number of at least 1, got 0",
    "--seed -1": "--seed must be a whole number of at least 0, got -1",
    "--tol 1": "--tol must be 0 or more and below 1, got 1.0",
    "--l2 -1": "--l2 must be 0 or more and finite, got -1.0",
    "--validation 1": "--validation must be 0 to below 1, got 1.0",
    "--compare mae,mse": "--loss and --compare exclude one another",
    "--features y": "--features names the target 'y' as well",
    "--features b": "--features names column 'b' twice",
    "--class-weight 1=2": "--class-weight needs labels; mse has none",
    "-f yaml": "unknown format 'yaml': one of table, json",
    "--predict - -o -": "--predict and -o both write to standard output",
    "--predict - --json": "--predict - takes the place of the report: leave out -f",
    "-y y": "--target is given twice; name several columns as 'a,b' or by a glob",
}


@pytest.mark.parametrize("words", BAD_USAGE)
def test_bad_usage_is_one_line(run: Run, path: Path, words: str) -> None:
    base = ("fit", path, "-y", "y", "--features", "a,b", "--loss", "mse")
    done = run(*base, *words.split())
    assert (done.code, done.out, done.err) == (2, "", f"lossctl: {BAD_USAGE[words]}\n")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("--features a,b --loss mse", "name the column to predict: --target COL"),
        ("-y y --loss mse", "name the columns to predict it from: --features COL,..."),
        ("-y y --features a,b", "name the loss to lower: --loss LOSS"),
        ("-y a,y --features b --loss mse", "the target is one column, got a, y"),
        ("-y y --features a --loss mse,mae", "--loss takes one loss, got 'mse,mae'"),
        ("-y y --features a --loss mse:pred=b", "mse:pred=b: fit takes --target"),
        ("-y y --features a --compare mse", "--compare takes two losses or more"),
        ("-y y --features a --compare mse,mse", "--compare names a loss twice"),
        ("-y y --features a --compare mse,mae -o m.json", "-o writes one model"),
    ],
)
def test_what_is_left_out_is_asked_for(run: Run, path: Path, words: str, said: str) -> None:
    done = run("fit", path, *words.split())
    assert (done.code, done.out) == (2, "")
    assert one_line(done.err)
    assert done.err.startswith(f"lossctl: {said}")


UNFIT = {
    "r2": "use mse",
    "explained_variance": "use mse",
    "median_ae": "use mae",
    "max_error": "use mse",
    "mean_bias": "use mse",
    "entropy": "use cce",
    "cross_entropy": "use cce",
    "kl_divergence": "use cce",
    "js_divergence": "use cce",
    "cosine_distance": "use mse",
    "crps": "use gaussian_nll or quantile",
    "interval_score": "fit the quantiles",
}


def test_every_loss_can_be_fitted_or_is_refused_with_another(run: Run, path: Path) -> None:
    targets = {"zero_one": "yes", "gamma_deviance": "w1", "gamma_nll": "w1"}
    data = columns()
    table = {**data, "w1": [w + 1 for w in data["w"]], "k": data["kind"]}
    for name in lossctl.list_losses():
        words = ("fit", path, "-y", "y", "--features", "a,b", "--loss", name)
        if name in UNFIT:
            done = run(*words)
            assert (done.code, done.out) == (2, "")
            assert one_line(done.err)
            assert done.err.startswith(f"lossctl: {name} cannot be fitted: ")
            assert UNFIT[name] in done.err
            continue
        loss = lossctl.get_loss(name).loss
        target = targets.get(name, "count" if loss.y != lossctl.get_loss("mse").y else "y")
        if loss.kind in ("classes", "either"):
            target = "k"
        elif loss.labels != "real":
            target = "yes"
        if name == "zero_one":
            with pytest.raises(lossctl.errors.InputError, match="slope is 0 in every row"):
                lossctl.fit(table, name, target, "a,b")
            continue
        spec = "mape:zero=skip" if name == "mape" else name
        found = lossctl.fit(table, spec, target, "a,b", epochs=30, lr=0.02)
        assert found.value < found.start, name


def test_a_slope_that_is_0_everywhere_is_told_with_a_loss_to_use(run: Run, path: Path) -> None:
    for target, instead in (("yes", "bce_with_logits or hinge"), ("kind", "cce_with_logits")):
        for optimizer in ("sgd", "lbfgs"):
            words = ("fit", path, "-y", target, "--features", "a,b", "--loss", "zero_one")
            done = run(*words, "--optimizer", optimizer)
            assert (done.code, done.out) == (3, "")
            assert done.err == (
                f"{path}: zero_one: its slope is 0 in every row: there is no way down."
                f" Use {instead}.\n"
            )


def test_divergence_is_told_with_the_step_the_value_and_the_advice(
    run: Run, write: Write, path: Path, tmp_path: Path
) -> None:
    out, model = tmp_path / "out.csv", tmp_path / "model.json"
    words = ("fit", path, "-y", "y", "--features", "a,b", "--predict", out, "-o", model)
    done = run(*words, "--loss", "mse", "--lr", "10")
    assert (done.code, done.out) == (3, "")
    assert one_line(done.err)
    assert f"{path}: mse: the training diverges: the loss is " in done.err
    assert " at step " in done.err
    assert done.err.endswith("Use a lower --lr, or --standardize.\n")
    assert not out.exists()
    assert not model.exists()
    done = run(*words, "--loss", "mse", "--lr", "10", "--standardize")
    assert done.err.endswith(". Use a lower --lr.\n")
    done = run(*words[:2], "-y", "yes", *words[4:], "--loss", "bce", "--lr", "1e5")
    assert done.code == 3
    assert "the loss is inf at step" in done.err
    assert "a loss of logits is finite still" in done.err
    large = {**columns(), "a": [1e200 * x for x in columns()["a"]]}
    done = run("fit", write(text_of(large)), *words[2:], "--loss", "mse", "--lr", "0.01")
    assert done.code == 3
    assert "the loss is inf with the first weights" in done.err


def test_noise_and_outliers_are_no_divergence() -> None:
    rng = np.random.default_rng(37)
    a, b = rng.normal(size=(2, 600))
    for y in (
        rng.standard_cauchy(600),
        np.where(np.arange(600) == 300, 1e9, rng.normal(size=600)),
        1e-3 * rng.normal(size=600),
        np.zeros(600) + 1e-12 * rng.normal(size=600),
    ):
        data = {"a": a, "b": b, "y": y}
        for loss in ("mse", "mae", "huber", "gaussian_nll"):
            options: dict[str, Any] = {"lr": 1e-4} if loss == "gaussian_nll" else {}
            if loss == "gaussian_nll" and np.abs(y).max() > 100.0:
                continue  # with the first weights, e²/σ² has slopes beyond any step
            assert np.isfinite(lossctl.fit(data, loss, "y", "a,b", epochs=20, **options).value)


def test_notes_go_to_standard_error(run: Run, path: Path) -> None:
    words = ("fit", path, "-y", "y", "--features", "a,b", "--json", "--loss", "mse")
    done = run(*words, "--epochs", 2)
    found = valid(done.out, "fit")
    assert found["ended"] == "epochs"
    assert done.err == "".join(f"note: {note}\n" for note in found["notes"])
    assert "2 epochs were up before the loss had settled" in done.err


def test_what_cannot_be_written_is_told(run: Run, path: Path, tmp_path: Path) -> None:
    for flag in ("--predict", "-o"):
        place = tmp_path / "none" / "file"
        words = ("fit", path, "-y", "y", "--features", "a,b", "--loss", "mse", flag, place)
        done = run(*words)
        assert done.code == 3
        assert done.err == f"lossctl: {place}: cannot be written: No such file or directory\n"


def test_json_is_strict(run: Run, path: Path) -> None:
    done = run("fit", path, "-y", "y", "--features", "a,b", "--loss", "mse", "--json")
    assert json.loads(done.out) == strict_json(done.out)
    history = valid(done.out, "fit")["history"]
    assert len(history["epochs"]) == len(history["training"]) == len(history["rates"])
    assert history["rates"][-1] < history["rates"][0] == json.loads(done.out)["settings"]["lr"]


def test_the_curve_is_a_picture_of_the_losses(run: Run, path: Path, tmp_path: Path) -> None:
    words = ["fit", path, "-y", "y", "--features", "a,b", "--epochs", "7", "--validation", "0.3"]
    picture = tmp_path / "curve.svg"
    done = run(*words, "--loss", "mse", "--curve", picture)
    assert done.code == 0
    svg = picture.read_text(encoding="utf-8")
    for said in ("Loss by epoch: mse", "training", "validation", "in 7 epochs"):
        assert said in svg.replace("\N{NO-BREAK SPACE}", " ")
    both = run(*words, "--compare", "mse,mae", "--curve", picture, "--theme", "dark")
    assert both.code == 0
    assert "Loss by epoch: mse,mae" in picture.read_text(encoding="utf-8")


def test_a_curve_of_an_unknown_kind_is_refused_before_anything_is_read(run: Run) -> None:
    words = ["nowhere.csv", "-y", "y", "--features", "a", "--loss", "mse", "--curve", "c.gif"]
    done = run("fit", *words)
    assert (done.code, done.out) == (2, "")
    assert one_line(done.err)
    assert done.err.startswith("lossctl: --curve c.gif: the suffix says the format")


@pytest.mark.parametrize(
    ("files", "said"),
    [
        (("--predict", "same.x", "-o", "same.x"), "-o same.x would be written over that of"),
        (("-o", "c.svg", "--curve", "./c.svg"), "--curve ./c.svg would be written over that of -o"),
        (("--predict", "train.csv"), "--predict train.csv would be written over the input"),
    ],
)
def test_nothing_is_written_over_something_else(
    run: Run, path: Path, monkeypatch: pytest.MonkeyPatch, files: tuple[str, ...], said: str
) -> None:
    monkeypatch.chdir(path.parent)
    before = path.read_bytes()
    done = run("fit", path.name, "-y", "y", "--features", "a,b", "--loss", "mse", *files)
    assert (done.code, done.out) == (2, "")
    assert one_line(done.err)
    assert said in done.err
    assert path.read_bytes() == before

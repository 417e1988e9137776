"""``lossctl gradcheck``: right gradients pass, planted slips are named, bad input is one line."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import lossctl

from .program import HELP, SAMPLES, Run, strict_json

Write = Callable[..., Path]
CANCER = SAMPLES / "breast_cancer.csv"


def test_help(run: Run) -> None:
    """Refresh: COLUMNS=80 python -m lossctl gradcheck --help > tests/cli/help/gradcheck.txt."""
    done = run("gradcheck", "--help")
    assert done.code == 0
    assert done.out == (HELP / "gradcheck.txt").read_text(encoding="utf-8")


def table(write: Write, columns: dict[str, Any], name: str = "grads.csv") -> Path:
    rows = zip(*columns.values(), strict=True)
    lines = [",".join(columns), *(",".join(map(str, row)) for row in rows)]
    return write("\n".join(lines) + "\n", name)


@pytest.fixture(name="binary")
def _binary() -> dict[str, Any]:
    rng = np.random.default_rng(3)
    z = rng.normal(0.0, 2.0, 200)
    y = (rng.uniform(0.0, 1.0, 200) < 1.0 / (1.0 + np.exp(-z))).astype(float)
    return {"y": y, "z": z, "w": rng.integers(1, 6, 200).astype(float)}


def closed_form(columns: dict[str, Any], loss: str, pred: str, weight: str | None = None) -> Any:
    return lossctl.samples(columns, loss, "y", pred, weight)["gradient"].to_numpy(copy=True)


def sigmoid(z: Any) -> Any:
    return 1.0 / (1.0 + np.exp(-z))


@pytest.mark.parametrize("weight", [None, "w"])
@pytest.mark.parametrize("loss", ["bce_with_logits", "mse", "mae", "rmse"])
def test_the_closed_form_passes(
    run: Run, write: Write, binary: dict[str, Any], loss: str, weight: str | None
) -> None:
    g = closed_form(binary, loss, "z", weight)
    path = table(write, {**binary, "g": g})
    options = ["-w", "w"] if weight else []
    done = run("gradcheck", loss, path, "-p", "z", "--grad", "g", *options)
    assert (done.code, done.err) == (0, "")
    assert f"all 200 rows agree with ∂L/∂ŷ of {loss}" in done.out


N = 200
SLIPS = {
    "the sign is turned": -1.0,
    "a factor 2": 2.0,
    "a factor ½": 0.5,
    "divided by n": 1.0 / N,
    "not divided by n": N,
    "the sign is turned and a factor 2": -2.0,
    "a factor ½ and divided by n": 0.5 / N,
    "a constant factor 0.3": 0.3,
}


@pytest.mark.parametrize("name", SLIPS)
@pytest.mark.parametrize("loss", ["mse", "bce_with_logits"])
def test_a_planted_slip_is_named(
    run: Run, write: Write, binary: dict[str, Any], loss: str, name: str
) -> None:
    g = SLIPS[name] * closed_form(binary, loss, "z")
    path = table(write, {**binary, "g": g})
    done = run("gradcheck", loss, path, "-p", "z", "--grad", "g", "--json")
    assert done.code == 1
    found = strict_json(done.out)
    assert found["slips"] == [{"name": name, "rows": N}]
    assert found["differ"] == N
    assert done.err == (f"gradcheck failed: 200 of 200 rows differ from ∂L/∂ŷ of {loss}: {name}\n")
    assert len(found["worst"]) == 5


def test_weights_left_out(run: Run, write: Write, binary: dict[str, Any]) -> None:
    g = closed_form(binary, "mse", "z")
    path = table(write, {**binary, "g": g})
    done = run("gradcheck", "mse", path, "-p", "z", "-w", "w", "--grad", "g")
    assert done.code == 1
    assert done.err.endswith("rows differ from ∂L/∂ŷ of mse: weights left out\n")
    halved = table(write, {**binary, "g": g / 2.0}, "halved.csv")
    done = run("gradcheck", "mse", halved, "-p", "z", "-w", "w", "--grad", "g")
    assert done.err.endswith(": weights left out and a factor ½\n")
    w = binary["w"]
    over_n = closed_form(binary, "mse", "z", "w") * w.sum() / 200
    path = table(write, {**binary, "g": over_n}, "over_n.csv")
    done = run("gradcheck", "mse", path, "-p", "z", "-w", "w", "--grad", "g")
    assert done.err.endswith(": divided by n instead of Σw\n")


def test_with_respect_to_p_and_not_the_logit(
    run: Run, write: Write, binary: dict[str, Any]
) -> None:
    p = sigmoid(binary["z"])
    wrong = closed_form({**binary, "p": p}, "bce", "p")
    path = table(write, {**binary, "p": p, "g": wrong})
    done = run("gradcheck", "bce_with_logits", path, "-p", "z", "--grad", "g")
    assert done.code == 1
    assert done.err.endswith(": taken with respect to p, not to the logit\n")
    assert run("gradcheck", "bce", path, "-p", "p", "--grad", "g").code == 0
    usual = (p - binary["y"]) / 200
    path = table(write, {**binary, "p": p, "g": usual}, "usual.csv")
    done = run("gradcheck", "bce", path, "-p", "p", "--grad", "g")
    assert done.err.endswith(": taken with respect to the logit, not to p\n")
    path = table(write, {**binary, "g": -wrong * 200}, "both.csv")
    done = run("gradcheck", "bce_with_logits", path, "-p", "z", "--grad", "g")
    assert done.err.endswith(
        ": taken with respect to p, not to the logit and the sign is turned and not divided by n\n"
    )


def test_classes_in_both_variables(run: Run, write: Write) -> None:
    rng = np.random.default_rng(5)
    z = rng.normal(0.0, 1.0, (60, 3))
    p = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
    label = rng.integers(0, 3, 60)
    hot = np.eye(3)[label]
    columns: dict[str, Any] = {"y": label}
    for k in range(3):
        columns[f"z_{k}"], columns[f"p_{k}"] = z[:, k], p[:, k]
    for name, g in (("logit", (p - hot) / 60), ("p", -hot / p / 60)):
        columns.update({f"{name}grad_{k}": g[:, k] for k in (2, 1, 0)})
    path = table(write, columns)
    logits = ("gradcheck", "cce_with_logits", path, "-p", "z_*", "--grad")
    shares = ("gradcheck", "cce", path, "-p", "p_*", "--grad")
    assert run(*logits, "logitgrad_*").code == 0
    assert run(*shares, "pgrad_*").code == 0
    assert "with respect to p, not to the logit" in run(*logits, "pgrad_*").err
    assert "with respect to the logit, not to p" in run(*shares, "logitgrad_*").err
    done = run(*logits, "logitgrad_0")
    assert (done.code, done.out) == (2, "")
    assert "--grad names 1 columns and the loss has 3 predictions" in done.err


def test_a_mean_over_outputs_that_was_a_sum(run: Run, write: Write) -> None:
    rng = np.random.default_rng(6)
    y, p = rng.normal(0.0, 1.0, (2, 40, 3))
    columns = {f"{name}_{k}": x[:, k] for name, x in (("y", y), ("p", p)) for k in range(3)}
    columns.update({f"g_{k}": 2.0 * (p - y)[:, k] / 40 for k in range(3)})
    path = table(write, columns)
    words = ("gradcheck", "mse", path, "-y", "y_*", "-p", "p_*", "--grad", "g_*")
    assert run(*words).err.endswith(": not divided by the number of outputs\n")
    assert run(*words, "--outputs", "sum").code == 0


def test_gradients_of_the_sum(run: Run, write: Write, binary: dict[str, Any]) -> None:
    g = sigmoid(binary["z"]) - binary["y"]
    path = table(write, {**binary, "g": g, "gn": g / 200, "gw": g * binary["w"]})
    words = ("gradcheck", "bce_with_logits", path, "-p", "z", "--of", "sum", "--grad")
    assert run(*words, "g").code == 0
    assert run(*words, "gn").err.endswith(": divided by n\n")
    assert run(*words, "gw", "-w", "w").code == 0
    assert run(*words, "g", "-w", "w").err.endswith(": weights left out\n")
    e = binary["z"] - binary["y"]
    path = table(write, {**binary, "g": 2.0 * e}, "squares.csv")
    for loss in ("mse", "rmse", "r2", "explained_variance"):
        done = run("gradcheck", loss, path, "-p", "z", "--of", "sum", "--grad", "g")
        assert (done.code, done.err) == (0, "")


def test_some_rows_only(run: Run, write: Write, binary: dict[str, Any]) -> None:
    g = closed_form(binary, "mse", "z")
    spoilt = g.copy()
    spoilt[[7, 30, 31]] *= -1.0
    path = table(write, {**binary, "g": spoilt})
    words = ("gradcheck", "mse", path, "-p", "z", "--grad", "g")
    done = run(*words, "--json")
    found = strict_json(done.out)
    assert found["differ"] == 3
    assert sorted(row["line"] for row in found["worst"]) == [9, 32, 33]
    assert found["slips"] == [{"name": "the sign is turned", "rows": 3}]
    spoilt[100:150] += 1.0
    done = run(*words[:2], table(write, {**binary, "g": spoilt}, "b.csv"), *words[3:])
    assert done.err.endswith("no usual slip explains it; the largest difference is 1\n")
    assert "53 of 200 rows differ from ∂L/∂ŷ of mse: " in done.err


def test_numbers_that_are_not_finite(run: Run, write: Write) -> None:
    path = write("y,p,g\n1,0,-inf\n0,0.5,1\n", "a.csv")
    assert run("gradcheck", "bce", path, "--grad", "g").code == 0
    path = write("y,p,g\n1,0,inf\n0,0.5,1\n", "b.csv")
    done = run("gradcheck", "bce", path, "--grad", "g", "--json")
    assert done.code == 1
    assert strict_json(done.out)["worst"][0]["found"] == "Infinity"
    path = write("y,p,g\n1,0.5,\n0,0.5,1\n", "c.csv")
    done = run("gradcheck", "bce", path, "--grad", "g")
    assert (done.code, done.out) == (3, "")
    assert done.err.startswith(f"{path}:2: g: a missing value")


def test_tolerances(run: Run, write: Write, binary: dict[str, Any]) -> None:
    g = closed_form(binary, "mse", "z")
    path = table(write, {**binary, "g": np.round(g, 4)})
    words = ("gradcheck", "mse", path, "-p", "z", "--grad", "g")
    assert run(*words).code == 1
    assert run(*words, "--atol", "6e-5").code == 0
    assert run(*words, "--rtol", "1").code == 0
    path = table(write, {**binary, "g": g.astype(np.float32)}, "single.csv")
    assert run("gradcheck", "mse", path, "-p", "z", "--grad", "g").code == 0


def test_no_row_is_hidden_by_the_size_of_the_file(run: Run, write: Write) -> None:
    """A slip by 1/n makes entries smaller than any fixed tolerance."""
    rng = np.random.default_rng(8)
    y, yhat = rng.normal(0.0, 1.0, (2, 50_000))
    n = len(y)
    path = table(write, {"y": y, "yhat": yhat, "g": 2.0 * (yhat - y) / n / n})
    done = run("gradcheck", "mse", path, "--grad", "g")
    assert done.code == 1
    assert done.err.endswith(": divided by n\n")


@pytest.mark.parametrize("engine", ["small", "piped", "threads"])
def test_the_same_whatever_the_way(
    run: Run, write: Write, binary: dict[str, Any], engine: str
) -> None:
    path = table(write, {**binary, "g": closed_form(binary, "mse", "z") * 2.0})
    plain = run("gradcheck", "mse", path, "-p", "z", "--grad", "g", "--json")
    if engine == "piped":
        other = run("gradcheck", "mse", "-p", "z", "--grad", "g", "--json", stdin=path.read_bytes())
        a, b = (json.loads(done.out) for done in (plain, other))
        a["files"] = b["files"] = None
        for row in (*a["worst"], *b["worst"]):
            row["file"] = None
        assert a == b
    else:
        options = ["--threads", "2"] if engine == "threads" else []
        assert (
            run("gradcheck", "mse", path, "-p", "z", "--grad", "g", "--json", *options).out
            == plain.out
        )


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "name the column of gradients: --grad COL"),
        (["--grad", "nothing"], "there is no column 'nothing'"),
        (["--grad", "prob", "--of", "n"], "--of is value or sum, got 'n'"),
        (["--grad", "prob", "--rtol", "-1"], "--rtol must be 0 or more and finite"),
        (["--grad", "prob", "-f", "yaml"], "unknown format 'yaml': one of table, json"),
        (["--grad", "prob", "-f", "json", "--json"], "-f and --json exclude one another"),
    ],
)
def test_wrong_usage_is_one_line(run: Run, words: list[str], message: str) -> None:
    done = run("gradcheck", "bce_with_logits", CANCER, "-p", "logit", *words)
    assert done.code in (2, 3)
    assert done.out == ""
    assert message in done.err
    assert done.err.count("\n") == 1


def test_in_python(binary: dict[str, Any]) -> None:
    g = closed_form(binary, "mse", "z")
    found = lossctl.gradcheck({**binary, "g": -g}, "mse", "g", "y", "z")
    assert not found.agrees
    assert found.verdict == "200 of 200 rows differ from ∂L/∂ŷ of mse: the sign is turned"
    assert lossctl.gradcheck({**binary, "g": g}, "mse", "g", "y", "z").agrees


@pytest.mark.parametrize("spoiler", ["bce", "mse"])
def test_one_row_far_off_hides_no_other(run: Run, write: Write, spoiler: str) -> None:
    """A tolerance that one outlier sets would let every other sign be turned."""
    rng = np.random.default_rng(12)
    y = rng.integers(0, 2, 1000).astype(float)
    p = rng.uniform(0.01, 0.99, 1000)
    if spoiler == "bce":
        y[0], p[0] = 1.0, 1e-12
    else:
        y[0] = 1e9
    g = closed_form({"y": y, "p": p}, spoiler, "p")
    g[1:] *= -1.0
    path = table(write, {"y": y, "p": p, "g": g})
    done = run("gradcheck", spoiler, path, "--grad", "g", "--json")
    found = strict_json(done.out)
    assert (done.code, found["differ"]) == (1, 999)
    assert found["slips"] == [{"name": "the sign is turned", "rows": 999}] or (
        found["slips"] == [{"name": "the sign is turned", "rows": found["looked_at"]}]
    )


def test_rows_that_agree_only_beside_the_tolerance_are_counted(run: Run, write: Write) -> None:
    y = np.zeros(9)
    yhat = np.array([1.0, 2.0, 3.0, 1.0, 2.0, 3.0, 1.0, 1e-9, 1e-9])
    g = 2.0 * yhat / 9
    g[7] *= -1.0
    path = table(write, {"y": y, "yhat": yhat, "g": g})
    done = run("gradcheck", "mse", path, "--grad", "g")
    assert done.code == 0
    assert "all 9 rows agree with ∂L/∂ŷ of mse, 1 of them only within atol" in done.out
    assert run("gradcheck", "mse", path, "--grad", "g", "--atol", "0").code == 1


def test_missing_gradients_are_skipped_like_any_missing_cell(run: Run, write: Write) -> None:
    path = write("y,yhat,g\n1,2,1\n2,4,\n3,3,0\n")
    words = ("gradcheck", "mse", path, "--grad", "g", "-y", "y", "-p", "yhat")
    assert "Use --missing skip" in run(*words).err
    done = run(*words, "--missing", "skip")
    assert (done.code, done.err) == (0, "")
    assert "all 2 rows agree" in done.out


def test_what_is_no_slip_is_not_named(run: Run, write: Write, binary: dict[str, Any]) -> None:
    path = write("y,yhat,g\n1,3,4.01\n", "one.csv")
    done = run("gradcheck", "mse", path, "--grad", "g")
    assert done.err.endswith("no usual slip explains it; the largest difference is 0.01\n")
    g = closed_form(binary, "mse", "z")
    g[3] = np.inf
    path = table(write, {**binary, "g": g}, "inf.csv")
    done = run("gradcheck", "mse", path, "-p", "z", "--grad", "g")
    assert done.err.endswith("no usual slip explains it; the largest difference is inf\n")
    path = table(write, {**binary, "g": np.zeros(N)}, "zero.csv")
    done = run("gradcheck", "mse", path, "-p", "z", "--grad", "g")
    assert done.err.endswith(": every entry is 0\n")


def test_factors_that_are_the_same_number_are_all_named(run: Run, write: Write) -> None:
    path = write("y,yhat,g\n0,1,2\n0,2,4\n")
    done = run("gradcheck", "mse", path, "--grad", "g")
    assert done.err.endswith(": a factor 2 or not divided by n\n") or done.err.endswith(
        ": not divided by n or a factor 2\n"
    )


def test_a_rounded_column_is_named(run: Run, write: Write, binary: dict[str, Any]) -> None:
    for loss in ("mse", "bce_with_logits"):
        g = np.round(closed_form(binary, loss, "z"), 6)
        path = table(write, {**binary, "g": g})
        words = ("gradcheck", loss, path, "-p", "z", "--grad", "g")
        done = run(*words)
        assert done.code == 1
        assert done.err.endswith(": rounded to 6 decimals (--atol 5e-07 allows for it)\n")
        assert run(*words, "--atol", "5.01e-7").code == 0


def test_columns_go_together_by_what_the_stars_match(run: Run, write: Write) -> None:
    rng = np.random.default_rng(14)
    y, q = rng.normal(0.0, 1.0, (2, 30, 3))
    columns = {f"{name}_{k}": x[:, k] for name, x in (("y", y), ("q", q)) for k in range(3)}
    g = 2.0 * (q - y) / 90
    columns.update({f"g_{k}": g[:, k] for k in (2, 1, 0)})
    path = table(write, columns)
    done = run("gradcheck", "mse", path, "-y", "y_*", "-p", "q_*", "--grad", "g_*")
    assert (done.code, done.err) == (0, "")
    data = {"y": y[:, 0], "mean": q[:, 0], "variance": np.exp(q[:, 1])}
    frame = lossctl.samples(data, "gaussian_nll")
    by_role = {f"g_{role}": frame[f"gradient_{role}"] for role in ("variance", "mean")}
    path = table(write, {**data, **by_role}, "roles.csv")
    assert run("gradcheck", "gaussian_nll", path, "--grad", "g_*").code == 0
    assert run("gradcheck", "gaussian_nll", path, "--grad", "g_variance,g_mean").code == 1


def test_python_refuses_what_the_command_line_does(binary: dict[str, Any]) -> None:
    data = {**binary, "g": binary["z"]}
    for options in ({"of": "x"}, {"rtol": -1.0}, {"atol": np.nan}, {"top": -1}, {"rtol": "a"}):
        with pytest.raises(lossctl.errors.UsageError):
            lossctl.gradcheck(data, "mse", "g", "y", "z", **options)

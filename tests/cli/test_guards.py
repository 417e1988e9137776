"""Nine accidents that would let a gate pass, each planted where it passes without its guard."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from lossctl.guards import GUARDS

from .program import Run, one_line

Plant = Callable[[Path], list[str]]

ROWS = [(i, float(i % 7), float(i % 7) + 0.25 * (i % 3)) for i in range(40)]


def save(folder: Path, name: str, header: str, rows: list[str]) -> str:
    """Write a file into the folder, which is the working directory, and return its name."""
    (folder / name).write_text("".join(f"{line}\n" for line in (header, *rows)))
    return name


def plain(folder: Path, name: str, shift: float = 0.0) -> str:
    """Write predictions that are as good as the shift says."""
    rows = [f"{i},{y},{yhat + shift}" for i, y, yhat in ROWS]
    return save(folder, name, "id,y,yhat", rows)


def pair(folder: Path, header: str, rows: list[str]) -> list[str]:
    """Compare two files of which the candidate has these rows."""
    old = plain(folder, "old.csv")
    return ["compare", "mse", old, save(folder, "new.csv", header, rows), "--key", "id"]


def no_rows(folder: Path) -> list[str]:
    save(folder, "preds.csv", "y,yhat", [])
    (folder / "lossctl.toml").write_text("[[check]]\nloss='mse'\ndata='preds.csv'\nmax=1\n")
    return ["check"]


def zero_weights(folder: Path) -> list[str]:
    rows = [f"{y},{yhat},{yhat},0" for _, y, yhat in ROWS]
    file = save(folder, "preds.csv", "y,old,new,w", rows)
    return ["compare", "mse", file, "-p", "old", "-p", "new", "-w", "w"]


def same_file(folder: Path) -> list[str]:
    """The job copied the new predictions over the old ones, by a link."""
    plain(folder, "new.csv")
    os.link(folder / "new.csv", folder / "old.csv")
    return ["compare", "mse", "old.csv", "new.csv", "--key", "id", "--no-worse-than", "1%"]


def constant(folder: Path) -> list[str]:
    """The model has collapsed; the line is far above what even that costs."""
    rows = [f"{y},3.0" for _, y, _ in ROWS]
    file = save(folder, "preds.csv", "y,yhat", rows)
    (folder / "lossctl.toml").write_text(
        f"[[check]]\nloss='mse'\ndata='{file}'\nmax=100\nallow=['floor']\n"
    )
    return ["check"]


def unmatched(folder: Path) -> list[str]:
    """The candidate has left out the rows that it cannot predict."""
    rows = [f"{i},{y},{yhat}" for i, y, yhat in ROWS if i % 3 != 2]
    return [*pair(folder, "id,y,yhat", rows), "--no-worse-than", "1%"]


def skipped(folder: Path) -> list[str]:
    """The worst rows have no prediction."""
    rows = [f"{i},{y},{'' if i % 3 == 2 else yhat}" for i, y, yhat in ROWS]
    return [*pair(folder, "id,y,yhat", rows), "--no-worse-than", "1%"]


def truth(folder: Path) -> list[str]:
    """The candidate was scored against a truth that was mended to suit it."""
    rows = [f"{i},{yhat if i == 5 else y},{yhat}" for i, y, yhat in ROWS]
    return pair(folder, "id,y,yhat", rows)


def not_finite(folder: Path) -> list[str]:
    """One prediction is infinitely wrong, and the job only looks whether there is a report."""
    rows = [f"{i % 2},{0.75 if i % 2 else 0.25},{0.0 if i == 7 else 0.5}" for i in range(40)]
    file = save(folder, "preds.csv", "y,old,new", rows)
    return ["compare", "bce", file, "-p", "old", "-p", "new", "--allow", "floor"]


def floor(folder: Path) -> list[str]:
    """Both models are useless: y and a column of another scale."""
    rows = [f"{y},{100 + yhat},{100 + yhat - 1}" for _, y, yhat in ROWS]
    file = save(folder, "preds.csv", "y,old,new", rows)
    return ["compare", "mse", file, "-p", "old", "-p", "new", "--no-worse-than", "1%"]


ACCIDENTS: dict[str, Plant] = {
    "no-rows": no_rows,
    "zero-weights": zero_weights,
    "same-file": same_file,
    "constant": constant,
    "unmatched": unmatched,
    "skipped": skipped,
    "truth": truth,
    "not-finite": not_finite,
    "floor": floor,
}


def without(command: list[str], folder: Path, guard: str) -> list[str]:
    """Return the command with the guard switched off."""
    if command[0] != "check":
        return [*command, "--allow", guard]
    config = folder / "lossctl.toml"
    text = config.read_text()
    if "allow=[" in text:
        config.write_text(text.replace("allow=[", f"allow=['{guard}',"))
    else:
        config.write_text(f"{text}allow=['{guard}']\n")
    return command


def test_every_guard_has_its_accident() -> None:
    assert set(ACCIDENTS) == set(GUARDS)


@pytest.mark.parametrize("guard", ACCIDENTS)
def test_an_accident_fails_and_would_pass_without_its_guard(
    guard: str, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "work"
    folder.mkdir()
    monkeypatch.chdir(folder)
    command = ACCIDENTS[guard](folder)
    failed = run(*command)
    assert failed.code == 1
    assert f"guard {guard}" in failed.out + failed.err
    if command[0] == "compare":
        (said,) = [line for line in failed.err.splitlines(True) if line.startswith("guard")]
        assert one_line(said)
        assert f"--allow {guard}" in said
    passed = run(*without(command, folder, guard))
    assert passed.code == 0, passed.err
    assert "guard" not in passed.err


@pytest.mark.parametrize("guard", ["constnat", "same", ""])
def test_an_unknown_guard_is_told_with_the_known_ones(guard: str, run: Run) -> None:
    outcome = run("compare", "mse", "x.csv", "-p", "a", "-p", "b", "--allow", guard)
    assert outcome.code == 2
    assert one_line(outcome.err)
    assert "no-rows" in outcome.err


def test_a_key_that_stands_twice_compares_nothing_and_does_not_pass(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    plain(tmp_path, "old.csv")
    plain(tmp_path, "new.csv", 9.0)
    with open("new.csv", "a") as file:
        file.write("3,3.0,3.0\n")
    gate = ("--no-worse-than", "1%", "--allow", "unmatched")
    outcome = run("compare", "mse", "old.csv", "new.csv", "--key", "id", *gate)
    assert outcome.code == 3
    assert one_line(outcome.err)
    Path("lossctl.toml").write_text(
        "[[check]]\nloss='mse'\ndata='new.csv'\nbaseline='old.csv'\nkey='id'\n"
        "no_worse_than='1%'\nallow=['unmatched']\n"
    )
    outcome = run("check")
    assert outcome.code == 3
    assert "more than once" in outcome.out


@pytest.mark.parametrize("allowed", [True, False])
def test_a_group_of_no_weight_does_not_hide_the_others(
    allowed: bool, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    rows = [f"{y},{yhat},{yhat + 9},{i % 2},{'ab'[i % 2]}" for i, y, yhat in ROWS]
    save(tmp_path, "preds.csv", "y,old,new,w,g", rows)
    off = ["floor", "zero-weights"] if allowed else ["floor"]
    arguments = ("-p", "old", "-p", "new", "-w", "w", "--by", "g", "--allow", ",".join(off))
    outcome = run("compare", "mse", "preds.csv", *arguments, "--no-worse-than", "1%")
    assert outcome.code == 1
    assert "gate failed: mse [b]" in outcome.err
    assert ("guard zero-weights" in outcome.err) is not allowed
    Path("lossctl.toml").write_text(
        "[[check]]\nloss='mse'\ndata='preds.csv'\ny='y'\npred='new'\nweight='w'\nby='g'\n"
        f"max=1\nallow={off}\n"
    )
    outcome = run("check")
    assert outcome.code == 1
    assert "mse [b]" in outcome.out or not allowed
    assert "preds.csv: w: all weights are zero in group a" in outcome.out + outcome.err


@pytest.mark.parametrize("how", ["own", "same", "scaled", "truth", "one"])
def test_a_candidate_does_not_choose_its_weights(
    how: str, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Weights of 0 where the candidate is bad hide what it does there."""
    monkeypatch.chdir(tmp_path)
    weights = [1.0 + i % 2 for i, _, _ in ROWS]
    own = {"own": [w * (i % 3 != 2) for i, w in enumerate(weights)], "scaled": [9.0] * 40}
    save(
        tmp_path,
        "old.csv",
        "id,y,yhat,v" if how == "one" else "id,y,yhat,w",
        [f"{i},{y},{y + 0.5},{w}" for (i, y, _), w in zip(ROWS, weights, strict=True)],
    )
    new = own.get(how, [0.0, *weights[1:]] if how == "truth" else weights)
    rows = [f"{i},{y},{yhat},{w}" for (i, y, yhat), w in zip(ROWS, new, strict=True)]
    save(tmp_path, "new.csv", "id,y,yhat,w", rows)
    rows = [f"{i},{y},{w}" for (i, y, _), w in zip(ROWS, weights, strict=True)]
    save(tmp_path, "truth.csv", "id,y,w", rows)
    third = ("--truth", "truth.csv") if how == "truth" else ()
    outcome = run("compare", "mse", "old.csv", "new.csv", "--key", "id", "-w", "w", *third)
    differ = how in ("own", "scaled")
    assert outcome.code == int(differ), outcome.err
    assert ("another weight in the baseline" in outcome.err) is differ
    config = "[[check]]\nloss='mse'\ndata='new.csv'\nbaseline='old.csv'\nkey='id'\nweight='w'\n"
    more = "truth='truth.csv'\n" if third else ""
    Path("lossctl.toml").write_text(f"{config}{more}no_worse_than='1%'\n")
    outcome = run("check")
    assert ("guard truth" in outcome.out) is differ
    if how == "own":
        assert "13 rows have another weight" in outcome.out
        assert "first new.csv:4: 1 and 0" in outcome.out


def grouped(loss: str) -> str:
    """Return a config with a line that everything holds."""
    line = "min=-1e9" if loss == "r2" else "max=1e9"
    return f"[[check]]\nloss='{loss}'\ndata='preds.csv'\ny='y'\npred='yhat'\nby='g'\n{line}\n"


@pytest.mark.parametrize("loss", ["mse", "rmse", "mae", "max_error", "msle"])
def test_a_group_of_a_row_or_two_is_no_accident(
    loss: str, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The best constant of one row is its y, and two predictions may well be equal."""
    monkeypatch.chdir(tmp_path)
    rows = [f"{y},{yhat},{yhat + 0.01 * i},a" for i, y, yhat in ROWS]
    save(tmp_path, "preds.csv", "y,old,yhat,g", [*rows, "2,1.9,2.01,b", "3,3,3,c", "3.5,3,3,c"])
    pair = ("-y", "y", "-p", "old", "-p", "yhat", "--by", "g")
    if loss != "max_error":
        outcome = run("compare", loss, "preds.csv", *pair, "--margin", "9")
        assert "guard" not in outcome.err
    Path("lossctl.toml").write_text(grouped(loss))
    outcome = run("check")
    assert outcome.code == 0, outcome.out


@pytest.mark.parametrize("loss", ["mse", "rmse", "mae", "max_error", "r2", "poisson"])
@pytest.mark.parametrize(
    ("guard", "yhat"), [("floor", lambda y: 90.0 + y), ("constant", lambda _: 3.0)]
)
def test_groups_do_not_hide_an_accident_of_all_rows(
    loss: str,
    guard: str,
    yhat: Callable[[float], float],
    run: Run,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    rows = [f"{y},{yhat(y)},{'abc'[i % 3]}" for i, y, _ in ROWS]
    save(tmp_path, "preds.csv", "y,yhat,g", rows)
    said = []
    for config in (grouped(loss), grouped(loss).replace("by='g'\n", "")):
        Path("lossctl.toml").write_text(config)
        outcome = run("check")
        assert outcome.code == 1
        said.append(outcome.out.partition(f"guard {guard}: ")[2].splitlines()[0])
    assert said[0] == said[1] != ""

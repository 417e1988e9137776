"""``lossctl check``: the checks of a config, in as few passes as their data allow, all reported."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lossctl import passes

from .program import SAMPLES, Outcome, Run, one_line, valid

DIABETES = str(SAMPLES / "diabetes.csv")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return an empty folder that is the working directory."""
    empty = tmp_path / "work"
    empty.mkdir()
    monkeypatch.chdir(empty)
    return empty


@pytest.fixture
def check(run: Run, folder: Path) -> Callable[..., Outcome]:
    """Run the checks of a text."""

    def checked(text: str, *arguments: str) -> Outcome:
        (folder / "lossctl.toml").write_text(text.replace("DIABETES", f"'{DIABETES}'"))
        return run("check", *arguments)

    return checked


def checks_of(outcome: Outcome) -> dict[str, Any]:
    """Return the checks of a report that follows its schema, by their names."""
    return {found["name"]: found for found in valid(outcome.out, "check")["checks"]}


FOUR = """
[defaults]
data = DIABETES
[[check]]
name = "holds"
loss = "rmse"
max = 60
[[check]]
name = "is beyond"
loss = "rmse"
max = 56
by = "sex"
[[check]]
name = "is open"
loss = "mse"
pred = "yhat_boosting"
baseline_pred = "yhat"
no_worse_than = "1%"
[[check]]
name = "is shown"
loss = "mae"
pred = "yhat_boosting"
baseline_pred = "yhat"
no_worse_than = "10%"
"""


def test_all_checks_are_reported_and_the_worst_code_is_last(
    check: Callable[..., Outcome],
) -> None:
    outcome = check(FOUR, "--json")
    assert outcome.code == 1
    found = checks_of(outcome)
    assert {name: made["verdict"] for name, made in found.items()} == {
        "holds": "pass",
        "is beyond": "fail",
        "is open": "inconclusive",
        "is shown": "pass",
    }
    assert [line["group"] for line in found["is beyond"]["lines"]] == [
        {"sex": "sex_1"},
        {"sex": "sex_2"},
    ]
    assert found["is beyond"]["message"] == ("rmse [sex_1] is 56.714005278360865, above max 56")
    # the rows to blame are of the group that failed, and none are looked for elsewhere
    assert [row["line"] for row in found["is beyond"]["worst"]] == [58, 104, 94, 207, 79]
    assert found["holds"]["worst"] == []
    assert found["is open"]["lines"][0]["gate"]["rows_to_decide"] == 9472
    assert found["is shown"]["lines"][0]["baseline"] == pytest.approx(44.35024, rel=1e-6)
    assert all("|lossctl=" in made["signature"] for made in found.values())
    assert found["is beyond"]["place"] == ["lossctl.toml", 8]


def test_the_order_of_exit_codes(check: Callable[..., Outcome], folder: Path) -> None:
    opened = FOUR.split("[[check]]")
    assert check("[[check]]".join([opened[0], opened[1], opened[4]])).code == 0
    assert check("[[check]]".join([opened[0], opened[1], opened[3]])).code == 4
    (folder / "bad.csv").write_text("y,yhat\n1,x\n")
    bad = "\n[[check]]\nname='unreadable'\nloss='mse'\ndata='bad.csv'\nmax=1\n"
    outcome = check(FOUR + bad, "--json")
    assert outcome.code == 3
    found = checks_of(outcome)
    assert found["unreadable"]["verdict"] == "error"
    assert found["unreadable"]["message"] == "bad.csv:2: yhat: must be a number, got 'x'"
    assert found["is beyond"]["verdict"] == "fail"


def test_one_pass_for_checks_of_one_file(
    check: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch
) -> None:
    count = 0
    real = passes.one_pass

    def counted(*arguments: Any, **options: Any) -> Any:
        nonlocal count
        count += 1
        return real(*arguments, **options)

    monkeypatch.setattr(passes, "one_pass", counted)
    text = FOUR.replace("max = 56", "max = 57")
    assert check(text.replace('"1%"', '"30%"')).code == 0
    assert count == 1


def test_a_check_that_stops_the_reading_does_not_stop_the_others(
    check: Callable[..., Outcome],
) -> None:
    text = FOUR + "[[check]]\nname='no probability'\nloss='bce'\nmax=1\n"
    outcome = check(text, "--json")
    assert outcome.code == 3
    found = checks_of(outcome)
    assert found["no probability"]["verdict"] == "error"
    assert found["holds"]["verdict"] == "pass"
    assert found["is beyond"]["verdict"] == "fail"


def test_values_are_those_of_eval(check: Callable[..., Outcome], run: Run) -> None:
    losses = ("mse", "mae", "huber:delta=20", "r2", "quantile:q=0.6", "median_ae", "max_error")
    parts = []
    for loss in losses:
        line = "min = 0.1" if loss == "r2" else "max = 1e6"
        parts.append(f"[[check]]\nloss='{loss}'\ndata=DIABETES\nweight='weight'\n{line}\n")
    outcome = check("".join(parts), "--json")
    assert outcome.code == 0, outcome.out
    values = [made["lines"][0]["value"] for made in checks_of(outcome).values()]
    wanted = run("eval", ",".join(losses), DIABETES, "-w", "weight", "-q").lines
    assert values == [float(line) for line in wanted]


def record(run: Run, folder: Path, loss: str, *options: str) -> None:
    (folder / "base.json").write_text(run("eval", loss, DIABETES, "--json", *options).out)


RECORDED = (
    "[[check]]\nname='recorded'\nloss='LOSS'\ndata=DIABETES\npred='PRED'\nbaseline='base.json'\n"
)


@pytest.mark.parametrize(
    ("loss", "pred", "rule", "code", "says"),
    [
        ("mse", "yhat", "no_worse_than = 0", 0, ""),
        ("mse", "yhat_boosting", "no_worse_than = '1%'", 1, "84.7411 worse, allowed 29.9892"),
        ("mse", "yhat_boosting", "no_worse_than = '3%'", 0, ""),
        ("mse", "yhat", "better_by = 0", 1, "allowed -0"),
        ("r2", "yhat_boosting", "no_worse_than = 0.001", 1, "0.0142905 worse, allowed 0.001"),
        ("r2", "yhat_boosting", "no_worse_than = 0.1", 0, ""),
    ],
)
def test_a_recorded_value_is_a_line(
    loss: str,
    pred: str,
    rule: str,
    code: int,
    says: str,
    check: Callable[..., Outcome],
    run: Run,
    folder: Path,
) -> None:
    record(run, folder, loss)
    outcome = check(RECORDED.replace("LOSS", loss).replace("PRED", pred) + rule, "--json")
    assert outcome.code == code
    assert says in checks_of(outcome)["recorded"]["message"]


@pytest.mark.parametrize(
    ("loss", "says"),
    [("mae", "holds no single value of mae"), ("huber:delta=2", "holds no single value of huber")],
)
def test_a_recorded_value_of_another_loss_is_refused(
    loss: str, says: str, check: Callable[..., Outcome], run: Run, folder: Path
) -> None:
    record(run, folder, "mse,huber:delta=3")
    text = RECORDED.replace("LOSS", loss).replace("PRED", "yhat") + "no_worse_than = '1%'"
    outcome = check(text, "--json")
    assert outcome.code == 3
    assert says in checks_of(outcome)["recorded"]["message"]


def test_a_recorded_value_of_another_truth_is_refused(
    check: Callable[..., Outcome], run: Run, folder: Path
) -> None:
    record(run, folder, "mse")
    rows = Path(DIABETES).read_text().splitlines()
    cells = rows[7].split(",")
    cells[4] = str(float(cells[4]) + 1.0)
    (folder / "mended.csv").write_text("\n".join([*rows[:7], ",".join(cells), *rows[8:]]) + "\n")
    text = RECORDED.replace("LOSS", "mse").replace("PRED", "yhat") + "no_worse_than = '50%'\n"
    outcome = check(text.replace("DIABETES", "'mended.csv'"))
    assert outcome.code == 1
    assert "guard truth: the recorded mse is of another truth" in outcome.out
    assert check(text.replace("DIABETES", "'mended.csv'") + "allow = ['truth']").code == 0
    # with the key in the hash, a truth that changed places is another one too
    swapped = [*rows[:7], *reversed(rows[7:])]
    shuffled = "\n".join([rows[0], *sorted(swapped[1:])]) + "\n"
    (folder / "mended.csv").write_text(shuffled)
    assert check(text.replace("DIABETES", "'mended.csv'")).code == 0
    record(run, folder, "mse", "--key", "id")
    assert check(text.replace("DIABETES", "'mended.csv'")).code == 0


def test_files_of_a_check_are_joined_as_on_the_line(
    check: Callable[..., Outcome], folder: Path
) -> None:
    rows = [line.split(",") for line in Path(DIABETES).read_text().splitlines()]
    for name, column in (("truth", 4), ("old", 5), ("new", 6)):
        head = "y" if name == "truth" else "yhat"
        lines = [f"id,{head}", *(f"{row[0]},{row[column]}" for row in rows[:0:-1])]
        (folder / f"{name}.csv").write_text("\n".join(lines) + "\n")
    text = """
        [defaults]
        data = "new.csv"
        truth = "truth.csv"
        key = "id"
        loss = "mse"
        [[check]]
        name = "line"
        max = 3100
        [[check]]
        name = "margin"
        baseline = "old.csv"
        no_worse_than = "20%"
        [[check]]
        name = "not itself"
        baseline = "new.csv"
        no_worse_than = "20%"
    """
    outcome = check(text, "--json")
    assert outcome.code == 1
    found = checks_of(outcome)
    assert found["line"]["lines"][0]["value"] == 3083.6620784579036
    assert found["margin"]["verdict"] == "pass"
    assert found["margin"]["lines"][0]["baseline"] == 2998.9209375102814
    assert [guard["name"] for guard in found["not itself"]["guards"]] == ["same-file"]


def test_a_loss_that_cannot_be_compared_is_a_fault_of_the_config(
    check: Callable[..., Outcome],
) -> None:
    text = FOUR.replace('loss = "mae"', 'loss = "r2"')
    outcome = check(text)
    assert outcome.code == 2
    assert one_line(outcome.err)
    assert outcome.err.startswith("lossctl.toml:19: is shown: r2 is no mean over rows")
    assert outcome.raw == b""


def test_a_report_is_written_whole_or_not_at_all(
    check: Callable[..., Outcome], folder: Path
) -> None:
    outcome = check(FOUR, "-f", "junit", "-o", "report.xml")
    assert outcome.code == 1
    assert (folder / "report.xml").read_text().startswith("<?xml")
    assert check("[[check]]\nloss = 1\n", "-o", "other.xml").code == 2
    assert not (folder / "other.xml").exists()


@pytest.mark.usefixtures("folder")
def test_init_writes_what_passes_and_replaces_nothing(run: Run) -> None:
    begun = run("check", "--init", DIABETES)
    assert begun.code == 0
    assert one_line(begun.err)
    assert begun.err.startswith("wrote lossctl.toml: ")
    assert run("check").code == 0
    again = run("check", "--init", DIABETES)
    assert again.code == 2
    assert one_line(again.err)
    assert run("check", "--init", DIABETES, "other.toml").code == 2
    assert run("check", "-y", "y").code == 2


@pytest.mark.parametrize("missing", ["missing='skip'", "allow=['skipped']"])
def test_a_row_that_one_check_lacks_counts_for_the_others(
    missing: str, run: Run, folder: Path
) -> None:
    """The row that b is bad at has no cell in a: b alone fails, and beside a it does too."""
    (folder / "gaps.csv").write_text("y,a,b,c\n1,1.5,1,1.1\n2,,9,2.1\n3,3.2,3.1,3\n4,4.1,4.2,inf\n")
    one = "[[check]]\nname='{0}'\nloss='{1}'\ndata='gaps.csv'\ny='y'\npred='{0}'\nmax=1\n" + missing
    config = folder / "gaps.toml"
    config.write_text("\n".join(one.format(pred, "mse") for pred in "abc"))
    together = json.loads(run("check", str(config), "--json").out)["checks"]
    for made in together:
        config.write_text(one.format(made["name"], "mse"))
        (alone,) = json.loads(run("check", str(config), "--json").out)["checks"]
        assert {**alone, "place": None} == {**made, "place": None}
    assert [made["verdict"] for made in together] == ["pass", "fail", "pass"]
    assert [len(made["notes"]) for made in together] == [1, 0, 1]
    assert together[0]["notes"] == ["1 row is left out for a missing or infinite cell"]


@pytest.mark.parametrize(
    ("yhat", "guard"), [(lambda y: 90.0 + y, "floor"), (lambda _: 3.0, "constant")]
)
def test_init_says_which_guard_fails_and_does_not_switch_it_off(
    yhat: Callable[[float], float], guard: str, run: Run, folder: Path
) -> None:
    rows = "".join(f"{i % 7},{yhat(i % 7)}\n" for i in range(40))
    (folder / "bad.csv").write_text(f"y,yhat\n{rows}")
    begun = run("check", "--init", "bad.csv")
    assert begun.code == 0
    *notes, wrote = begun.err.splitlines(True)
    assert all(map(one_line, [*notes, wrote]))
    assert any(note.startswith(f"note: guard {guard} fails the check: ") for note in notes)
    config = folder / "lossctl.toml"
    outcome = run("check")
    assert (outcome.code, f"guard {guard}:" in outcome.out) == (1, True)
    config.write_text(config.read_text().replace("# allow = ", "allow = "))
    assert run("check").code == 0


def test_columns_go_with_init_only(run: Run) -> None:
    outcome = run("check", "-p", "yhat")
    assert (outcome.code, one_line(outcome.err)) == (2, True)
    assert "-p goes with --init" in outcome.err


def test_progress_and_threads_do_not_change_the_report(check: Callable[..., Outcome]) -> None:
    one, two = (json.loads(check(FOUR, "--json", "--threads", n).out) for n in ("1", "2"))
    assert one == two


def test_a_truth_that_is_matched_by_key_is_held_against_a_report_without_one(
    check: Callable[..., Outcome], run: Run, folder: Path
) -> None:
    (folder / "preds.csv").write_text("id,y,yhat\n1,1,1.5\n2,2,2.5\n3,4,3\n")
    (folder / "truth.csv").write_text("id,y\n3,4\n1,1\n2,2\n")
    (folder / "base.json").write_text(run("eval", "mse", folder / "preds.csv", "--json").out)
    text = (
        "[[check]]\nloss='mse'\ndata='preds.csv'\ntruth='truth.csv'\nkey='id'\n"
        "baseline='base.json'\nno_worse_than=0\n"
    )
    assert check(text).code == 0
    (folder / "truth.csv").write_text("id,y\n3,4\n1,2\n2,2\n")
    assert "guard truth" in check(text).out


MADE = "y,a,b,w,g\n" + "".join(
    f"{i},{i + i % 3 / 4},{i - i % 2 / 4},{1 + i % 5},{'xyz'[i % 3]}\n" for i in range(30)
)


@pytest.mark.parametrize(
    ("then", "now", "says"),
    [
        ([], "weight = 'w'", "rows have no weight there and one here"),
        (["-w", "w"], "", "rows have a weight there and none here"),
        (["--outputs", "sum"], "outputs = 'mean'", "outputs is sum there and mean here"),
        ([], "outputs = 'sum'", "outputs is mean there and sum here"),
    ],
)
def test_a_recorded_value_that_was_made_in_another_way_is_refused(
    then: list[str],
    now: str,
    says: str,
    check: Callable[..., Outcome],
    run: Run,
    folder: Path,
) -> None:
    (folder / "made.csv").write_text(MADE)
    columns = ("-y", "y,a", "-p", "a,b")
    text = run("eval", "mse", "made.csv", *columns, *then, "--json").out
    (folder / "base.json").write_text(text)
    rule = "[[check]]\nname='made'\nloss='mse'\ndata='made.csv'\ny='y,a'\npred='a,b'\n"
    outcome = check(f"{rule}baseline='base.json'\nno_worse_than='900%'\n{now}\n", "--json")
    assert outcome.code == 3
    made = checks_of(outcome)["made"]
    assert made["verdict"] == "error"
    assert made["message"] == f"base.json: the recorded mse is no baseline: {says}"


def test_a_recorded_value_of_other_class_weights_is_refused(
    check: Callable[..., Outcome], run: Run, folder: Path
) -> None:
    rows = "".join(f"{i % 2},{0.3 + i % 2 / 3 + i % 5 / 50}\n" for i in range(20))
    (folder / "made.csv").write_text(f"label,prob\n{rows}")
    (folder / "base.json").write_text(
        run("eval", "bce", "made.csv", "--class-weight", "1=5", "--json").out
    )
    rule = "[[check]]\nname='made'\nloss='bce'\ndata='made.csv'\nbaseline='base.json'\n"
    outcome = check(f"{rule}no_worse_than='900%'\n", "--json")
    assert outcome.code == 3
    assert "class_weight is {'1': 5.0} there" in checks_of(outcome)["made"]["message"]
    same = check(f"{rule}no_worse_than=0\nclass_weight = {{ 1 = 5 }}\n")
    assert same.code == 0, same.out


def test_a_group_that_was_lost_is_missed(
    check: Callable[..., Outcome], run: Run, folder: Path
) -> None:
    (folder / "made.csv").write_text(MADE)
    text = run("eval", "mse", "made.csv", "-p", "a", "--by", "g", "--json").out
    (folder / "base.json").write_text(text)
    rows = [line for line in MADE.splitlines() if not line.endswith(",z")]
    (folder / "made.csv").write_text("\n".join(rows) + "\n")
    rule = "[[check]]\nname='made'\nloss='mse'\ndata='made.csv'\npred='a'\nby='g'\n"
    rule += "baseline='base.json'\nno_worse_than='900%'\n"
    outcome = check(rule)
    assert outcome.code == 1
    assert "guard truth: 1 group of the recorded mse has no rows: z" in outcome.out
    assert check(f"{rule}allow=['truth']\n").code == 0

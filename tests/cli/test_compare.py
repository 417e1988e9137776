"""``lossctl compare``: two predictions of the same rows, held against scipy and numpy."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import lossctl
from lossctl.errors import UsageError

from .program import SAMPLES, Run, one_line, strict_json, valid

DIABETES = SAMPLES / "diabetes.csv"
PAIR = ("-p", "yhat", "-p", "yhat_boosting")
Write = Callable[..., Path]


def compared(outcome: Any) -> dict[str, Any]:
    """Return the only comparison of a report that follows its schema."""
    report = valid(outcome.out, "comparison")
    (found,) = report["comparisons"]
    assert isinstance(found, dict)
    return found


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    return pd.read_csv(DIABETES)


def test_the_figures_are_those_of_scipy(run: Run, table: pd.DataFrame) -> None:
    found = compared(run("compare", "mse", DIABETES, *PAIR, "--json"))
    old = ((table.yhat - table.y) ** 2).to_numpy()
    new = ((table.yhat_boosting - table.y) ** 2).to_numpy()
    wanted = stats.ttest_rel(new, old)
    assert found["baseline"] == pytest.approx(old.mean(), rel=1e-14)
    assert found["candidate"] == pytest.approx(new.mean(), rel=1e-14)
    assert found["difference"] == pytest.approx(new.mean() - old.mean(), rel=1e-12)
    assert found["relative"] == pytest.approx(found["difference"] / old.mean(), rel=1e-12)
    assert found["t"]["statistic"] == pytest.approx(wanted.statistic, rel=1e-12)
    assert found["t"]["p"] == pytest.approx(wanted.pvalue, rel=1e-12)
    low, high = wanted.confidence_interval(0.95)
    assert found["interval"]["low"] == pytest.approx(low, rel=1e-12)
    assert found["interval"]["high"] == pytest.approx(high, rel=1e-12)
    assert (found["wins"], found["ties"], found["losses"]) == (
        int((new < old).sum()),
        int((new == old).sum()),
        int((new > old).sum()),
    )
    by_chance = stats.permutation_test(
        (new, old),
        lambda a, b, axis: np.mean(a - b, axis=axis),
        permutation_type="samples",
        vectorized=True,
        n_resamples=9999,
        rng=np.random.default_rng(1),
    )
    # Two estimates of one p from 9,999 draws each: four standard errors of their difference.
    spread = 4 * np.sqrt(2 * by_chance.pvalue * (1 - by_chance.pvalue) / 9999)
    assert abs(found["permutation"]["p"] - by_chance.pvalue) < spread


def test_the_rows_that_moved_most(run: Run, table: pd.DataFrame) -> None:
    found = compared(run("compare", "mae", DIABETES, *PAIR, "--top", 3, "--json"))
    change = (table.yhat_boosting - table.y).abs() - (table.yhat - table.y).abs()
    worst = change.sort_values(ascending=False, kind="stable").head(3)
    assert [row["row"] for row in found["worse"]] == [int(i) + 1 for i in worst.index]
    assert [row["change"] for row in found["worse"]] == pytest.approx(worst.tolist(), rel=1e-9)
    best = change.sort_values(kind="stable").head(3)
    assert [row["row"] for row in found["better"]] == [int(i) + 1 for i in best.index]
    first = found["worse"][0]
    assert first["line"] == first["row"] + 1
    assert first["y"] == table.y[first["row"] - 1]
    assert first["candidate"] == table.yhat_boosting[first["row"] - 1]


def split(folder: Path, table: pd.DataFrame) -> tuple[Path, Path, Path]:
    """Write baseline, candidate and truth into files of their own, each in another order."""
    paths = []
    for seed, (name, columns) in enumerate(
        {"old": {"yhat": "yhat"}, "new": {"yhat_boosting": "yhat"}, "truth": {"y": "y"}}.items()
    ):
        part = table[["id", *columns]].rename(columns=columns).sample(frac=1, random_state=seed)
        paths.append(folder / f"{name}.csv")
        part.to_csv(paths[-1], index=False)
    return paths[0], paths[1], paths[2]


SHARED = ("n", "baseline", "candidate", "difference", "relative", "wins", "losses", "interval")


def test_files_matched_by_key_give_the_same_bits(
    run: Run, table: pd.DataFrame, tmp_path: Path
) -> None:
    old, new, truth = split(tmp_path, table)
    whole = compared(run("compare", "mse", DIABETES, *PAIR, "--json"))
    apart = compared(run("compare", "mse", old, new, "--truth", truth, "--key", "id", "--json"))
    for name in (*SHARED, "t", "permutation"):
        assert apart[name] == whole[name], name
    worst = {row["line"]: row["change"] for row in apart["worse"]}
    lines = pd.read_csv(new)
    ids = [lines.id[line - 2] for line in worst]
    assert sorted(ids) == sorted(row["row"] for row in whole["worse"])  # ids are row numbers there


def test_by_position_only_where_the_truth_is_the_same(
    run: Run, table: pd.DataFrame, tmp_path: Path
) -> None:
    old, new = tmp_path / "old.csv", tmp_path / "new.csv"
    table[["y", "yhat"]].to_csv(old, index=False)
    fresh = table[["y", "yhat_boosting"]].rename(columns={"yhat_boosting": "yhat"})
    fresh.to_csv(new, index=False)
    whole = compared(run("compare", "mse", DIABETES, *PAIR, "--json"))
    apart = compared(run("compare", "mse", old, new, "--by-position", "--json"))
    for name in SHARED:
        assert apart[name] == whole[name], name
    fresh.sample(frac=1, random_state=1).to_csv(new, index=False)
    outcome = run("compare", "mse", old, new, "--by-position")
    assert outcome.code == 1
    assert "guard truth" in outcome.err
    assert "have another y in the baseline" in outcome.err


def test_groups_weights_and_clusters(run: Run, table: pd.DataFrame) -> None:
    outcome = run("compare", "mse", DIABETES, *PAIR, "-w", "weight", "--by", "sex", "--json")
    report = valid(outcome.out, "comparison")
    assert [found["group"] for found in report["comparisons"]] == [
        {"sex": "sex_1"},
        {"sex": "sex_2"},
    ]
    for found in report["comparisons"]:
        rows = table[table.sex == found["group"]["sex"]]
        change = (rows.yhat_boosting - rows.y) ** 2 - (rows.yhat - rows.y) ** 2
        wanted = float(np.average(change, weights=rows.weight))
        assert found["difference"] == pytest.approx(wanted, rel=1e-9)
    clustered = compared(run("compare", "mse", DIABETES, *PAIR, "--cluster", "age_band", "--json"))
    assert clustered["interval"]["clusters"] is True
    assert clustered["interval"]["n_units"] == table.age_band.nunique()
    assert clustered["interval"]["warning"]  # so few clusters


def test_any_order_and_blocks_give_the_same_bytes(
    run: Run, table: pd.DataFrame, tmp_path: Path
) -> None:
    path = tmp_path / "shuffled.csv"
    table.sample(frac=1, random_state=3).to_csv(path, index=False)
    reports = []
    for file in (DIABETES, path):
        outcome = run("compare", "rmse", file, *PAIR, "--by", "sex", "--top", 0, "--json")
        report = json.loads(outcome.out)
        del report["input"]
        reports.append(report)
    assert reports[0] == reports[1]


@pytest.mark.parametrize(
    ("margin", "code", "verdict"),
    [("20%", 0, "pass"), ("1%", 4, "inconclusive"), ("400", 0, "pass"), ("0", 4, "inconclusive")],
)
def test_a_margin_is_decided_by_the_one_sided_interval(
    margin: str, code: int, verdict: str, run: Run, table: pd.DataFrame
) -> None:
    outcome = run("compare", "mse", DIABETES, *PAIR, "--no-worse-than", margin, "--json")
    assert outcome.code == code
    gate = compared(outcome)["gate"]
    assert gate["verdict"] == verdict
    old = ((table.yhat - table.y) ** 2).to_numpy()
    new = ((table.yhat_boosting - table.y) ** 2).to_numpy()
    share = float(margin[:-1]) / 100 if margin.endswith("%") else 0.0
    theta = new - (1 + share) * old
    size = 0.0 if share else float(margin.rstrip("%"))
    reach = stats.t.ppf(0.95, len(theta) - 1) * theta.std(ddof=1) / np.sqrt(len(theta))
    assert gate["bound"] == pytest.approx(theta.mean() - size + reach, rel=1e-9)
    if verdict == "inconclusive":
        assert one_line(outcome.err)
        assert f"about {gate['rows_to_decide']} rows would decide it" in outcome.err


def test_a_candidate_that_is_worse_fails_and_one_that_is_better_passes(
    run: Run, write: Write
) -> None:
    draw = random.Random(5)
    rows = []
    for _ in range(300):
        y = draw.gauss(0, 3)
        rows.append(f"{y},{y + draw.gauss(0, 1)},{y + draw.gauss(0, 1.5)}")
    file = write("y,good,bad\n" + "\n".join(rows) + "\n")
    worse = ("compare", "mse", file, "-p", "good", "-p", "bad")
    better = ("compare", "mse", file, "-p", "bad", "-p", "good")
    assert run(*worse, "--no-worse-than", "5%").code == 1
    assert run(*worse, "--better-by", "0").code == 1
    assert run(*better, "--no-worse-than", "0").code == 0
    assert run(*better, "--better-by", "10%").code == 0
    assert run(*better, "--better-by", "95%").code == 1
    failed = run(*worse, "--no-worse-than", "5%")
    assert one_line(failed.err)
    assert failed.err.startswith("gate failed: mse, no worse than 5%")


def test_the_same_predictions_are_no_worse_but_no_better(run: Run, write: Write) -> None:
    rows = "".join(f"{i},{i + (i % 3) / 8},{i + (i % 3) / 8}\n" for i in range(20))
    file = write(f"y,old,new\n{rows}")
    same = ("compare", "mse", file, "-p", "old", "-p", "new")
    held = run(*same, "--no-worse-than", "0")
    assert held.code == 0
    assert "predict the same in every row" in held.err
    assert run(*same, "--better-by", "0").code == 1


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("r2", DIABETES, *PAIR), "use mse, which ranks models alike"),
        (("median_ae", DIABETES, *PAIR), "no paired test"),
        (("mean_bias", DIABETES, *PAIR), "use mae"),
        (("mse", DIABETES), "name two, -p OLD -p NEW"),
        (("mse", DIABETES, "-p", "yhat", "-p", "yhat"), "name two, -p OLD -p NEW"),
        (("mse", DIABETES, "-p", "a", "-p", "b", "-p", "c"), "-p is given three times"),
        (("mse", DIABETES, DIABETES), "by --key COL or --by-position"),
        (("mse", DIABETES, DIABETES, "--key", "id", "--by-position"), "exclude one another"),
        (("mse", DIABETES, *PAIR, "--no-worse-than", "x"), "--no-worse-than must be"),
        (("mse", DIABETES, *PAIR, "--no-worse-than", "-1%"), "--no-worse-than must be"),
        (
            ("mse", DIABETES, *PAIR, "--no-worse-than", "1", "--better-by", "1"),
            "exclude one another",
        ),
        (("mse", DIABETES, *PAIR, "--alpha", "0.7"), "--alpha must be in (0, 0.5)"),
        (("mse", DIABETES, *PAIR, "--ci", "100"), "between 0 and 100"),
        (("mse", "a", "b", "c"), "one file or two"),
    ],
)
def test_wrong_usage_is_one_line(arguments: tuple[Any, ...], says: str, run: Run) -> None:
    outcome = run("compare", *arguments)
    assert outcome.code == 2
    assert one_line(outcome.err)
    assert says in outcome.err


def test_an_unknown_column_lists_those_that_are_there(run: Run) -> None:
    outcome = run("compare", "mse", DIABETES, "-p", "yhat", "-p", "nope")
    assert outcome.code == 3
    assert one_line(outcome.err)
    assert "there is no column 'nope'" in outcome.err


def test_frames_compare_as_files_do(run: Run, table: pd.DataFrame) -> None:
    whole = compared(run("compare", "mse", DIABETES, *PAIR, "--json"))
    found = lossctl.compare(table, "mse", pred=("yhat", "yhat_boosting"), no_worse_than="20%")
    assert str(found.verdict) == "pass"
    assert found.comparisons[0].difference == whole["difference"]
    new = table[["id", "yhat_boosting"]].rename(columns={"yhat_boosting": "yhat"})
    apart = lossctl.compare(
        new.sample(frac=1, random_state=0), "mse", table[["id", "y", "yhat"]], key="id"
    )
    assert apart.comparisons[0].difference == whole["difference"]
    assert not apart.guards
    with pytest.raises(UsageError, match="compare has no option 'batch_size'"):
        lossctl.compare(table, "mse", pred=("yhat", "yhat_boosting"), batch_size=3)


def test_a_report_carries_the_line_that_determines_it(run: Run) -> None:
    outcome = run("compare", "mse", DIABETES, *PAIR, "--no-worse-than", "20%", "--json")
    signature = strict_json(outcome.out)["signature"]
    fields = signature.split("|")
    assert fields[0] == "mse:pred=yhat,mse:pred=yhat_boosting"
    assert "alpha=0.05" in fields
    assert "seed=12345" in fields
    assert fields[-1].startswith("lossctl=")
    assert " " not in signature


@pytest.mark.parametrize(("old", "new", "difference"), [("a", "b", 2.0), ("b", "a", -2.0)])
def test_a_root_of_0_has_a_difference_without_an_interval(
    old: str, new: str, difference: float, run: Run, tmp_path: Path
) -> None:
    file = tmp_path / "preds.csv"
    file.write_text("y,a,b\n1,1,3\n2,2,0\n3,3,5\n")
    outcome = run("compare", "rmse", file, "-p", old, "-p", new, "--allow", "floor", "--json")
    found = compared(outcome)
    assert (found["difference"], found["interval"]) == (difference, None)


@pytest.mark.parametrize(
    ("header", "rows", "broken"),
    [
        ("p_dog,p_cat", ["cat,0.1,0.9", "dog,0.8,0.2", "cat,0.3,0.7"], False),  # another order
        ("p_dog,p_cat", ["dog,0.1,0.9", "dog,0.8,0.2", "cat,0.3,0.7"], True),
        ("p_lion,p_wolf", ["lion,0.9,0.1", "wolf,0.2,0.8", "lion,0.7,0.3"], True),  # no cat at all
    ],
)
@pytest.mark.parametrize("loss", ["cce", "bce"])
def test_truths_are_the_same_where_the_labels_are(
    loss: str, header: str, rows: list[str], broken: bool, run: Run, tmp_path: Path
) -> None:
    old, new = tmp_path / "old.csv", tmp_path / "new.csv"
    old.write_text("y,p_cat,p_dog\ncat,0.8,0.2\ndog,0.4,0.6\ncat,0.6,0.4\n")
    new.write_text("\n".join([f"y,{header}", *rows, ""]))
    outcome = run("compare", loss, old, new, "-p", "p_*", "--by-position", "--json")
    guards = [guard["name"] for guard in valid(outcome.out, "comparison")["guards"]]
    assert ("truth" in guards) is broken

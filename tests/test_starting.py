"""A config to begin with loads, and its checks pass on the file it was written from."""

from __future__ import annotations

import csv
import io
import math
import re
import tomllib
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.stats
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import lossctl
from lossctl.config import CheckSpec, Config, load
from lossctl.config_text import line_above, quoted
from lossctl.errors import InputError, LossctlError, OutputError, UsageError
from lossctl.evaluation import evaluate_with
from lossctl.options import Options, make_options
from lossctl.starting import margin_reaching, start, starting_text

SAMPLES = Path(__file__).resolve().parents[1] / "sample_data"


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def begun(text: str, **options: Any) -> Config:
    """Begin a config for a text, and load it."""
    Path("preds.csv").write_text(text)
    Path("lossctl.toml").unlink(missing_ok=True)
    begin = start("preds.csv", **options)
    config = load()
    assert len(config.checks) == begin.checks
    for check in config.checks:
        held(check)
    return config


def held(check: CheckSpec) -> None:
    """Hold a check against what is written in it."""
    options = make_options(**check.options)
    report = evaluate_with(list(check.reading.data), check.loss, options)
    if check.maximum is not None:
        assert all(result.value <= check.maximum for result in report.results)
        most = max(result.value for result in report.results)
        assert check.maximum <= most * 1.05 * 1.01
    if check.margin is not None:
        pairs = [
            lossctl.samples(list(check.reading.data), check.loss, pred=pred, y=options.y)["loss"]
            for pred in (options.pred, check.baseline_pred)
        ]
        d = np.asarray(pairs[0] - pairs[1])
        bound = d.mean() + scipy.stats.t.ppf(0.95, len(d) - 1) * d.std(ddof=1) / math.sqrt(len(d))
        assert check.margin.relative
        assert bound <= check.margin.amount * abs(pairs[1].mean())


def told(config: Config) -> list[tuple[str, str | None, str | None]]:
    """Return the loss of every check, its prediction, and what it is held against."""
    return [
        (
            check.loss,
            check.options.get("pred"),
            check.baseline_pred or ",".join(check.options.get("by", ())) or None,
        )
        for check in config.checks
    ]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("diabetes", [("rmse", "yhat", None), ("mae", "yhat", None), ("rmse", "yhat", "sex"),
                      ("mae", "yhat", "yhat_boosting")]),
        ("breast_cancer", [("bce", "prob", None), ("brier", "prob", None),
                           ("bce_with_logits", "logit", None)]),
        ("digits", [("cce", "p_*", None)]),
        ("wine", [("cce", "p_*", None)]),
    ],
)  # fmt: skip
def test_the_samples(here: Path, name: str, expected: list[tuple[str, str, str | None]]) -> None:
    config = begun((SAMPLES / f"{name}.csv").read_text())
    assert told(config) == expected
    assert (here / "lossctl.toml").read_text().isascii()


@pytest.mark.usefixtures("here")
def test_several_outputs_have_to_be_named() -> None:
    text = (SAMPLES / "linnerud.csv").read_text()
    with pytest.raises(InputError, match="which column is the truth y"):
        begun(text)
    config = begun(text, y="y_*", pred="rate_*")
    assert [check.loss for check in config.checks] == ["rmse", "mae"]
    assert config.checks[0].options == {"y": "y_*", "pred": "rate_*"}
    with pytest.raises(InputError, match="which columns are the predictions"):
        begun(text, y="y_*")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("y,yhat\n1,2\n3,4\n", [("rmse", "yhat", None), ("mae", "yhat", None)]),
        ("a,b\n1,2\n3,4\n", [("rmse", "b", None), ("mae", "b", None)]),
        ("y,pred_a,other\n1,2,3\n3,4,5\n", [("rmse", "pred_a", None), ("mae", "pred_a", None)]),
        ("y,p\n0,0.5\ntrue,0.25\n", [("bce", "p", None), ("brier", "p", None)]),
        ("y,score\n0,-0.5\n1,2.5\n", [("bce_with_logits", "score", None)]),
        ("y,logit\n0,0.5\n1,0.25\n", [("bce_with_logits", "logit", None)]),
        # labels as predictions: their cross-entropy would be infinite
        ("y,pred\n0,1\n1,1\n", [("rmse", "pred", None), ("mae", "pred", None)]),
        # a probability of 0 for what happened costs infinity: no line to begin with
        ("y,p\n1,0\n0,0.5\n", [("brier", "p", None)]),
        ("kind,p_a,p_b\na,0.5,0.5\nb,0.75,0.25\n", [("cce", "p_*", None)]),
        # what does not sum to 1 are no classes
        ("y,p_a,p_b\n1,0.5,0.9\n0,0.75,0.9\n", [("bce", "p_a", None), ("brier", "p_a", None)]),
        # two columns of one name go by position
        ("y,yhat,y\n1,2,3\n2,3,4\n", []),
        ("y,yhat,yhat\n1,2,3\n2,3,4\n", [("rmse", "2", None), ("mae", "2", None)]),
        # a column in which something is missing is no column of groups
        ("y,yhat,g\n1,2,a\n3,4,\n5,6,b\n7,8,a\n", [("rmse", "yhat", None), ("mae", "yhat", None)]),
        ("y,yhat,g\n1,2,a\n3,4,b\n5,6,b\n7,8,a\n",
         [("rmse", "yhat", None), ("mae", "yhat", None), ("rmse", "yhat", "g")]),
        # … and one with a label of its own for nearly every row is none either
        ("y,yhat,n,g\n" + "".join(f"{i},{i + 1},n{i // 2},{'ab'[i % 2]}\n" for i in range(30)),
         [("rmse", "yhat", None), ("mae", "yhat", None), ("rmse", "yhat", "g")]),
        ("y,yhat,n,g\n1,2,a,u\n2,3,b,v\n3,4,,u\n4,5,a,v\n",
         [("rmse", "yhat", None), ("mae", "yhat", None), ("rmse", "yhat", "g")]),
        # perfect predictions, and numbers at the end of the range
        ("y,yhat\n1,1\n2,2\n", [("rmse", "yhat", None), ("mae", "yhat", None)]),
        ("y,yhat\n1e308,1\n2,2\n", [("mae", "yhat", None)]),  # squares overflow
        ("y,yhat\n5e-324,0\n0,0\n", [("rmse", "yhat", None), ("mae", "yhat", None)]),
    ],
)  # fmt: skip
@pytest.mark.usefixtures("here")
def test_what_fits(text: str, expected: list[tuple[str, str, str | None]]) -> None:
    if not expected:
        with pytest.raises(InputError, match="which column is the truth"):
            begun(text)
        return
    assert told(begun(text)) == expected


@pytest.mark.usefixtures("here")
def test_two_predictions_are_compared_where_there_are_rows_enough() -> None:
    draw = np.random.default_rng(7)
    rows = [f"{y!r},{y + e!r},{y + f!r}" for y, e, f in draw.normal(size=(200, 3)).tolist()]
    text = "y,pred_new,pred_old\n" + "\n".join(rows) + "\n"
    assert told(begun(text))[2:] == [("mae", "pred_new", "pred_old")]
    assert len(begun("\n".join(text.split("\n")[:20]) + "\n").checks) == 2


@pytest.mark.usefixtures("here")
def test_what_rows_further_on_refute_is_left_out() -> None:
    """A guess from the first rows does not stand in the way of what does fit."""
    good = "1,2,3,a\n2,3,4,b\n" * 3000
    head = "y,yhat,yhat_old,g\n"
    kept = [("rmse", "yhat", None), ("mae", "yhat", None)]
    groups, rival = ("rmse", "yhat", "g"), ("mae", "yhat", "yhat_old")
    assert told(begun(f"{head}{good}")) == [*kept, groups, rival]
    assert told(begun(f"{head}{good}1,2,3,\n")) == [*kept, rival]
    assert told(begun(f"{head}{good}1,2,x,a\n")) == [*kept, groups]
    assert told(begun(f"{head}{good}1,2,x,\n")) == kept
    with pytest.raises(InputError, match="yhat: must be a number, got 'x'"):
        begun(f"{head}{good}1,x,3,a\n")
    many = "".join(f"1,2,3,{number}x\n" for number in range(30))
    assert told(begun(f"{head}{good}{many}")) == [*kept, rival]


@pytest.mark.usefixtures("here")
def test_a_loss_that_does_not_fit_after_all_is_said() -> None:
    text = "y,prob,logit\n" + "1,0.5,1\n0,0.5,2\n" * 3000 + "1,1.5,3\n"
    assert told(begun(text)) == [("bce_with_logits", "logit", None)]
    assert (
        "# Not checked: bce, brier of prob: preds.csv:6002: prob: p must be in [0, 1]"
        in Path("lossctl.toml").read_text()
    )


@pytest.mark.usefixtures("here")
def test_what_was_asked_for_becomes_the_defaults() -> None:
    asked: dict[str, Any] = {
        "y": "wahr",
        "pred": "p",
        "positive": "ja",
        "missing": "skip",
        "delimiter": ";",
        "class_weight": {"ja": 2.0},
        "by": "g",
    }
    config = begun("wahr;p;g\nja;0.5;1\nnein;0.25;1\n;0.5;2\nja;0.75;2\n", **asked)
    assert [check.loss for check in config.checks] == ["bce", "brier", "bce"]
    for check in config.checks:
        kept = {**check.options, "by": ("g",)}
        assert make_options(**kept) == make_options(**asked)
    assert config.checks[2].options["by"] == ("g",)


@pytest.mark.usefixtures("here")
def test_a_file_without_a_header() -> None:
    config = begun("1,2\n3,4\n", header=False)
    assert [check.options for check in config.checks] == [
        {"header": False, "y": "1", "pred": "2"}
    ] * 2


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "preds.csv: is empty"),
        ("y,yhat\n", "preds.csv: has a header and no rows"),
        ("y,yhat\n1\n", "preds.csv:2: "),
        ("a,b,c\n1,2,3\n", "preds.csv: which column is the truth y? Use -y; the columns are"),
        ("y,a,b\n1,2,3\n", "preds.csv: which column is the prediction ŷ? Use -p; the columns are"),
        ("y,target,p\n1,2,3\n", "preds.csv: which column is the truth y? y, target could be. "),
        ("y,p\nyes,0.5\nno,0.25\n", "y is yes or no: which counts as 1? Use --positive no"),
        ("y,yhat\n1,NA\n1,2\n", "preds.csv:2: yhat: a missing value. Leave such rows out?"),
        ("y,yhat\n1e308,-1e308\n", "rmse of yhat is infinite: no line to begin with"),
    ],
)
@pytest.mark.usefixtures("here")
def test_what_cannot_be_begun_is_one_line(text: str, said: str) -> None:
    with pytest.raises(LossctlError) as caught:
        begun(text)
    assert str(caught.value).startswith(said)
    assert str(caught.value).isprintable()
    assert not Path("lossctl.toml").exists()


def test_nothing_is_overwritten(here: Path) -> None:
    (here / "preds.csv").write_text("y,yhat\n1,2\n")
    (here / "file.toml").write_text("mine")
    (here / "link.toml").symlink_to("nowhere")
    (here / "folder.toml").mkdir()
    for name in ("file.toml", "link.toml", "folder.toml"):
        with pytest.raises(UsageError) as caught:
            start("preds.csv", name)
        assert str(caught.value) == f"{name} exists, and is left as it is; write elsewhere with -o"
    assert (here / "file.toml").read_text() == "mine"
    assert not (here / "nowhere").exists()


def test_where_it_cannot_be_written_is_said(here: Path) -> None:
    (here / "preds.csv").write_text("y,yhat\n1,2\n")
    with pytest.raises(OutputError, match=r"^no/x.toml: cannot be written: No such file"):
        start("preds.csv", "no/x.toml")
    with pytest.raises(UsageError, match="standard input"):
        start("-")
    with pytest.raises(UsageError, match="is not UTF-8"):
        start("a\udcff.csv")


def test_paths_lead_from_the_folder_of_the_config(here: Path) -> None:
    (here / "a").mkdir()
    (here / "conf").mkdir()
    for name in ("a/one.csv", "a/two.csv"):
        (here / name).write_text("y,yhat\n1,2\n")
    start(["a/one.csv", str(here / "a/two.csv")], "conf/gates.toml")
    config = load("conf/gates.toml")
    assert config.checks[0].reading.data == ("conf/../a/one.csv", str(here / "a/two.csv"))
    for check in config.checks:
        held(check)


def test_the_example_is_a_check_once_it_is_uncommented(here: Path) -> None:
    begun("kind,p_a,p_b\na,0.5,0.5\nb,0.75,0.25\n")
    (here / "base.csv").write_text((here / "preds.csv").read_text())
    text = (here / "lossctl.toml").read_text()
    start = text.index("# [[check]]")
    (here / "lossctl.toml").write_text(text[:start] + re.sub("(?m)^# ", "", text[start:]))
    check = load().checks[-1]
    assert (check.reading.baseline, check.reading.by_position) == (("base.csv",), True)
    assert (str(check.margin), check.loss) == ("1%", "cce")


def table(header: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows([header, *rows])
    return out.getvalue()


ODD = ["a b", 'q"uote', "back\\slash", "new\nline", "#", "[x]", "a,b", "ünï", "'", '"""', "\x1b[1m",
       "\u2028", "🙂", "a.b", "= 1", "*", "\x7f", "tab\tin"]  # fmt: skip


@given(
    names=st.lists(st.sampled_from(ODD), min_size=3, max_size=3, unique=True),
    labels=st.lists(st.sampled_from(ODD), min_size=2, max_size=3, unique=True),
    numbers=st.lists(st.floats(-1e6, 1e6), min_size=12, max_size=12),
)
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@pytest.mark.usefixtures("here")
def test_any_name_is_written_so_that_it_reads_back(
    names: list[str], labels: list[str], numbers: list[float]
) -> None:
    y, pred, group = names
    rows = [
        (numbers[at], numbers[at + 1], labels[at % len(labels)]) for at in range(len(numbers) - 1)
    ]
    config = begun(table(names, rows), y=y, pred=pred)
    assert config.checks[-1].options["by"] == (group,)


@given(st.floats(0.0, allow_nan=False, allow_infinity=False))
def test_a_line_is_never_below_its_value(value: float) -> None:
    line = float(line_above(value))
    assert value <= line
    assert line <= value * 1.0606 or value < 1e-321 or math.isinf(value * 1.06)
    assert tomllib.loads(f"x = {line_above(value)}")["x"] == line


@given(st.floats(-1e9, 1e9), st.floats(1e-9, 1e9))
def test_a_margin_reaches_what_it_was_made_for(reach: float, baseline: float) -> None:
    margin = margin_reaching(reach, baseline)
    assert margin is not None
    percent = max(Fraction(1), Fraction(reach) / Fraction(baseline) * 100)
    assert percent <= Fraction(margin) <= percent * Fraction(11, 10)


@pytest.mark.parametrize(
    ("reach", "baseline"), [(math.nan, 1.0), (math.inf, 1.0), (1.0, 0.0), (1.0, math.inf)]
)
def test_there_is_no_margin_where_there_is_no_share(reach: float, baseline: float) -> None:
    assert margin_reaching(reach, baseline) is None


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_a_text_is_written_so_that_it_reads_back(text: str) -> None:
    assert tomllib.loads(f"x = {quoted(text)}")["x"] == text
    assert quoted(text).isprintable()


def test_a_long_file_is_read_from_its_beginning(here: Path) -> None:
    """Only a first piece is looked at, whatever the size; the values are of all rows."""
    rows = "1,2\n" * 400_000 + "1,3\n" * 400_000
    (here / "preds.csv").write_text(f"y,yhat\n{rows}")
    text, *_ = starting_text(["preds.csv"], Options())
    assert tomllib.loads(text)["check"][1]["max"] == 1.58

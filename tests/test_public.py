"""The public functions: what there is, and that the documented example does what it says."""

from __future__ import annotations

import copy
import inspect
import json
import math
import pickle
import tomllib
import types
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest

import lossctl

ROOT = Path(__file__).resolve().parents[1]
DIABETES = ROOT / "sample_data" / "diabetes.csv"
WINE = ROOT / "sample_data" / "wine.csv"

DATA = {"y": [1.0, 3.0], "yhat": [2.0, 5.0]}


# What there is


def test_all_is_what_is_public() -> None:
    assert sorted(lossctl.__all__) == lossctl.__all__
    for name in lossctl.__all__:
        assert getattr(lossctl, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'evaluat'"):
        lossctl.evaluat  # noqa: B018 - reading it is the test


def test_dir_is_what_is_public() -> None:
    hidden = {name for name, value in vars(lossctl).items() if isinstance(value, types.ModuleType)}
    shown = [name for name in dir(lossctl) if name not in hidden - set(lossctl.__all__)]
    assert [name for name in shown if not name.startswith("_")] == [
        name for name in lossctl.__all__ if not name.startswith("_")
    ]


def test_a_star_import_gives_all_of_it() -> None:
    space: dict[str, Any] = {}
    exec("from lossctl import *", space)
    assert set(lossctl.__all__) <= space.keys()


def test_the_version_is_that_of_the_project() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert lossctl.__version__ == project["version"]
    assert lossctl.evaluate(DATA, "mse").version == project["version"]


def test_everything_public_says_what_it_does() -> None:
    for name in lossctl.__all__:
        value = getattr(lossctl, name)
        if callable(value):
            assert inspect.getdoc(value), name


def test_the_package_is_typed() -> None:
    assert Path(lossctl.__path__[0], "py.typed").exists()


# Losses


def test_losses_are_listed_and_found() -> None:
    names = lossctl.list_losses()
    assert {"mse", "mae", "rmse", "bce", "cce", "entropy"} <= set(names)
    assert [lossctl.get_loss(name).loss.name for name in names] == names


def test_a_loss_is_called_with_truth_and_prediction() -> None:
    loss = lossctl.get_loss("bce:eps=1e-7")
    assert isinstance(loss, lossctl.BoundLoss)
    assert loss.params["eps"] == 1e-7
    assert loss.spec == "bce:eps=1e-07"
    values = loss([1, 0, 1], [0.5, 0.25, 0.0])
    assert values.tolist() == pytest.approx(
        [math.log(2), -math.log(0.75), -math.log(1e-7)], rel=1e-15
    )
    assert loss.slope([1, 0, 1], [0.5, 0.25, 0.0]).tolist() == [-2.0, 1 / 0.75, 0.0]
    assert lossctl.get_loss("BCE:eps=1e-7") == loss


def test_a_loss_takes_arrays_of_any_kind() -> None:
    loss = lossctl.get_loss("mse")
    for make in (list, tuple, np.array, pd.Series, pl.Series):
        assert loss(make([1, 3]), make([2.0, 5.0])).tolist() == [1.0, 4.0]
        assert loss.slope(make([1, 3]), make([2.0, 5.0])).tolist() == [2.0, 4.0]


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ("msee", "did you mean mse"),
        ("mse,mae", "one loss is due, got 2"),
        ("mse:delta=1", "mse has no parameter 'delta'"),
        ("bce:eps=2", "eps must be in"),
        ("", "names no loss"),
    ],
)
def test_a_spec_that_is_wrong_is_a_usage_error(spec: str, said: str) -> None:
    with pytest.raises(lossctl.errors.UsageError, match=said):
        lossctl.get_loss(spec)


def test_shapes_and_domains_are_checked() -> None:
    with pytest.raises(lossctl.errors.UsageError, match="must agree"):
        lossctl.get_loss("mse")([1.0, 2.0], [1.0])
    with pytest.raises(lossctl.errors.UsageError, match="Logits"):
        lossctl.get_loss("bce")([1.0], [1.5])


# Data in


def test_data_may_be_a_path_or_paths(tmp_path: Path) -> None:
    one, two = tmp_path / "one.csv", tmp_path / "two.csv"
    one.write_text("y,yhat\n1,2\n")
    two.write_text("y,yhat\n3,5\n")
    assert lossctl.evaluate(one, "mse").value == 1.0
    assert lossctl.evaluate(str(one), "mse").value == 1.0
    report = lossctl.evaluate([one, str(two)], "mse")
    assert report.value == 2.5
    assert report.files == (str(one), str(two))


def test_data_may_be_a_table_in_memory() -> None:
    for data in (
        DATA,
        {name: np.array(column) for name, column in DATA.items()},
        {name: np.array(column, dtype=np.float32) for name, column in DATA.items()},
        {name: pd.Series(column) for name, column in DATA.items()},
        pd.DataFrame(DATA),
        pd.DataFrame(DATA).astype("Int64"),
        pl.DataFrame(DATA),
        pl.DataFrame(DATA).cast(pl.Int32),
    ):
        report = lossctl.evaluate(data, "mse")
        assert report.value == 2.5
        assert report.files == ()


@pytest.mark.parametrize("make", [dict, pd.DataFrame, pl.DataFrame])
def test_columns_are_selected_as_on_the_command_line(make: Any) -> None:
    data = make({"y_a": [1.0], "p_b": [5.0], "y_b": [2.0], "p_a": [1.0], "w": [3.0]})
    report = lossctl.evaluate(data, "mse", y="y_*", pred="p_*", weight="w")
    assert report.value == 4.5
    assert report.results[0].columns["y"] == ["y_b", "y_a"]
    assert lossctl.evaluate(data, "mse", y="1", pred="4").value == 0.0
    assert lossctl.evaluate(data, "mse", y="y_a,y_b", pred="p_a,p_b").value == 4.5
    assert lossctl.evaluate(data, "mse:y=y_b:pred=p_b").value == 9.0


@pytest.mark.parametrize("make", [dict, pd.DataFrame, pl.DataFrame])
def test_labels_may_be_text_numbers_and_truth_values(make: Any) -> None:
    for labels in (["b", "a"], ["b", "a", None]):
        share = [0.5] * len(labels)
        data = make({"c": labels, "p_a": share, "p_b": share})
        report = lossctl.evaluate(data, "cce", y="c", pred="p_*", missing="skip")
        assert report.value == math.log(2)
        assert report.skipped == len(labels) - 2
    for truth in ([1, 0], [True, False], [1.0, 0.0], ["true", "false"]):
        data = make({"y": truth, "p": [0.5, 0.5]})
        assert lossctl.evaluate(data, "bce").value == math.log(2)
    data = make({"y": ["spam", "ham"], "p": [0.5, 0.5]})
    assert lossctl.evaluate(data, "bce", positive="spam").value == math.log(2)


def test_missing_values_of_a_table_are_missing() -> None:
    gaps: list[Any] = [
        {"y": [1.0, math.nan, 3.0], "yhat": [2.0, 4.0, 5.0]},
        pd.DataFrame({"y": pd.array([1, None, 3], dtype="Int64"), "yhat": [2.0, 4.0, 5.0]}),
        pl.DataFrame({"y": [1, None, 3], "yhat": [2.0, 4.0, 5.0]}),
    ]
    for data in gaps:
        with pytest.raises(lossctl.errors.InputError, match="a missing value in row 2"):
            lossctl.evaluate(data, "mse")
        report = lossctl.evaluate(data, "mse", missing="skip")
        assert (report.value, report.rows, report.skipped) == (2.5, 3, 1)


def test_the_data_are_left_as_they_were() -> None:
    arrays = {name: np.array(column) for name, column in DATA.items()}
    before = copy.deepcopy(arrays)
    lossctl.evaluate(arrays, "mse,mae,rmse", batch_size=1)
    lossctl.samples(arrays, "rmse")
    for name, column in arrays.items():
        assert np.array_equal(column, before[name])
        column.flags.writeable = False
    assert lossctl.evaluate(arrays, "mse").value == 2.5


# Reports out


def test_a_report_of_one_result_has_a_value() -> None:
    assert lossctl.evaluate(DATA, "mse").value == 2.5
    with pytest.raises(ValueError, match="2 values"):
        _ = lossctl.evaluate(DATA, "mse,mae").value


def test_a_report_is_its_results() -> None:
    report = lossctl.evaluate(DATA, "mse,mae", batch_size=1)
    assert isinstance(report, lossctl.Report)
    assert [result.loss for result in report.results] == ["mse", "mae"]
    first = report.results[0]
    assert (first.value, first.sum, first.n, first.weight) == (2.5, 5.0, 2, 2.0)
    assert first.per_sample is not None
    assert first.per_sample.statistics.max == 4.0
    assert first.gradient is not None
    assert first.gradient.l1 == 3.0
    assert first.worst is not None
    assert [row.row for row in first.worst] == [2, 1]
    assert first.batches == (1.0, 4.0)


def test_a_report_cannot_be_changed() -> None:
    report = lossctl.evaluate(DATA, "mse")
    with pytest.raises(AttributeError):
        report.rows = 7  # type: ignore[misc]  # what must not work
    with pytest.raises(AttributeError):
        report.results[0].value = 0.0  # type: ignore[misc]  # what must not work


def test_a_report_can_be_kept_and_sent() -> None:
    report = lossctl.evaluate(DATA, "mse,mae", by="y", batch_size=1)
    assert pickle.loads(pickle.dumps(report)) == report


def test_a_report_as_a_mapping_as_text_and_as_a_frame() -> None:
    report = lossctl.evaluate(WINE, "cce,bce", y="cultivar", pred="p_*", by="cultivar")
    mapping = report.to_dict()
    assert mapping["schema"] == "lossctl.report/1"
    assert len(mapping["results"]) == 6
    assert json.loads(report.to_json()) == mapping
    assert report.to_json(indent=None).count("\n") == 0
    frame = report.to_frame()
    assert isinstance(frame, pd.DataFrame)
    assert frame["value"].tolist() == [result.value for result in report.results]
    assert frame["cultivar"].tolist() == [*sorted(set(frame["cultivar"]))] * 2


def test_a_notebook_shows_a_report() -> None:
    html = lossctl.evaluate({**DATA, "g": ["<b>", "&"]}, "mse", by="g")._repr_html_()
    assert html.startswith("<table")
    assert "&lt;b&gt;" in html
    assert "<b>" not in html


def test_samples_are_a_frame() -> None:
    frame = lossctl.samples(DATA, "mse")
    assert isinstance(frame, pd.DataFrame)
    assert frame.to_dict("list") == {
        "row": [1, 2],
        "y": [1.0, 3.0],
        "yhat": [2.0, 5.0],
        "loss": [1.0, 4.0],
        "contribution": [0.5, 2.0],
        "share": [0.2, 0.8],
        "gradient": [1.0, 2.0],
    }
    kept = lossctl.samples(DIABETES, "mse", y="y", pred="yhat", weight="weight", keep=["sex"])
    assert len(kept) == 442
    assert set(kept["sex"]) == {"sex_1", "sex_2"}
    assert kept["contribution"].sum() == pytest.approx(
        lossctl.evaluate(DIABETES, "mse", y="y", pred="yhat", weight="weight").value, rel=1e-13
    )


@pytest.mark.parametrize("make", [dict, pd.DataFrame, pl.DataFrame])
def test_samples_of_a_table_in_memory(make: Any) -> None:
    data = make({"c": ["b", "a"], "p_a": [0.5, 0.25], "p_b": [0.5, 0.75], "z": ["u", "v"]})
    frame = lossctl.samples(data, "cce", y="c", pred="p_*", keep=["z"])
    assert frame["gradient_b"].tolist() == [-1.0, 0.0]
    assert frame["c"].tolist() == ["b", "a"]
    assert frame["z"].tolist() == ["u", "v"]


# Errors


def test_errors_form_a_tree() -> None:
    errors = lossctl.errors
    for error in (errors.UsageError, errors.InputError, errors.OutputError, errors.GateFailed):
        assert issubclass(error, errors.LossctlError)
    assert issubclass(errors.UnknownLoss, errors.UsageError)
    codes = [error.exit_code for error in (errors.GateFailed, errors.UsageError, errors.InputError)]
    assert codes == [1, 2, 3]


def test_an_input_error_says_where(tmp_path: Path) -> None:
    path = tmp_path / "preds.csv"
    path.write_text('y,p\n1,0.5\n1,"0.5"\n\n0,1.7\n')
    with pytest.raises(lossctl.errors.InputError) as caught:
        lossctl.evaluate(path, "bce")
    error = caught.value
    assert (error.file, error.line, error.column) == (str(path), 5, "p")
    assert str(error).startswith(f"{path}:5: p: ")
    with pytest.raises(lossctl.errors.InputError) as caught:
        lossctl.evaluate({"y": [1, 0], "p": [0.5, 1.7]}, "bce")
    error = caught.value
    assert (error.file, error.line, error.column) == (None, None, "p")
    assert str(error).startswith("p: row 2: ")
    with pytest.raises(lossctl.errors.InputError) as caught:
        lossctl.evaluate(tmp_path / "absent.csv", "mse")
    assert (caught.value.file, caught.value.line) == (str(tmp_path / "absent.csv"), None)


@pytest.mark.parametrize("function", [lossctl.evaluate, lossctl.samples])
def test_an_option_that_does_not_exist_is_a_usage_error(function: Any) -> None:
    with pytest.raises(lossctl.errors.UsageError, match="'bogus'"):
        function(DATA, "mse", bogus=1)
    with pytest.raises(lossctl.errors.UsageError, match="must be one of error, skip"):
        function(DATA, "mse", missing="drop")
    with pytest.raises(lossctl.errors.UsageError, match="at least 1"):
        function(DATA, "mse", threads=0)


def test_an_option_that_has_no_effect_is_a_usage_error() -> None:
    for options in ({"by": "y"}, {"batch_size": 1}, {"top": 1}):
        with pytest.raises(lossctl.errors.UsageError):
            lossctl.samples(DATA, "mse", **options)
    with pytest.raises(lossctl.errors.UsageError):
        lossctl.evaluate(DATA, "mse", keep=["y"])


def test_labels_may_be_numbers() -> None:
    data = {"y": [1, 0, 2], "p": [0.5, 0.5, 0.5]}
    assert lossctl.evaluate(data, "bce", ignore=2).value == math.log(2)
    assert lossctl.evaluate(data, "bce", positive=2).value == math.log(2)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (7, "must be a path"),
        ([], "must be a path"),
        (np.ones((3, 2)), "must be a path"),
        ({}, "columns"),
        ({"y": [1.0], "yhat": [1.0, 2.0]}, "differ in length"),
        ({"y": [], "yhat": []}, "no rows"),
        ({"y": np.ones((2, 2)), "yhat": np.ones((2, 2))}, "one-dimensional"),
        ({"y": ["a"], "yhat": [1.0]}, "must be a number, got 'a'"),
        (pd.DataFrame([[1.0, 2.0]], columns=["y", "y"]), "the same name"),
    ],
    ids=str,
)
def test_data_that_cannot_be_used_is_an_input_error(data: Any, said: str) -> None:
    with pytest.raises(lossctl.errors.InputError, match=said):
        lossctl.evaluate(data, "mse")


@pytest.mark.parametrize(
    "options",
    [
        {"class_weight": {"0": -0.5}},
        {"class_weight": {"0": float("inf")}},
        {"class_weight": {"0": "x"}},
        {"threads": True},
        {"top": True},
    ],
)
def test_options_are_checked_as_on_the_command_line(options: dict[str, Any]) -> None:
    data = {"y": [0.0, 1.0], "p": [0.2, 0.7]}
    with pytest.raises(lossctl.errors.UsageError):
        lossctl.evaluate(data, "bce", **options)


def test_groups_may_be_named_by_position() -> None:
    data = {"y": [0.0, 1.0], "p": [0.2, 0.7], "g": ["a", "b"]}
    for by in (3, [3], "g", ("g",)):
        report = lossctl.evaluate(data, "bce", y="y", pred="p", by=by)  # type: ignore[arg-type]  # a position, as y may be
        assert [result.group for result in report.results] == [{"g": "a"}, {"g": "b"}]

"""A report that was kept gives its values back, or says in one line why not."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

import lossctl
from lossctl.errors import ExitCode, InputError
from lossctl.recorded import read_recorded

DATA = {"y": [1.0, 2.0, 4.0], "a": [1.5, 2.0, 3.0], "b": [1.0, 1.0, 1.0], "g": ["u", "v", "u"]}


def kept(folder: Path, losses: str, by: str | None = None) -> tuple[str, lossctl.Report]:
    report = lossctl.evaluate(DATA, losses, y="y", pred="a", by=by)
    path = folder / "base.json"
    path.write_text(report.to_json())
    return str(path), report


def test_every_value_is_found_again(tmp_path: Path) -> None:
    path, report = kept(tmp_path, "mse,huber:delta=0.5,rmse", by="g")
    recorded = read_recorded(path)
    assert len(report.results) == 6
    for result in report.results:
        assert recorded.value(result.spec, result.group) == result.value


def test_one_loss_of_two_columns_is_told_apart_by_its_column(tmp_path: Path) -> None:
    path, report = kept(tmp_path, "mse:pred=a,mse:pred=b")
    recorded = read_recorded(path)
    for result in report.results:
        assert recorded.value("mse", pred=tuple(result.columns["pred"])) == result.value
    with pytest.raises(InputError, match=r"holds no single value of mse; it holds mse$"):
        recorded.value("mse")


def test_what_it_does_not_hold_is_said(tmp_path: Path) -> None:
    path, _ = kept(tmp_path, "mse,mae", by="g")
    with pytest.raises(
        InputError,
        match=r"no single value of rmse; it holds mse of u, mse of v, mae of u, mae of v$",
    ):
        read_recorded(path).value("rmse")
    with pytest.raises(
        InputError,
        match=r"no single value of mse of w; it holds mse of u, mse of v, mae of u, mae of v$",
    ):
        read_recorded(path).value("mse", {"g": "w"})


def test_a_value_that_is_not_finite_is_no_baseline(tmp_path: Path) -> None:
    path = tmp_path / "base.json"
    path.write_text(lossctl.evaluate({"y": [1.0], "yhat": [0.0]}, "bce").to_json())
    with pytest.raises(InputError, match=r"the value of bce is inf: nothing to hold$"):
        read_recorded(str(path)).value("bce")


GOOD = {
    "schema": "lossctl.report/1",
    "results": [
        {
            "spec": "mse",
            "group": None,
            "columns": {"pred": ["p"]},
            "value": 1.5,
            "rules": {"outputs": "mean"},
            "hashes": {"truth": "0" * 16, "pred": "1" * 16, "weight": None, "key": []},
        }
    ],
}


def test_what_a_later_version_adds_is_no_matter(tmp_path: Path) -> None:
    path = tmp_path / "base.json"
    path.write_text(json.dumps({**GOOD, "new": 1}))
    assert read_recorded(str(path)).value("mse") == 1.5


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"y,yhat\n1,2\n", ":1: is not JSON: Expecting value"),
        (b'{"a": 1,\n}', r":\d: is not JSON: .+"),
        (b'{"a": NaN}', ": is not JSON"),
        (b"\xff\xfe\xfa", ": is not JSON"),
        (b"[" * 100_000, ": is not JSON"),
        (b"[]", ": is no report: 'lossctl eval --json' writes one (lossctl.report/1)"),
        (b'{"schema": "lossctl.check/1"}', ": is no report: .+"),
        (b'{"schema": "lossctl.report/1"}', ": is no report: .+"),
        (b'{"schema": "lossctl.report/1", "results": [1]}', ": is no report: .+"),
        (b'{"schema": "lossctl.report/1", "results": [{"spec": "mse"}]}', ": is no report: .+"),
        (json.dumps(GOOD).replace("1.5", '"x"').encode(), ": is no report: .+"),
        (json.dumps(GOOD).replace("null", "3", 1).encode(), ": is no report: .+"),
        (json.dumps(GOOD).replace("hashes", "older").encode(), ": is no report: .+"),
    ],
)
def test_what_is_no_report_is_one_line(tmp_path: Path, text: bytes, said: str) -> None:
    path = tmp_path / "base.json"
    path.write_bytes(text)
    with pytest.raises(InputError) as caught:
        read_recorded(str(path))
    pattern = said if "+" in said else re.escape(said)
    assert re.fullmatch(re.escape(str(path)) + pattern, str(caught.value)), str(caught.value)
    assert caught.value.exit_code is ExitCode.INVALID


def test_a_report_that_is_gone_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"gone.json: cannot be read: No such file or directory$"):
        read_recorded(str(tmp_path / "gone.json"))

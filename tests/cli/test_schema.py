"""``lossctl schema``: its help, and that the schema says what a report is and what is none."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator, ValidationError

from lossctl.schema import REPORT, SCHEMAS
from lossctl.verdicts import CheckReport, CompareReport, Verdict

from . import records
from .program import HELP, SAMPLES, Run, strict_json, validator

DIABETES = SAMPLES / "diabetes.csv"
FREE = ("params", "group", "metrics")  # their fields are named by what was asked for


def test_help(run: Run) -> None:
    """Refresh: COLUMNS=80 python -m lossctl schema --help > tests/cli/help/schema.txt."""
    done = run("schema", "--help")
    assert done.code == 0
    assert done.out == (HELP / "schema.txt").read_text(encoding="utf-8")


def test_the_schema_is_a_schema_and_the_one_that_the_tests_use(run: Run) -> None:
    done = run("schema")
    assert (done.code, done.err) == (0, "")
    schema = strict_json(done.out)
    Draft202012Validator.check_schema(schema)
    assert schema == REPORT


@pytest.mark.parametrize("name", SCHEMAS)
def test_every_schema_is_printed_by_its_name(run: Run, name: str) -> None:
    done = run("schema", name)
    assert (done.code, done.err) == (0, "")
    schema = strict_json(done.out)
    Draft202012Validator.check_schema(schema)
    assert schema == SCHEMAS[name]
    assert schema["title"] == schema["properties"]["schema"]["const"] == f"lossctl.{name}/1"


def test_an_unknown_schema_is_refused_with_the_names_of_those_there_are(run: Run) -> None:
    done = run("schema", "reprot")
    assert (done.code, done.out) == (2, "")
    assert (
        done.err
        == "lossctl: there is no schema 'reprot': one of report, comparison, check, doctor,"
        " fit, fit_comparison, model\n"
    )


RECORDS: dict[str, list[CompareReport | CheckReport]] = {
    "comparison": [records.comparison(), records.grouped()],
    "check": [records.checks(), records.checks(records.check(Verdict.PASS))],
}


@pytest.mark.parametrize("name", RECORDS)
def test_records_follow_their_schema(name: str) -> None:
    for record in RECORDS[name]:
        found = record.to_dict()
        assert strict_json(json.dumps(found, allow_nan=False)) == found
        validator(closed=True, part=name).validate(found)


def test_no_field_of_a_record_may_be_missing_or_of_another_type() -> None:
    whole = records.grouped()
    assert_strict(replace(whole, comparisons=whole.comparisons[1:2]).to_dict(), "comparison")
    failed = records.checks().checks[1]
    failed = failed._replace(lines=failed.lines[::-1])
    assert_strict(records.checks(failed).to_dict(), "check")


def test_the_schema_names_the_version_that_reports_carry() -> None:
    assert REPORT["title"] == REPORT["properties"]["schema"]["const"] == "lossctl.report/1"


def _report(run: Run) -> dict[str, Any]:
    return run("eval", "mse", DIABETES, "-y", "y", "-p", "yhat", "--by", "sex", "--json").report


def _paths(
    value: Any, free: tuple[str, ...], path: tuple[Any, ...] = ()
) -> Iterator[tuple[Any, ...]]:
    """Yield the way to every field of a report; params, groups and metrics name what they like."""
    items = value.items() if isinstance(value, dict) else enumerate(value[:1])
    for key, part in items:
        if isinstance(key, str):
            yield (*path, key)
        if isinstance(part, (dict, list)) and key not in free:
            yield from _paths(part, free, (*path, key))


def _at(report: Any, path: tuple[Any, ...]) -> Any:
    for key in path:
        report = report[key]
    return report


def test_no_field_may_be_missing_or_of_another_type(run: Run) -> None:
    report = _report(run)
    assert len(list(_paths(report, FREE))) > 50
    assert_strict(report, "report")


def assert_strict(report: Any, name: str) -> None:
    """Assert that every field has to be there and be of its type."""
    free = (*FREE, "columns") if name == "comparison" else FREE
    for path in _paths(report, free):
        for change in ("drop", "replace"):
            damaged = copy.deepcopy(report)
            parent = _at(damaged, path[:-1])
            if change == "drop":
                del parent[path[-1]]
            else:
                parent[path[-1]] = {"no": "field"} if path[-1] not in free else 7
            with pytest.raises(ValidationError):
                validator(closed=False, part=name).validate(damaged)


def test_fields_may_be_added(run: Run) -> None:
    report = _report(run)
    report["more"] = report["input"]["more"] = report["results"][0]["more"] = 1
    validator(closed=False).validate(report)
    with pytest.raises(ValidationError):
        validator(closed=True).validate(report)


def test_numbers_are_numbers_or_one_of_three_words(run: Run) -> None:
    report = _report(run)
    for word in ("Infinity", "-Infinity", "NaN"):
        report["results"][0]["value"] = word
        validator(closed=True).validate(report)
    report["results"][0]["value"] = "inf"
    with pytest.raises(ValidationError):
        validator(closed=True).validate(report)


def test_a_wrong_word_after_schema_is_refused(run: Run, tmp_path: Path) -> None:
    done = run("schema", tmp_path)
    assert (done.code, done.out) == (2, "")

"""``lossctl schema``: its help, and that the schema says what a report is and what is none."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator, ValidationError

from lossctl.schema import REPORT

from .program import HELP, SAMPLES, Run, strict_json, validator

DIABETES = SAMPLES / "diabetes.csv"


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


def test_the_schema_names_the_version_that_reports_carry() -> None:
    assert REPORT["title"] == REPORT["properties"]["schema"]["const"] == "lossctl.report/1"


def _report(run: Run) -> dict[str, Any]:
    return run("eval", "mse", DIABETES, "-y", "y", "-p", "yhat", "--by", "sex", "--json").report


def _paths(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the way to every field of a report; params and groups name what they like."""
    items = value.items() if isinstance(value, dict) else enumerate(value[:1])
    for key, part in items:
        if isinstance(key, str):
            yield (*path, key)
        if isinstance(part, (dict, list)) and key not in ("params", "group"):
            yield from _paths(part, (*path, key))


def _at(report: Any, path: tuple[Any, ...]) -> Any:
    for key in path:
        report = report[key]
    return report


def test_no_field_may_be_missing_or_of_another_type(run: Run) -> None:
    report = _report(run)
    paths = list(_paths(report))
    assert len(paths) > 50
    for path in paths:
        for change in ("drop", "replace"):
            damaged = copy.deepcopy(report)
            parent = _at(damaged, path[:-1])
            if change == "drop":
                del parent[path[-1]]
            else:
                parent[path[-1]] = {"no": "field"} if path[-1] not in ("params", "group") else 7
            with pytest.raises(ValidationError):
                validator(closed=False).validate(damaged)


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

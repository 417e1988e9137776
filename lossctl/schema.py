"""The published schema of the JSON report."""

from __future__ import annotations

from typing import Any

NUMBER: dict[str, Any] = {
    "description": "a float64 in shortest round-trip form; JSON has no NaN and no infinities",
    "anyOf": [{"type": "number"}, {"enum": ["Infinity", "-Infinity", "NaN"]}],
}
COUNT: dict[str, Any] = {"type": "integer", "minimum": 0}
NAMES: dict[str, Any] = {"type": "array", "items": {"type": "string"}}


def _nullable(schema: dict[str, Any]) -> dict[str, Any]:
    return {"anyOf": [schema, {"type": "null"}]}


def _record(fields: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": fields,
        "required": list(fields),
        "additionalProperties": True,
    }


_NUMBER = {"$ref": "#/$defs/number"}
_SETTING = {"anyOf": [_NUMBER, {"type": "string"}, {"type": "null"}]}
_STATISTICS = dict.fromkeys(("mean", "std", "min", "p05", "p50", "p95", "max"), _NUMBER)
_CELL = {
    "description": "what the file holds: a number or a label, a list for k outputs",
    "anyOf": [
        _NUMBER,
        {"type": "string"},
        {"type": "null"},
        {"type": "array", "items": {"anyOf": [_NUMBER, {"type": "string"}]}},
    ],
}
_WORST = _record(
    {
        "row": {"type": "integer", "minimum": 1},
        "file": _nullable({"type": "string"}),
        "line": _nullable({"type": "integer", "minimum": 1}),
        "y": _CELL,
        "pred": _CELL,
        "loss": _NUMBER,
        "contribution": _NUMBER,
        "share": _nullable(_NUMBER),
        "gradient": {"anyOf": [_NUMBER, {"type": "array", "items": _NUMBER}]},
    }
)
_RESULT = _record(
    {
        "loss": {"type": "string"},
        "params": {"type": "object", "additionalProperties": _SETTING},
        "spec": {"type": "string"},
        "columns": _record(
            {
                "y": _nullable(NAMES),
                "pred": NAMES,
                "weight": _nullable({"type": "string"}),
                "classes": _nullable(NAMES),
                "roles": _nullable(NAMES),
            }
        ),
        "group": _nullable({"type": "object", "additionalProperties": {"type": "string"}}),
        "n": COUNT,
        "weight": _NUMBER,
        "value": _NUMBER,
        "sum": _NUMBER,
        "per_sample": _nullable(
            _record(
                {
                    **_STATISTICS,
                    "infinite": COUNT,
                    "quantiles": {"enum": ["exact", "approximate"]},
                }
            )
        ),
        "gradient": _nullable(
            _record(
                {
                    **_STATISTICS,
                    **dict.fromkeys(("l1", "l2", "max_abs"), _NUMBER),
                    **dict.fromkeys(("positive", "negative", "zero", "nonfinite"), COUNT),
                }
            )
        ),
        "worst": _nullable({"type": "array", "items": _WORST}),
        "touched": _record(dict.fromkeys(("clipped", "normalized", "ignored"), COUNT)),
        "batches": _nullable({"type": "array", "items": _NUMBER}),
    }
)
REPORT: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "title": "lossctl.report/1",
    "$defs": {"number": NUMBER},
    **_record(
        {
            "schema": {"const": "lossctl.report/1"},
            "version": {"type": "string"},
            "input": _record(
                {
                    "files": NAMES,
                    "rows": COUNT,
                    "skipped": COUNT,
                    "nonfinite": COUNT,
                    "truth": _nullable(_record({"files": NAMES, "key": _nullable(NAMES)})),
                }
            ),
            "results": {"type": "array", "items": _RESULT, "minItems": 1},
        }
    ),
}

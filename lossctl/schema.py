"""The published schemas of the JSON that lossctl prints."""

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
_METRICS = {
    "description": "the values by name, for tools that follow metrics",
    "type": "object",
    "additionalProperties": _NUMBER,
}
_GROUP = _nullable({"type": "object", "additionalProperties": {"type": "string"}})
_TEXT: dict[str, Any] = {"type": "string"}
_MAYBE = _nullable(_NUMBER)
_INTERVAL_FIELDS: dict[str, Any] = {
    "level": _NUMBER,
    "low": _NUMBER,
    "high": _NUMBER,
    "method": {"enum": ["t", "delta", "bootstrap"]},
    "se": _MAYBE,
    "df": _MAYBE,
    "n_units": COUNT,
    "clusters": {"type": "boolean"},
    "detectable": _MAYBE,
    "seed": _nullable({"type": "integer"}),
    "resamples": _nullable(COUNT),
    "warning": _nullable(_TEXT),
}
_INTERVAL = _record(_INTERVAL_FIELDS)
_NULL = {"type": "null"}
_VALUE_INTERVAL = {
    "description": "of the value; every field but why is null where there is none",
    **_record(
        {
            **{name: {"anyOf": [kind, _NULL]} for name, kind in _INTERVAL_FIELDS.items()},
            "why": _nullable(_TEXT),
        }
    ),
}
_FLOOR = {
    "description": "of the best constant prediction; skill is 0 there and 1 at a perfect value",
    **_record(
        {
            "constant": {"anyOf": [_NUMBER, {"type": "array", "items": _NUMBER}, _NULL]},
            "what": _TEXT,
            "value": _nullable(_NUMBER),
            "exact": {"type": "boolean"},
            "skill": _nullable(_NUMBER),
        }
    ),
}
_HASH = {"type": "string", "pattern": "^[0-9a-f]{16}$"}
_HASHES = {
    "description": "of truth, predictions and weights, each with the key; free of row order",
    **_record(
        {
            "truth": _nullable(_HASH),
            "pred": _HASH,
            "key": _nullable(NAMES),
            "weight": _nullable(_HASH),
        }
    ),
}
_RULES = {
    "description": "what was asked of the rows, as the options of these names have it",
    **_record(
        {
            "outputs": {"enum": ["mean", "sum", None]},
            "positive": _nullable(_TEXT),
            "ignore": _nullable(_TEXT),
            "class_weight": _nullable({"type": "object", "additionalProperties": _NUMBER}),
            "normalize": {"type": "boolean"},
        }
    ),
}
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
        "group": _GROUP,
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
        "interval": _nullable(_VALUE_INTERVAL),
        "floor": _nullable(_FLOOR),
        "rules": _nullable(_RULES),
        "hashes": _nullable(_HASHES),
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
            "metrics": _METRICS,
            "results": {"type": "array", "items": _RESULT, "minItems": 1},
            "signature": _nullable(_TEXT),
        }
    ),
}
_VERDICT = {"enum": ["pass", "fail", "inconclusive", "error"]}
_GATE = _record(
    {
        "rule": _TEXT,
        "verdict": _VERDICT,
        "text": _TEXT,
        "alpha": _MAYBE,
        "bound": _MAYBE,
        "rows_to_decide": _nullable(COUNT),
    }
)
_GUARDS = {"type": "array", "items": _record({"name": _TEXT, "text": _TEXT})}
_MOVED = _record(
    {
        "row": {"type": "integer", "minimum": 1},
        "file": _nullable(_TEXT),
        "line": _nullable({"type": "integer", "minimum": 1}),
        "y": _CELL,
        "baseline": _CELL,
        "candidate": _CELL,
        "loss_baseline": _NUMBER,
        "loss_candidate": _NUMBER,
        "change": _NUMBER,
    }
)
_COMPARISON = _record(
    {
        "loss": _TEXT,
        "params": {"type": "object", "additionalProperties": _SETTING},
        "spec": _TEXT,
        "columns": {
            "description": "names of columns by what they are for",
            "type": "object",
            "additionalProperties": {"anyOf": [NAMES, _TEXT, {"type": "null"}]},
        },
        "group": _GROUP,
        "n": COUNT,
        "weight": _NUMBER,
        "baseline": _NUMBER,
        "candidate": _NUMBER,
        "difference": {"description": "candidate − baseline", **_NUMBER},
        "relative": _MAYBE,
        **dict.fromkeys(("wins", "ties", "losses"), COUNT),
        "interval": _nullable(_INTERVAL),
        "why": _nullable(_TEXT),
        "t": _nullable(_record(dict.fromkeys(("statistic", "df", "p"), _NUMBER))),
        "permutation": _nullable(
            _record({"p": _NUMBER, "flips": COUNT, "seed": {"type": "integer"}})
        ),
        "hypothesis": _TEXT,
        "better": {"type": "array", "items": _MOVED},
        "worse": {"type": "array", "items": _MOVED},
        "gate": _nullable(_GATE),
    }
)
COMPARISON: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "title": "lossctl.comparison/1",
    "$defs": {"number": NUMBER},
    **_record(
        {
            "schema": {"const": "lossctl.comparison/1"},
            "version": _TEXT,
            "input": _record(
                {
                    "baseline": NAMES,
                    "candidate": NAMES,
                    **dict.fromkeys(("rows", "skipped", "nonfinite"), COUNT),
                }
            ),
            "verdict": _VERDICT,
            "metrics": _METRICS,
            "comparisons": {"type": "array", "items": _COMPARISON},
            "guards": _GUARDS,
            "notes": NAMES,
            "signature": _TEXT,
        }
    ),
}
_LINE = _record(
    {
        "group": _GROUP,
        "n": COUNT,
        "value": _NUMBER,
        "baseline": _MAYBE,
        "gate": _GATE,
        "interval": _nullable(_INTERVAL),
    }
)
_CHECK = _record(
    {
        "name": _TEXT,
        "place": {
            "description": "the config and the line in it",
            "type": "array",
            "prefixItems": [_TEXT, {"type": "integer", "minimum": 1}],
            "items": False,
            "minItems": 2,
        },
        "spec": _TEXT,
        "files": NAMES,
        "verdict": _VERDICT,
        "message": _TEXT,
        "lines": {"type": "array", "items": _LINE},
        "guards": _GUARDS,
        "worst": {"type": "array", "items": _WORST},
        "notes": NAMES,
        "signature": _nullable(_TEXT),
    }
)
CHECK: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "title": "lossctl.check/1",
    "$defs": {"number": NUMBER},
    **_record(
        {
            "schema": {"const": "lossctl.check/1"},
            "version": _TEXT,
            "config": _TEXT,
            "verdict": _VERDICT,
            "metrics": _METRICS,
            "checks": {"type": "array", "items": _CHECK},
        }
    ),
}
_FINDING = _record(
    {
        "name": _TEXT,
        "severity": {"enum": ["error", "warning", "note"]},
        "text": _TEXT,
        "evidence": {"description": "the figures, by name", "type": "object"},
        "advice": _TEXT,
    }
)
_CANDIDATE = _record(dict.fromkeys(("column", "looks", "role"), _TEXT))
DOCTOR: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "title": "lossctl.doctor/1",
    **_record(
        {
            "schema": {"const": "lossctl.doctor/1"},
            "version": _TEXT,
            "input": _record(
                {
                    "files": NAMES,
                    "rows": {"description": "null where they were not read", **_nullable(COUNT)},
                    **dict.fromkeys(("skipped", "nonfinite", "looked_at"), COUNT),
                }
            ),
            "columns": {
                "description": "null where it is not clear which they are",
                **_nullable({"type": "object"}),
            },
            "findings": {"type": "array", "items": _FINDING},
            "fits": {"type": "array", "items": _record({"spec": _TEXT, "command": _TEXT})},
            "candidates": {"type": "array", "items": _CANDIDATE},
            "commands": NAMES,
        }
    ),
}
_COEFFICIENTS = {
    "description": "by output and feature, in the units of the file; null of an mlp",
    **_nullable(
        {
            "type": "object",
            "additionalProperties": {"type": "object", "additionalProperties": _NUMBER},
        }
    ),
}
_BY_FEATURE = {"type": "object", "additionalProperties": _NUMBER}
_ROWS_VALUE = _record({"rows": COUNT, "value": _NUMBER})
_LAYER = _record(
    {
        "weights": {"type": "array", "items": {"type": "array", "items": _NUMBER}},
        "intercepts": {"type": "array", "items": _NUMBER},
    }
)
_MODEL_FIELDS: dict[str, Any] = {
    "loss": _TEXT,
    "model": {"enum": ["linear", "mlp"]},
    "activation": {"enum": ["tanh", "relu", None]},
    "link": {"description": "what makes predictions of the last sums", **_TEXT},
    "target": _TEXT,
    "positive": _nullable(_TEXT),
    "features": NAMES,
    "outputs": NAMES,
    "classes": _nullable(NAMES),
    "standardization": _nullable(_record({"means": _BY_FEATURE, "deviations": _BY_FEATURE})),
    "coefficients": _COEFFICIENTS,
    "intercepts": _nullable(_BY_FEATURE),
    "layers": {
        "description": "of an mlp, the first one first, in the units of the file",
        **_nullable({"type": "array", "items": _LAYER}),
    },
    "settings": _record(
        {
            "optimizer": {"enum": ["sgd", "lbfgs"]},
            "hidden": _nullable(COUNT),
            "lr": _MAYBE,
            "batch_size": _nullable(COUNT),
            "epochs": COUNT,
            "tol": _NUMBER,
            "l2": _NUMBER,
            "standardize": {"type": "boolean"},
            "validation": _NUMBER,
            "seed": {"type": "integer"},
        }
    ),
    "ended": {"enum": ["tol", "epochs", "gradient", "line search"]},
    "epochs": COUNT,
    "steps": COUNT,
    "values": _record(
        {"start": _NUMBER, "training": _ROWS_VALUE, "validation": _nullable(_ROWS_VALUE)}
    ),
}
MODEL: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "title": "lossctl.model/1",
    "$defs": {"number": NUMBER},
    **_record({"schema": {"const": "lossctl.model/1"}, "version": _TEXT, **_MODEL_FIELDS}),
}
_LOSSES = {"type": "array", "items": _NUMBER}
_FIT = _record(
    {
        "schema": {"const": "lossctl.fit/1"},
        "version": _TEXT,
        "input": _record(
            {
                "files": NAMES,
                **dict.fromkeys(("rows", "skipped", "nonfinite"), COUNT),
                "weight": _nullable(_TEXT),
            }
        ),
        **_MODEL_FIELDS,
        "history": _record(
            {
                "epochs": {"type": "array", "items": {"type": "integer", "minimum": 1}},
                "training": _LOSSES,
                "validation": _nullable(_LOSSES),
                "rates": _nullable(_LOSSES),
            }
        ),
        "notes": NAMES,
    }
)
FIT: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "title": "lossctl.fit/1",
    "$defs": {"number": NUMBER},
    **_FIT,
}
FIT_COMPARISON: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "title": "lossctl.fit_comparison/1",
    "$defs": {"number": NUMBER},
    **_record(
        {
            "schema": {"const": "lossctl.fit_comparison/1"},
            "version": _TEXT,
            "losses": NAMES,
            "fits": {"type": "array", "items": _FIT, "minItems": 2},
            "scores": {
                "description": "a row for every fit, a value for every loss",
                "type": "array",
                "items": {"type": "array", "items": _nullable(_NUMBER)},
            },
        }
    ),
}
SCHEMAS = {
    "report": REPORT,
    "comparison": COMPARISON,
    "check": CHECK,
    "doctor": DOCTOR,
    "fit": FIT,
    "fit_comparison": FIT_COMPARISON,
    "model": MODEL,
}

"""Every loss on every sample file that fits it."""

from __future__ import annotations

import pytest

import lossctl
from lossctl.losses import all_losses

from .program import SAMPLES, Run

# What each file holds for which kind of loss: the columns of every loss that fits.
DIABETES = ("-y", "y", "-p", "yhat")
CANCER = ("-y", "label", "-p")
WINE = ("-y", "cultivar", "-p")
DIGITS = ("-y", "digit", "-p")
COUNTS = ("-y", "y_situps", "-p", "rate_situps")
VECTORS = ("-y", "y_*", "-p", "rate_*")
PROBABILITIES = ("bce", "brier", "focal", "zero_one", "mse", "mae", "rmse", "huber")
LOGITS = ("bce_with_logits", "focal_with_logits", "hinge", "squared_hinge", "exponential")
SHARES = ("cce", "perplexity", "brier", "focal", "zero_one", "bce", "mse")
SCORES = ("cce_with_logits", "focal_with_logits", "categorical_hinge", "multiclass_hinge")
ON_POSITIVE = ("msle", "rmsle", "poisson_nll", "poisson_deviance", "gamma_deviance", "gamma_nll")
TWEEDIE = (
    "tweedie_deviance",
    "tweedie_nll",
    "tweedie_deviance:power=3",
    "tweedie_deviance:power=1",
)
REAL = tuple(
    loss.name
    for loss in all_losses()
    if loss.tasks[0] == "regression" and loss.kind == "elementwise"
)
CASES = [
    *(("diabetes.csv", spec, DIABETES) for spec in (*REAL, *ON_POSITIVE, *TWEEDIE)),
    *(("diabetes.csv", spec, (*DIABETES, "-w", "weight", "--by", "sex")) for spec in REAL),
    ("diabetes.csv", "quantile:q=0.1", ("-y", "y", "-p", "q10")),
    ("diabetes.csv", "expectile:q=0.9", ("-y", "y", "-p", "q90")),
    ("diabetes.csv", "gaussian_nll", ()),
    ("diabetes.csv", "gaussian_nll", ("-p", "mean=yhat,variance=variance")),
    ("diabetes.csv", "interval_score:alpha=0.2", ("-p", "lower=q10,upper=q90")),
    ("diabetes.csv", "crps", ("-p", "m_*")),
    ("diabetes.csv", "crps", ("-p", "q10,q50,q90")),
    *(("breast_cancer.csv", spec, (*CANCER, "prob")) for spec in PROBABILITIES),
    *(("breast_cancer.csv", spec, (*CANCER, "logit")) for spec in LOGITS),
    *(("wine.csv", spec, (*WINE, "p_*")) for spec in SHARES),
    ("wine.csv", "nll", (*WINE, "lp_*")),
    ("wine.csv", "entropy", ("-p", "p_*")),
    *(("digits.csv", spec, (*DIGITS, "p_*")) for spec in SHARES),
    *(("digits.csv", spec, (*DIGITS, "z_*")) for spec in SCORES),
    ("digits.csv", "entropy", ("-p", "p_*")),
    *(("dice.csv", spec, ("-y", "fair", "-p", "loaded")) for spec in
      ("cross_entropy", "kl_divergence", "js_divergence", "entropy")),
    *(("linnerud.csv", spec, COUNTS) for spec in (*ON_POSITIVE, *TWEEDIE, "mse", "mape", "wape")),
    ("linnerud.csv", "poisson_nll_with_log", ("-y", "y_situps", "-p", "log_situps")),
    *(("linnerud.csv", spec, VECTORS) for spec in ("cosine_distance", "poisson_nll", "mae")),
]  # fmt: skip


def test_every_loss_has_a_sample_file() -> None:
    fitting = {lossctl.get_loss(spec).loss.name for _, spec, _ in CASES}
    assert fitting == set(lossctl.list_losses())


@pytest.mark.parametrize(("file", "spec", "columns"), CASES, ids=lambda x: str(x))
def test_eval(run: Run, file: str, spec: str, columns: tuple[str, ...]) -> None:
    done = run("eval", spec, SAMPLES / file, *columns, "--json")
    assert (done.code, done.err) == (0, "")
    for result in done.report["results"]:
        assert isinstance(result["value"], float)
        assert isinstance(result["gradient"]["l2"], float)
        assert result["gradient"]["nonfinite"] == 0
        assert result["n"] > 5
    table = run("eval", spec, SAMPLES / file, *columns)
    assert (table.code, table.err) == (0, "")
    assert lossctl.get_loss(spec).spec in table.out
    if "--by" not in columns:
        bare = run("eval", spec, SAMPLES / file, *columns, "-q")
        assert float(bare.out) == done.result["value"]
        rows = run("samples", spec, SAMPLES / file, *columns)
        assert (rows.code, rows.err) == (0, "")
        assert len(rows.lines) == done.result["n"] + 1

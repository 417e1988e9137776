"""Losses with several prediction columns: which column is what, and what is said when it is not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from .program import SAMPLES, Run

Write = Callable[..., Path]
DIABETES = SAMPLES / "diabetes.csv"


def value(run: Run, *words: object) -> float:
    done = run("eval", *words, "-q")
    assert (done.code, done.err) == (0, "")
    return float(done.out)


def test_roles_are_found_by_name_by_role_and_in_order(run: Run, write: Write) -> None:
    rows = "1,0.5,2\n2,3,0.25\n4,4,1\n"
    known = write(f"y,mu,var\n{rows}", "known.csv")
    other = write(f"y,a,b\n{rows}", "other.csv")
    wanted = value(run, "gaussian_nll", known)
    for words in (
        ("gaussian_nll", other, "-p", "mean=a,variance=b"),
        ("gaussian_nll", other, "-p", "variance=b,mean=a"),
        ("gaussian_nll", other, "-p", "a,b"),
        ("gaussian_nll", other, "-p", "2,3"),
        ("gaussian_nll", other, "-p", "mean=2,variance=3"),
        ('gaussian_nll:pred="mean=a,variance=b"', other),
        ("gaussian_nll", known, "-p", "variance=var"),
        ("gaussian_nll", known, "-p", "MEAN=mu"),
    ):
        assert value(run, *words) == wanted
    twice = run("eval", "gaussian_nll", other, "-p", "mean=a,variance=a")
    assert (twice.code, twice.err) == (2, "lossctl: -p names column 'a' twice\n")


def test_what_was_chosen_is_in_the_report(run: Run) -> None:
    done = run("eval", "interval_score", DIABETES, "-p", "upper=q90,lower=q10", "--json")
    columns = done.result["columns"]
    assert columns["pred"] == ["q10", "q90"]
    assert columns["roles"] == ["lower", "upper"]
    assert len(done.result["worst"][0]["gradient"]) == 2
    head = run("eval", "interval_score", DIABETES, "-p", "upper=q90,lower=q10").lines[0]
    assert head.endswith("442 rows; y = y, lower = q10, upper = q90")
    rows = run("samples", "interval_score", DIABETES, "-p", "lower=q10,upper=q90").lines
    assert rows[0] == ("row,y,q10,q90,loss,contribution,share,gradient_lower,gradient_upper")
    assert run("eval", "mse", DIABETES, "--json").result["columns"]["roles"] is None


@pytest.mark.parametrize(
    ("spec", "words", "code", "message"),
    [
        ("interval_score", [], 3, "which column is the lower? Use -p lower=COL,upper=COL"),
        (
            "gaussian_nll",
            ["-p", "mean"],
            2,
            "takes 2 prediction columns (mean, variance), got mean",
        ),
        ("gaussian_nll", ["-p", "q10,q50,q90"], 2, "got q10, q50, q90"),
        ("gaussian_nll", ["-p", "sigma=variance"], 2, "'sigma=variance' names none of them"),
        ("gaussian_nll", ["-p", "mean=q10,mean=q50"], 2, "takes -p mean=COL,variance=COL, twice"),
        ("gaussian_nll", ["-p", "mean=q10,q50"], 2, "'q50' names none of them"),
        ("gaussian_nll", ["-p", "mean=nothing"], 3, "there is no column 'nothing'"),
        ("gaussian_nll", ["-p", "mean=q*"], 2, "the mean is one column, got q10, q50, q90"),
        ("gaussian_nll", ["-y", "y,yhat"], 3, "takes one truth column, got y, yhat"),
        ("interval_score", ["-p", "q90,q10"], 3, "lower must be at most upper"),
        ("crps", ["-p", "nothing_*"], 3, "no column matches 'nothing_*'"),
        ("crps", ["-y", "y,yhat", "-p", "m_*"], 3, "takes one truth column"),
        ("cosine_distance", ["-p", "yhat"], 3, "takes several truth columns and as many"),
        ("cosine_distance", ["-p", "m_*"], 3, "compares vectors: 8 predictions, one truth"),
        ("cosine_distance", ["-y", "y,yhat", "-p", "m_*"], 3, "2 truth columns and 8 prediction"),
        ("r2", ["-p", "m_*", "-y", "y"], 2, "r2 takes one prediction column, got 8"),
    ],
)
def test_a_role_that_is_not_there_is_one_line(
    run: Run, spec: str, words: list[str], code: int, message: str
) -> None:
    done = run("eval", spec, DIABETES, *words)
    assert (done.code, done.out) == (code, "")
    assert message in done.err
    assert done.err.count("\n") == 1


def test_two_columns_that_could_be_a_role(run: Run, write: Write) -> None:
    path = write("y,mu,mean,variance\n1,1,1,1\n")
    done = run("eval", "gaussian_nll", path)
    assert (done.code, done.out) == (3, "")
    assert "which column is the mean? mu, mean could be. Use -p mean=COL,variance=COL" in done.err


@pytest.mark.parametrize(
    ("spec", "text", "words", "message"),
    [
        (
            "gaussian_nll",
            "y,mean,variance\n1,1,1\n1,1,0\n",
            [],
            ":3: variance: variance must be in",
        ),
        ("mape", "y,yhat\n1,1\n0,1\n", [], ":3: y: y must be in (−∞, 0) ∪ (0, ∞), got 0"),
        ("r2", "y,yhat\n1,1\n1,2\n", [], "y: r2 compares with the spread of y, and y is constant"),
        ("wape", "y,yhat\n0,1\n0,2\n", [], "y: wape divides by Σw|y|, and that is 0"),
        ("hinge", "y,yhat\n1,1\n-1,1\n1,1\n0,2\n", [], ":5: y: labels are −1 and 1, or 0 and 1"),
        ("hinge", "y,yhat\n2,1\n", [], ":2: y: a label must be −1 or 1, or from 0 to 1, got 2"),
        ("focal", "y,p\n1,0.5\n2,0.5\n", [], ":3: y: a label must be 0, 1 or between, got 2"),
        ("cosine_distance", "a,b,c,d\n1,1,0,0\n", ["-y", "a,b", "-p", "c,d"], ":2: c: "),
        ("poisson_nll", "y,yhat\n1,0\n", [], ":2: yhat: ŷ must be in (0, ∞), got 0.0"),
        ("msle", "y,yhat\n-1,1\n", [], ":2: y: y must be in (−1, ∞), got -1"),
        ("nll", "y,p_0,p_1\n0,0.5,-1\n", ["-p", "p_*"], ":2: p_0: "),
        ("tweedie_deviance:power=3", "y,yhat\n0,1\n", [], ":2: y: y must be in (0, ∞), got 0"),
        ("brier", "y,p_0,p_1\n0,0.5,0.2\n", ["-p", "p_*"], "must sum to 1"),
    ],
)
def test_outside_the_domain_says_the_row_and_the_rule(
    run: Run, write: Write, spec: str, text: str, words: list[str], message: str
) -> None:
    path = write(text)
    done = run("eval", spec, path, *words)
    assert (done.code, done.out) == (3, "")
    assert done.err.startswith(f"{path}:")
    assert message in done.err
    assert done.err.count("\n") == 1


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("huber:delta=0", "huber: delta must be in (0, ∞), got 0"),
        ("quantile:q=1", "quantile: q must be in (0, 1), got 1"),
        ("tweedie_deviance:power=0.5", "power must be in (−∞, 0] ∪ [1, ∞), got 0.5"),
        ("tweedie_nll:power=2", "power must be in (1, 2), got 2"),
        ("mape:zero=drop", "mape: zero must be in {error, skip}, got drop"),
        ("focal:alpha=2", "focal: alpha must be in [0, 1] or none, got 2"),
        ("focal:gamma=-1", "focal: gamma must be in [0, ∞), got -1"),
        ("focal:gamma=none", "focal: gamma must be in [0, ∞), got none"),
        ("interval_score:alpha=1", "alpha must be in (0, 1), got 1"),
        ("kl_divergence:base=1", "kl_divergence: base must be in (1, ∞), got 1"),
        ("cauchy:d=1", "cauchy has no parameter 'd'; it has c, y, pred, weight"),
    ],
)
def test_a_parameter_outside_its_domain_says_the_domain(run: Run, spec: str, message: str) -> None:
    done = run("eval", spec, DIABETES)
    assert (done.code, done.out) == (2, "")
    assert message in done.err
    assert done.err.count("\n") == 1


def test_parameters_that_are_words_or_none(run: Run) -> None:
    done = run("eval", "mape:zero=SKIP", DIABETES, "--json")
    assert done.result["params"] == {"zero": "skip"}
    cancer = (SAMPLES / "breast_cancer.csv", "-p", "prob", "--json")
    plain = run("eval", "focal:alpha=none", *cancer).result
    assert plain["params"]["alpha"] is None
    assert plain["spec"] == "focal"
    weighed = run("eval", "focal:alpha=0.25", *cancer).result
    assert weighed["spec"] == "focal:alpha=0.25"
    assert run("eval", weighed["spec"], *cancer).result["value"] == weighed["value"]


def test_medians_and_centred_gradients_from_a_pipe(run: Run) -> None:
    text = DIABETES.read_bytes()
    for spec in ("median_ae", "explained_variance", "median_ae,explained_variance,mse"):
        piped = run("eval", spec, "--json", stdin=text).report["results"]
        read = run("eval", spec, DIABETES, "--json").report["results"]
        for a, b in zip(piped, read, strict=True):
            assert {k: a[k] for k in ("value", "per_sample", "gradient")} == {
                k: b[k] for k in ("value", "per_sample", "gradient")
            }


def test_options_that_would_do_nothing_are_refused(run: Run) -> None:
    wine = SAMPLES / "wine.csv"
    words = ("eval", "brier", wine, "-y", "cultivar", "-p", "p_*", "--positive", "barolo")
    done = run(*words)
    assert (done.code, done.out) == (2, "")
    assert "--positive needs a binary loss; brier has class columns here" in done.err
    done = run("eval", "crps", DIABETES, "-p", "m_*", "--class-weight", "1=2")
    assert "--class-weight needs labels; crps has none" in done.err
    for spec in ("mape", "gamma_deviance", "gamma_nll", "tweedie_deviance:power=3"):
        done = run("eval", spec, wine, "-y", "cultivar", "-p", "p_*")
        assert (done.code, done.out) == (2, "")
        assert "takes no labels: they are 0 and 1 for each class, and y must be in" in done.err
    done = run("eval", "cce", wine, "-y", "p_*", "-p", "p_*", "--ignore", "barolo")
    assert "--ignore needs a label column" in done.err


@pytest.mark.parametrize("selector", ["x,v\ny", '"x,v', 'x,"v'])
@pytest.mark.parametrize("spec", ["mse", "gaussian_nll"])
def test_a_list_of_columns_that_is_none_is_one_line(run: Run, spec: str, selector: str) -> None:
    done = run("eval", spec, DIABETES, "-p", selector)
    assert done.code in (2, 3)
    assert (done.out, done.err.count("\n")) == ("", 1)


def test_a_name_that_stands_twice_is_two_candidates(run: Run, write: Write) -> None:
    path = write("y,yhat,yhat,g\n1,2,3,2\n2,3,4,1\n")
    done = run("eval", "mse", path, "-q")
    assert (done.code, done.out) == (3, "")
    assert "which column is the prediction ŷ? yhat, yhat (3) could be; use -p" in done.err


def test_an_empty_selector_of_a_spec_is_no_column(run: Run) -> None:
    for spec in ("mse:pred=", "mse:y="):
        done = run("eval", spec, DIABETES, "-q")
        assert (done.code, done.out) == (3, "")
        assert "there is no column ''" in done.err


def test_mini_batches_and_the_bare_value_exclude_one_another(run: Run) -> None:
    done = run("eval", "mse", DIABETES, "-q", "--batch-size", "10")
    assert (done.code, done.out) == (2, "")
    assert "leave out --batch-size" in done.err
